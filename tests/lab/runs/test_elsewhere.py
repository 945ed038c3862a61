"""A service that runs elsewhere reaches the receivers where it was told they are."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from sureshot_lab.errors import LabError
from tests.lab.runs.conftest import Run
from tests.support.service import ADMIN_TOKEN, API_TOKEN, running_service


@pytest.mark.slow
async def test_a_service_elsewhere_delivers_to_the_address_and_the_port_it_is_told(
    run: Run, tmp_path: Path
) -> None:
    """127.0.0.2 is this machine too, and whoever listens on 127.0.0.1 alone refuses it."""
    async with running_service(tmp_path) as service:
        told = {
            "target": service.url, "token": API_TOKEN, "admin_token": ADMIN_TOKEN,
            "sink_host": "127.0.0.2",
        }  # fmt: skip
        with socket.socket() as taken:
            taken.bind(("127.0.0.2", 0))
            taken.listen()
            told["sink_port"] = taken.getsockname()[1]
            with pytest.raises(LabError, match=f"can't listen on 127.0.0.2:{told['sink_port']}"):
                await run(**told)
        result = await run(**told)
    assert result.metrics["accepted"] == result.metrics["delivered"] == 300
    assert result.metrics["lost"] == result.metrics["bad_signatures"] == 0

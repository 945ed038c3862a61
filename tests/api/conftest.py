"""One service for many API tests, answering the hot route by both paths."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sureshot.service import Service
from tests.support.service import running_service


@pytest.fixture(params=["express", "falcon"])
async def service(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Service]:
    """Return a service; the hot route is answered below ASGI, or by falcon."""
    async with running_service(tmp_path, express=request.param == "express") as running:
        yield running


@pytest.fixture
async def url(service: Service) -> str:
    """Return the address of the service."""
    return service.url

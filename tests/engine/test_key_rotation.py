"""The key that encrypts secrets at rest is replaced by command."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from sureshot.adapters import reencrypt
from sureshot.domain.errors import ConfigurationError
from tests.support.http import call
from tests.support.service import running_service, settings

OLD, NEW = (base64.b64encode(letter * 32).decode() for letter in (b"o", b"n"))


async def test_a_key_is_replaced_without_losing_a_secret(tmp_path: Path) -> None:
    async with running_service(tmp_path, secret_key=OLD) as service:
        made = await call(service.url, "POST", "/api/v1/endpoints",
                          {"name": "one", "url": "http://127.0.0.1:9/"})  # fmt: skip
    both: dict[str, Any] = {"secret_key": NEW, "previous_secret_key": OLD}
    async with running_service(tmp_path, **both) as service:
        assert service.directory.endpoint(made.json["id"]) is not None
    with pytest.raises(ConfigurationError, match="cannot be decrypted"):
        async with running_service(tmp_path, secret_key=NEW):
            pass
    assert await reencrypt(settings(tmp_path, **both)) >= 2
    async with running_service(tmp_path, secret_key=NEW) as service:
        endpoint = service.directory.endpoint(made.json["id"])
        assert endpoint is not None
        assert endpoint.secrets[0].key == made.json["secretKey"]

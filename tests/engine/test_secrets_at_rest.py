"""Signing secrets lie encrypted on disk, and generated files are private."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from sureshot.domain.errors import ConfigurationError
from tests.support.http import call
from tests.support.service import running_service

E = "/api/v1/endpoints"


async def test_no_secret_is_readable_in_the_database_files(tmp_path: Path) -> None:
    secret = "a-very-recognisable-signing-secret"
    async with running_service(tmp_path) as service:
        body = {"name": "A", "url": "http://127.0.0.1:9/", "secretKey": secret}
        assert (await call(service.url, "POST", E, body)).status == 200
        tenant = (await call(service.url, "GET", "/api/v1/tenant")).json["secretKey"]
    for path in tmp_path.iterdir():
        assert secret.encode() not in path.read_bytes(), path
        assert tenant.encode() not in path.read_bytes(), path
    async with running_service(tmp_path) as service:
        assert (await call(service.url, "GET", "/api/v1/tenant")).json["secretKey"] == tenant


async def test_another_key_is_refused_with_a_sentence(tmp_path: Path) -> None:
    async with running_service(tmp_path):
        pass
    with pytest.raises(ConfigurationError, match="SURESHOT_SECRET_KEY"):
        async with running_service(tmp_path, secret_key="A" * 43 + "="):
            pass


@pytest.mark.parametrize("key", ["short", "!!!", "QUJD"])
async def test_an_unusable_key_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigurationError, match="SURESHOT_SECRET_KEY"):
        async with running_service(tmp_path, secret_key=key):
            pass


async def test_generated_tokens_and_keys_are_private_and_stay(tmp_path: Path) -> None:
    async with running_service(tmp_path, api_token=None, admin_token=None) as service:
        first = service.tokens
        assert len(first.generated) == 2
    for name in ("tokens.env", "secret.key"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    async with running_service(tmp_path, api_token=None, admin_token=None) as service:
        assert service.tokens.generated == frozenset()
        assert (service.tokens.api, service.tokens.admin) == (first.api, first.admin)
        answer = await call(service.url, "GET", "/api/v1/webhooks", token=first.api)
        assert answer.status == 200

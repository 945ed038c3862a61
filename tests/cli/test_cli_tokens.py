from __future__ import annotations

from pathlib import Path

from tests.cli.command import HereRuns, Ran
from tests.support.http import call
from tests.support.service import ADMIN_TOKEN, running_service

E = "/api/v1/endpoints"


async def test_the_life_of_a_token(here: HereRuns, tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:

        async def tokens(*arguments: str) -> Ran:
            ran = await here.beside(
                service.url, "tokens", *arguments, SURESHOT_ADMIN_TOKEN=ADMIN_TOKEN
            )
            assert ran.code == 0, ran.err
            return ran

        created = (await tokens("create", "shop", "--scope", "read", "--json")).json
        assert (created["name"], created["scopes"]) == ("shop", ["read"])
        assert (await call(service.url, "GET", E, token=created["token"])).status == 200

        listed = await tokens("list")
        assert f"{created['id']}  shop   default  read" in listed.out
        assert created["token"] not in listed.out
        assert "tok_admin" in listed.out

        rotated = await tokens("rotate", created["id"])
        text = rotated.pairs["token (shown once)"]
        assert (await call(service.url, "GET", E, token=created["token"])).status == 401
        assert (await call(service.url, "GET", E, token=text)).status == 200

        assert (await tokens("revoke", created["id"], "--yes", "--json")).json["revoked"] is True
        assert (await call(service.url, "GET", E, token=text)).status == 401


async def test_the_admin_token_is_the_one_that_is_used(here: HereRuns, tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        refused = await here.beside(service.url, "tokens", "list")
        assert refused.code == 3
        assert "admin" in refused.err
        kept = tmp_path / "data" / "tokens.env"
        kept.parent.mkdir()
        kept.write_text(f"SURESHOT_ADMIN_TOKEN={ADMIN_TOKEN}\n")
        assert (await here.beside(service.url, "tokens", "list")).code == 0


async def test_a_wrong_scope_and_a_missing_confirmation_are_refused(
    here: HereRuns, tmp_path: Path
) -> None:
    async with running_service(tmp_path) as service:
        wrong = ("tokens", "create", "x", "--scope", "root")
        assert (await here.beside(service.url, *wrong, SURESHOT_ADMIN_TOKEN=ADMIN_TOKEN)).code == 3
        assert (
            await here.beside(
                service.url, "tokens", "create", "x", SURESHOT_ADMIN_TOKEN=ADMIN_TOKEN
            )
        ).code == 2
        ran = await here.beside(
            service.url, "tokens", "revoke", "tok_1", SURESHOT_ADMIN_TOKEN=ADMIN_TOKEN
        )
        assert (ran.code, "--yes" in ran.err) == (2, True)

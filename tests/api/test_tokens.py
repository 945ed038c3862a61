"""Tokens, tenants and the audit log over HTTP."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest

from sureshot.api import tokens
from sureshot.domain.model import Token
from sureshot.service import Service
from tests.support.http import Answer, call, tenant_token
from tests.support.service import ADMIN_TOKEN, API_TOKEN, running_service

T = "/api/v1/admin/tokens"
TENANTS = "/api/v1/admin/tenants"
AUDIT = "/api/v1/admin/audit"
E = "/api/v1/endpoints"


async def created(url: str, by: str = ADMIN_TOKEN, **fields: Any) -> dict[str, Any]:
    body = {"name": "ci", "scopes": ["admin"], **fields}
    answer = await call(url, "POST", T, body, token=by)
    assert answer.status == 200, answer.body
    return dict(answer.json)


async def tenant(url: str, name: str) -> str:
    """Create a tenant and return the text of an admin token of it."""
    return await tenant_token(url, name, "admin")


async def works(url: str, text: str) -> bool:
    answer = await call(url, "GET", E, token=text)
    assert answer.status in {200, 401}
    return answer.status == 200


def problem(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["type"].removeprefix("/problems/")


async def test_a_token_works_at_once_until_it_is_rotated_and_revoked(url: str) -> None:
    made = await created(url, name="ci", scopes=["read", "submit", "read"])
    assert made["token"].startswith("sst_")
    assert (made["name"], made["tenant"], made["scopes"]) == ("ci", "default", ["submit", "read"])
    assert await works(url, made["token"])
    assert (await call(url, "POST", E, {}, token=made["token"])).status == 403
    rotated = (await call(url, "POST", f"{T}/{made['id']}/rotate", token=ADMIN_TOKEN)).json
    assert (rotated["id"], rotated["scopes"]) == (made["id"], made["scopes"])
    assert not await works(url, made["token"])
    assert await works(url, rotated["token"])
    revoked = await call(url, "DELETE", f"{T}/{made['id']}", token=ADMIN_TOKEN)
    assert (revoked.status, revoked.body) == (204, b"")
    assert not await works(url, rotated["token"])
    again = await call(url, "DELETE", f"{T}/{made['id']}", token=ADMIN_TOKEN)
    assert problem(again) == (404, "not-found")


async def test_a_token_given_for_submitting_serves_the_hot_route(url: str) -> None:
    made = await created(url, scopes=["submit"])
    fields = {"url": "http://127.0.0.1:9/", "payload": 1}
    assert (await call(url, "POST", "/api/v1/webhooks", fields, token=made["token"])).status == 202
    await call(url, "DELETE", f"{T}/{made['id']}", token=ADMIN_TOKEN)
    assert (await call(url, "POST", "/api/v1/webhooks", fields, token=made["token"])).status == 401


async def test_the_list_shows_every_token_and_never_a_text(url: str) -> None:
    made = [await created(url, name=f"n{n}") for n in range(3)]
    answer = await call(url, "GET", T, token=ADMIN_TOKEN)
    listed = answer.json["items"]
    assert [one["id"] for one in listed[:3]] == [one["id"] for one in reversed(made)]
    assert {one["id"]: one["fromSettings"] for one in listed[3:]} == {
        "tok_api": True,
        "tok_admin": True,
    }
    for text in (ADMIN_TOKEN, API_TOKEN, *(one["token"] for one in made)):
        assert text.encode() not in answer.body
        assert hashlib.sha256(text.encode()).hexdigest().encode() not in answer.body


async def test_tokens_outlive_the_process_and_only_their_digest_is_kept(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        made = await created(service.url)
    async with running_service(tmp_path) as service:
        assert await works(service.url, made["token"])
        (kept,) = await service.store.tokens()
        assert kept.digest == hashlib.sha256(made["token"].encode()).digest()
        rotated = await call(service.url, "POST", f"{T}/{made['id']}/rotate", token=made["token"])
        await call(service.url, "DELETE", f"{T}/{made['id']}", token=rotated.json["token"])
    async with running_service(tmp_path) as service:
        assert not await works(service.url, made["token"])
        assert not await works(service.url, rotated.json["token"])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scopes": ["read"]}, "name"),
        ({"name": "", "scopes": ["read"]}, "name"),
        ({"name": "x" * 257, "scopes": ["read"]}, "name"),
        ({"name": "a\0b", "scopes": ["read"]}, "name"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["root"]}, "scopes[0]"),
        ({"name": "x", "scopes": ["read"], "tenant": "nobody"}, "tenant"),
        ({"name": "x", "scopes": ["read"], "role": "boss"}, "role"),
    ],
)
async def test_a_wrong_token_is_refused(url: str, body: dict[str, Any], field: str) -> None:
    answer = await call(url, "POST", T, body, token=ADMIN_TOKEN)
    assert problem(answer) == (422, "invalid-fields")
    assert [one["field"] for one in answer.json["errors"]] == [field]


async def test_a_tenant_has_so_many_tokens_and_no_more(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "TOKENS_PER_TENANT", 2, raising=False)
    acme = await tenant(url, "acme")
    one = await created(url, acme, scopes=["read"])
    body = {"name": "one too many", "scopes": ["read"]}
    refused = await call(url, "POST", T, body, token=acme)
    assert problem(refused) == (503, "overloaded")
    assert "acme has 2 tokens" in refused.json["detail"]
    assert int(refused.headers["retry-after"]) >= 1
    await created(url)
    assert (await call(url, "DELETE", f"{T}/{one['id']}", token=acme)).status == 204
    await created(url, acme, scopes=["read"])


@pytest.mark.parametrize("name", ["", "A", "a|b", "a b", "-a", "ä", "x" * 64, "a\n"])
async def test_a_wrong_tenant_is_refused(url: str, name: str) -> None:
    answer = await call(url, "POST", TENANTS, {"id": name}, token=ADMIN_TOKEN)
    assert problem(answer) == (422, "invalid-fields")


async def test_a_tenant_is_made_once_and_has_a_secret_of_its_own(url: str) -> None:
    text = await tenant(url, "acme")
    again = await call(url, "POST", TENANTS, {"id": "acme"}, token=ADMIN_TOKEN)
    assert problem(again) == (409, "already-exists")
    listed = await call(url, "GET", TENANTS, token=ADMIN_TOKEN)
    assert listed.json["items"] == [{"id": "acme"}, {"id": "default"}]
    theirs = (await call(url, "GET", "/api/v1/tenant", token=text)).json
    ours = (await call(url, "GET", "/api/v1/tenant", token=ADMIN_TOKEN)).json
    assert theirs["id"] == "acme"
    assert theirs["secretKey"] != ours["secretKey"]


async def test_the_administrator_of_a_tenant_stays_inside_it(url: str) -> None:
    acme, other = await tenant(url, "acme"), await tenant(url, "other")
    listed = (await call(url, "GET", T, token=acme)).json["items"]
    assert [one["tenant"] for one in listed] == ["acme"]
    theirs = (await call(url, "GET", T, token=other)).json["items"][0]["id"]
    for method, path in (("DELETE", f"{T}/{theirs}"), ("POST", f"{T}/{theirs}/rotate")):
        absent = await call(url, method, path.replace(theirs, "tok_absent"), token=acme)
        answer = await call(url, method, path, token=acme)
        assert answer.raw == absent.raw
        assert answer.status == 404
    assert await works(url, other)
    refusals = [
        await call(url, "POST", T, {"name": "x", "scopes": ["read"], "tenant": name}, token=acme)
        for name in ("other", "default", "nobody")
    ]
    assert {one.raw for one in refusals} == {refusals[0].raw}
    assert refusals[0].status == 403
    mine = await created(url, acme, name="mine", scopes=["read"], tenant="acme")
    assert mine["tenant"] == "acme"


async def test_only_the_settings_admin_token_looks_after_tenants(url: str) -> None:
    acme = await tenant(url, "acme")
    ours = (await created(url))["token"]
    for text in (acme, ours):
        assert (await call(url, "POST", TENANTS, {"id": "more"}, token=text)).status == 403
        assert (await call(url, "GET", TENANTS, token=text)).status == 403
        body = {"name": "x", "scopes": ["read"], "tenant": "nobody"}
        assert (await call(url, "POST", T, body, token=text)).status == 403


@pytest.mark.parametrize("name", ["tok_api", "tok_admin"])
async def test_tokens_of_the_settings_are_changed_there(url: str, name: str) -> None:
    for method, path in (("DELETE", f"{T}/{name}"), ("POST", f"{T}/{name}/rotate")):
        assert (await call(url, method, path, token=ADMIN_TOKEN)).status == 403
    assert await works(url, API_TOKEN)


async def test_a_revoked_token_never_comes_back(service: Service) -> None:
    for _ in range(20):
        made = await created(service.url)
        answers = await asyncio.gather(
            *(call(service.url, "POST", f"{T}/{made['id']}/rotate", token=ADMIN_TOKEN)
              for _ in range(3)),
            call(service.url, "DELETE", f"{T}/{made['id']}", token=ADMIN_TOKEN),
            *(call(service.url, "POST", f"{T}/{made['id']}/rotate", token=ADMIN_TOKEN)
              for _ in range(3)),
        )  # fmt: skip
        texts = [made["token"], *(one.json["token"] for one in answers if one.status == 200)]
        assert not any([await works(service.url, text) for text in texts])
    assert await service.store.tokens() == []


async def test_what_another_process_changes_is_taken_over(service: Service) -> None:
    made = await created(service.url)
    (kept,) = await service.store.tokens()
    elsewhere = Token("tok_other", b"d" * 32, "default", kept.scopes, "other", kept.created_at)
    await service.store.put_token(elsewhere)
    await service.store.delete_token(kept.id)
    access = service.access
    await access.load(service.store)
    assert not await works(service.url, made["token"])
    assert access.token("tok_other") == elsewhere
    assert await works(service.url, API_TOKEN)


async def test_every_administrative_act_is_in_the_log(url: str) -> None:
    token = await created(url, name="Ops")
    by = token["token"]

    async def do(method: str, path: str, value: Any = None) -> Any:
        answer = await call(url, method, path, value, token=by)
        assert answer.status in {200, 204}, answer.body
        return answer.json if answer.body else None

    made = await do("POST", E, {"name": "x", "url": "http://127.0.0.1:9/"})
    await do("PATCH", f"{E}/{made['id']}", {"name": "y"})
    for act in ("disable", "enable", "rotate-secret"):
        await do("POST", f"{E}/{made['id']}/{act}")
    await do("DELETE", f"{E}/{made['id']}")
    await do("POST", "/api/v1/admin/pause")
    await do("POST", "/api/v1/admin/resume")
    other = await do("POST", T, {"name": "o", "scopes": ["read"]})
    await do("POST", f"{T}/{other['id']}/rotate")
    await do("DELETE", f"{T}/{other['id']}")
    seen: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = await do("GET", f"{AUDIT}?limit=5{cursor}")
        seen += page["items"]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert [(one["action"], one["subject"]) for one in reversed(seen)] == [
        ("token.create", token["id"]),
        ("endpoint.create", made["id"]),
        ("endpoint.update", made["id"]),
        ("endpoint.disable", made["id"]),
        ("endpoint.enable", made["id"]),
        ("endpoint.rotate-secret", made["id"]),
        ("endpoint.delete", made["id"]),
        ("sending.pause", "all"),
        ("sending.resume", "all"),
        ("token.create", other["id"]),
        ("token.rotate", other["id"]),
        ("token.revoke", other["id"]),
    ]
    assert {(one["tokenId"], one["tokenName"]) for one in seen[:-1]} == {(token["id"], "Ops")}
    assert (seen[-1]["tokenId"], seen[-1]["tokenName"]) == ("tok_admin", "admin")
    assert [one["at"] for one in seen] == sorted((one["at"] for one in seen), reverse=True)


async def test_what_is_refused_is_not_in_the_log(url: str) -> None:
    await call(url, "POST", E, {"name": "", "url": "http://127.0.0.1:9/"})
    await call(url, "POST", T, {"name": "x", "scopes": []}, token=ADMIN_TOKEN)
    await call(url, "POST", "/api/v1/admin/pause")
    await call(url, "DELETE", f"{T}/tok_absent", token=ADMIN_TOKEN)
    assert (await call(url, "GET", AUDIT, token=ADMIN_TOKEN)).json["items"] == []


async def test_an_act_for_another_tenant_is_in_both_logs(url: str) -> None:
    acme = await tenant(url, "acme")
    ours = (await call(url, "GET", AUDIT, token=ADMIN_TOKEN)).json["items"]
    theirs = (await call(url, "GET", AUDIT, token=acme)).json["items"]
    acts = [(one["action"], one["subject"]) for one in theirs]
    assert [act for act, _subject in acts] == ["token.create", "tenant.create"]
    assert acts == [(one["action"], one["subject"]) for one in ours]
    assert {one["tokenId"] for one in theirs} == {"tok_admin"}
    await call(url, "POST", "/api/v1/admin/pause", token=ADMIN_TOKEN)
    assert len((await call(url, "GET", AUDIT, token=acme)).json["items"]) == 2

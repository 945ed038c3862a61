"""Who sees what: every route, with every scope, and with another tenant's token.

A route that is not in the table fails the test: nothing is served untested.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sureshot.api.auth import digest_of
from sureshot.api.routes import ROUTES
from sureshot.domain.model import Scope, Token, WebhookState
from sureshot.service import Service
from tests.api.test_dead_letters import stream
from tests.support.clock import NOON
from tests.support.http import Answer, build, exchange
from tests.support.service import ADMIN_TOKEN, running_service

EVERY_SCOPE = tuple(Scope)


@dataclass(frozen=True)
class Case:
    """One call: the scope it needs, and what keeps tenants apart.

    ``kind`` is one of
      open      needs no token
      own       answers with what is the caller's own; nothing of others is in it
      one       is about one thing; another tenant's is answered as an absent one
      named     names a thing of a tenant in its body, as absent when another's
      all       is for administrators of the tenant ``default``
      settings  is for the admin token of the settings
    ``path`` may hold {webhook_id}, {endpoint_id}, {event_id}, {token_id}.
    """

    method: str
    path: str
    scope: Scope | None
    kind: str
    body: dict[str, Any] | None = None


W, E, V, A = "/api/v1/webhooks", "/api/v1/endpoints", "/api/v1/events", "/api/v1/admin"
S, R, M, X = Scope.SUBMIT, Scope.READ, Scope.MANAGE, Scope.ADMIN
HOOK = {"url": "http://127.0.0.1:9/", "payload": 1}
BY_ENDPOINT = {"endpointId": "{endpoint_id}", "payload": 1}

CASES = [
    Case("POST", W, S, "own", HOOK),
    Case("POST", W, S, "named", BY_ENDPOINT),
    Case("GET", W, R, "own"),
    Case("GET", f"{W}?endpointId={{endpoint_id}}", R, "own"),
    Case("GET", f"{W}?cursor={{cursor}}", R, "own"),
    Case("POST", f"{W}/batch", S, "own", {"webhooks": [HOOK]}),
    Case("POST", f"{W}/batch", S, "named", {"webhooks": [BY_ENDPOINT]}),
    Case("GET", f"{W}/{{webhook_id}}", R, "one"),
    Case("GET", f"{W}/{{webhook_id}}/status", R, "one"),
    Case("GET", f"{W}/{{webhook_id}}/attempts", R, "one"),
    Case("GET", f"{W}/{{webhook_id}}/explain", R, "one"),
    Case("POST", f"{W}/{{webhook_id}}/retry", M, "one"),
    Case("POST", f"{W}/{{webhook_id}}/retry?force=true", M, "one"),
    Case("POST", f"{W}/{{webhook_id}}/cancel", M, "one"),
    Case("POST", V, S, "own", {"eventType": "a.b", "payload": 1}),
    Case("GET", f"{V}/{{event_id}}", R, "one"),
    Case("POST", E, M, "own", {"name": "n", "url": "http://127.0.0.1:9/"}),
    Case("GET", E, R, "own"),
    Case("GET", f"{E}/{{endpoint_id}}", R, "one"),
    Case("PATCH", f"{E}/{{endpoint_id}}", M, "one", {"name": "m"}),
    Case("POST", f"{E}/{{endpoint_id}}/rotate-secret", M, "one"),
    Case("POST", f"{E}/{{endpoint_id}}/disable", M, "one"),
    Case("POST", f"{E}/{{endpoint_id}}/enable", M, "one"),
    Case("POST", f"{E}/{{endpoint_id}}/test", S, "one"),
    Case("POST", f"{E}/{{endpoint_id}}/recover", M, "one", {"since": "2020-01-01T00:00:00Z"}),
    Case("DELETE", f"{E}/{{endpoint_id}}", M, "one"),
    Case("GET", "/api/v1/tenant", M, "own"),
    Case("GET", f"{A}/queue/depth", X, "all"),
    Case("GET", f"{A}/stats", X, "all"),
    Case("GET", f"{A}/scaling", X, "all"),
    Case("POST", f"{A}/pause", X, "all"),
    Case("POST", f"{A}/resume", X, "all"),
    Case("GET", f"{A}/dead-letters", X, "own"),
    Case("GET", f"{A}/dead-letters?endpointId={{endpoint_id}}", X, "own"),
    Case("GET", f"{A}/tokens", X, "own"),
    Case("POST", f"{A}/tokens", X, "own", {"name": "t", "scopes": ["read"]}),
    Case("POST", f"{A}/tokens/{{token_id}}/rotate", X, "one"),
    Case("DELETE", f"{A}/tokens/{{token_id}}", X, "one"),
    Case("GET", f"{A}/tenants", X, "settings"),
    Case("POST", f"{A}/tenants", X, "settings", {"id": "new"}),
    Case("GET", f"{A}/audit", X, "own"),
    Case("GET", "/healthz", None, "open"),
    Case("GET", "/readyz", None, "open"),
    Case("GET", "/metrics", None, "open"),
]

ABSENT = {
    "webhook_id": "wh_01a20c895a3c7000aefd22c59884d29c",
    "endpoint_id": "ep_01a20c895a3c7000aefd22c59884d29c",
    "event_id": "ev_01a20c895a3c7000aefd22c59884d29c",
    "token_id": "tok_01a20c895a3c7000aefd22c59884d29c",
    "cursor": "d2hfMDFhMjBjODk1YTNjNzAwMGFlZmQyMmM1OTg4NGQyOWM",
}


def token_of(tenant: str, *scopes: Scope) -> str:
    return f"{tenant}-{'-'.join(scopes) or 'none'}"


def request(case: Case, ids: dict[str, str], token: str | None) -> bytes:
    path, body = case.path, b"" if case.body is None else msgspec.json.encode(case.body)
    for name, value in ids.items():
        path = path.replace(f"{{{name}}}", value)
        body = body.replace(f"{{{name}}}".encode(), value.encode())
    return build(case.method, path, body, token=token)


async def ask(service: Service, case: Case, ids: dict[str, str], token: str | None) -> Answer:
    (answer,) = await exchange(service.url, request(case, ids, token))
    return answer


class House:
    """A service with three tenants: a and b, and the one that is always there."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.ids: dict[str, dict[str, str]] = {}

    async def furnish(self) -> None:
        """Give each tenant a token for every scope, and one of everything."""
        service = self.service
        for tenant in ("a", "b"):
            case = Case("POST", f"{A}/tenants", X, "settings", {"id": tenant})
            assert (await ask(service, case, {}, ADMIN_TOKEN)).status == 200
        for tenant in ("a", "b", "default"):
            for scopes in ((), *((scope,) for scope in Scope)):
                text = token_of(tenant, *scopes)
                token = Token(f"tok_{text}", digest_of(text), tenant, frozenset(scopes), text, NOON)
                await service.store.put_token(token)
                service.access.put(token)
            await self.refill(tenant)
            await self.let_one_fail(tenant)

    async def let_one_fail(self, tenant: str) -> None:
        """Give *tenant* a dead letter."""
        name, token = f"secret-of-{tenant}", token_of(tenant, X)
        body = {"name": name, "url": "http://127.0.0.1:9/", "retryScheduleSeconds": []}
        made = await ask(
            self.service, Case("POST", E, M, "own", {**body, "eventTypes": ["x"]}), {}, token
        )
        hook = {"endpointId": made.json["id"], "payload": 1}
        dead = (await ask(self.service, Case("POST", W, S, "own", hook), {}, token)).json["id"]
        async with asyncio.timeout(20):
            while (found := await self.service.store.get(tenant, dead)) is not None:
                if found.state is WebhookState.FAILED:
                    break
                await asyncio.sleep(0.01)
        self.ids[tenant]["dead_id"] = dead

    async def refill(self, tenant: str) -> dict[str, str]:
        """Make one of everything for *tenant*, its name in each."""

        async def make(path: str, body: dict[str, Any]) -> Any:
            case = Case("POST", path, None, "own", body)
            return (await ask(self.service, case, {}, token_of(tenant, X))).json

        name = f"secret-of-{tenant}"
        endpoint = {"name": name, "url": f"http://127.0.0.1:9/{name}", "eventTypes": ["a.*"]}
        made = await make(E, endpoint)
        hook = {"endpointId": made["id"], "payload": {"whose": name}, "eventType": "a.b"}
        webhook = await make(W, hook)
        event = await make(V, {"eventType": "a.c", "payload": name})
        token = await make(f"{A}/tokens", {"name": name, "scopes": ["read"]})
        self.ids[tenant] = {
            "webhook_id": webhook["id"],
            "endpoint_id": made["id"],
            "event_id": event["id"],
            "token_id": token["id"],
            "cursor": ABSENT["cursor"],
        }
        return self.ids[tenant]

    def traces(self, tenant: str) -> list[bytes]:
        """What would give *tenant* away in an answer to somebody else."""
        hidden = {"cursor", "event_id"}  # no list shows an event
        ids = [value for name, value in self.ids[tenant].items() if name not in hidden]
        return [one.encode() for one in [*ids, f"secret-of-{tenant}", f"{tenant}-admin"]]


@pytest.fixture(params=["express", "falcon"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    async with running_service(tmp_path, express=request.param == "express") as service:
        house = House(service)
        await house.furnish()
        yield house


def test_every_route_is_in_the_table() -> None:
    served = {(call.method, route.path) for route in ROUTES for call in route.calls}
    asked = {(case.method, case.path.partition("?")[0]) for case in CASES}
    assert asked == served


def test_the_table_and_the_documentation_agree_about_scopes() -> None:
    documented = {(call.method, route.path): call.scope for route in ROUTES for call in route.calls}
    for case in CASES:
        assert documented[case.method, case.path.partition("?")[0]] == case.scope, case


def test_every_route_about_one_thing_is_tested_against_anothers() -> None:
    for case in CASES:
        holes = re.findall(r"{(\w+)}", case.path.partition("?")[0])
        assert (case.kind == "one") == bool(holes), case
        assert set(holes) <= set(ABSENT), case


async def test_without_a_token_only_the_open_routes_answer(house: House) -> None:
    for case in CASES:
        for token in (None, "unknown", ""):
            answer = await ask(house.service, case, house.ids["a"], token)
            assert (answer.status == 401) == (case.kind != "open"), case


async def test_a_scope_opens_what_it_is_for_and_nothing_else(house: House) -> None:
    wrong = []
    for case in CASES:
        for scopes in ((), *((scope,) for scope in Scope)):
            ids = await house.refill("default") if case.kind == "one" else house.ids["default"]
            answer = await ask(house.service, case, ids, token_of("default", *scopes))
            may = case.scope is None or case.scope in scopes or X in scopes
            if case.kind == "settings":
                may = False
            if (answer.status == 403) == may or (may and answer.status >= 400):
                wrong.append((case, scopes, answer.status, answer.body))
    assert wrong == []


async def test_anothers_thing_is_answered_byte_for_byte_as_an_absent_one(house: House) -> None:
    before = await _everything_of(house, "a")
    for case in CASES:
        if case.kind not in {"one", "named"}:
            continue
        for scopes in ((case.scope or X,), (X,)):
            token = token_of("b", *scopes)
            theirs = await ask(house.service, case, house.ids["a"], token)
            absent = await ask(house.service, case, ABSENT, token)
            assert theirs.raw == absent.raw, case
            assert theirs.status == (404 if case.kind == "one" else absent.status), case
            assert b'"error' in theirs.body or case.kind == "one", case
    assert await _everything_of(house, "a") == before


async def _everything_of(house: House, tenant: str) -> list[Any]:
    """Return what the tenant sees of its own that no delivery changes."""
    paths = (E, f"{E}/{{endpoint_id}}", f"{A}/tokens", "/api/v1/tenant", f"{A}/audit")
    seen = []
    for path in paths:
        case = Case("GET", path, X, "own")
        seen.append((await ask(house.service, case, house.ids[tenant], token_of(tenant, X))).raw)
    listed = Case("GET", W, X, "own")
    webhooks = (await ask(house.service, listed, {}, token_of(tenant, X))).json["items"]
    return [*seen, [one["id"] for one in webhooks]]


async def test_what_is_ones_own_shows_nothing_of_others(house: House) -> None:
    traces = house.traces("a")
    for case in CASES:
        if case.kind in {"own", "named"}:
            answer = await ask(house.service, case, house.ids["a"], token_of("b", X))
            assert answer.status < 300 or case.kind == "named", case
            found = [trace for trace in traces if trace in answer.body]
            assert found == [], case
            same = await ask(house.service, case, house.ids["b"], token_of("b", X))
            assert same.status < 300, case


async def test_each_list_shows_its_own_tenant_what_it_has(house: House) -> None:
    """The traces are worth something: each is there for whom it belongs to."""
    seen = b""
    for path in (W, E, f"{A}/tokens", f"{A}/audit", f"{A}/dead-letters"):
        case = Case("GET", path, R, "own")
        seen += (await ask(house.service, case, {}, token_of("a", X))).body
    assert [trace for trace in house.traces("a") if trace not in seen] == []


async def test_an_event_reaches_no_endpoint_of_another_tenant(house: House) -> None:
    for tenant in ("a", "b", "default"):
        listed = Case("GET", f"{W}?eventType=a.only", X, "own")
        event = Case("POST", V, S, "own", {"eventType": "a.only", "payload": 1})
        made = await ask(house.service, event, {}, token_of(tenant, S))
        assert made.json["webhooks"] == 1
        (one,) = (await ask(house.service, listed, {}, token_of(tenant, X))).json["items"]
        stored = await house.service.store.get(tenant, one["id"])
        assert stored is not None
        assert stored.endpoint_id == house.ids[tenant]["endpoint_id"]


async def test_the_stream_of_dead_letters_shows_nothing_of_others(house: House) -> None:
    for tenant in ("a", "b"):
        _kind, lines = await stream(house.service.url, token=token_of(tenant, X))
        assert [line["id"] for line in lines] == [house.ids[tenant]["dead_id"]]


async def test_the_deployment_is_for_administrators_of_the_default_tenant(house: House) -> None:
    for case in CASES:
        if case.kind not in {"all", "settings"}:
            continue
        refused = await ask(house.service, case, {}, token_of("b", X))
        assert refused.status == 403, case
        assert not re.search(rb"\d", refused.body.partition(b'"detail"')[2]), case
        ours = await ask(house.service, case, {}, token_of("default", X))
        assert (ours.status == 200) == (case.kind == "all"), case
        assert (await ask(house.service, case, {}, ADMIN_TOKEN)).status == 200, case
    assert not house.service.engine.paused


async def test_the_same_idempotency_key_of_two_tenants_is_two_keys(house: House) -> None:
    keyed = {**HOOK, "idempotencyKey": "k"}
    case = Case("POST", W, S, "own", keyed)
    other = Case("POST", W, S, "own", {**keyed, "payload": 2})
    ids = set()
    for tenant, one in (("a", case), ("b", other)):
        answer = await ask(house.service, one, {}, token_of(tenant, S))
        assert answer.status == 202
        ids.add(answer.json["id"])
    assert len(ids) == 2


async def test_a_url_of_anothers_endpoint_is_no_endpoint_of_ones_own(house: House) -> None:
    url = "http://127.0.0.1:9/secret-of-a"
    case = Case("POST", W, S, "own", {"url": url, "payload": 1})
    made = (await ask(house.service, case, {}, token_of("b", S))).json["id"]
    stored = await house.service.store.get("b", made)
    assert stored is not None
    assert stored.lane == "b|http://127.0.0.1:9"

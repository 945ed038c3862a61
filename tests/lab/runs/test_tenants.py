"""Endpoints of several tenants, each submitted to by its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sureshot_lab.errors import LabError
from sureshot_lab.runs.load_run import make_offer
from sureshot_lab.runs.options import Options
from sureshot_lab.runs.site import open_site
from sureshot_lab.scenario import load_scenario
from tests.lab.runs.conftest import SMALL, Run

THREE: dict[str, Any] = {**SMALL, "endpoints.count": 7, "endpoints.tenants": 3}


async def test_every_tenant_has_endpoints_and_sees_its_own_alone(tmp_path: Path) -> None:
    scenario = load_scenario("smoke", changes=THREE)
    async with open_site(scenario, Options(), tmp_path, lambda _sample: None) as site:
        assert len(site.tenants) == 3
        seen = []
        for tenant in site.tenants:
            status, page = await tenant.call("GET", "/api/v1/endpoints?limit=100")
            assert status == 200
            seen.append({one["id"] for one in page["items"]})
        status, page = await site.client.call("GET", "/api/v1/admin/tenants", admin=True)
        assert {"tenant-001", "tenant-002", "tenant-003"} < {one["id"] for one in page["items"]}
        what = make_offer(site, scenario, "run", scenario.load.stages)
    assert all(seen)
    assert sum(len(ids) for ids in seen) == len(set().union(*seen)) == 7
    assert set().union(*seen) == set(site.endpoint_ids)
    assert len(what.tokens) == 7


@pytest.mark.slow
async def test_each_webhook_is_its_tenants_and_arrives_with_its_signature(run: Run) -> None:
    """A submission with another tenant's token is refused: the endpoint is not there for it."""
    result = await run({"endpoints.count": 7, "endpoints.tenants": 3}, engine="auto")
    assert result.conditions.engine == "native"
    assert result.metrics["accepted"] == result.metrics["delivered"] == 300
    assert result.metrics["failed_requests"] == 0
    assert result.metrics["bad_signatures"] == result.metrics["unverified"] == 0


@pytest.mark.slow
async def test_what_waits_of_any_tenant_is_asked_for_as_that_tenant(run: Run) -> None:
    hanging = [{"share": 1.0, "failure_share": 1.0}]
    changes = {**THREE, "sink.behaviour": hanging, "drain_s": 1}
    result = await run(changes)
    assert result.metrics["accepted"] == result.metrics["pending"] == 300
    assert result.metrics["lost"] == 0


@pytest.mark.parametrize(
    ("changes", "options", "words"),
    [
        ({"endpoints.tenants": 8}, {}, "1 to 7, one for each endpoint at most, not 8"),
        ({"endpoints.tenants": 0}, {}, "1 to 7, one for each endpoint at most, not 0"),
        ({"endpoints.by_url": True}, {}, "with by_url nothing is registered"),
        ({"kind": "routes"}, {}, "as one tenant"),
        ({}, {"target": "http://127.0.0.1:1"}, "leave --target out"),
    ],
)
async def test_tenants_that_cannot_be_are_a_sentence(
    run: Callable[..., Awaitable[object]], changes: dict[str, Any], options: dict[str, Any],
    words: str,
) -> None:  # fmt: skip
    with pytest.raises(LabError, match=words):
        await run({**THREE, **changes}, **options)

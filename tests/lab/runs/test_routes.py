"""The baseline of one user: every route there is, and a client that is not the limit itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sureshot_lab.result import Sample, Verdict
from sureshot_lab.runs.client import ServiceClient
from sureshot_lab.runs.route_list import CALLS, DELETE, LEFT_OUT
from sureshot_lab.runs.routes import RouteTimes
from sureshot_lab.runs.routes_run import RoutesRun, result_of_routes
from sureshot_lab.scenario import load_scenario
from sureshot_lab.sink.reconciliation import reconcile
from tests.lab.analysis.runs import conditions
from tests.lab.runs.conftest import Run
from tests.lab.runs.received import receipts
from tests.support.service import ADMIN_TOKEN, API_TOKEN, running_service

METHODS = ("get", "post", "put", "patch", "delete")
SHORT: dict[str, Any] = {"load.stages": [[2, 0, 0]], "endpoints.count": 1}


async def test_every_route_the_service_documents_is_called_or_left_out_by_name(
    tmp_path: Path,
) -> None:
    async with running_service(tmp_path) as service:
        client = ServiceClient(service.url, API_TOKEN, ADMIN_TOKEN)
        _status, described = await client.call("GET", "/openapi.json")
    documented = {
        f"{method.upper()} {re.sub(r'{[^}]*}', '{id}', path)}"
        for path, methods in described["paths"].items()
        for method in methods
        if method in METHODS
    }
    assert {call.route for call in (*CALLS, DELETE)} | set(LEFT_OUT) == documented


async def test_one_user_sees_every_route_answered(run: Run) -> None:
    result = await run(SHORT, scenario="baseline-single")
    (table,) = result.tables
    # Of an endpoint that is 50 rounds old, which so short a run does not come to.
    assert {str(row[0]) for row in table.rows} >= {call.route for call in CALLS}
    assert [row for row in table.rows if row[-1]] == []
    assert 0.0 < result.metrics["generator_cpu_share"] < 1.0


def test_a_client_that_is_the_limit_itself_makes_the_run_invalid(tmp_path: Path) -> None:
    """The peak of a sampled process counts no more than what the client tells of its own."""
    accepted = [f"wh_{number}" for number in range(20)]
    times = RouteTimes(accepted_ids=accepted, submitted=20, cpu_share=0.9)
    times.seconds["POST /api/v1/webhooks"] = [0.005] * 20
    received = receipts(tmp_path, accepted)
    done = RoutesRun(
        times=times, received=received, found=reconcile(accepted, received), lasted_s=2.0,
        samples=[Sample(at_s=float(s), values={"generator.cpu_cores_max": 0.0}) for s in range(3)],
        unread=[],
    )  # fmt: skip
    scenario = load_scenario("baseline-single")
    result = result_of_routes("run", scenario, conditions(), done, stopped=False)
    assert result.verdict is Verdict.INVALID
    assert result.reasons[0] == "the generator used 90% of its core: the limit was its own"

"""The servers every test may use: found, or on a bare Debian machine in CI installed."""

from __future__ import annotations

import os
import signal

import pytest

from tests.support.servers import missing_servers

# A shell has it ignored in what it starts in the background, and so would all that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

NEEDS_SERVERS = ("tests/cluster/", "[postgres", "[rabbitmq", "-postgres", "-rabbitmq")
"""What a test's id holds when it needs PostgreSQL or RabbitMQ."""


ALONE = (
    "tests/api/test_events.py::test_ten_thousand_endpoints_do_not_keep_the_others_waiting",
    "tests/contract/test_store_line.py::test_a_closed_lanes_backlog_costs_the_others_nothing",
    "tests/engine/test_isolation.py",
    "tests/crash/",
    "tests/cluster/test_chaos.py",
    "tests/cluster/test_takeover.py",
    "tests/lab/capacity/test_capacity.py::test_a_calibration_measures_what_a_plan_needs",
    "tests/lab/k6/",
    "tests/lab/load/",
    "tests/engine/test_policy.py",
    "tests/lab/profiling/",
    "tests/lab/runs/",
    "tests/lab/scale/",
    "tests/lab/scaling/test_deployment.py",
    "tests/lab/sampler/test_processes.py",
    "tests/lab/sampler/test_sampler.py",
    "tests/lab/tuning/test_tune.py",
)
"""What measures, or has deadlines of its own: it runs after the rest, beside two others at most."""

NOT_ALONE = (
    "tests/lab/load/test_troubles.py::test_an_answer_that_never_comes_is_a_timeout",
    *(
        f"tests/lab/runs/test_{name}.py"
        for name in (
            "excuse", "intervals", "needs", "outcome", "overload", "search_step", "verdict",
            "watched",
        )
    ),
)  # fmt: skip
"""What lies among those, and yet waits or reckons: how busy the machine is does not matter."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs alone. Skip what needs a missing server; in CI get the server or fail."""
    for item in items:
        if item.nodeid.startswith(ALONE) and not item.nodeid.startswith(NOT_ALONE):
            item.add_marker(pytest.mark.alone)
    wanting = [item for item in items if any(part in item.nodeid for part in NEEDS_SERVERS)]
    if not wanting:
        return
    missing = missing_servers()
    if missing:
        for item in wanting:
            item.add_marker(pytest.mark.skip(reason=missing))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Let each of several workers begin with its part of what takes long: no one ends late."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0"))
    if workers:
        session.items[:] = _slow_first(session.items, workers)


def _slow_first(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Return *items* as ``--dist worksteal`` cuts them: a part each, of equal length."""
    slow = [item for item in items if item.get_closest_marker("slow")]
    rest = [item for item in items if not item.get_closest_marker("slow")]
    ordered: list[pytest.Item] = []
    for number in range(workers):
        size = (len(items) - len(ordered)) // (workers - number)
        own = slow[number::workers]
        ordered += own + rest[: size - len(own)]
        del rest[: size - len(own)]
    return ordered


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once, loudly, what was skipped."""
    reasons = {
        report.longrepr[2]
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple)
    }
    for reason in sorted(reasons):
        terminalreporter.write_line(f"NOT TESTED: {reason}", red=True, bold=True)

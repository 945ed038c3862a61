"""One rate of a search: counted by its own webhooks alone, and judged by whose doing it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sureshot_lab.analysis.bisection import Bisection
from sureshot_lab.load.offer import Offered
from sureshot_lab.result import RunResult, Verdict
from sureshot_lab.runs.search_outcome import result_of_search
from sureshot_lab.runs.search_run import SearchRun
from sureshot_lab.runs.search_step import Arrivals, Step, arrivals_of, receipts_of, step_of
from sureshot_lab.scenario import load_scenario
from sureshot_lab.sink.histogram import new_histogram
from sureshot_lab.sink.ledger import Ledger
from sureshot_lab.sink.ledger_file import LedgerWriter, SavedLedger, read_ledger
from tests.lab.analysis.runs import conditions

BEGAN_S = 1_800_000_000.0
STEP_S = 2.0
WELL = Arrivals(delivered=1000, in_time=1000, soon=1000, p95_s=0.01)


def offered(
    accepted: int = 1000, failed: int = 0, dropped: int = 0, *, share: float = 0.3,
    service_ms: int = 5, **changes: Any,
) -> Offered:  # fmt: skip
    """Return what came of a load, each answer *service_ms* after it was sent."""
    took = new_histogram()
    took.record_value(service_ms * 1000, accepted + failed)
    told: dict[str, Any] = {
        "engine": "native", "version": "", "started_at_s": BEGAN_S, "wall_s": STEP_S,
        "cpu_shares": [share], "latencies_us": took, "service_us": took,
        "refused_us": new_histogram(), "lags_us": new_histogram(), "intervals": [], "errors": [],
        "intended": accepted + failed + dropped, "sent": accepted + failed, "accepted": accepted,
        "failed": failed, "dropped": dropped, "accepted_ids": [],
    }  # fmt: skip
    return Offered(**{**told, **changes})


def ledger(folder: Path, *rows: tuple[str, float, float]) -> SavedLedger:
    """Return a ledger of webhooks: id, when it was meant to be sent and came, from the begin."""
    book, writer = Ledger(), LedgerWriter(folder / "ledger.bin")
    for name, sent_s, came_s in rows:
        at_us, sent_us = (round((BEGAN_S + one_s) * 1e6) for one_s in (came_s, sent_s))
        book.enter(name.encode(), at_us, sent_us, 0, 200)
    writer.write(book.take())
    writer.end().result()
    return read_ledger(folder / "ledger.bin")


def test_goodput_ends_with_the_load_and_stragglers_of_another_step_do_not_count(
    tmp_path: Path,
) -> None:
    told = ledger(
        tmp_path, ("before", -30.0, 0.5), ("quick", 0.5, 0.51), ("late", 1.9, 3.0),
        ("too-late", 1.9, 9.0),
    )  # fmt: skip
    own = offered(3, accepted_ids=["quick", "late", "too-late"])
    found = arrivals_of(told, own, STEP_S)
    assert (found.delivered, found.in_time, found.soon) == (3, 1, 2)
    assert found.p95_s == pytest.approx(7.1, rel=0.01)
    assert receipts_of(told)[0] == {"before", "quick", "late", "too-late"}


def step(rate_per_s: float, load: Offered, arrivals: Arrivals = WELL) -> Step:
    return step_of(rate_per_s, load, arrivals, 0.0, STEP_S)


@pytest.mark.parametrize(
    ("load", "arrivals", "broken", "by_generator"),
    [
        (offered(), WELL, "", False),
        (offered(share=0.95), WELL, "", False),
        (offered(dropped=9), WELL, "9 arrivals dropped", True),
        (offered(service_ms=200, share=0.95), WELL, "submission p99 too high", True),
        (offered(service_ms=200), WELL, "submission p99 too high", False),
        (offered(dropped=9, service_ms=200), WELL, "9 arrivals dropped", False),
        (offered(dropped=9, failed=100), WELL, "9 arrivals dropped", False),
        (offered(accepted=0, dropped=9), WELL, "9 arrivals dropped", False),
        (
            offered(), Arrivals(delivered=1000, in_time=400, soon=900, p95_s=0.01),
            "100 not delivered 3 s after the load", False,
        ),
    ],
)  # fmt: skip
def test_a_step_is_broken_by_the_service_or_by_the_generator(
    load: Offered, arrivals: Arrivals, broken: str, by_generator: bool
) -> None:
    made = step(100, load, arrivals)
    assert (made.broken, made.by_generator) == (broken, by_generator)


def searched(*tried: tuple[float, Offered]) -> RunResult:
    """Return the result of a search whose rates come to what is told, in that order."""
    done = SearchRun(Bisection(100, 400, precision=0.5, repeats=1, retries=0))
    for rate_per_s, load in tried:
        made = step(rate_per_s, load)
        done.steps.append(made)
        done.search.tell(rate_per_s, not made.broken)
    assert done.search.next_rate() is None
    scenario = load_scenario("breakpoint", changes={"gates.own": []})
    return result_of_search("a-run", scenario, conditions(), done, [], stopped=False)


BY_GENERATOR, BY_SERVICE = offered(dropped=9), offered(service_ms=200)


def test_a_search_that_ends_by_the_generators_doing_is_invalid_and_says_so() -> None:
    result = searched((100, offered()), (200, BY_GENERATOR), (100 * 2**0.5, BY_GENERATOR))
    assert result.verdict is Verdict.INVALID
    assert "9 arrivals were dropped" in result.reasons[0]
    assert result.reasons[-1].startswith("a search ended at 141/s by the generator's doing")
    assert result.tables[0].rows[1][-1] == "9 arrivals dropped (by the generator)"


def test_a_generator_that_was_full_above_where_the_service_broke_has_no_part_in_it() -> None:
    result = searched((100, offered()), (200, BY_GENERATOR), (100 * 2**0.5, BY_SERVICE))
    assert result.verdict is Verdict.PASS, result.reasons
    assert result.metrics["capacity_per_s"] == 100


def test_a_ledger_that_is_not_whole_makes_a_search_invalid() -> None:
    done = SearchRun(Bisection(100, 100, repeats=1))
    done.steps.append(step(100, offered()))
    done.search.tell(100, passed=True)
    done.take(SavedLedger([], "ledger-before.bin is cut off or damaged after 7 rows"))
    scenario = load_scenario("breakpoint", changes={"gates.own": []})
    result = result_of_search("a-run", scenario, conditions(), done, [], stopped=False)
    assert result.verdict is Verdict.INVALID
    assert "cut off or damaged after 7 rows" in result.reasons[0]

"""What went wrong, how often, and what each kind of error means."""

from __future__ import annotations

from collections.abc import Iterator

from sureshot_lab.analysis.rules.finding import Rule, Severity, finding
from sureshot_lab.analysis.wording import number, percent
from sureshot_lab.result import ErrorCount, Finding, RunResult

MOST = 3
RETRIED = 0.05
MEANINGS = (
    ("status 401", "The token is not one of this service's."),
    ("status 403", "The token may not do this."),
    ("status 404", "The endpoint does not exist: it was deleted, or belongs to another tenant."),
    ("status 409", "An idempotency key was used twice with different bodies."),
    ("status 413", "The payload is above the limit of a submission."),
    ("status 422", "The submission is not valid: see one answer's body."),
    ("status 429", "A rate limit is at work: the senders must slow down, or it must be raised."),
    ("status 503", "The service refused work it could not take on: its intake or queue was full."),
    ("status 5", "A fault of the service: see its log at this time."),
    ("timeout", "No answer came in time: the service stood still, or its queue was long."),
    ("reset", "The connection was cut: a process went away, or its limit of connections was met."),
    ("refused", "Nobody listened: the service was down or starting."),
)
"""What an error means, by how its name begins; the first that fits."""


def commonest_errors(result: RunResult) -> Iterator[Finding]:
    """Tell which kinds of failure were seen most."""
    sent = result.metrics.get("requests", 0)
    ranked = sorted(result.errors, key=lambda error: -error.count)
    for error in ranked[:MOST]:
        share = f" ({percent(error.count / sent)} of {sent:,.0f})" if sent else ""
        yield finding(
            Severity.WARNING,
            f"Submissions ended in {error.what}",
            f"{error.count:,}{share}, the first {error.first_at_s:.1f} s after the begin.",
            _meaning(error),
        )


def retried_deliveries(result: RunResult) -> Iterator[Finding]:
    """Tell how many attempts had to be made again."""
    metrics = result.metrics
    retries, delivered = metrics.get("retries"), metrics.get("delivered")
    if not retries or not delivered or retries < RETRIED * delivered:
        return
    opened = metrics.get("breaker_open_max")
    breakers = f" Up to {number(opened)} lanes were closed by their breaker." if opened else ""
    yield finding(
        Severity.NOTE,
        "Many deliveries took several attempts",
        f"{number(retries)} retries for {number(delivered)} webhooks delivered.{breakers}",
        "Each one is a request more: reckon with it for capacity, or have the receivers mended.",
    )


def delivered_twice(result: RunResult) -> Iterator[Finding]:
    """Tell of duplicates that are within what is promised."""
    duplicates = result.metrics.get("duplicates", 0)
    broken = any(g.metric == "duplicate_share" and g.passed is False for g in result.gates)
    if duplicates and not broken:
        yield finding(
            Severity.NOTE,
            "Some webhooks were delivered twice",
            f"{number(duplicates)} of {number(result.metrics.get('delivered', 0))}.",
            "Delivery is at least once; receivers must look at `webhook-id`.",
        )


def not_delivered(result: RunResult) -> Iterator[Finding]:
    """Tell what was still on its way when the run ended."""
    pending = result.metrics.get("pending", 0)
    if pending:
        yield finding(
            Severity.WARNING,
            "The backlog did not drain",
            f"{number(pending)} accepted webhooks were not final when the run ended.",
            "Wait longer (`drain_s`) to see whether they arrive.",
        )


def _meaning(error: ErrorCount) -> str:
    return next((meaning for begin, meaning in MEANINGS if error.what.startswith(begin)), "")


RULES: tuple[Rule, ...] = (
    commonest_errors,
    retried_deliveries,
    delivered_twice,
    not_delivered,
)

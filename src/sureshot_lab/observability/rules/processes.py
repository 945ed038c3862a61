"""Alerts on the processes themselves: gone, restarting, cut off from their store, out of files."""

from __future__ import annotations

from sureshot_lab.observability.expressions import BY, JOB
from sureshot_lab.observability.rules.rule import Alert, AlertGroup, Severity

DESCRIPTORS_SHARE = 0.8
"""So much of its file descriptors a process may use."""


def process_alerts() -> AlertGroup:
    """Return the alerts."""
    return AlertGroup("sureshot-processes", [*_none_left(), *_gone(), *_ailing()])


def _none_left() -> list[Alert]:
    return [
        Alert(
            name="SureshotDown",
            # Each deployment that had a process within the hour, whether discovery still finds
            # it or not; the last line when none is found anywhere, which tells no namespace.
            expression=(
                f"max by ({BY}) (max_over_time(up{{{JOB}}}[1h]))\n"
                f"unless max by ({BY}) (up{{{JOB}}}) == 1\n"
                f"or on (job) absent(up{{{JOB}}})"
            ),
            severity=Severity.PAGE,
            summary="No process of the service answers",
            description="For 30 seconds no process has answered Prometheus: nothing is accepted, "
            "nothing is delivered.",
            hold_s=30.0,
        ),
        _role_gone(
            "api", "SureshotApiDown", "No process answers submissions",
            "Others run, but for a minute no process with the API has answered Prometheus: nothing "
            "is accepted. What was accepted before is delivered.",
        ),
        _role_gone(
            "worker", "SureshotWorkersDown", "No process sends webhooks",
            "Others run, but for a minute no worker has answered Prometheus: what is accepted "
            "waits, and nothing is delivered.",
        ),
        _role_gone(
            "scheduler", "SureshotSchedulersDown", "No process sends what waits in the store",
            "Others run, but for a minute no scheduler has answered Prometheus: what is new is "
            "sent, but retries, what found no room in the queue, what was asked for later and "
            "what a dead process held all wait.",
        ),
    ]  # fmt: skip


def _role_gone(role: str, name: str, summary: str, description: str) -> Alert:
    """Return the alert on processes that answer while none does the work of *role*.

    One without a role, or of the role ``all``, does everything.
    """
    return Alert(
        name=name,
        expression=(
            f"max by ({BY}) (up{{{JOB}}}) == 1\n"
            f'unless max by ({BY}) (up{{{JOB},role=~"{role}|all|"}}) == 1'
        ),
        severity=Severity.PAGE,
        summary=summary,
        description=description,
        hold_s=60.0,
    )


def _gone() -> list[Alert]:
    return [
        Alert(
            name="SureshotProcessDown",
            expression=f"up{{{JOB}}} == 0",
            severity=Severity.TICKET,
            summary="A process does not answer",
            description="{{ $labels.instance }} ({{ $labels.role }}) has not answered Prometheus "
            "for 2 minutes; others may do its work.",
            hold_s=120.0,
        ),
        Alert(
            name="SureshotRestarting",
            expression=f"changes(process_start_time_seconds{{{JOB}}}[30m]) > 2",
            severity=Severity.TICKET,
            summary="A process keeps restarting",
            description="{{ $labels.instance }} has started {{ $value }} times in 30 minutes; "
            "a deployment is one start.",
        ),
    ]


def _ailing() -> list[Alert]:
    return [
        Alert(
            name="SureshotHeartbeatLost",
            expression=f"sureshot_heartbeat_recent{{{JOB}}} == 0",
            severity=Severity.PAGE,
            summary="A process cannot reach its database",
            description="{{ $labels.instance }} ({{ $labels.role }}) has had no heartbeat in the "
            "database for 30 seconds: it sends nothing, and submissions to it are refused.",
            hold_s=30.0,
        ),
        Alert(
            name="SureshotFileDescriptorsLow",
            expression=f"process_open_fds{{{JOB}}} / process_max_fds{{{JOB}}} > "
            f"{DESCRIPTORS_SHARE}",
            severity=Severity.TICKET,
            summary="A process is running out of file descriptors",
            description="{{ $labels.instance }} uses {{ $value | humanizePercentage }} of its file "
            "descriptors; each request in flight takes one.",
            hold_s=300.0,
        ),
    ]

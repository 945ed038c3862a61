"""Alerts on the processes themselves: gone, restarting, cut off from their store, out of files."""

from __future__ import annotations

from sureshot_lab.observability.expressions import JOB
from sureshot_lab.observability.rules.rule import Alert, AlertGroup, Severity

DESCRIPTORS_SHARE = 0.8
"""So much of its file descriptors a process may use."""


def process_alerts() -> AlertGroup:
    """Return the alerts."""
    return AlertGroup("sureshot-processes", [*_gone(), *_ailing()])


def _gone() -> list[Alert]:
    return [
        Alert(
            name="SureshotDown",
            # Also when service discovery finds no process at all.
            expression=f"absent(up{{{JOB}}} == 1)",
            severity=Severity.PAGE,
            summary="No process of the service answers",
            description="For 30 seconds no process has answered Prometheus: nothing is accepted, "
            "nothing is delivered.",
            hold_s=30.0,
        ),
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

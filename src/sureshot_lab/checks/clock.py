"""Whether time can be trusted: steps of the wall clock, and what NTP says of it."""

from __future__ import annotations

import asyncio
import ctypes
import struct
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from sureshot_lab.checks.check import Check, Subject
from sureshot_lab.report.figures import figure

MOST_DRIFT_S = 0.002
"""Latencies are told from the wall clock of one machine: a step is an error of that size."""
TIME_ERROR = 5
TIMEX_BYTES = 512
"""More than the kernel's ``struct timex``."""
MAXERROR_AT = 24
HERE = {"127.0.0.1", "localhost", "::1"}

DRIFT = Subject("clock", "Wall clock")
SYNCHRONISED = Subject("ntp", "Clock synchronised")


@dataclass(frozen=True)
class NtpState:
    """What the kernel knows: whether the clock is disciplined, and the most it is wrong by."""

    synchronised: bool
    most_error_s: float


async def watch_clock(seconds: float) -> float:
    """Return by how much the wall clock ran ahead of the monotonic one in the next *seconds*."""
    wall_s, monotonic_s = time.time(), time.monotonic()
    await asyncio.sleep(seconds)
    return (time.time() - wall_s) - (time.monotonic() - monotonic_s)


def check_drift(drift_s: float) -> Check:
    """Hold what ``watch_clock`` returned against what latencies allow."""
    found = f"{figure(drift_s, 's') if drift_s else '0 s'} apart from the monotonic clock after 2 s"
    if abs(drift_s) > MOST_DRIFT_S:
        return DRIFT.failed(
            f"{found}, more than {figure(MOST_DRIFT_S, 's')}: it was set meanwhile",
            "let NTP come to rest first; a clock that is set in a run makes latencies wrong",
        )
    return DRIFT.ok(found)


def read_ntp() -> NtpState | None:
    """Return what ``adjtimex`` tells, asking only; None where that may not be asked."""
    told = ctypes.create_string_buffer(TIMEX_BYTES)
    try:
        state = ctypes.CDLL(None).adjtimex(told)
    except (OSError, AttributeError):
        return None
    if state < 0:
        return None
    (most_error_us,) = struct.unpack_from("@q", told.raw, MAXERROR_AT)
    return NtpState(synchronised=state != TIME_ERROR, most_error_s=most_error_us / 1e6)


def check_ntp(state: NtpState | None, target: str | None) -> Check:
    """Say whether the clock is synchronised; it matters once the service is on another machine."""
    if state is None:
        return SYNCHRONISED.not_applicable("the kernel does not tell it here")
    if state.synchronised:
        return SYNCHRONISED.ok(f"by NTP, wrong by {figure(state.most_error_s, 's')} at most")
    if target is None or urlsplit(target).hostname in HERE:
        return SYNCHRONISED.ok("not by NTP, but everything is timed by this one clock")
    return SYNCHRONISED.warning(
        "not by NTP: the times of the target's logs and metrics will be others than the run's",
        "start chrony or systemd-timesyncd and wait until it has settled",
    )

"""To which stage of the delivery line the service's time belongs: by the files on a stack."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from sureshot_lab.profiling.stacks import Frame, Profile, Stack

LOOP = "event loop and kernel"
STAGES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("submission", (
        "/sureshot/api/", "/sureshot/http_server.py", "/falcon/", "/uvicorn/", "/httptools/",
    )),
    ("intake", (
        "/sureshot/delivery/intake.py", "/sureshot/delivery/fan_out.py",
        "/sureshot/delivery/backlog.py",
    )),
    ("store", ("/sureshot/store/", "/asyncpg/", "/apsw/")),
    ("queue", ("/sureshot/queue/", "/aiormq/", "/pamqp/")),
    ("dispatcher and lanes", (
        "/sureshot/delivery/dispatcher.py", "/sureshot/delivery/lane", "/sureshot/delivery/worker",
        "/sureshot/delivery/scheduler.py", "/sureshot/delivery/slots.py",
        "/sureshot/delivery/directory.py", "/sureshot/delivery/destination.py",
        "/sureshot/domain/breaker.py", "/sureshot/domain/ratelimit.py",
    )),
    ("sender", (
        "/sureshot/delivery/sender", "/sureshot/delivery/connection.py",
        "/sureshot/delivery/dialler.py", "/sureshot/delivery/exchange.py",
        "/sureshot/delivery/response.py", "/sureshot/delivery/tls.py",
        "/sureshot/delivery/origin.py", "/sureshot/domain/signature.py",
    )),
    ("recorder", (
        "/sureshot/delivery/recorder.py", "/sureshot/delivery/persist.py",
        "/sureshot/domain/retry.py",
    )),
    ("metrics", ("/sureshot/telemetry/", "/prometheus_client/")),
)  # fmt: skip
"""Stages in the order a webhook passes them, and the files that are theirs."""
CONFIDENCE_Z = 1.96


@dataclass(frozen=True)
class StageCost:
    """A stage's part of the service's CPU, and of a webhook's.

    ``margin``: how far the true share may be from it, by the number of samples (95 %).
    ``us_per_webhook`` is None where the CPU of a webhook is not known.
    """

    stage: str
    samples: int
    share: float
    margin: float
    us_per_webhook: float | None


def stage_of(stack: Stack) -> str:
    """Return the stage *stack* belongs to: that of its innermost file that is of one.

    What a stage has the event loop or the kernel do at once (a write to a socket)
    counts to it; what the loop does by itself (waiting for sockets) to ``LOOP``.
    """
    return next((stage for frame in reversed(stack) if (stage := _stage(frame))), LOOP)


def stage_costs(profile: Profile, cpu_us_per_webhook: float | None) -> list[StageCost]:
    """Share *cpu_us_per_webhook* out by the CPU of each stage; every stage is told."""
    total, total_s = profile.samples.total(), profile.total_s
    seen: Counter[str] = Counter()
    used_s = dict.fromkeys([stage for stage, _files in STAGES] + [LOOP], 0.0)
    for stack, count in profile.samples.items():
        stage = stage_of(stack)
        seen[stage] += count
        used_s[stage] += profile.cpu_s[stack]
    costs = []
    for stage, of_stage_s in used_s.items():
        share = of_stage_s / total_s if total_s else 0.0
        margin = CONFIDENCE_Z * math.sqrt(share * (1 - share) / total) if total else 1.0
        us = None if cpu_us_per_webhook is None else share * cpu_us_per_webhook
        costs.append(StageCost(stage, seen[stage], share, margin, us))
    return costs


def _stage(frame: Frame) -> str | None:
    for stage, files in STAGES:
        if any(file in frame.file for file in files):
            return stage
    return None

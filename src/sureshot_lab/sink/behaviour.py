"""How an endpoint answers: the behaviours of a scenario, dealt out and drawn request by request."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Sequence
from http import HTTPStatus

import msgspec

from sureshot_lab.errors import LabError
from sureshot_lab.scenario import Behaviour

P95_SIGMAS = 1.6448536269514722
"""How many standard deviations the 95th percentile of a normal distribution is above its median."""


class Reply(msgspec.Struct, frozen=True, gc=False, eq=False):
    """One way to answer. ``response``: the bytes to send; empty for a reset, and for no answer."""

    status: int
    response: bytes = b""
    reset: bool = False

    @property
    def success(self) -> bool:
        """Whether the sender may take the webhook for delivered."""
        return 200 <= self.status < 300


def reply(status: int, body: bytes = b"", retry_after_s: int | None = None) -> Reply:
    """Return a reply with *status*, and with ``Retry-After`` if given."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Status"
    head = f"HTTP/1.1 {status} {phrase}\r\ncontent-length: {len(body)}\r\n"
    if retry_after_s is not None:
        head += f"retry-after: {retry_after_s}\r\n"
    return Reply(status, head.encode() + b"\r\n" + body)


OK = reply(200)
UNAVAILABLE = reply(503)
UNAUTHORIZED = reply(401)
NOT_FOUND = reply(404, b"a sink receives at /e/0, /e/1 and so on\n")
SILENCE = Reply(0)
RESET = Reply(0, reset=True)


def assign(behaviours: Sequence[Behaviour], count: int) -> list[Behaviour | None]:
    """Return the behaviour of each of *count* endpoints; None answers 200 at once.

    The first share of the endpoints gets the first behaviour, the share after it
    the second, and so on; each gets one endpoint at least.

    Raises:
        LabError: the shares do not fit, or a behaviour contradicts itself.

    """
    dealt: list[Behaviour | None] = []
    told = 0.0
    for number, behaviour in enumerate(behaviours):
        _refuse_contradiction(number, behaviour)
        told += behaviour.share
        dealt += [behaviour] * max(1, round(told * count) - len(dealt))
    if told > 1 + 1e-9 or len(dealt) > count:
        raise LabError(
            f"the behaviours' shares add up to {told:g}, {len(dealt)} of {count} endpoints: "
            "at most 1 in all, and an endpoint for each"
        )
    return dealt + [None] * (count - len(dealt))


def _refuse_contradiction(number: int, behaviour: Behaviour) -> None:
    p95_s = behaviour.delay_p95_s
    rules = {
        "share must be above 0 and at most 1": 0 < behaviour.share <= 1,
        "delay_s must not be negative": behaviour.delay_s >= 0,
        "delay_p95_s must be at least delay_s, and delay_s above 0 with it": p95_s is None
        or p95_s >= behaviour.delay_s > 0,
        "failure_share must be between 0 and 1": 0 <= behaviour.failure_share <= 1,
        "status must be between 300 and 599, a failure": 300 <= behaviour.status <= 599,
        "retry_after_s must not be negative": (behaviour.retry_after_s or 0) >= 0,
        "flap_s must be above 0": behaviour.flap_s is None or behaviour.flap_s > 0,
        "hang and reset exclude each other": not (behaviour.hang and behaviour.reset),
        "capacity must be at least 1, and delay_s above 0 with it": behaviour.capacity is None
        or (behaviour.capacity >= 1 and behaviour.delay_s > 0),
        "queue must not be negative, and needs a capacity": behaviour.queue is None
        or (behaviour.queue >= 0 and behaviour.capacity is not None),
    }
    for rule, kept in rules.items():
        if not kept:
            raise LabError(f"sink.behaviour {number + 1}: {rule}")


class Conduct:
    """One endpoint's behaviour at work; *now_s* and *began_s* are of one monotonic clock.

    Every endpoint draws from a generator of its own: what it does depends on
    *seed*, *index* and how many requests it got, not on what others get.
    """

    def __init__(self, behaviour: Behaviour, index: int, seed: int, began_s: float) -> None:
        self._behaviour = behaviour
        self._rng = random.Random(f"{seed}/{index}")  # noqa: S311 - a repeatable draw
        self._began_s = began_s
        self._failure = reply(behaviour.status, retry_after_s=behaviour.retry_after_s)
        p95_s = behaviour.delay_p95_s
        self._sigma = 0.0 if p95_s is None else math.log(p95_s / behaviour.delay_s) / P95_SIGMAS
        self._desks = [began_s] * (behaviour.capacity or 0)
        self._ends: list[float] = []

    def decide(self, now_s: float) -> tuple[Reply, float]:
        """Return how to answer a request that came at *now_s*, and after how many seconds."""
        if self._is_well(now_s):
            return OK, 0.0
        behaviour = self._behaviour
        if behaviour.hang:
            return SILENCE, 0.0
        delay_s = self._delay_s()
        if self._desks:
            if self._is_full(now_s):
                return self._failure, 0.0
            delay_s = self._in_line(now_s, delay_s)
        if behaviour.reset:
            return RESET, delay_s
        failing = behaviour.failure_share > 0 and self._rng.random() < behaviour.failure_share
        return self._failure if failing else OK, delay_s

    def _is_well(self, now_s: float) -> bool:
        flap_s = self._behaviour.flap_s
        return flap_s is not None and int((now_s - self._began_s) // flap_s) % 2 == 0

    def _is_full(self, now_s: float) -> bool:
        queue, ends = self._behaviour.queue, self._ends
        while ends and ends[0] <= now_s:
            heapq.heappop(ends)
        return queue is not None and len(ends) >= len(self._desks) + queue

    def _in_line(self, now_s: float, work_s: float) -> float:
        """Return after how long a request is done that takes *work_s* once its turn has come."""
        end_s = max(now_s, self._desks[0]) + work_s
        heapq.heapreplace(self._desks, end_s)
        heapq.heappush(self._ends, end_s)
        return end_s - now_s

    def _delay_s(self) -> float:
        if self._sigma == 0:
            return self._behaviour.delay_s
        return self._behaviour.delay_s * math.exp(self._rng.gauss(0.0, self._sigma))

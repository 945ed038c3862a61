"""One attempt at one webhook: through its lane, signed, sent, decided, handed to the recorder."""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta

from sureshot.delivery.closer import Closer
from sureshot.delivery.destination import Destination
from sureshot.delivery.directory import Directory
from sureshot.delivery.lane import Admission, Lane
from sureshot.delivery.lanes import Lanes
from sureshot.delivery.recorder import Recorder
from sureshot.domain.model import Attempt, Decision, ErrorKind, Lease, Outcome, Result, WebhookState
from sureshot.domain.retry import is_strain, slow_down_s
from sureshot.domain.signature import signature_headers
from sureshot.ports import FULL, Clock, OutgoingRequest, Sender
from sureshot.telemetry.logging import get_logger
from sureshot.telemetry.metrics import Metrics

LEASE_MARGIN_S = 5.0
"""What must be left of a lease beyond the attempt's timeout, to have it recorded in time."""

AFTER_AN_ERROR_S = 60.0
DOUBT_S = 0.1
"""How often a lane looks whether its waiting leases are certainly this process's again."""
VOIDED_REMEMBERED = 100_000

log = get_logger()

DELIVERED = Decision(WebhookState.DELIVERED)


class Dispatcher:
    """Takes a lease through its lane to an outcome, and decides what follows.

    Everything here runs as plain calls on the event loop: a lease that may be
    sent is on the wire when ``deliver`` returns.
    """

    def __init__(
        self,
        directory: Directory,
        lanes: Lanes,
        sender: Sender,
        recorder: Recorder,
        clock: Clock,
        rng: random.Random,
        metrics: Metrics,
        trusted: Callable[[], bool],
    ) -> None:
        """*trusted* tells whether this process is certainly not given up for dead."""
        self._directory = directory
        self._lanes = lanes
        self._sender = sender
        self._recorder = recorder
        self._clock = clock
        self._rng = rng
        self._metrics = metrics
        self._trusted = trusted
        self.closer = Closer(directory, clock, self.give_back)
        self.stopped = False
        self._voided: OrderedDict[str, None] = OrderedDict()
        self._held_up: OrderedDict[str, Lane] = OrderedDict()
        recorder.on_caught_up = self._go_on

    def deliver(self, lease: Lease) -> None:
        """Send *lease* now, let it wait in its lane, or give it back unspent."""
        destination = self._destination(lease)
        if destination is None:
            return
        lane = self._lanes.of(lease.lane, destination)
        if lane.waiting:
            self._wait(lane, lease)
            return
        admission = lane.admit(self._clock.monotonic(), self._lanes.share())
        if admission is Admission.SEND:
            self._send(lane, lease, destination)
        elif admission is Admission.WAIT:
            self._wait(lane, lease)
        else:
            self.give_back(lease)

    def _destination(self, lease: Lease) -> Destination | None:
        """Return where *lease* goes; None when it may go nowhere now, and is taken care of."""
        destination = None if self.stopped else self._directory.destination(lease)
        if destination is not None and destination.enabled:
            return destination
        if self.stopped or lease.endpoint_id is None:
            self.give_back(lease)
        else:
            self.closer.stray(lease, lease.endpoint_id)
        return None

    def void(self, webhook_id: str) -> None:
        """Do not send this webhook although a lease for it may be on its way: it is cancelled."""
        self._voided[webhook_id] = None
        if len(self._voided) > VOIDED_REMEMBERED:
            self._voided.popitem(last=False)

    def unvoid(self, webhook_id: str) -> None:
        """Forget that a webhook was cancelled: it is to be tried again."""
        self._voided.pop(webhook_id, None)

    def give_back(self, lease: Lease, due_at: datetime | None = None) -> None:
        """Release *lease* unspent; if it was its lane's probe, another may be made at once."""
        self._lanes.probe_lost(lease.lane)
        self._recorder.release(lease, due_at)

    def postpone(self, lease: Lease) -> None:
        """Give *lease* back for a minute: something unforeseen went wrong with it."""
        self.give_back(lease, self._clock.now() + timedelta(seconds=AFTER_AN_ERROR_S))

    def _send(self, lane: Lane, lease: Lease, destination: Destination) -> None:
        if self._voided and lease.webhook_id in self._voided:
            self.unvoid(lease.webhook_id)
            self.give_back(lease)
            return
        started_at = self._clock.now()
        signature = signature_headers(
            destination.keys, lease.webhook_id, int(started_at.timestamp()), lease.payload
        )
        request = OutgoingRequest(
            destination.target,
            lease.method,
            destination.header_text_with(lease.headers) + signature,
            lease.payload,
            lease.timeout_s or destination.timeout_s,
            lease.tenant,
        )
        self._lanes.began(lane)
        delivery = _Delivery(self, lane, lease, destination, started_at)
        self._sender.send(request, delivery.done)

    def finish(
        self,
        lane: Lane,
        lease: Lease,
        destination: Destination,
        started_at: datetime,
        outcome: Outcome,
    ) -> None:
        """Account for *outcome* in the lane, decide, and hand over to the recorder."""
        self._lanes.ended(lane)
        if outcome.error is ErrorKind.SENDER_CLOSED and outcome.status is None:
            self.give_back(lease)
            return
        status = outcome.status
        if status is not None and 200 <= status < 300:
            decision = DELIVERED
            self._went_well(lane, lease, outcome)
        else:
            now = self._clock.now()
            decision = destination.policy.decide(outcome, lease.schedule_step, now, self._rng)
            self._went_wrong(lane, lease, outcome, decision)
        attempt = Attempt(lease.attempt_number, started_at, outcome)
        self._recorder.record(Result(lease, attempt, decision))
        if lane.waiting or lane.marked == FULL:
            self.pump(lane)
        self._lanes.settle(lane)

    # -- what an outcome means for the lane ---------------------------------

    def _went_well(self, lane: Lane, lease: Lease, outcome: Outcome) -> None:
        metrics = self._metrics
        metrics.attempts["2xx"] += 1
        metrics.delivery_duration.observe(outcome.duration_s)
        if lease.attempt_number == 1:
            age = self._clock.now() - (lease.due_at or lease.created_at)
            metrics.end_to_end.observe(age.total_seconds())
        now_s = self._clock.monotonic()
        lane.breaker.success(now_s)
        if lane.adaptive is not None:
            lane.adaptive.succeeded(outcome.duration_s, lane.in_flight + 1, now_s)
        if lane.marked is not None and lane.marked != FULL:
            self._lanes.open(lane)

    def _went_wrong(self, lane: Lane, lease: Lease, outcome: Outcome, decision: Decision) -> None:
        status = outcome.status
        self._metrics.attempts[str(outcome.error) if status is None else f"{status // 100}xx"] += 1
        self._metrics.delivery_duration.observe(outcome.duration_s)
        if decision.disable_endpoint and lease.endpoint_id is not None:
            self.closer.gone(lease.endpoint_id)
        now_s = self._clock.monotonic()
        in_trouble = status is None or status >= 500 or status in {408, 429}
        opened_s = lane.breaker.failure(now_s) if in_trouble else None
        if not in_trouble:
            lane.breaker.success(now_s)
        if lane.adaptive is not None and is_strain(outcome):
            lane.adaptive.strained(outcome.duration_s, lane.in_flight + 1, now_s)
        patience_s = slow_down_s(outcome)
        if opened_s is not None:
            self._lanes.close(lane, max(opened_s, patience_s or 0.0), "breaker_open")
        elif patience_s is not None:
            self._lanes.close(lane, patience_s, "overloaded")
        elif lane.marked is not None and lane.marked != FULL and lane.closed_until_s <= now_s:
            self._lanes.open(lane)
        if lane.waiting and lane.closed_until_s > now_s:
            self._release_waiting(lane)

    # -- the waiting room ---------------------------------------------------

    def _wait(self, lane: Lane, lease: Lease) -> None:
        if not lane.has_room(self._lanes.share()):
            self._lanes.overflowed(lane)
            self.give_back(lease)
            return
        lane.waiting.append(lease)
        self.pump(lane)

    def pump(self, lane: Lane) -> None:
        """Start what may start of the leases waiting in *lane*."""
        if lane.timer is not None:
            lane.timer.cancel()
            lane.timer = None
        if lane.waiting and not self._trusted():
            # Others may have taken these over. A heartbeat tells; they are given back then.
            self._pump_later(lane, DOUBT_S)
            return
        while lane.waiting:
            if self._recorder.behind:
                self._held_up[lane.key] = lane
                return
            now_s = self._clock.monotonic()
            admission = lane.admit(now_s, self._lanes.share())
            if admission is Admission.REFUSE:
                self._release_waiting(lane)
                break
            if admission is Admission.WAIT:
                if lane.bucket is not None:
                    self._pump_later(lane, max(lane.bucket.wait_s(now_s), 0.001))
                break
            self._start_waiting(lane)
        self._open_drained(lane)

    def _go_on(self) -> None:
        """Pump a lane that stopped because the recorder was behind, and then the next one."""
        if not self._held_up or self._recorder.behind:
            return
        _key, lane = self._held_up.popitem(last=False)
        asyncio.get_running_loop().call_soon(self._go_on)
        if lane.waiting:
            self.pump(lane)

    def _renew_limits(self, lane: Lane) -> bool:
        """Have *lane* keep to its endpoint's limits as they are by now; whether they changed."""
        destination = self._directory.destination(lane.waiting[0]) if lane.waiting else None
        if destination is None:
            return False
        before = lane.limits
        self._lanes.of(lane.key, destination)
        return lane.limits != before

    def _open_drained(self, lane: Lane) -> None:
        if lane.marked == FULL and lane.has_drained(self._lanes.share()):
            self._lanes.open(lane)

    def _start_waiting(self, lane: Lane) -> None:
        lease = lane.waiting.popleft()
        try:
            destination = self._destination(lease)
            if destination is not None:
                self._send(lane, lease, destination)
        except Exception:
            # One that cannot be sent must not keep those behind it.
            log.exception("delivery.failed", webhook_id=lease.webhook_id)
            self.postpone(lease)

    def _pump_later(self, lane: Lane, wait_s: float) -> None:
        lane.timer = asyncio.get_running_loop().call_later(wait_s, self.pump, lane)

    def _release_waiting(self, lane: Lane) -> None:
        while lane.waiting:
            self._recorder.release(lane.waiting.popleft())

    def release_all_waiting(self) -> None:
        """Give every waiting lease back: a pause or a shutdown begins, or others have them."""
        for lane in self._lanes.waiting():
            self._release_waiting(lane)
            self._open_drained(lane)

    def release_expiring(self) -> None:
        """Give back the waiting leases that would end before an attempt could.

        Where limits changed the others may start sooner than was thought.
        """
        now = self._clock.now()
        for lane in self._lanes.waiting():
            self._release_ending(lane, now)
            if self._renew_limits(lane):
                self.pump(lane)
            self._open_drained(lane)

    def _release_ending(self, lane: Lane, now: datetime) -> None:
        if not lane.waiting:
            return
        usual_s = self._directory.timeout_s(lane.waiting[0]) + LEASE_MARGIN_S
        usual = now + timedelta(seconds=usual_s)
        # All of them: behind one that has time enough may wait another that takes longer.
        for _ in range(len(lane.waiting)):
            lease = lane.waiting.popleft()
            needs = usual if lease.timeout_s is None else self._needs(lease, now)
            if lease.expires_at < needs:
                self._recorder.release(lease)
            else:
                lane.waiting.append(lease)

    def ends_too_soon(self, lease: Lease, now: datetime) -> bool:
        """Whether *lease* would end before an attempt begun *now* is certainly recorded."""
        return lease.expires_at < self._needs(lease, now)

    def _needs(self, lease: Lease, now: datetime) -> datetime:
        timeout_s = lease.timeout_s or self._directory.timeout_s(lease)
        return now + timedelta(seconds=timeout_s + LEASE_MARGIN_S)


class _Delivery:
    """What is known about a request under way, until its outcome arrives."""

    __slots__ = ("destination", "dispatcher", "lane", "lease", "started_at")

    def __init__(
        self,
        dispatcher: Dispatcher,
        lane: Lane,
        lease: Lease,
        destination: Destination,
        started_at: datetime,
    ) -> None:
        self.dispatcher = dispatcher
        self.lane = lane
        self.lease = lease
        self.destination = destination
        self.started_at = started_at

    def done(self, outcome: Outcome) -> None:
        """Finish; an error in there costs this lease a delay, and nobody else anything."""
        try:
            self.dispatcher.finish(
                self.lane, self.lease, self.destination, self.started_at, outcome
            )
        except Exception:
            log.exception("delivery.failed", webhook_id=self.lease.webhook_id)
            self.dispatcher.postpone(self.lease)

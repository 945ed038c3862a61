"""The policies on trial: an HPA on CPU, KEDA on depth, and the service's own advisor."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Protocol

from sureshot.domain.scaling.advisor import Advisor, Observation
from sureshot.domain.scaling.behaviour import Behaviour, Direction, Unit
from sureshot.domain.scaling.behaviour import Policy as Limit
from sureshot.domain.scaling.decision import Rules
from sureshot.domain.scaling.work import Work
from sureshot_lab.scaling.deployment import Seen, Site
from sureshot_lab.scaling.hpa import SYNC_S, Controller, NoMetrics, Pod, desired_by_utilisation
from sureshot_lab.scaling.keda import Keda, Trigger

SCRAPE_S = 15.0
"""What is known of a pod's CPU is a mean over this, and up to this old (metrics-server)."""
REQUEST = 1000
DECIDES_S = 5.0
"""A forecast looks so much further ahead than a replica takes to start."""


KEDA_BEHAVIOUR = Behaviour(down=Direction(0.0, (Limit(Unit.PERCENT, 100, 15.0),)))
"""How the HPA behind the ScaledObject of ``components/keda`` moves: down without a window, since
the number it follows is steadied already."""


class Policy(Protocol):
    """Decides after every step how many replicas there are to be."""

    name: str

    def wanted(self, seen: Seen) -> int:
        """Return how many; the present number when it is not its turn."""
        ...


class HpaOnCpu:
    """A HorizontalPodAutoscaler as ``autoscaling/hpa.yaml`` has it: 70 % of the CPU."""

    name = "HPA on CPU"

    def __init__(self, site: Site, target_percent: int = 70) -> None:
        self._site = site
        self._target_percent = target_percent
        self._controller = Controller(site.least, site.most)
        self._used: deque[float] = deque(maxlen=round(SCRAPE_S))
        self._scraped = 0.0

    def wanted(self, seen: Seen) -> int:
        """See ``Policy.wanted``."""
        self._used.append(seen.used)
        if seen.at_s % SCRAPE_S == 0:
            self._scraped = sum(self._used) / len(self._used)
        current = len(seen.started_s)
        if seen.at_s % SYNC_S:
            return current
        try:
            desired = desired_by_utilisation(self._pods(seen), current, self._target_percent)
        except NoMetrics:
            return self._controller.scale(seen.at_s, current, None)
        return self._controller.scale(seen.at_s, current, desired)

    def _pods(self, seen: Seen) -> list[Pod]:
        usage = round(REQUEST * self._scraped)
        # The samples of a pod count once a whole window lies after it got ready.
        counts_s = self._site.starts_s + SCRAPE_S
        return [Pod(usage, ready=seen.at_s - at_s >= counts_s) for at_s in seen.started_s]


class KedaOnDepth:
    """A ScaledObject on the queue's depth alone, as KEDA's RabbitMQ trigger in QueueLength."""

    name = "KEDA on depth"

    def __init__(self, site: Site, trigger: Trigger) -> None:
        self._trigger = trigger
        self._keda = Keda(trigger, site.least, site.most)

    def wanted(self, seen: Seen) -> int:
        """See ``Policy.wanted``."""
        current = len(seen.started_s)
        if seen.at_s % self._trigger.polls_s == 0:
            current = self._keda.activate(seen.at_s, current, seen.depth)
        if seen.at_s % SYNC_S == 0:
            current = self._keda.scale(seen.at_s, current, seen.depth)
        return current


class Sureshot:
    """The service's own, deciding every second on what its heartbeats tell: ``sureshot up``."""

    name = "Sureshot"

    def __init__(self, site: Site, rules: Rules | None = None) -> None:
        bounded = replace(rules or Rules(), least=site.least, most=site.most)
        self._advisor = Advisor(bounded, lead_s=site.starts_s + DECIDES_S, slots=site.slots)

    def wanted(self, seen: Seen) -> int:
        """See ``Policy.wanted``."""
        each = Work(1.0, seen.done / max(1, seen.ready), seen.in_flight, seen.used)
        work = (each,) * seen.ready
        return self._advisor.observe(
            Observation(seen.at_s, 1.0, seen.ready, seen.arrived, work, seen.queued)
        ).wanted


class SureshotByKeda:
    """The same number through KEDA's metrics-api trigger: one replica for each it wants.

    As ``components/keda`` has it: that trigger alone, and no downward window behind it.
    """

    name = "Sureshot by KEDA"

    def __init__(self, site: Site, rules: Rules | None = None) -> None:
        self._own = Sureshot(site, rules)
        self._keda = Keda(Trigger(queue_length=1.0), site.least, site.most, KEDA_BEHAVIOUR)

    def wanted(self, seen: Seen) -> int:
        """See ``Policy.wanted``."""
        wanted, current = self._own.wanted(seen), len(seen.started_s)
        if seen.at_s % SYNC_S:
            return current
        return self._keda.scale(seen.at_s, current, wanted)

"""What one process of the service counted between two looks at its ``/metrics``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from sureshot_lab.sampler.exposition import Series, read_exposition
from sureshot_lab.sampler.http_get import HttpGet
from sureshot_lab.sampler.source import SourceUnreadable

READ = ("sureshot_", "http_", "process_")
RISING = ("_total", "_bucket", "_sum", "_count")
BORN = Series("process_start_time_seconds")


@dataclass(frozen=True)
class Scraped:
    """``gauges`` as of now, and by how much each counter rose within ``elapsed_s``.

    ``elapsed_s`` is None, and ``risen`` empty, when there was nothing to compare with.
    """

    gauges: Mapping[Series, float]
    risen: Mapping[Series, float] = field(default_factory=dict)
    elapsed_s: float | None = None


class Scrape:
    """Reads one process's metrics, and is not misled when another one answers in its place."""

    def __init__(self, url: str) -> None:
        """*url*: of the service, or of its metrics. No request is made yet."""
        path = urlsplit(url).path.rstrip("/")
        self.url = url
        self._http = HttpGet(url)
        self._path = path if path.endswith("/metrics") else f"{path}/metrics"
        self._since_s = time.time()
        self._last_s = time.monotonic()
        self._counted: dict[float, tuple[float, Mapping[Series, float]]] = {}

    async def read(self) -> Scraped:
        """Return the counts since the last read. Raises ``SourceUnreadable``."""
        body = await self._http.fetch(self._path)
        at_s = time.monotonic()
        try:
            values = read_exposition(body.decode(), READ)
        except ValueError as error:
            raise SourceUnreadable(f"{self.url} does not answer with metrics: {error}") from None
        rising = {name: value for name, value in values.items() if name.name.endswith(RISING)}
        gauges = {name: value for name, value in values.items() if name not in rising}
        before = self._before(gauges.get(BORN, 0.0))
        self._counted[gauges.get(BORN, 0.0)] = (at_s, rising)
        self._last_s = at_s
        if before is None or at_s <= before[0]:
            return Scraped(gauges)
        return Scraped(gauges, _risen(before[1], rising), at_s - before[0])

    async def close(self) -> None:
        """Disconnect."""
        await self._http.close()

    def _before(self, born_s: float) -> tuple[float, Mapping[Series, float]] | None:
        """Return when the process that was born then had counted what; None when unknown.

        One that is younger than this reader counted from 0 since the last read.
        """
        if born_s not in self._counted and born_s > self._since_s:
            return self._last_s, {}
        return self._counted.get(born_s)


def _risen(before: Mapping[Series, float], now: Mapping[Series, float]) -> dict[Series, float]:
    """Return the differences. If any counter fell, all were set back to 0 in between."""
    if any(value < before.get(name, 0.0) for name, value in now.items()):
        return dict(now)
    return {name: value - before.get(name, 0.0) for name, value in now.items()}

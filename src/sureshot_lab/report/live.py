"""A run while it goes on: redrawn in place on a terminal, a line every 5 s elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sureshot_lab.report.figures import clock, figure
from sureshot_lab.report.terminal import printable

BLOCKS = "▁▂▃▄▅▆▇█"
HISTORY = 20
NAMES, FIGURES = 10, 46
"""How wide the columns of the drawing are; with the line of history it is 76."""
LINE_EVERY_S = 5.0
BAR = 30


@dataclass(frozen=True, kw_only=True)
class LiveState:
    """What is known of a run at one moment; None where it is not known.

    ``rates_per_s`` and ``latencies_s`` (p99) are the last seconds, oldest first.
    """

    scenario: str
    elapsed_s: float
    total_s: float
    phase: str = ""
    intended_per_s: float | None = None
    achieved_per_s: float | None = None
    accepted: int = 0
    delivered: int = 0
    failed: int = 0
    dropped: int = 0
    p50_s: float | None = None
    p95_s: float | None = None
    p99_s: float | None = None
    in_flight: int | None = None
    backlog: int | None = None
    queue_depth: int | None = None
    service_cpu_cores: float | None = None
    rss_bytes: float | None = None
    message: str = ""
    rates_per_s: Sequence[float] = field(default=())
    latencies_s: Sequence[float | None] = field(default=())

    @property
    def left_s(self) -> float:
        """How long the run still takes."""
        return max(0.0, self.total_s - self.elapsed_s)


class LiveView:
    """Shows the newest state. Use it as a context manager: leaving frees the terminal."""

    def __init__(self, console: Console | None = None, *, line_every_s: float = LINE_EVERY_S):
        self._console = console or Console(highlight=False)
        self._line_every_s = line_every_s
        self._live: Live | None = None
        self._told_at_s: float | None = None
        self._told: tuple[str, str] = ("", "")

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, state: LiveState) -> None:
        """Show *state*; without a terminal only when 5 s have passed, or phase or message change.

        Does not block for longer than it takes to write.
        """
        if self._live is not None:
            self._live.update(render_state(state), refresh=True)
        elif self._is_due(state):
            self._console.print(line_of(state), markup=False, highlight=False, soft_wrap=True)

    def _is_due(self, state: LiveState) -> bool:
        news = (state.phase, state.message)
        waited = self._told_at_s is None or state.elapsed_s - self._told_at_s >= self._line_every_s
        if news == self._told and not waited:
            return False
        self._told, self._told_at_s = news, state.elapsed_s
        return True


def line_of(state: LiveState) -> str:
    """Return *state* on one line, without colours."""
    parts = [
        f"{clock(state.elapsed_s)} of {clock(state.total_s)}",
        state.phase,
        f"{_rate(state.achieved_per_s)} of {_rate(state.intended_per_s)}",
        _latencies(state),
        f"in flight {_count(state.in_flight)}",
        f"queue {_count(state.queue_depth)}",
        f"backlog {_count(state.backlog)}",
        f"CPU {figure(state.service_cpu_cores, 'cores')}",
        f"failed {state.failed:,}",
        f"dropped {state.dropped:,}",
        f"{clock(state.left_s)} left",
        state.message,
    ]
    return "  ".join(printable(part) for part in parts if part)


def render_state(state: LiveState) -> RenderableType:
    """Return *state* as it is drawn on a terminal, in 80 columns."""
    rate = f"{_rate(state.achieved_per_s)} of {_rate(state.intended_per_s)} intended"
    waiting = (
        f"in flight {_count(state.in_flight)}   queue {_count(state.queue_depth)}"
        f"   backlog {_count(state.backlog)}"
    )
    service = (
        f"CPU {figure(state.service_cpu_cores, 'cores')}"
        f"   memory {figure(state.rss_bytes, 'bytes')}"
    )
    return Group(
        _heading(state),
        _row("rate", rate, spark(state.rates_per_s)),
        _row("latency", _latencies(state), spark(state.latencies_s)),
        _row("webhooks").append_text(_webhooks(state)),
        _row("waiting", waiting),
        _row("service", service),
        Text(printable(state.message), style="yellow"),
    )


def _row(name: str, text: str = "", line: str = "") -> Text:
    row = Text(no_wrap=True, overflow="ellipsis")
    row.append(f"{name:<{NAMES}}", style="dim").append(f"{text:<{FIGURES}}" if line else text)
    return row.append(line, style="cyan")


def spark(values: Sequence[float | None]) -> str:
    """Return the last values as blocks of a height each, blank where nothing is known."""
    newest = list(values)[-HISTORY:]
    top = max((value for value in newest if value is not None), default=0.0)
    if top <= 0:
        return ""
    highest = len(BLOCKS) - 1
    return "".join(
        " " if value is None else BLOCKS[round(highest * max(0.0, value) / top)] for value in newest
    )


def _heading(state: LiveState) -> Table:
    heading = Table.grid(padding=(0, 2, 0, 0))
    total_s = max(state.total_s, 1e-9)
    done = min(1.0, state.elapsed_s / total_s)
    heading.add_row(
        Text(printable(state.scenario), style="bold"),
        Text(printable(state.phase), style="cyan"),
        ProgressBar(total=total_s, completed=done * total_s, width=BAR),
        Text(f"{clock(state.elapsed_s)} of {clock(state.total_s)}"),
        Text(f"{clock(state.left_s)} left", style="dim"),
    )
    return heading


def _webhooks(state: LiveState) -> Text:
    text = Text(f"{state.accepted:,} accepted   {state.delivered:,} delivered   ")
    text.append(f"{state.failed:,} failed", style="red" if state.failed else "dim")
    text.append("   ")
    return text.append(f"{state.dropped:,} dropped", style="red" if state.dropped else "dim")


def _latencies(state: LiveState) -> str:
    told = (("p50", state.p50_s), ("p95", state.p95_s), ("p99", state.p99_s))
    return "   ".join(f"{name} {figure(value, 's')}" for name, value in told)


def _rate(value: float | None) -> str:
    return figure(value, "per_s")


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"

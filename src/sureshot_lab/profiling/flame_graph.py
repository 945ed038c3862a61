"""A flame graph as one SVG without scripts: width is time, hover tells the figures.

The form is Gregg's, "The Flame Graph", CACM 59(6), 2016: the outermost function at the
bottom, what it called above it, in alphabetical order and not in that of time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from sureshot_lab.profiling.stacks import Frame, Profile
from sureshot_lab.profiling.stages import LOOP, STAGES, stage_of

WIDTH = 1200.0
ROW = 17
TOP = 46
LEAST_WIDTH = 0.4
"""What is narrower is not drawn: it could not be seen, and would be most of the file."""
LETTER = 6.6
COLOURS = (
    "#7aa6d8", "#e8b04b", "#8fbf6f", "#c58fd1", "#e58a6b", "#63b8b0", "#d9738f", "#b0a080",
    "#b8bec6",
)  # fmt: skip


@dataclass
class _Node:
    """A function at one place of the tree, with the CPU seconds in it and above it."""

    frame: Frame
    stage: str
    cpu_s: float = 0.0
    calls: dict[Frame, _Node] = field(default_factory=dict)

    @property
    def depth(self) -> int:
        """How many rows it takes with all above it."""
        return 1 + max((node.depth for node in self.calls.values()), default=0)


def flame_graph(profile: Profile, title: str) -> str:
    """Return the SVG of *profile*; a stage of the delivery line has a colour of its own."""
    root = _tree(profile)
    height = TOP + ROW * root.depth + 8
    parts: list[str] = []
    _draw(root, 0.0, WIDTH / (root.cpu_s or 1.0), height - 8 - ROW, root.cpu_s, parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {height}" '
        f'font-family="monospace" font-size="11" role="img">'
        f"<title>{escape(title)}</title>"
        f'<rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="6" y="16" font-size="13">{escape(title)}</text>'
        f"{_legend()}{''.join(parts)}</svg>\n"
    )


def _tree(profile: Profile) -> _Node:
    root = _Node(Frame("all"), LOOP, profile.total_s)
    for stack, used_s in profile.cpu_s.items():
        node = root
        for depth, frame in enumerate(stack, 1):
            if frame not in node.calls:
                node.calls[frame] = _Node(frame, stage_of(stack[:depth]))
            node = node.calls[frame]
            node.cpu_s += used_s
    return root


def _draw(
    node: _Node, x: float, unit: float, y: float, total_s: float, parts: list[str]
) -> None:  # fmt: skip
    width = node.cpu_s * unit
    if width < LEAST_WIDTH:
        return
    frame = node.frame
    told = f"{frame.function} {frame.place}: {node.cpu_s:.3g} s, {node.cpu_s / total_s:.1%}"
    room = int(width / LETTER)
    text = frame.function if len(frame.function) <= room else f"{frame.function[: room - 1]}…"
    parts.append(
        f'<g><title>{escape(told)}</title><rect x="{x:.1f}" y="{y:.0f}" width="{width:.1f}" '
        f'height="{ROW - 1}" fill="{_colour(node.stage)}"/>'
    )
    if room > 3:
        parts.append(f'<text x="{x + 3:.1f}" y="{y + 12:.0f}">{escape(text)}</text>')
    parts.append("</g>")
    for called in sorted(node.calls.values(), key=lambda one: (one.frame.function, one.frame.file)):
        _draw(called, x, unit, y - ROW, total_s, parts)
        x += called.cpu_s * unit


def _legend() -> str:
    x, parts = 6.0, []
    for stage in [*(name for name, _files in STAGES), LOOP]:
        parts.append(
            f'<rect x="{x:.0f}" y="26" width="10" height="10" fill="{_colour(stage)}"/>'
            f'<text x="{x + 14:.0f}" y="35">{escape(stage)}</text>'
        )
        x += 30 + LETTER * len(stage)
    return "".join(parts)


def _colour(stage: str) -> str:
    names = [name for name, _files in STAGES]
    return COLOURS[names.index(stage)] if stage in names else COLOURS[-1]

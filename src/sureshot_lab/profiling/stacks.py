"""Stacks and the CPU each stands for: read from py-spy, weighed by thread, summed by function."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from sureshot_lab.errors import UnreadableResult
from sureshot_lab.profiling.spy import RATE_PER_S, Recording

THREAD = re.compile(r"thread \((?P<id>\d+)\).*")
FRAME = re.compile(r"(?P<function>.+) \((?P<file>[^()]*?)(?::(?P<line>\d+))?\)")


@dataclass(frozen=True, slots=True)
class Frame:
    """One function on a stack; ``file`` is empty for what has none, ``line`` its first."""

    function: str
    file: str = ""
    line: int = 0

    @property
    def place(self) -> str:
        """The file from its package on, and the line: ``sureshot/delivery/sender.py:41``."""
        for mark in ("/site-packages/", "/src/"):
            _before, found, after = self.file.rpartition(mark)
            if found:
                return f"{after}:{self.line}"
        return f"{'/'.join(self.file.split('/')[-2:])}:{self.line}" if self.file else ""


Stack = tuple[Frame, ...]
"""From the outermost function to the one that ran."""


@dataclass(frozen=True)
class Function:
    """A function's share of the CPU: by itself, and with what it called."""

    frame: Frame
    own: float
    whole: float


@dataclass
class Profile:
    """What was recorded: of each stack the CPU seconds it stands for, and its samples."""

    cpu_s: dict[Stack, float] = field(default_factory=dict)
    samples: Counter[Stack] = field(default_factory=Counter)

    @property
    def total_s(self) -> float:
        """CPU seconds of all stacks."""
        return sum(self.cpu_s.values())


def read_profile(recordings: Iterable[Recording]) -> Profile:
    """Return all *recordings* together.

    A thread's CPU seconds are shared out over its stacks by their samples; where the
    kernel does not tell them, a sample stands for its period.

    Raises:
        UnreadableResult: a file cannot be read, or is no list of collapsed stacks.

    """
    profile = Profile()
    frames: dict[str, Frame] = {}
    for recording in recordings:
        for thread, stacks in _threads(recording.path, frames).items():
            of_thread_s = recording.thread_cpu_s.get(thread, stacks.total() / RATE_PER_S)
            for stack, count in stacks.items():
                used_s = of_thread_s * count / stacks.total()
                profile.cpu_s[stack] = profile.cpu_s.get(stack, 0.0) + used_s
                profile.samples[stack] += count
    return profile


def top_functions(profile: Profile, limit: int = 25) -> list[Function]:
    """Return the functions that took the most CPU themselves, the first *limit*."""
    total_s = profile.total_s
    if not total_s:
        return []
    own: dict[Frame, float] = {}
    whole: dict[Frame, float] = {}
    for stack, used_s in profile.cpu_s.items():
        own[stack[-1]] = own.get(stack[-1], 0.0) + used_s / total_s
        # Once a stack: a function that calls itself ran no longer for it.
        for frame in set(stack):
            whole[frame] = whole.get(frame, 0.0) + used_s / total_s
    dearest = sorted(own, key=lambda frame: -own[frame])[:limit]
    return [Function(frame, own[frame], whole[frame]) for frame in dearest]


def _threads(path: Path, frames: dict[str, Frame]) -> dict[int, Counter[Stack]]:
    """Return the stacks of each thread in the file, by the thread's id."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError as error:
        raise UnreadableResult(f"{path} cannot be read: {error}") from None
    threads: dict[int, Counter[Stack]] = {}
    for line in filter(None, lines):
        text, _space, count = line.rpartition(" ")
        thread, _semicolon, rest = text.partition(";")
        found = THREAD.fullmatch(thread)
        if found is None or not count.isdigit():
            raise UnreadableResult(f"{path} is no list of stacks by thread: {line[:80]!r}")
        # A thread without a function of Python on it is in its interpreter.
        stack = tuple(_frame(one, frames) for one in (rest or "interpreter").split(";"))
        threads.setdefault(int(found["id"]), Counter())[stack] += int(count)
    return threads


def _frame(text: str, known: dict[str, Frame]) -> Frame:
    frame = known.get(text)
    if frame is None:
        found = FRAME.fullmatch(text)
        frame = known[text] = (
            Frame(found["function"], found["file"], int(found["line"] or 0))
            if found
            else Frame(text)
        )
    return frame

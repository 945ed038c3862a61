"""Rules with one number changed: what a unit test that is worth its name notices."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.observability.rule_files import Document

_OUTSIDE = re.compile(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"")
_NUMBER = re.compile(r"(?<![\w.:])(?<!\* )\d+(?:\.\d+)?(?![\w.:])")
"""Of a product the first factor: to change the other says the same again."""
_WINDOW = re.compile(r"\[(\d+[smhd])\]")
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def changed_alerts(rule: Document) -> Iterator[tuple[str, Document]]:
    """Yield *rule* with each number a little higher and lower, each with what was done."""
    expression: str = rule["expr"]
    masked = _OUTSIDE.sub(lambda part: "_" * len(part[0]), expression)
    for number in _NUMBER.finditer(masked):
        for other in _nearby(number[0]):
            changed = expression[: number.start()] + other + expression[number.end() :]
            yield f"{number[0]} -> {other}", {**rule, "expr": changed}
    if "for" in rule:
        hold_s = _seconds(rule["for"])
        for factor in (0.5, 1.5):
            yield f"for {factor} times as long", {**rule, "for": f"{round(hold_s * factor)}s"}


def windows_halved(expression: str) -> str:
    """Return *expression* over half as long windows."""
    return _WINDOW.sub(lambda window: f"[{_seconds(window[1]) // 2}s]", expression)


def _nearby(number: str) -> tuple[str, str]:
    if "." in number:
        return f"{float(number) * 1.1:.9g}", f"{float(number) * 0.9:.9g}"
    whole = int(number)
    step = max(1, round(whole / 10))
    return str(whole + step), str(whole - step)


def _seconds(duration: str) -> int:
    return int(duration[:-1]) * _UNITS_S[duration[-1]]

"""Which generator carries out an offer."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sureshot_lab.errors import LabError, ToolMissing
from sureshot_lab.load.k6 import find_k6
from sureshot_lab.load.k6_load import offer_k6
from sureshot_lab.load.native import offer_native
from sureshot_lab.load.offer import Offer, Offered, Watch
from sureshot_lab.scenario import Kind

ENGINES = ("auto", "k6", "native")
K6_UP_TO_PER_S = 500.0
"""Above this k6 takes too much of the CPU that the service needs, where both share a machine."""


def choose_engine(engine: str, peak_per_s: float, kind: Kind, tenants: int = 1) -> str:
    """Return ``k6`` or ``native`` for *engine*, which may be ``auto``.

    ``auto`` is k6 up to 500 a second, if it is installed. A search for the limit is
    always native, and so are several tenants. Raises ``LabError`` for an unknown name, and
    for k6 as several tenants.
    """
    if engine not in ENGINES:
        raise LabError(f"engine {engine!r} must be one of {', '.join(ENGINES)}")
    if engine == "k6" and tenants > 1:
        raise LabError(f"k6 sends with one token, not as {tenants} tenants; use the engine native")
    if kind is Kind.BREAKPOINT or tenants > 1:
        return "native"
    if engine != "auto":
        return engine
    return "k6" if peak_per_s <= K6_UP_TO_PER_S and _has_k6() else "native"


async def offer_by(
    engine: str,
    offer: Offer,
    folder: Path,
    *,
    watch: Watch | None = None,
    stop: asyncio.Event | None = None,
) -> Offered:
    """Offer *offer* by *engine*, as ``choose_engine`` names it."""
    carry_out = offer_k6 if engine == "k6" else offer_native
    return await carry_out(offer, folder, watch=watch, stop=stop)


def _has_k6() -> bool:
    try:
        find_k6()
    except ToolMissing:
        return False
    return True

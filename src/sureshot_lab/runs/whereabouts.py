"""Where accepted webhooks are that no receiver has seen: waiting, given up, or lost."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

import msgspec

from sureshot_lab.errors import TargetUnreachable
from sureshot_lab.load.offer import Offered
from sureshot_lab.runs.client import ServiceClient
from sureshot_lab.sink.reconciliation import Reconciliation, reconcile
from sureshot_lab.sink.sink_result import SinkResult

PAGE = 200
MOST_PAGES = 500
MOST_ASKED = 2000
AT_ONCE = 8
TRIES, PAUSE_S = 10, 3.0


class Whereabouts(msgspec.Struct, frozen=True, kw_only=True):
    """``pending`` webhooks wait in the store for their next attempt; ``lost`` are nowhere.

    ``unnamed`` were accepted without an id in the answer: nobody can tell where they are.
    """

    found: Reconciliation
    pending: int = 0
    unnamed: int = 0


async def whereabouts(
    tenants: Sequence[ServiceClient], offered: Offered, received: SinkResult
) -> Whereabouts:
    """Reconcile, and ask the service about whatever is missing, as each of *tenants*."""
    found = reconcile(offered.accepted_ids, received)
    unnamed = offered.accepted - len(offered.accepted_ids)
    if not found.lost:
        return Whereabouts(found=found, unnamed=unnamed)
    pending, final = await asked(tenants, set(found.lost))
    lost = sorted(set(found.lost) - pending - final)
    undelivered = sorted({*found.undelivered, *final})
    return Whereabouts(
        found=Reconciliation(
            found.accepted, found.delivered, lost, undelivered, found.duplicates, found.strangers
        ),
        pending=len(pending),
        unnamed=unnamed,
    )


async def asked(tenants: Sequence[ServiceClient], missing: set[str]) -> tuple[set[str], set[str]]:
    """Return those of *missing* that wait, and those that were given up.

    A service in trouble is asked again for a while: what it cannot tell counts as lost.
    """
    for _try in range(TRIES):
        try:
            pending, final = set[str](), set[str]()
            for client in tenants:
                pending |= await _pending(client, missing)
                final |= await _final(client, missing - pending - final)
            return pending, final - pending
        except TargetUnreachable:
            await asyncio.sleep(PAUSE_S)
    return set(), set()


async def _pending(client: ServiceClient, missing: Collection[str]) -> set[str]:
    """Return those of *missing* that the service lists as not final."""
    found: set[str] = set()
    for state in ("queued", "retrying"):
        cursor = ""
        for _page in range(MOST_PAGES):
            path = f"/api/v1/webhooks?status={state}&limit={PAGE}{cursor}"
            status, page = await client.call("GET", path)
            if status != 200:
                break
            found |= {one["id"] for one in page["items"]} & set(missing)
            if not page.get("nextCursor"):
                break
            cursor = f"&cursor={page['nextCursor']}"
    return found


async def _final(client: ServiceClient, missing: Collection[str]) -> set[str]:
    """Return those of *missing* that ended as failed or cancelled: recorded, so not lost."""
    names = sorted(missing)[:MOST_ASKED]
    ended: set[str] = set()
    for first in range(0, len(names), AT_ONCE):
        some = names[first : first + AT_ONCE]
        answers = await asyncio.gather(
            *(client.call("GET", f"/api/v1/webhooks/{one}/status") for one in some)
        )
        ended |= {
            one
            for one, (status, body) in zip(some, answers, strict=True)
            if status == 200 and body["status"] in {"failed", "cancelled"}
        }
    return ended

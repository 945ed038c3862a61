"""What was accepted held against what arrived: the one proof that nothing was lost."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sureshot_lab.sink.sink_result import SinkResult


@dataclass(frozen=True)
class Reconciliation:
    """How *accepted* webhooks fared: ``accepted == delivered + len(lost) + len(undelivered)``.

    ``lost`` never came. ``undelivered`` came, and were never answered with success:
    they are the service's to retry, or dead letters. ``duplicates``: receipts after
    a success. ``strangers`` came and were not accepted as far as the client knows,
    whose answer may have got lost. Ids are sorted.
    """

    accepted: int
    delivered: int
    lost: list[str]
    undelivered: list[str]
    duplicates: int
    strangers: list[str]


def reconcile(accepted_ids: Collection[str], result: SinkResult) -> Reconciliation:
    """Hold *accepted_ids*, the webhooks answered 202, against what the sink received."""
    accepted = set(accepted_ids)
    received = set(result.ids)
    return Reconciliation(
        accepted=len(accepted),
        delivered=len(accepted & result.delivered_ids),
        lost=sorted(accepted - received),
        undelivered=sorted((accepted & received) - result.delivered_ids),
        duplicates=result.duplicates,
        strangers=sorted(received - accepted),
    )

"""From what a service was given to records of it: what is kept, what is left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from sureshot_lab.traffic.anonymise import Anonymiser
from sureshot_lab.traffic.history import Past
from sureshot_lab.traffic.recording import Record, UnreadableRecording

NOT_AN_OBJECT = "payload is no JSON object: a generator could not put its id into it"
NOT_REPLACEABLE = "payload cannot be made anonymous: nested too deep, or half a character in it"
REPLAYED_WITH = "POST"


@dataclass
class Told:
    """What became of the webhooks so far.

    ``left_out``: how many by reason. ``other_methods``: recorded, but sent by another
    method than POST, which a replay uses. ``together``: recorded, and created in the same
    millisecond as the one before, as those of a batch or of an event are; a replay
    submits each by itself. ``oldest_at``: when the last one seen was created.
    """

    recorded: int = 0
    payload_bytes: int = 0
    other_methods: int = 0
    together: int = 0
    oldest_at: datetime | None = None
    left_out: Counter[str] = field(default_factory=Counter)


class Recorder:
    """Makes records. Times count from *origin_at*; ``told`` is kept up to date.

    *anonymiser* replaces payloads and endpoints; without one they stay as they were.
    """

    def __init__(self, origin_at: datetime, anonymiser: Anonymiser | None) -> None:
        self._origin_at = origin_at
        self._anonymiser = anonymiser
        self.told = Told()

    def records(self, webhooks: Iterable[Past], most: int | None = None) -> Iterator[Record]:
        """Yield the records of *webhooks* in their order, *most* at most, one at a time."""
        told = self.told
        if most == 0:
            return
        for webhook in webhooks:
            record = self._record(webhook)
            together = webhook.created_at == told.oldest_at
            told.oldest_at = webhook.created_at
            if record is None:
                continue
            told.recorded += 1
            told.payload_bytes += len(bytes(record.payload))
            told.other_methods += webhook.method != REPLAYED_WITH
            told.together += together
            yield record
            if told.recorded == most:
                return

    def _record(self, webhook: Past) -> Record | None:
        if not bytes(webhook.payload).startswith(b"{"):
            self.told.left_out[NOT_AN_OBJECT] += 1
            return None
        record = Record(
            at_s=round((webhook.created_at - self._origin_at).total_seconds(), 6),
            event_type=webhook.event_type or "",
            endpoint=webhook.endpoint,
            payload=msgspec.Raw(bytes(webhook.payload)),
        )
        if self._anonymiser is None:
            return record
        try:
            return self._anonymiser.record(record)
        except UnreadableRecording:
            self.told.left_out[NOT_REPLACEABLE] += 1
            return None

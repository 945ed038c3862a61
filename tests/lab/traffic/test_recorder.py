"""What is kept of a webhook of the past, what is left out, and what is told of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from sureshot_lab.traffic.anonymise import Anonymiser
from sureshot_lab.traffic.history import Past
from sureshot_lab.traffic.recorder import NOT_AN_OBJECT, NOT_REPLACEABLE, Recorder

ORIGIN = datetime(2025, 6, 30, 12, tzinfo=UTC)


def past(payload: str = '{"name":"Ann"}', at_s: float = 1.5, **changes: object) -> Past:
    values: dict[str, object] = {
        "created_at": ORIGIN + timedelta(seconds=at_s),
        "url": "https://ann.example/hook",
        "endpoint_id": None,
        "method": "POST",
        "event_type": "a.b",
        "payload": msgspec.Raw(payload.encode()),
    }
    return Past(**values | changes)  # type: ignore[arg-type]


def test_without_an_anonymiser_all_stays_as_it_was() -> None:
    recorder = Recorder(ORIGIN, None)
    (record,) = recorder.records([past('{"name": "Ann"}')])
    assert (record.at_s, record.event_type, record.endpoint, record.payload_text) == (
        1.5, "a.b", "https://ann.example/hook", '{"name": "Ann"}',
    )  # fmt: skip


def test_with_one_nothing_that_was_said_is_left_and_sizes_stay() -> None:
    original = '{"name": "Ann", "letter": "\\u00e9", "list": [1, 2]}'
    (record,) = Recorder(ORIGIN, Anonymiser("salt")).records([past(original)])
    assert "Ann" not in record.payload_text
    assert "ann" not in record.endpoint
    assert len(record.payload_text.encode()) == len(original)
    assert list(json.loads(record.payload_text)) == ["name", "letter", "list"]


def test_an_endpoint_is_known_by_its_id_and_no_type_is_an_empty_one() -> None:
    (record,) = Recorder(ORIGIN, None).records([past(endpoint_id="ep_1", event_type=None)])
    assert (record.endpoint, record.event_type) == ("ep_1", "")


@pytest.mark.parametrize("payload", ["[1]", "17", '"text"', "null"])
def test_what_no_generator_can_send_is_left_out_and_counted(payload: str) -> None:
    recorder = Recorder(ORIGIN, None)
    assert len(list(recorder.records([past(), past(payload), past()]))) == 2
    assert recorder.told.recorded == 2
    assert recorder.told.left_out == {NOT_AN_OBJECT: 1}


def test_what_cannot_be_replaced_is_left_out_rather_than_kept() -> None:
    recorder = Recorder(ORIGIN, Anonymiser("salt"))
    deep = '{"a":' + "[" * 100_000 + "]" * 100_000 + "}"
    assert list(recorder.records([past(deep)])) == []
    assert recorder.told.left_out == {NOT_REPLACEABLE: 1}


def test_other_methods_and_batches_are_counted() -> None:
    recorder = Recorder(ORIGIN, None)
    webhooks = [past(at_s=9.0), *[past(at_s=5.0)] * 3, past(at_s=1.0, method="PUT")]
    assert len(list(recorder.records(webhooks))) == 5
    assert (recorder.told.other_methods, recorder.told.together) == (1, 2)


def test_no_more_is_asked_for_than_is_wanted() -> None:
    asked = 0

    def endless() -> Iterator[Past]:
        nonlocal asked
        while True:
            asked += 1
            yield past()

    assert len(list(Recorder(ORIGIN, None).records(endless(), 3))) == 3
    assert asked == 3

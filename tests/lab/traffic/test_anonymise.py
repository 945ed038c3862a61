"""What is left of a recording when its values are replaced: shapes, not secrets."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sureshot_lab.errors import LabError
from sureshot_lab.traffic.anonymise import Anonymiser, anonymised
from sureshot_lab.traffic.recording import Record, UnreadableRecording

SECRET = {
    "name": "Zoë Müller",
    "email": "zoe.mueller@acme-corp.com",
    "phone": "+44 20 7946 0123",
    "card": "4111111111111111",
    "userId": "6f1c8c52-4f0e-4f6e-9d6b-0b2f4d8a9c11",
    "city": "東京",
    "amount": 1234.56,
    "cents": -98765,
    "createdAt": "2025-06-30T23:59:59.123Z",
    "born": "1979-02-28",
    "link": "https://shop.acme-corp.com/orders/77?u=zoe",
    "nested": [{"secret": "hunter2"}, 42, 0.05],
}
TEXT = json.dumps(SECRET, ensure_ascii=False, separators=(",", ":"))
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.decimals(-(10**6), 10**6, places=3).map(float)
    | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.from_regex(r"[a-zA-Z_]{1,8}", fullmatch=True), inner, max_size=4)
    ),
    max_leaves=15,
)


def replaced(payload: dict[str, Any], salt: str = "salt") -> Any:
    return json.loads(Anonymiser(salt).payload(json.dumps(payload, ensure_ascii=False)))


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


def test_no_value_is_left() -> None:
    text = Anonymiser("salt").payload(TEXT)
    for leaf in leaves(SECRET):
        assert str(leaf) not in text, leaf
    assert not re.search(r"zoe|acme|hunter|1979|Müller", text, re.IGNORECASE)


def test_keys_types_and_length_are_kept() -> None:
    text = Anonymiser("salt").payload(TEXT)
    assert len(text.encode()) == len(TEXT.encode())
    told = json.loads(text)
    assert list(told) == list(SECRET)
    assert [type(leaf) for leaf in leaves(told)] == [type(leaf) for leaf in leaves(SECRET)]


def test_values_keep_what_they_are() -> None:
    told = replaced(SECRET)
    assert re.fullmatch(r"[a-z]{3}\.[a-z]{7}@[a-z]{4}-[a-z]{4}\.zzz", told["email"])
    assert re.fullmatch(r"\+\d\d \d\d \d{4} \d{4}", told["phone"])
    assert re.fullmatch(r"\d{16}", told["card"])
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", told["userId"])
    assert datetime.fromisoformat(told["createdAt"]).utcoffset() is not None
    assert datetime.fromisoformat(told["born"]).year >= 2000
    assert told["link"].startswith("https://")
    assert told["cents"] < 0
    assert 0 < told["nested"][2] < 1


@given(st.datetimes(), st.text(min_size=1))
def test_times_stay_valid_times_of_this_century(moment: datetime, salt: str) -> None:
    for form in ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S.%f+02:00"):
        written = f"{moment.year:04d}{moment.strftime(form.removeprefix('%Y'))}"
        told = Anonymiser(salt).text(written)
        assert len(told) == len(written)
        assert datetime.fromisoformat(told).year >= 2000


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.from_regex(r"[a-zA-Z_]{1,8}", fullmatch=True), json_values, max_size=5))
def test_any_payload_keeps_its_shape_and_size(payload: dict[str, Any]) -> None:
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    told = Anonymiser("salt").payload(text)
    assert len(told.encode()) == len(text.encode())
    assert [type(leaf) for leaf in leaves(json.loads(told))] == [type(v) for v in leaves(payload)]


def test_equal_values_stay_equal_and_others_differ() -> None:
    told = replaced({"a": "customer-17", "b": ["customer-17", "customer-18"], "c": 4711, "d": 4711})
    assert told["a"] == told["b"][0] != told["b"][1]
    assert told["c"] == told["d"] != 4711


def test_the_salt_decides() -> None:
    assert Anonymiser("one").payload(TEXT) == Anonymiser("one").payload(TEXT)
    assert Anonymiser("one").payload(TEXT) != Anonymiser("two").payload(TEXT)
    with pytest.raises(LabError, match="salt is empty"):
        Anonymiser("")


def test_a_value_used_as_a_key_is_replaced_too() -> None:
    [key] = replaced({"zoe@acme.com": 1})
    assert re.fullmatch(r"[a-z]{3}@[a-z]{4}\.zzz", key)
    assert key != "zoe@acme.com"


def test_what_says_nothing_is_kept() -> None:
    assert replaced({"a": None, "b": True, "c": 0, "d": "", "e": "- ."}) == {
        "a": None,
        "b": True,
        "c": 0,
        "d": "",
        "e": "- .",
    }


@pytest.mark.parametrize("text", ['{"a":', '{"a":' * 20_000, '{"a":' + "9" * 5000 + "}"])
def test_a_payload_that_cannot_be_replaced_is_an_error(text: str) -> None:
    with pytest.raises(UnreadableRecording, match="cannot be replaced"):
        Anonymiser("salt").payload(text)


def test_a_record_keeps_its_type_and_begins_at_zero() -> None:
    records = [
        Record(
            at_s=at_s,
            event_type="user.created",
            endpoint="https://hooks.acme.com/in",
            payload=msgspec.Raw(b'{"a":"b"}'),
        )
        for at_s in (1_750_000_000.25, 1_750_000_001.75)
    ]
    one, two = anonymised(records, "salt")
    assert (one.at_s, two.at_s) == (0.0, 1.5)
    assert one.event_type == "user.created"
    assert one.endpoint == two.endpoint
    assert "acme" not in one.endpoint

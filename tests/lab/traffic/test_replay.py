"""A recording as a load: its rates, payloads and endpoints."""

from __future__ import annotations

import json
from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureshot_lab.errors import LabError
from sureshot_lab.traffic.bursts import arrivals
from sureshot_lab.traffic.recording import Record
from sureshot_lab.traffic.replay import replay_of, stages_of


def record(at_s: float, *, payload: str = '{"a":1}', endpoint: str = "crm") -> Record:
    return Record(
        at_s=at_s,
        event_type="user.created",
        endpoint=endpoint,
        payload=msgspec.Raw(payload.encode()),
    )


def test_rates_are_those_of_each_second() -> None:
    records = [record(at_s) for at_s in (100.0, 100.5, 101.2, 101.9, 104.0)]
    replay = replay_of(records)
    assert replay.stages == [(2.0, 2.0, 2.0), (2.0, 0.0, 0.0), (1.0, 1.0, 1.0)]
    assert replay.webhooks == 5


def test_twice_as_fast_is_half_the_time_at_double_the_rate() -> None:
    times_s = [n / 10 for n in range(100)]
    assert stages_of(times_s) == [(10.0, 10.0, 10.0)]
    assert stages_of(times_s, factor=2) == [(5.0, 20.0, 20.0)]
    assert stages_of(times_s, factor=0.5) == [(20.0, 5.0, 5.0)]


@given(
    times_s=st.lists(st.floats(0, 500), min_size=1, max_size=80),
    factor=st.floats(0.1, 20),
    step_s=st.floats(0.1, 10),
)
def test_every_webhook_recorded_is_offered(
    times_s: list[float], factor: float, step_s: float
) -> None:
    stages = stages_of(times_s, factor=factor, step_s=step_s)
    assert arrivals(stages) == pytest.approx(len(times_s))
    span_s = (max(times_s) - min(times_s)) / factor
    assert span_s - 1e-6 <= sum(stage[0] for stage in stages) <= span_s + step_s + 1e-6


def test_endpoints_have_the_shares_they_had() -> None:
    names = ["rare", *["usual"] * 3]
    replay = replay_of([record(float(n), endpoint=name) for n, name in enumerate(names)])
    assert replay.endpoints == ["usual", "rare"]
    assert replay.weights == [0.75, 0.25]
    assert replay.event_types == {"user.created": 4}


def test_payloads_leave_room_for_what_the_generator_puts_in() -> None:
    payloads = ['{"id": "old", "sent_at_us": 5, "a": 1.50}', '{"id":"old"}', "{}", '{"b":2}']
    replay = replay_of([record(0.0, payload=payload) for payload in payloads])
    assert replay.payloads == [
        '{"a":1.50}',
        '{"event": "user.created"}',
        '{"event": "user.created"}',
        '{"b":2}',
    ]
    for text in replay.payloads:
        assert json.loads('{"id":"new",' + text[1:])["id"] == "new"


def test_a_large_recording_keeps_a_fair_sample_of_its_payloads() -> None:
    records = [record(n / 100, payload=f'{{"n":{n}}}') for n in range(5000)]
    replay = replay_of(records, most_payloads=500, seed=3)
    numbers = [json.loads(text)["n"] for text in replay.payloads]
    assert len(set(numbers)) == 500
    tenths = Counter(number // 500 for number in numbers)
    assert min(tenths[tenth] for tenth in range(10)) > 25  # 50 are expected of each
    assert replay == replay_of(records, most_payloads=500, seed=3)


@pytest.mark.parametrize("wrong", [{"factor": 0.0}, {"step_s": -1.0}, {"most_payloads": 0}])
def test_impossible_replays_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(LabError):
        replay_of([record(0.0)], **wrong)  # type: ignore[arg-type]


def test_an_empty_recording_cannot_be_replayed() -> None:
    with pytest.raises(LabError, match="nothing to replay"):
        replay_of([])

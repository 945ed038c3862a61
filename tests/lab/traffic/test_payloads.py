"""Pools of payloads: their bytes, sizes, shares, and what a wrong mix is told."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sureshot_lab.errors import LabError
from sureshot_lab.traffic.payloads import KINDS, make_payloads

ALL = dict.fromkeys(KINDS, 1.0)
PINNED = "801ebae9"
"""What the pool below hashes to; it changes only when what is sent changes."""
PROGRAM = """
import hashlib
from sureshot_lab.traffic.payloads import KINDS, make_payloads
pool = make_payloads(dict.fromkeys(KINDS, 1.0), seed=7, count=30)
print(hashlib.sha256("".join(pool).encode()).hexdigest()[:8])
"""


def digest(pool: list[str]) -> str:
    return hashlib.sha256("".join(pool).encode()).hexdigest()[:8]


@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_equal_seeds_give_equal_bytes_in_every_process(hash_seed: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert told.stdout.strip() == digest(make_payloads(ALL, seed=7, count=30)) == PINNED


def test_another_seed_gives_other_payloads() -> None:
    assert set(make_payloads(ALL, 1, 30)).isdisjoint(make_payloads(ALL, 2, 30))


def test_the_order_of_the_mix_does_not_matter() -> None:
    backwards = dict(reversed(ALL.items()))
    assert make_payloads(backwards, 3, 12) == make_payloads(ALL, 3, 12)


@pytest.mark.parametrize("name", KINDS)
def test_every_payload_of_a_kind_has_its_size(name: str) -> None:
    kind = KINDS[name]
    sizes = [len(text.encode()) for text in make_payloads({name: 1}, 5, 60)]
    assert kind.least_bytes <= min(sizes)
    assert max(sizes) <= kind.most_bytes


def test_sizes_reach_from_200_bytes_to_256_kib() -> None:
    sizes = [len(text.encode()) for text in make_payloads(ALL, 5, 600)]
    assert 200 <= min(sizes) < 300
    assert 240 * 1024 < max(sizes) <= 256 * 1024


def test_generators_can_put_their_members_before_the_first() -> None:
    for text in make_payloads(ALL, 1, 60):
        told = json.loads('{"id":"run-1","sent_at_us":1,' + text[1:])
        assert told["id"] == "run-1"
        assert told["sent_at_us"] == 1
        assert told["event"] in KINDS


def test_no_payload_comes_twice() -> None:
    pool = make_payloads({"payment.failed": 1, "user.created": 1}, 1, 2000)
    assert len(set(pool)) == 2000


@settings(max_examples=30)
@given(
    a=st.floats(0, 10),
    b=st.floats(0, 10),
    c=st.floats(0.01, 10),
    count=st.integers(1, 60),
)
def test_each_kind_comes_as_often_as_its_share_says(
    a: float, b: float, c: float, count: int
) -> None:
    mix = {"user.created": a, "order.completed": b, "payment.failed": c}
    pool = make_payloads(mix, 1, count)
    seen = Counter(json.loads(text)["event"] for text in pool)
    assert len(pool) == count
    for name, share in mix.items():
        assert abs(seen[name] - count * share / sum(mix.values())) < 1


def test_an_unknown_kind_is_told_the_nearest() -> None:
    with pytest.raises(LabError, match=r"no payload is called 'user.create'; .* 'user.created'\?"):
        make_payloads({"user.create": 1}, 1, 1)


@pytest.mark.parametrize(
    ("mix", "count", "told"),
    [
        ({}, 1, "empty"),
        ({"user.created": 0.0}, 1, "not all 0"),
        ({"user.created": -1.0, "order.completed": 2.0}, 1, "0 or more"),
        ({"user.created": float("nan")}, 1, "0 or more"),
        ({"user.created": 1.0}, 0, "1 payload or more"),
    ],
)
def test_a_wrong_mix_is_told_why(mix: dict[str, float], count: int, told: str) -> None:
    with pytest.raises(LabError, match=told):
        make_payloads(mix, 1, count)

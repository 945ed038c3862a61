from __future__ import annotations

import random
import secrets
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureshot.config import Settings
from sureshot.domain.header_rules import check_header, check_headers
from sureshot.domain.ids import AHEAD_MS, IdSource, format_id, parse_id

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)


def test_ids_grow_even_when_the_clock_does_not() -> None:
    source = IdSource(secrets.randbits)
    ids = [source.new(NOW) for _ in range(10_000)]
    ids += [source.new(NOW - timedelta(hours=1)) for _ in range(100)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_ids_stay_above_what_was_known_before() -> None:
    first = IdSource(secrets.randbits).new(NOW + timedelta(days=1))
    parsed = parse_id(first)
    assert parsed is not None
    source = IdSource(secrets.randbits)
    source.raise_floor(parsed[0])
    assert source.new(NOW) > first


def test_no_burst_that_fits_in_takes_keys_further_ahead_than_lists_look() -> None:
    limits = Settings()
    source = IdSource(secrets.randbits)
    source.use_slot(127)
    for _ in range(limits.intake_limit + max(limits.intake_limit, limits.endpoint_limit)):
        last = source.new(NOW)
    parsed = parse_id(last)
    assert parsed is not None
    assert NOW.timestamp() * 1000 < parsed[0] >> 12 < NOW.timestamp() * 1000 + AHEAD_MS


@given(st.integers(0, 2**60 - 1), st.integers(0, 2**62 - 1))
def test_an_id_is_its_key_and_tail(key: int, tail: int) -> None:
    assert parse_id(format_id(key, tail)) == (key, tail)


@pytest.mark.parametrize(
    "text",
    ["", "wh_", "wh_x",
     "ep_01a20c895a3c7000aefd22c59884d29c", "wh_01A20C895A3C7000AEFD22C59884D29C",
     "wh_01a20c895a3c8000aefd22c59884d29c", "wh_01a20c895a3c7000cefd22c59884d29c",
     "wh_01a20c895a3c7000aefd22c59884d29c\n", "wh_01a20c895a3c7000aefd22c59884d29",
     " wh_01a20c895a3c7000aefd22c59884d29c"],
)  # fmt: skip
def test_what_is_no_id_is_recognised(text: str) -> None:
    assert parse_id(text) is None


def test_two_sources_do_not_guess_each_others_tails() -> None:
    tails = {parse_id(IdSource(random.SystemRandom().getrandbits).new(NOW)) for _ in range(50)}
    assert len(tails) == 50


@pytest.mark.parametrize(
    ("name", "value"),
    [("X-A", "v"), ("content-type", "text/plain"), ("User-Agent", "me"), ("x", ""), ("x", "a\tb")],
)
def test_ordinary_headers_pass(name: str, value: str) -> None:
    assert check_header(name, value) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("Host", "x"), ("content-LENGTH", "1"), ("Transfer-Encoding", "chunked"), ("Connection", "x"),
     ("Webhook-Id", "1"), ("webhook-anything", "1"), ("Proxy-Authorization", "x"), ("TE", "x"),
     ("Keep-Alive", "1"), ("Upgrade", "h2c"), ("Trailer", "x"), ("Expect", "100-continue"),
     ("Accept-Encoding", "gzip"), ("", "x"), ("X A", "x"), ("X-A:", "x"), ("X\r\nY", "x"),
     ("x", "a\r\nb: c"), ("x", "a\nb"), ("x", "\x00"), ("x", " a"), ("x", "a "), ("x", "\u00e4"),
     ("x", "a" * 4097), ("\u00e4", "x")],
)  # fmt: skip
def test_dangerous_headers_are_refused(name: str, value: str) -> None:
    assert check_header(name, value) is not None


def test_too_many_and_repeated_headers_are_refused() -> None:
    assert check_headers([(f"x-{n}", "v") for n in range(33)])
    assert check_headers([("X-A", "1"), ("x-a", "2")])
    assert not check_headers([(f"x-{n}", "v") for n in range(32)])


def test_sources_with_slots_of_their_own_never_make_the_same_key() -> None:
    """Two processes in the same millisecond, each faster than it has numbers for."""
    sources = [IdSource(secrets.randbits) for _ in range(3)]
    for slot, source in enumerate(sources):
        source.use_slot(slot * 63)
    made = [[source.new(NOW) for _ in range(200)] for source in sources]
    keys = [parsed[0] for ids in made for one in ids if (parsed := parse_id(one))]
    assert len(set(keys)) == 600
    assert all(ids == sorted(ids) for ids in made)

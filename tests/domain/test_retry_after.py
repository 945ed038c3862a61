"""What a receiver may write into Retry-After, and what is made of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureshot.domain.retry_after import LONGEST_S, parse_retry_after

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)

WORDS = st.sampled_from(
    ["Mon,", "01", "99", "Jan", "Foo", "2026", "99999999999", "00:00:00", "99:99:99", "+0000",
     "GMT", "EST", "+99999999999999", "-9999", "-", "(", ")", ":", "é", "1.5", "9" * 40, "\x00"]
)  # fmt: skip


@pytest.mark.parametrize(
    ("value", "wait_s"),
    [
        ("100", 100.0),
        (" 0 ", 0.0),
        ("0000000000000000007", 7.0),
        ("9" * 128, LONGEST_S),
        ("Sun, 29 Nov 2026 12:01:40 GMT", 100.0),
        ("Sun, 29 Nov 2026 14:01:40 +0200", 100.0),
        ("Sun, 29 Nov 2026 12:01:40 -0000", 100.0),
        ("Sun, 29 Nov 2026 12:01:40", 100.0),
        ("Sunday, 29-Nov-26 12:01:40 GMT", 100.0),
        ("Sun Nov 29 12:01:40 2026", 100.0),
        ("Sun, 29 Nov 2026 11:00:00 GMT", 0.0),
        ("99999999999999999999", 315360000.0),
        ("Mon, 01 Jan 0001 00:00:00 +1400", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_S),
        ("Fri, 31 Dec 9999 23:59:59 -1200", LONGEST_S),
        ("Mon, 01 Jan 99999999999 00:00:00 GMT", None),
        ("Mon, 01 Jan -2026 00:00:00 GMT", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("\u0661", None),
        ("Sun, 99 Nov 2026 12:01:40 GMT", None),
        ("soon", None),
        ("", None),
    ],
)
def test_every_form_has_its_meaning_and_garbage_none(value: str, wait_s: float | None) -> None:
    assert parse_retry_after(value, NOW) == wait_s


@given(st.one_of(st.text(max_size=128), st.lists(WORDS, max_size=9).map(" ".join)))
def test_no_text_raises_or_asks_for_more_than_ten_years(value: str) -> None:
    wait_s = parse_retry_after(value, NOW)
    assert wait_s is None or 0 <= wait_s <= LONGEST_S

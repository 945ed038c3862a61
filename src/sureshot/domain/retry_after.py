"""The Retry-After header (RFC 9110, section 10.2.3): seconds or an HTTP date."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_S = 10 * 365 * 86400.0


def parse_retry_after(value: str, now: datetime) -> float | None:
    """Return how many seconds from *now* the receiver asks for, or None if it is garbage.

    A date in the past asks for nothing: 0. At most ten years. No text raises:
    a receiver wrote it.
    """
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_S)
    try:
        asked_at = parsedate_to_datetime(text)
        if asked_at.tzinfo is None:
            asked_at = asked_at.replace(tzinfo=UTC)
        wait_s = (asked_at - now).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(wait_s, 0.0), LONGEST_S)

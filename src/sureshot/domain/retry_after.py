"""The Retry-After header (RFC 9110, section 10.2.3): seconds or an HTTP date."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_S = 10 * 365 * 86400.0


def parse_retry_after(value: str, now: datetime) -> float | None:
    """Return how many seconds from *now* the receiver asks for, or None if it is garbage.

    A date in the past asks for nothing: 0. At most ten years.
    """
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:12]), LONGEST_S)
    try:
        asked_at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    if asked_at.tzinfo is None:
        asked_at = asked_at.replace(tzinfo=UTC)
    return min(max((asked_at - now).total_seconds(), 0.0), LONGEST_S)

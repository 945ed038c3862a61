"""Pages of a list: instants, limits and cursors in the query string."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

import msgspec

from sureshot.api.requests import Request
from sureshot.domain.errors import FieldError, InvalidFields
from sureshot.domain.ids import parse_id

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


def instant(request: Request, name: str) -> datetime | None:
    """Return an instant the caller gave, or None; raises ``InvalidFields``."""
    text = request.get_param(name)
    if text is None:
        return None
    try:
        at = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        at = None
    if at is None or at.tzinfo is None:
        detail = "must be an RFC 3339 instant with its offset, such as 2030-01-31T12:00:00Z"
        raise InvalidFields(FieldError(name, detail))
    return at


def limit(request: Request) -> int:
    """Return how many items a page is to have; raises ``InvalidFields``."""
    text = request.get_param("limit")
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= MAX_LIMIT):
        raise InvalidFields(FieldError("limit", f"must be from 1 to {MAX_LIMIT}"))
    return int(text)


def encode_cursor(last_id: str) -> str:
    """Return the cursor of the page after *last_id*."""
    return base64.urlsafe_b64encode(last_id.encode()).decode().rstrip("=")


def cursor(request: Request, prefix: str) -> str | None:
    """Return the id the page begins after, or None; raises ``InvalidFields``."""
    text = request.get_param("cursor")
    return None if text is None else decode_cursor(text, prefix)


def decode_cursor(text: str, prefix: str) -> str:
    """Return the id in a cursor of ours; raises ``InvalidFields``."""
    try:
        padded = text + "=" * (-len(text) % 4)
        found = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, UnicodeError, ValueError):
        found = ""
    if parse_id(found, prefix) is None:
        raise InvalidFields(FieldError("cursor", "is none of ours; pass nextCursor unchanged"))
    return found

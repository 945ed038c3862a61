"""What a caller can do wrong, and what the service cannot do now; one exception each.

The tree (the HTTP status each becomes stands in ``api/problems.py``):

* SureshotError
  x CallerError                  the request is at fault
    - MalformedBody              not JSON at all
    - InvalidFields              JSON, but with wrong fields
      + UrlNotAllowed            a destination that may never be dialled
    - BodyTooLarge
    - HeadTooLarge
    - UnsupportedMediaType
    - Unauthenticated
    - Forbidden
    - NotFound
    - IdempotencyConflict        a known key with another request
    - IllegalTransition          a final webhook asked to move
    - AlreadyExists              an id that was to be new is taken
  x Overloaded                   the service is at a limit; try again later
    - Draining                   it is shutting down
    - StoreUnavailable           the store cannot take writes now
  x ConfigurationError           a setting or file is wrong; names it

A receiver's failure is no exception: it is an ``Outcome``.
"""

from __future__ import annotations

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """One wrong field: its dotted path in the body, and what would be right."""

    field: str
    detail: str


class SureshotError(Exception):
    """Anything this project raises on purpose. ``detail`` is meant for people."""

    def __init__(self, detail: str = "") -> None:
        self.detail = detail or (self.__doc__ or "").strip()
        super().__init__(self.detail)


class CallerError(SureshotError):
    """The request is at fault."""


class MalformedBody(CallerError):
    """The body is not valid JSON."""


class InvalidFields(CallerError):
    """The body is JSON, but some fields are wrong."""

    def __init__(self, *errors: FieldError) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{e.field}: {e.detail}" for e in errors))


class UrlNotAllowed(InvalidFields):
    """The destination may not be dialled."""


class BodyTooLarge(CallerError):
    """The body is over the size limit."""


class HeadTooLarge(CallerError):
    """The request line and headers have over 64 KiB or over 100 fields."""


class UnsupportedMediaType(CallerError):
    """The content type is not application/json."""


class Unauthenticated(CallerError):
    """No token, or one that is not known."""


class Forbidden(CallerError):
    """The token lacks the scope this call needs."""


class NotFound(CallerError):
    """There is no such thing, or it belongs to somebody else."""


class IdempotencyConflict(CallerError):
    """The idempotency key was used with a different request."""


class IllegalTransition(CallerError):
    """The webhook's state does not allow this."""


class AlreadyExists(CallerError):
    """There is one of that id already."""


REFUSALS = (
    "backlog_full", "intake_full", "draining", "store_unavailable", "store_busy", "store_closed",
)  # fmt: skip
"""Every ``Overloaded.reason`` a submission may be refused for."""


class Overloaded(SureshotError):
    """The service is at a limit; nothing was stored. ``reason`` labels the metric."""

    def __init__(self, detail: str = "", *, reason: str = "busy", retry_after_s: int = 1) -> None:
        self.reason = reason
        self.retry_after_s = retry_after_s
        super().__init__(detail)


class Draining(Overloaded):
    """The service is shutting down and takes no more work."""


class StoreUnavailable(Overloaded):
    """The store cannot take writes at the moment."""


class ConfigurationError(SureshotError):
    """A setting or a file is wrong."""

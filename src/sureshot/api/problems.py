"""Errors as RFC 9457 problem documents: one table says which error becomes which."""

from __future__ import annotations

import msgspec

from sureshot.domain import errors
from sureshot.domain.errors import FieldError, InvalidFields, Overloaded, SureshotError

CONTENT_TYPE = "application/problem+json"

TABLE: dict[type[SureshotError], tuple[int, str, str]] = {
    errors.MalformedBody: (400, "malformed-body", "The body is not valid JSON"),
    errors.Unauthenticated: (401, "unauthenticated", "A valid token is needed"),
    errors.Forbidden: (403, "forbidden", "The token may not do this"),
    errors.NotFound: (404, "not-found", "There is no such thing"),
    errors.IdempotencyConflict: (409, "idempotency-conflict", "The idempotency key is taken"),
    errors.IllegalTransition: (409, "illegal-transition", "The webhook's state forbids this"),
    errors.AlreadyExists: (409, "already-exists", "There is one already"),
    errors.BodyTooLarge: (413, "body-too-large", "The body is too large"),
    errors.HeadTooLarge: (431, "head-too-large", "The head of the request is too large"),
    errors.UnsupportedMediaType: (415, "unsupported-media-type", "Send application/json"),
    errors.InvalidFields: (422, "invalid-fields", "Some fields are wrong"),
    errors.UrlNotAllowed: (422, "url-not-allowed", "This destination may not be dialled"),
    errors.Overloaded: (503, "overloaded", "The service is at a limit"),
    errors.Draining: (503, "draining", "The service is shutting down"),
    errors.StoreUnavailable: (503, "store-unavailable", "The store cannot take writes now"),
}

METHOD_NOT_ALLOWED = (405, "method-not-allowed", "The resource does not know this method")


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error as clients see it; ``type`` is a relative reference, ``/problems/<slug>``."""

    type: str
    title: str
    status: int
    detail: str = ""
    errors: tuple[FieldError, ...] | None = None


def problem_of(error: SureshotError) -> Problem:
    """Return the problem document of *error*."""
    kind = next(kind for kind in type(error).__mro__ if kind in TABLE)
    status, slug, title = TABLE[kind]
    fields = tuple(error.errors) if isinstance(error, InvalidFields) else None
    return Problem(f"/problems/{slug}", title, status, error.detail, fields)


def problem_for(error: SureshotError) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Return status, body and extra headers of the answer to *error*."""
    problem = problem_of(error)
    headers = []
    if isinstance(error, Overloaded):
        headers.append(("retry-after", str(max(1, error.retry_after_s))))
    if problem.status == 401:
        headers.append(("www-authenticate", "Bearer"))
    headers.append(("content-type", CONTENT_TYPE))
    return problem.status, msgspec.json.encode(problem), headers


def plain_problem(status: int, slug: str, title: str, detail: str) -> bytes:
    """Return the body of a problem that no exception of ours stands for."""
    return msgspec.json.encode(Problem(f"/problems/{slug}", title, status, detail))

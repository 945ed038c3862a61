"""From the bytes of a submission to a webhook ready for the intake, and its 202."""

from __future__ import annotations

import functools
import hashlib
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from sureshot.api.envelope import check_envelope
from sureshot.domain.errors import (
    FieldError,
    IdempotencyConflict,
    InvalidFields,
    MalformedBody,
    UrlNotAllowed,
)
from sureshot.domain.header_rules import check_headers
from sureshot.domain.model import Headers, IdempotencyKey, NewWebhook
from sureshot.domain.url import Target, parse_url
from sureshot.ports import AddResult, KeyConflict, Twin

if TYPE_CHECKING:
    from sureshot.api.context import ApiContext

METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE", "GET"})
LONGEST_DELAY = timedelta(days=30)
MAX_KEY_LENGTH = 256
URLS_REMEMBERED = 10_000

_EVENT_TYPE = re.compile(r"[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)*", re.ASCII)
_KEY = re.compile(r"[\x21-\x7e]{1,256}", re.ASCII)
_PATH = re.compile(r" - at `(?:key in )?\$\.?(.*?)`$")


class SubmissionBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The body of ``POST /api/v1/webhooks``; exactly one of url and endpointId is given."""

    payload: msgspec.Raw
    url: str | None = None
    endpoint_id: str | None = None
    method: str = "POST"
    headers: dict[str, str] = {}
    event_type: str | None = None
    idempotency_key: str | None = None
    deliver_at: datetime | None = None
    timeout_seconds: float | None = None


_decoder = msgspec.json.Decoder(SubmissionBody)


def decode_submission(body: bytes) -> SubmissionBody:
    """Return the fields of a submission; the payload stays the bytes it is.

    Raises ``MalformedBody`` (not JSON) or ``InvalidFields``.
    """
    submission: SubmissionBody = decode_json(body, _decoder)
    check_envelope(body, bytes(submission.payload), SubmissionBody)
    return submission


def decode_json(body: bytes, decoder: msgspec.json.Decoder[Any]) -> Any:
    """Return *body* decoded; raises ``MalformedBody`` or ``InvalidFields``."""
    try:
        if not body.isascii():
            body.decode()
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidFields(_field_error(str(error))) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedBody(f"the body is not valid JSON in UTF-8: {error}") from error
    except RecursionError as error:
        raise MalformedBody("the body is nested too deep; at most about 1,000 levels") from error


def _field_error(message: str) -> FieldError:
    found = _PATH.search(message)
    unknown = re.search(r"contains unknown field `(.*)`", message)
    missing = re.search(r"missing required field `(.*)`", message)
    named = unknown or missing
    path = found[1] if found else ""
    text = message[: found.start()] if found else message
    if named is not None:
        path = f"{path}.{named[1]}".strip(".")
        text = "is not a field of this call" if unknown else "is required"
    if "RFC3339" in text:
        text = "must be an RFC 3339 instant with its offset, such as 2030-01-31T12:00:00Z"
    return FieldError(path or "(body)", text)


class Submitter:
    """Checks submissions against what the service knows and gives them an identity."""

    def __init__(self, context: ApiContext) -> None:
        self._clock = context.clock
        self._ids = context.ids
        self._directory = context.directory
        self._policy = context.policy
        self._longest_timeout_s = context.settings.lease_s - 10
        self._target = functools.lru_cache(URLS_REMEMBERED)(self._checked_target)

    def webhook_from(
        self, body: SubmissionBody, tenant: str, header_key: str | None = None
    ) -> NewWebhook:
        """Return the webhook *body* asks for; raises ``InvalidFields``.

        *header_key* is the Idempotency-Key header, bare or in quotes.
        """
        now = self._clock.now()
        if body.url is not None and body.endpoint_id is None:
            target = self._target(body.url)
            endpoint = self._directory.endpoint_for_url(tenant, body.url)
            lane = f"{tenant}|{target.origin}" if endpoint is None else endpoint.id
        else:
            lane = self._endpoint_lane(body, tenant)
        self._check_rest(body)
        idempotency = None
        if header_key is not None or body.idempotency_key is not None:
            key = idempotency_key(body.idempotency_key, header_key)
            idempotency = IdempotencyKey(key, _fingerprint(body))
        return NewWebhook(
            self._ids.new(now),
            tenant,
            lane,
            body.endpoint_id,
            body.url,
            body.method,
            tuple(body.headers.items()) if body.headers else (),
            bytes(body.payload),
            body.event_type,
            now,
            now if body.deliver_at is None else _due_at(body.deliver_at, now),
            body.timeout_seconds,
            idempotency,
        )

    def _endpoint_lane(self, body: SubmissionBody, tenant: str) -> str:
        if body.endpoint_id is None or body.url is not None:
            raise InvalidFields(FieldError("url", "give either url or endpointId, and not both"))
        endpoint = self._directory.endpoint(body.endpoint_id)
        if endpoint is None or endpoint.tenant != tenant:
            raise InvalidFields(FieldError("endpointId", "there is no such endpoint"))
        return endpoint.id

    def _checked_target(self, url: str) -> Target:
        return checked_url(url, self._policy.denied)

    def _check_rest(self, body: SubmissionBody) -> None:
        wrong = []
        if body.method not in METHODS:
            wrong.append(FieldError("method", f"must be one of {', '.join(sorted(METHODS))}"))
        if body.headers:
            wrong += header_errors(tuple(body.headers.items()))
        if body.event_type is not None:
            wrong += event_type_errors(body.event_type, "eventType")
        timeout_s = body.timeout_seconds
        if timeout_s is not None and not 1 <= timeout_s <= self._longest_timeout_s:
            detail = f"must be from 1 to {self._longest_timeout_s:g}"
            wrong.append(FieldError("timeoutSeconds", detail))
        if wrong:
            raise InvalidFields(*wrong)


def checked_url(url: str, denied: Any, field: str = "url") -> Target:
    """Return the target of *url*; raises ``InvalidFields`` or ``UrlNotAllowed``."""
    try:
        target = parse_url(url)
    except ValueError as error:
        raise InvalidFields(FieldError(field, str(error))) from error
    why = denied(target.host) if target.is_literal else None
    if why is not None:
        detail = (
            f"{target.host} may not be dialled: {why} address; "
            "an operator can open private networks with SURESHOT_ALLOWED_NETWORKS"
        )
        raise UrlNotAllowed(FieldError(field, detail))
    return target


def header_errors(headers: Headers, prefix: str = "headers") -> list[FieldError]:
    """Return what is wrong with the caller's headers."""
    return [
        FieldError(f"{prefix}.{name}".rstrip("."), problem)
        for name, problem in check_headers(headers)
    ]


def event_type_errors(event_type: str, field: str) -> list[FieldError]:
    """Return what is wrong with an event type."""
    if len(event_type) <= 256 and _EVENT_TYPE.fullmatch(event_type):
        return []
    return [FieldError(field, "must be dotted names of letters, digits and _: invoice.paid")]


def nul_errors(text: str, field: str) -> list[FieldError]:
    """Return what is wrong with a free text: no database keeps the character NUL."""
    if "\0" not in text:
        return []
    return [FieldError(field, "must not contain the character NUL (U+0000)")]


def name_errors(name: str) -> list[FieldError]:
    """Return what is wrong with the name of an endpoint or a token."""
    if not 1 <= len(name) <= 256:
        return [FieldError("name", "must have 1 to 256 characters")]
    return nul_errors(name, "name")


def _due_at(asked: datetime, now: datetime) -> datetime:
    if asked.tzinfo is None:
        raise InvalidFields(
            FieldError("deliverAt", "has no offset; write 2030-01-31T12:00:00Z or ...+02:00")
        )
    if asked - now > LONGEST_DELAY:
        raise InvalidFields(FieldError("deliverAt", "is over 30 days ahead"))
    return max(asked, now)


def idempotency_key(given: str | None, header_key: str | None) -> str:
    """Return the key in the body or in the header, bare or in quotes; raises ``InvalidFields``."""
    if header_key is not None and len(header_key) > 1 and header_key[0] == header_key[-1] == '"':
        header_key = header_key[1:-1]
    key = given if header_key is None else header_key
    if given is not None and given != key:
        raise InvalidFields(
            FieldError("idempotencyKey", "differs from the Idempotency-Key header; give one")
        )
    if key is None or not _KEY.fullmatch(key):
        raise InvalidFields(
            FieldError("idempotencyKey", "must be 1 to 256 visible ASCII characters")
        )
    return key


def _fingerprint(body: SubmissionBody) -> bytes:
    fields = (
        body.url,
        body.endpoint_id,
        body.method,
        sorted(body.headers.items()),
        body.event_type,
        body.deliver_at,
        body.timeout_seconds,
    )
    return hashlib.sha256(msgspec.json.encode(fields) + bytes(body.payload)).digest()


def instant_text(at: datetime) -> str:
    """Return *at* (UTC) as RFC 3339 with milliseconds: ``2030-01-31T12:00:00.000Z``."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def answer_accepted(result: AddResult, webhook: NewWebhook) -> tuple[int, bytes, str]:
    """Return status, body and Location of the answer to a stored submission.

    Raises ``IdempotencyConflict``.
    """
    if isinstance(result, KeyConflict):
        raise IdempotencyConflict(
            f"this idempotency key belongs to {result.id}, which was a different request"
        )
    if isinstance(result, Twin):
        webhook_id, status, created_at = result.id, result.state.value, result.created_at
    else:
        webhook_id, status, created_at = webhook.id, "queued", webhook.created_at
    body = f'{{"id":"{webhook_id}","status":"{status}","createdAt":"{instant_text(created_at)}"}}'
    return 202, body.encode(), f"/api/v1/webhooks/{webhook_id}"

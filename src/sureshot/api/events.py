"""Events over HTTP: published once, one webhook for every endpoint that wants them."""

from __future__ import annotations

import hashlib

import msgspec

from sureshot.api.context import ApiContext
from sureshot.api.envelope import check_envelope
from sureshot.api.requests import Request, Response, answer, caller, read_body, unknown
from sureshot.api.submission import (
    decode_json,
    event_type_errors,
    idempotency_key,
    instant_text,
)
from sureshot.domain.errors import IdempotencyConflict, InvalidFields, Overloaded
from sureshot.domain.model import Event, IdempotencyKey, Scope
from sureshot.ports import KeyConflict, KnownEvent


class EventBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The body of ``POST /api/v1/events``."""

    event_type: str
    payload: msgspec.Raw
    idempotency_key: str | None = None


class EventAccepted(msgspec.Struct, frozen=True):
    """An event that is stored durably; ``webhooks`` is how many it became."""

    id: str
    webhooks: int


class EventView(msgspec.Struct, frozen=True, rename="camel"):
    """An event; ``payload`` is the bytes that were submitted."""

    id: str
    event_type: str
    created_at: str
    webhooks: int
    payload: msgspec.Raw


_decoder = msgspec.json.Decoder(EventBody)


class Events:
    """``/api/v1/events`` and what is below it."""

    def __init__(self, context: ApiContext) -> None:
        self._context = context

    async def on_post(self, request: Request, response: Response) -> None:
        """Publish an event to the endpoints of the tenant that want its type."""
        context = self._context
        token = caller(request, context.access, Scope.SUBMIT)
        data = await read_body(request, context.settings.max_body_bytes)
        body: EventBody = decode_json(data, _decoder)
        check_envelope(data, bytes(body.payload), EventBody)
        wrong = event_type_errors(body.event_type, "eventType")
        if wrong:
            raise InvalidFields(*wrong)
        key = _key_of(body, request.get_header("Idempotency-Key"))
        wanted_by = context.directory.subscriptions.matching(token.tenant, body.event_type)
        now = context.clock.now()
        event = Event(
            context.ids.new(now, "ev"),
            token.tenant,
            body.event_type,
            bytes(body.payload),
            now,
            len(wanted_by),
            key,
        )
        try:
            result = await context.intake.submit_event(event, wanted_by, context.ids.new)
        except Overloaded as error:
            context.metrics.rejected(error.reason)
            raise
        if isinstance(result, KeyConflict):
            raise IdempotencyConflict(
                f"this idempotency key belongs to {result.id}, which was a different request"
            )
        first = result if isinstance(result, KnownEvent) else event
        response.location = f"/api/v1/events/{first.id}"
        answer(response, EventAccepted(first.id, first.webhooks), 202)

    async def on_get_one(self, request: Request, response: Response, event_id: str) -> None:
        """Return an event."""
        token = caller(request, self._context.access, Scope.READ)
        event = await self._context.store.event(token.tenant, event_id)
        if event is None:
            raise unknown("event")
        answer(
            response,
            EventView(
                event.id,
                event.event_type,
                instant_text(event.created_at),
                event.webhooks,
                msgspec.Raw(event.payload),
            ),
        )


def _key_of(body: EventBody, header_key: str | None) -> IdempotencyKey | None:
    if header_key is None and body.idempotency_key is None:
        return None
    fingerprint = hashlib.sha256(msgspec.json.encode(body.event_type) + bytes(body.payload))
    return IdempotencyKey(idempotency_key(body.idempotency_key, header_key), fingerprint.digest())

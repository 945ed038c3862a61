"""Dead letters: webhooks that failed for good, listed or streamed, and retried in bulk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import msgspec

from sureshot.api.audit import write_down
from sureshot.api.context import ApiContext
from sureshot.api.paging import MAX_LIMIT, cursor, decode_cursor, encode_cursor, instant, limit
from sureshot.api.requests import (
    Request,
    Response,
    answer,
    caller,
    check_parameters,
    filter_text,
    read_body,
    unknown,
)
from sureshot.api.submission import LONGEST_DELAY, decode_json, instant_text
from sureshot.api.webhook_views import LastAttempt, last_attempt
from sureshot.domain.errors import FieldError, InvalidFields
from sureshot.domain.model import Action, Scope, Webhook, WebhookState
from sureshot.ports import WebhookFilter

NDJSON = "application/x-ndjson"
READ_AT_ONCE = MAX_LIMIT
"""As many as a caller may ask for at once; their payloads are not read."""
RETRIED_AT_ONCE = 100
RECOVERED_PER_CALL = 2000
MAX_BYTES = 16 * 1024


class DeadLetter(msgspec.Struct, frozen=True, rename="camel"):
    """A webhook that failed for good, and where it was to go."""

    id: str
    url: str | None
    endpoint_id: str | None
    event_type: str | None
    created_at: str
    attempts: int
    last_attempt: LastAttempt | None


class DeadLetterList(msgspec.Struct, frozen=True, rename="camel"):
    """One page, newest first; a page may be short although ``nextCursor`` goes on."""

    items: list[DeadLetter]
    next_cursor: str | None


class RecoverBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The body of ``recover``: what was created from ``since`` on, before ``until``.

    The first one is due at ``startAt`` (now), the others follow at the rate.
    To go on pass ``nextCursor`` as ``cursor`` and ``lastDueAt`` as ``startAt``.
    """

    since: datetime
    until: datetime | None = None
    rate_per_second: float = 50.0
    start_at: datetime | None = None
    cursor: str | None = None


class Recovered(msgspec.Struct, frozen=True, rename="camel"):
    """How many are due again, until when; ``nextCursor`` when there may be more."""

    recovered: int
    last_due_at: str | None
    next_cursor: str | None


_recover_decoder = msgspec.json.Decoder(RecoverBody)


class DeadLetters:
    """``/api/v1/admin/dead-letters``."""

    def __init__(self, context: ApiContext) -> None:
        self._context = context

    async def on_get(self, request: Request, response: Response) -> None:
        """List the tenant's dead letters a page at a time, or stream all of them."""
        token = caller(request, self._context.access, Scope.ADMIN)
        streamed = request.client_prefers(("application/json", NDJSON)) == NDJSON
        names = {"endpointId", "eventType", "since", "until"}
        check_parameters(request, frozenset(names if streamed else names | {"limit", "cursor"}))
        which = WebhookFilter(
            WebhookState.FAILED,
            filter_text(request, "endpointId"),
            filter_text(request, "eventType"),
            instant(request, "since"),
            instant(request, "until"),
        )
        if streamed:
            response.content_type = NDJSON
            response.stream = self._lines(token.tenant, which)
            return
        after, wanted = cursor(request, "wh"), limit(request)
        page = await self._context.store.list_webhooks(token.tenant, which, after, wanted)
        go_on = None if page.next_after is None else encode_cursor(page.next_after)
        answer(response, DeadLetterList([_view(one) for one in page.items], go_on))

    async def _lines(self, tenant: str, which: WebhookFilter) -> AsyncIterator[bytes]:
        after = None
        while True:
            page = await self._context.store.list_webhooks(tenant, which, after, READ_AT_ONCE)
            if page.items:
                yield msgspec.json.Encoder().encode_lines([_view(one) for one in page.items])
            if page.next_after is None:
                return
            after = page.next_after


class Recovery:
    """``/api/v1/endpoints/{endpoint_id}/recover``."""

    def __init__(self, context: ApiContext) -> None:
        self._context = context

    async def on_post(self, request: Request, response: Response, endpoint_id: str) -> None:
        """Make the endpoint's dead letters due again, spread over time.

        When each is due is stored with it, so the rate outlives this process.
        """
        context = self._context
        token = caller(request, context.access, Scope.MANAGE)
        endpoint = context.directory.endpoint(endpoint_id)
        if endpoint is None or endpoint.tenant != token.tenant:
            raise unknown("endpoint")
        body: RecoverBody = decode_json(await read_body(request, MAX_BYTES), _recover_decoder)
        now = context.clock.now()
        _check(body, now)
        which = WebhookFilter(WebhookState.FAILED, endpoint.id, None, body.since, body.until)
        after = None if body.cursor is None else decode_cursor(body.cursor, "wh")
        found, after = await self._find(token.tenant, which, after)
        if found:
            await write_down(context, token, Action.ENDPOINT_RECOVER, endpoint.id)
        start = max(body.start_at or now, now)
        step = timedelta(seconds=1 / body.rate_per_second)
        due = [start + step * number for number in range(len(found))]
        recovered = 0
        for first in range(0, len(found), RETRIED_AT_ONCE):
            slice_ = slice(first, first + RETRIED_AT_ONCE)
            befores = await asyncio.gather(
                *(
                    context.engine.retry(token.tenant, webhook_id, due_at=due_at)
                    for webhook_id, due_at in zip(found[slice_], due[slice_], strict=True)
                )
            )
            recovered += sum(
                one is not None and one.state is WebhookState.FAILED for one in befores
            )
        answer(
            response,
            Recovered(
                recovered,
                instant_text(due[-1]) if due else None,
                None if after is None else encode_cursor(after),
            ),
        )

    async def _find(
        self, tenant: str, which: WebhookFilter, after: str | None
    ) -> tuple[list[str], str | None]:
        """Return ids, oldest first, and where to go on."""
        found: list[str] = []
        while True:
            page = await self._context.store.list_webhooks(tenant, which, after, READ_AT_ONCE)
            found += [one.id for one in page.items]
            after = page.next_after
            if after is None or len(found) >= RECOVERED_PER_CALL:
                return found[::-1], after


def _check(body: RecoverBody, now: datetime) -> None:
    wrong = []
    instants = (("since", body.since), ("until", body.until), ("startAt", body.start_at))
    for name, at in instants:
        if at is not None and at.tzinfo is None:
            wrong.append(FieldError(name, "has no offset; write 2030-01-31T12:00:00Z or ...+02:00"))
    if not 0.01 <= body.rate_per_second <= 10_000:
        wrong.append(FieldError("ratePerSecond", "must be from 0.01 to 10,000"))
    if not wrong and body.start_at is not None and body.start_at - now > LONGEST_DELAY:
        wrong.append(FieldError("startAt", "is over 30 days ahead"))
    if wrong:
        raise InvalidFields(*wrong)


def _view(webhook: Webhook) -> DeadLetter:
    return DeadLetter(
        webhook.id,
        webhook.url,
        webhook.endpoint_id,
        webhook.event_type,
        instant_text(webhook.created_at),
        webhook.attempts,
        last_attempt(webhook.last_attempt),
    )

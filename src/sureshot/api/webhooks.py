"""Webhooks over HTTP: submit, look up, list, retry, cancel, explain."""

from __future__ import annotations

import msgspec

from sureshot.api.context import ApiContext
from sureshot.api.explain import explain
from sureshot.api.paging import cursor, instant, limit
from sureshot.api.problems import problem_of
from sureshot.api.requests import (
    Request,
    Response,
    answer,
    caller,
    check_parameters,
    filter_text,
    flag,
    read_body,
    unknown,
)
from sureshot.api.submission import (
    SubmissionBody,
    Submitter,
    answer_accepted,
    decode_json,
    decode_submission,
)
from sureshot.api.webhook_views import (
    PAYLOADS_PER_PAGE_BYTES,
    AttemptList,
    attempt_view,
    status_view,
    webhook_list,
    webhook_view,
)
from sureshot.domain.errors import (
    CallerError,
    FieldError,
    IllegalTransition,
    InvalidFields,
    Overloaded,
)
from sureshot.domain.ids import parse_id
from sureshot.domain.model import FINAL, NewWebhook, Scope, Webhook, WebhookState
from sureshot.ports import WebhookFilter

MAX_BATCH = 1000
LIST_NAMES = frozenset(
    {"status", "endpointId", "eventType", "since", "until", "include", "cursor", "limit"}
)


class BatchBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a batch: each item is decoded alone, so that one may be wrong."""

    webhooks: list[msgspec.Raw]


_batch_decoder = msgspec.json.Decoder(BatchBody)


class Webhooks:
    """``/api/v1/webhooks``."""

    def __init__(self, context: ApiContext) -> None:
        self._context = context
        self._submitter = Submitter(context)

    async def on_post(self, request: Request, response: Response) -> None:
        """Take one webhook in; the express path does the same below ASGI."""
        context = self._context
        token = caller(request, context.access, Scope.SUBMIT)
        body = await read_body(request, context.settings.max_body_bytes)
        self._check_room(len(body))
        webhook = self._submitter.webhook_from(
            decode_submission(body), token.tenant, request.get_header("Idempotency-Key")
        )
        try:
            result = await context.intake.submit_one(webhook)
        except Overloaded as error:
            context.metrics.rejected(error.reason)
            raise
        status, data, location = answer_accepted(result, webhook)
        response.status = status
        response.data = data
        response.content_type = "application/json"
        response.location = location

    async def on_post_batch(self, request: Request, response: Response) -> None:
        """Take up to 1,000 webhooks in; the valid ones are stored together."""
        context = self._context
        token = caller(request, context.access, Scope.SUBMIT)
        body = await read_body(request, context.settings.max_batch_bytes)
        self._check_room(0)
        items = decode_json(body, _batch_decoder).webhooks
        if not 1 <= len(items) <= MAX_BATCH:
            detail = f"has {len(items)} items; a batch has 1 to {MAX_BATCH}"
            raise InvalidFields(FieldError("webhooks", detail))
        prepared = [self._prepare(bytes(item), token.tenant) for item in items]
        good = [one for one in prepared if isinstance(one, NewWebhook)]
        try:
            results = iter(await context.intake.submit_all(good))
        except Overloaded as error:
            context.metrics.rejected(error.reason)
            raise
        answers: list[object] = []
        for one in prepared:
            if isinstance(one, CallerError):
                answers.append({"error": problem_of(one)})
                continue
            try:
                _status, data, _location = answer_accepted(next(results), one)
                answers.append(msgspec.Raw(data))
            except CallerError as error:
                answers.append({"error": problem_of(error)})
        answer(response, {"webhooks": answers}, 202)

    def _check_room(self, size_bytes: int) -> None:
        """Raise ``Overloaded`` when not even one webhook fits: before the work of decoding."""
        refusal = self._context.intake.refusal(1, size_bytes)
        if refusal is not None:
            self._context.metrics.rejected(refusal.reason)
            raise refusal

    def _prepare(self, item: bytes, tenant: str) -> NewWebhook | CallerError:
        try:
            body: SubmissionBody = decode_submission(item)
            return self._submitter.webhook_from(body, tenant)
        except CallerError as error:
            return error

    async def on_get(self, request: Request, response: Response) -> None:
        """List webhooks, newest first."""
        token = caller(request, self._context.access, Scope.READ)
        check_parameters(request, LIST_NAMES)
        payloads = _included(request.get_param("include"))
        which = WebhookFilter(
            _state(request.get_param("status")),
            filter_text(request, "endpointId"),
            filter_text(request, "eventType"),
            instant(request, "since"),
            instant(request, "until"),
        )
        after = cursor(request, "wh")
        page = await self._context.store.list_webhooks(
            token.tenant, which, after, limit(request), PAYLOADS_PER_PAGE_BYTES if payloads else 0
        )
        answer(response, webhook_list(page, payloads=payloads))


class OneWebhook:
    """``/api/v1/webhooks/{webhook_id}`` and what is below it."""

    def __init__(self, context: ApiContext) -> None:
        self._context = context

    async def on_get(self, request: Request, response: Response, webhook_id: str) -> None:
        """Return everything about it."""
        answer(response, webhook_view(await self._find(request, webhook_id)))

    async def on_get_status(self, request: Request, response: Response, webhook_id: str) -> None:
        """Return where it stands."""
        answer(response, status_view(await self._find(request, webhook_id)))

    async def on_get_attempts(self, request: Request, response: Response, webhook_id: str) -> None:
        """Return its attempts."""
        webhook = await self._find(request, webhook_id)
        attempts = await self._context.store.attempts(webhook.tenant, webhook.id)
        answer(response, AttemptList([attempt_view(attempt) for attempt in attempts]))

    async def on_get_explain(self, request: Request, response: Response, webhook_id: str) -> None:
        """Say in words why it is not delivered yet, what happens next and when."""
        context = self._context
        webhook = await self._find(request, webhook_id)
        endpoint = None
        if webhook.endpoint_id is not None:
            endpoint = context.directory.endpoint(webhook.endpoint_id)
        schedule_s = context.settings.retry_schedule_s
        if endpoint is not None and endpoint.retry_schedule_s is not None:
            schedule_s = endpoint.retry_schedule_s
        lane = context.engine.lane_status(webhook.lane)
        now = context.clock.now()
        answer(
            response,
            explain(webhook, lane, endpoint, schedule_s, now, paused=context.engine.paused),
        )

    async def on_post_retry(self, request: Request, response: Response, webhook_id: str) -> None:
        """Make it due now, with a fresh schedule."""
        token = caller(request, self._context.access, Scope.MANAGE)
        check_parameters(request, frozenset({"force"}))
        force = flag(request, "force")
        _well_formed(webhook_id)
        before = await self._context.engine.retry(token.tenant, webhook_id, force=force)
        if before is None:
            raise unknown("webhook")
        if before.state is WebhookState.DELIVERED and not force:
            raise IllegalTransition("it is delivered; send it again with ?force=true")
        await self._answer_with_status(response, before, 202)

    async def on_post_cancel(self, request: Request, response: Response, webhook_id: str) -> None:
        """Cancel it, unless it is final."""
        token = caller(request, self._context.access, Scope.MANAGE)
        _well_formed(webhook_id)
        before = await self._context.engine.cancel(token.tenant, webhook_id)
        if before is None:
            raise unknown("webhook")
        if before.state in FINAL:
            raise IllegalTransition(f"it is {before.state.value}, which is final")
        await self._answer_with_status(response, before, 202)

    async def _answer_with_status(self, response: Response, before: Webhook, status: int) -> None:
        after = await self._context.store.get(before.tenant, before.id)
        answer(response, status_view(after or before), status)

    async def _find(self, request: Request, webhook_id: str) -> Webhook:
        token = caller(request, self._context.access, Scope.READ)
        webhook = await self._context.store.get(token.tenant, webhook_id)
        if webhook is None:
            raise unknown("webhook")
        return webhook


def _well_formed(webhook_id: str) -> None:
    if parse_id(webhook_id) is None:
        raise unknown("webhook")


def _state(text: str | None) -> WebhookState | None:
    if text is None:
        return None
    try:
        return WebhookState(text)
    except ValueError as error:
        known = ", ".join(state.value for state in WebhookState)
        raise InvalidFields(FieldError("status", f"must be one of {known}")) from error


def _included(text: str | None) -> bool:
    if text not in {None, "payload"}:
        raise InvalidFields(FieldError("include", "must be payload, or left out"))
    return text == "payload"

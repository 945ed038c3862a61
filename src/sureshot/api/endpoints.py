"""Endpoints over HTTP: create, look up, change, rotate, enable, disable, test."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from sureshot.api.audit import write_down
from sureshot.api.context import ApiContext
from sureshot.api.endpoint_bodies import (
    EndpointBody,
    EndpointList,
    EndpointPatch,
    RotateBody,
    check_secret,
    checked_fields,
    endpoint_view,
)
from sureshot.api.requests import (
    Request,
    Response,
    answer,
    caller,
    read_body,
    read_optional,
    unknown,
)
from sureshot.api.submission import answer_accepted, decode_json
from sureshot.domain.errors import Overloaded
from sureshot.domain.model import Action, Algorithm, Endpoint, NewWebhook, Scope, Secret, Token
from sureshot.domain.secret_key import (
    generate_ed25519,
    generate_secret,
    public_key,
    warnings_for,
)

MAX_OLD_SECRETS = 10
MAX_ENDPOINT_BYTES = 256 * 1024

_create_decoder = msgspec.json.Decoder(EndpointBody)
_patch_decoder = msgspec.json.Decoder(EndpointPatch)
_rotate_decoder = msgspec.json.Decoder(RotateBody)


class Endpoints:
    """``/api/v1/endpoints``."""

    def __init__(self, context: ApiContext) -> None:
        self._context = context

    async def on_post(self, request: Request, response: Response) -> None:
        """Create an endpoint; its secret is shown here and never again."""
        context = self._context
        token = caller(request, context.access, Scope.MANAGE)
        body = decode_json(await read_body(request, MAX_ENDPOINT_BYTES), _create_decoder)
        fields = checked_fields(body, context.policy.denied, context.settings.lease_s - 10)
        secret = body.secret_key or _new_secret(context, body.algorithm)
        check_secret(secret, body.algorithm)
        if context.directory.count >= context.settings.endpoint_limit:
            raise Overloaded(
                f"there are {context.directory.count} endpoints, as many as the service holds "
                "(SURESHOT_ENDPOINT_LIMIT)",
                reason="endpoint_limit",
                retry_after_s=60,
            )
        now = context.clock.now()
        endpoint = Endpoint(
            id=context.ids.new(now, "ep"),
            tenant=token.tenant,
            secrets=(Secret(secret),),
            created_at=now,
            updated_at=now,
            algorithm=body.algorithm,
            **fields,
        )
        await write_down(context, token, Action.ENDPOINT_CREATE, endpoint.id)
        await context.directory.create(endpoint)
        answer(response, endpoint_view(endpoint, **_shown_once(secret, body.algorithm)))

    async def on_get(self, request: Request, response: Response) -> None:
        """List the tenant's endpoints, newest first."""
        token = caller(request, self._context.access, Scope.READ)
        found = reversed(self._context.directory.endpoints(token.tenant))
        answer(response, EndpointList([endpoint_view(endpoint) for endpoint in found]))


class OneEndpoint:
    """``/api/v1/endpoints/{endpoint_id}`` and what is below it."""

    def __init__(self, context: ApiContext) -> None:
        self._context = context

    async def on_get(self, request: Request, response: Response, endpoint_id: str) -> None:
        """Return it."""
        _token, endpoint = self._find(request, endpoint_id, Scope.READ)
        answer(response, endpoint_view(endpoint))

    async def on_patch(self, request: Request, response: Response, endpoint_id: str) -> None:
        """Change what is given."""
        context = self._context
        token, endpoint = self._find(request, endpoint_id, Scope.MANAGE)
        body = decode_json(await read_body(request, MAX_ENDPOINT_BYTES), _patch_decoder)
        fields = checked_fields(body, context.policy.denied, context.settings.lease_s - 10)
        await write_down(context, token, Action.ENDPOINT_UPDATE, endpoint.id)
        now = context.clock.now()
        changed = await context.directory.change(
            endpoint.id, lambda found: msgspec.structs.replace(found, updated_at=now, **fields)
        )
        answer(response, endpoint_view(_still_there(changed)))

    async def on_delete(self, request: Request, response: Response, endpoint_id: str) -> None:
        """Delete it; what waits for it is cancelled."""
        token, endpoint = self._find(request, endpoint_id, Scope.MANAGE)
        await write_down(self._context, token, Action.ENDPOINT_DELETE, endpoint.id)
        await self._context.directory.remove(endpoint.id)
        response.status = 204

    async def on_post_enable(self, request: Request, response: Response, endpoint_id: str) -> None:
        """Enable it; its backlog is delivered."""
        token, endpoint = self._find(request, endpoint_id, Scope.MANAGE)
        await write_down(self._context, token, Action.ENDPOINT_ENABLE, endpoint.id)
        enabled = await self._context.directory.enable(endpoint.id)
        self._context.engine.wake()
        answer(response, endpoint_view(_still_there(enabled)))

    async def on_post_disable(self, request: Request, response: Response, endpoint_id: str) -> None:
        """Disable it; its backlog is held."""
        token, endpoint = self._find(request, endpoint_id, Scope.MANAGE)
        await write_down(self._context, token, Action.ENDPOINT_DISABLE, endpoint.id)
        disabled = await self._context.directory.disable(endpoint.id, "manual")
        answer(response, endpoint_view(_still_there(disabled)))

    async def on_post_rotate(self, request: Request, response: Response, endpoint_id: str) -> None:
        """Make a new secret the current one; the old ones sign on during the overlap."""
        context = self._context
        token, endpoint = self._find(request, endpoint_id, Scope.MANAGE)
        body = await read_optional(request, _rotate_decoder, MAX_ENDPOINT_BYTES, RotateBody())
        secret = body.secret_key or _new_secret(context, endpoint.algorithm)
        check_secret(secret, endpoint.algorithm)
        await write_down(context, token, Action.ENDPOINT_ROTATE_SECRET, endpoint.id)
        now = context.clock.now()
        until = now + timedelta(seconds=context.settings.rotation_overlap_s)
        changed = await context.directory.change(
            endpoint.id, lambda found: _rotated(found, secret, now, until)
        )
        shown = _shown_once(secret, endpoint.algorithm)
        answer(response, endpoint_view(_still_there(changed), **shown))

    async def on_post_test(self, request: Request, response: Response, endpoint_id: str) -> None:
        """Send it a test webhook."""
        context = self._context
        _token, endpoint = self._find(request, endpoint_id, Scope.SUBMIT)
        now = context.clock.now()
        payload = {"type": "sureshot.test", "timestamp": now, "data": {"endpointId": endpoint.id}}
        webhook = NewWebhook(
            context.ids.new(now),
            endpoint.tenant,
            endpoint.id,
            endpoint.id,
            None,
            "POST",
            (),
            msgspec.json.encode(payload),
            "sureshot.test",
            now,
            now,
        )
        status, data, location = answer_accepted(await context.intake.submit_one(webhook), webhook)
        response.status, response.data, response.location = status, data, location
        response.content_type = "application/json"

    def _find(self, request: Request, endpoint_id: str, scope: Scope) -> tuple[Token, Endpoint]:
        token = caller(request, self._context.access, scope)
        endpoint = self._context.directory.endpoint(endpoint_id)
        if endpoint is None or endpoint.tenant != token.tenant:
            raise unknown("endpoint")
        return token, endpoint


def _still_there(endpoint: Endpoint | None) -> Endpoint:
    """Return it, unless somebody deleted it meanwhile."""
    if endpoint is None:
        raise unknown("endpoint")
    return endpoint


def _rotated(endpoint: Endpoint, secret: str, now: datetime, until: datetime) -> Endpoint:
    """Return it with a new secret; those that sign now do so until then."""
    old = [
        Secret(one.key, one.expires_at or until)
        for one in endpoint.secrets
        if one.expires_at is None or one.expires_at > now
    ]
    secrets = (Secret(secret), *old[:MAX_OLD_SECRETS])
    return msgspec.structs.replace(endpoint, secrets=secrets, updated_at=now)


def _new_secret(context: ApiContext, algorithm: Algorithm) -> str:
    make = generate_ed25519 if algorithm is Algorithm.ED25519 else generate_secret
    return make(context.random_bytes)


def _shown_once(secret: str, algorithm: Algorithm) -> dict[str, object]:
    shown: dict[str, object] = {"secret_key": secret, "warnings": warnings_for(secret)}
    if algorithm is Algorithm.ED25519:
        shown["public_key"] = public_key(secret)
    return shown

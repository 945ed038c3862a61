"""Tokens and tenants over HTTP: create, list, rotate, revoke."""

from __future__ import annotations

import asyncio
import re

import msgspec

from sureshot.api.audit import write_down
from sureshot.api.auth import digest_of, new_token_text
from sureshot.api.context import ApiContext
from sureshot.api.requests import (
    Request,
    Response,
    answer,
    caller,
    check_parameters,
    read_body,
    unknown,
)
from sureshot.api.submission import decode_json, instant_text, name_errors
from sureshot.domain.errors import (
    AlreadyExists,
    FieldError,
    Forbidden,
    InvalidFields,
    Overloaded,
)
from sureshot.domain.model import Action, Scope, Secret, Tenant, Token
from sureshot.domain.secret_key import generate_secret

MAX_BYTES = 64 * 1024
TOKENS_PER_TENANT = 10_000
"""Every process keeps all tokens in memory and reads them anew when one changes."""
_TENANT_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)


class TokenBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of ``POST /api/v1/admin/tokens``; without ``tenant`` it is the caller's own."""

    name: str
    scopes: list[Scope]
    tenant: str | None = None


class TenantBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of ``POST /api/v1/admin/tenants``."""

    id: str


class TokenView(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A token; its text is in ``token`` only where it was just made.

    ``fromSettings`` marks those that the settings give: they are changed there.
    """

    id: str
    name: str
    tenant: str
    scopes: list[str]
    created_at: str | None
    from_settings: bool = False
    token: str | None = None


class TokenList(msgspec.Struct, frozen=True, rename="camel"):
    """All tokens the caller may manage, newest first."""

    items: list[TokenView]
    next_cursor: str | None = None


class TenantItem(msgspec.Struct, frozen=True):
    """A tenant."""

    id: str


class TenantList(msgspec.Struct, frozen=True, rename="camel"):
    """All tenants, by id."""

    items: list[TenantItem]
    next_cursor: str | None = None


_token_decoder = msgspec.json.Decoder(TokenBody)
_tenant_decoder = msgspec.json.Decoder(TenantBody)


class Tokens:
    """``/api/v1/admin/tokens`` and what is below it.

    A tenant's administrators manage its own tokens; the admin token of the
    settings manages those of every tenant.
    """

    def __init__(self, context: ApiContext) -> None:
        self._context = context
        self._changing = asyncio.Lock()
        """Held from looking a token up to its change, so that no rotation revives a revoked one."""

    async def on_get(self, request: Request, response: Response) -> None:
        """List the tokens the caller may manage, newest first."""
        access = self._context.access
        mine = caller(request, access, Scope.ADMIN)
        check_parameters(request, frozenset())
        all_of_them = access.may_act_for_all(mine)
        found = [one for one in access.tokens() if all_of_them or one.tenant == mine.tenant]
        answer(response, TokenList([self._view(one) for one in reversed(found)]))

    async def on_post(self, request: Request, response: Response) -> None:
        """Create a token; its text is shown here and never again."""
        context = self._context
        mine = caller(request, context.access, Scope.ADMIN)
        body: TokenBody = decode_json(await read_body(request, MAX_BYTES), _token_decoder)
        wrong = name_errors(body.name)
        if not body.scopes:
            wrong.append(FieldError("scopes", "must name at least one scope"))
        if wrong:
            raise InvalidFields(*wrong)
        tenant = await self._tenant_for(mine, body.tenant)
        self._check_room(tenant)
        text = new_token_text(context.random_bytes)
        now = context.clock.now()
        token = Token(
            context.ids.new(now, "tok"),
            digest_of(text),
            tenant,
            frozenset(body.scopes),
            body.name,
            now,
        )
        await write_down(context, mine, Action.TOKEN_CREATE, token.id, tenant)
        await self._keep(token)
        answer(response, self._view(token, text))

    async def on_post_rotate(self, request: Request, response: Response, token_id: str) -> None:
        """Give it a new text; the old one stops at once."""
        context = self._context
        text = new_token_text(context.random_bytes)
        async with self._changing:
            mine, token = self._find(request, token_id)
            changed = msgspec.structs.replace(token, digest=digest_of(text))
            await write_down(context, mine, Action.TOKEN_ROTATE, token.id, token.tenant)
            await self._keep(changed)
        answer(response, self._view(changed, text))

    async def on_delete_one(self, request: Request, response: Response, token_id: str) -> None:
        """Revoke it; it stops at once."""
        context = self._context
        async with self._changing:
            mine, token = self._find(request, token_id)
            await write_down(context, mine, Action.TOKEN_REVOKE, token.id, token.tenant)
            await context.store.delete_token(token.id)
            context.access.remove(token.id)
        response.status = 204

    async def _keep(self, token: Token) -> None:
        await self._context.store.put_token(token)
        self._context.access.put(token)

    def _check_room(self, tenant: str) -> None:
        count = self._context.access.count(tenant)
        if count >= TOKENS_PER_TENANT:
            raise Overloaded(
                f"the tenant {tenant} has {count} tokens, as many as one may have: revoke some "
                "that are not used any more (GET /api/v1/admin/tokens lists them)",
                reason="token_limit",
                retry_after_s=60,
            )

    async def _tenant_for(self, mine: Token, wanted: str | None) -> str:
        if wanted is None or wanted == mine.tenant:
            return mine.tenant
        if not self._context.access.may_act_for_all(mine):
            # The same answer whether there is such a tenant or not.
            raise Forbidden("only the admin token of the settings makes tokens of other tenants")
        if all(tenant.id != wanted for tenant in await self._context.store.tenants()):
            raise InvalidFields(FieldError("tenant", "there is no such tenant"))
        return wanted

    def _find(self, request: Request, token_id: str) -> tuple[Token, Token]:
        access = self._context.access
        mine = caller(request, access, Scope.ADMIN)
        found = access.token(token_id)
        if found is None or (found.tenant != mine.tenant and not access.may_act_for_all(mine)):
            raise unknown("token")
        if access.is_given(found):
            raise Forbidden(f"{found.id} is given by the settings; change it there")
        return mine, found

    def _view(self, token: Token, text: str | None = None) -> TokenView:
        given = self._context.access.is_given(token)
        scopes = [scope.value for scope in Scope if scope in token.scopes]
        created_at = None if given else instant_text(token.created_at)
        return TokenView(token.id, token.name, token.tenant, scopes, created_at, given, text)


class Tenants:
    """``/api/v1/admin/tenants``: for the admin token of the settings alone."""

    def __init__(self, context: ApiContext) -> None:
        self._context = context

    async def on_get(self, request: Request, response: Response) -> None:
        """List all tenants."""
        self._caller(request)
        found = await self._context.store.tenants()
        answer(response, TenantList([TenantItem(tenant.id) for tenant in found]))

    async def on_post(self, request: Request, response: Response) -> None:
        """Create a tenant, with a signing secret of its own."""
        context = self._context
        mine = self._caller(request)
        body: TenantBody = decode_json(await read_body(request, MAX_BYTES), _tenant_decoder)
        if not _TENANT_ID.fullmatch(body.id):
            detail = "must be 1 to 63 of a-z, 0-9, _ and -, beginning with a letter or digit"
            raise InvalidFields(FieldError("id", detail))
        if any(tenant.id == body.id for tenant in await context.store.tenants()):
            raise AlreadyExists(f"there is a tenant {body.id} already")
        await write_down(context, mine, Action.TENANT_CREATE, body.id, body.id)
        secret = Secret(generate_secret(context.random_bytes))
        await context.directory.save_tenant(Tenant(body.id, (secret,)))
        answer(response, TenantItem(body.id))

    def _caller(self, request: Request) -> Token:
        token = caller(request, self._context.access, Scope.ADMIN)
        if not self._context.access.may_act_for_all(token):
            raise Forbidden("only the admin token of the settings looks after tenants")
        return token

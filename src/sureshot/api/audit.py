"""The audit log: every administrative act is written before it is done."""

from __future__ import annotations

import msgspec

from sureshot.api.context import ApiContext
from sureshot.api.paging import cursor, encode_cursor, limit
from sureshot.api.requests import Request, Response, answer, caller, check_parameters
from sureshot.api.submission import instant_text
from sureshot.domain.model import Action, AuditEntry, Scope, Token


class AuditView(msgspec.Struct, frozen=True, rename="camel"):
    """Who did what to what, and when."""

    id: str
    at: str
    token_id: str
    token_name: str
    action: str
    subject: str


class AuditList(msgspec.Struct, frozen=True, rename="camel"):
    """One page, newest first."""

    items: list[AuditView]
    next_cursor: str | None


async def write_down(
    context: ApiContext, token: Token, action: Action, subject: str, owner: str | None = None
) -> None:
    """Log durably what *token* is about to do to *subject*; call it just before the act.

    So nothing is done without a trace; an act that then fails (the caller gets
    a 503) is in the log all the same. *owner* is the tenant acted on when it is
    not the token's own: both then find the entry in their log.
    """
    now = context.clock.now()
    tenants = {token.tenant, owner or token.tenant}
    await context.store.add_audit(
        [
            AuditEntry(
                context.ids.new(now, "aud"), tenant, now, token.id, token.name, action, subject
            )
            for tenant in sorted(tenants)
        ]
    )


class Audit:
    """``/api/v1/admin/audit``."""

    def __init__(self, context: ApiContext) -> None:
        self._context = context

    async def on_get(self, request: Request, response: Response) -> None:
        """List the tenant's entries, newest first."""
        token = caller(request, self._context.access, Scope.ADMIN)
        check_parameters(request, frozenset({"limit", "cursor"}))
        wanted = limit(request)
        found = await self._context.store.audit(token.tenant, cursor(request, "aud"), wanted)
        go_on = encode_cursor(found[-1].id) if len(found) == wanted else None
        answer(response, AuditList([_view(entry) for entry in found], go_on))


def _view(entry: AuditEntry) -> AuditView:
    return AuditView(
        entry.id,
        instant_text(entry.at),
        entry.token_id,
        entry.token_name,
        entry.action.value,
        entry.subject,
    )

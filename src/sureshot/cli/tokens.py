"""``sureshot tokens create``, ``list``, ``rotate``, ``revoke``: who may use the service."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from sureshot.cli.client import call, path_to
from sureshot.cli.output import (
    Json,
    examples,
    note,
    print_json,
    print_line,
    print_pairs,
    print_table,
)
from sureshot.domain.errors import ConfigurationError

Id = Annotated[str, typer.Argument(metavar="ID", help="A token's id, tok_...")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def register(tokens: typer.Typer) -> None:
    """Add the commands to ``sureshot tokens``."""
    tokens.command(
        epilog=examples(
            "sureshot tokens create shop --scope submit",
            "sureshot tokens create dashboard --scope read --scope manage",
            "sureshot tokens create acme-admin --scope admin --tenant acme",
        )
    )(create)
    tokens.command("list", epilog=examples("sureshot tokens list", "sureshot tokens list --json"))(
        list_tokens
    )
    tokens.command(epilog=examples("sureshot tokens rotate tok_..."))(rotate)
    tokens.command(epilog=examples("sureshot tokens revoke tok_... --yes"))(revoke)


def create(
    name: Annotated[str, typer.Argument(help="A name for people.")],
    scope: Annotated[list[str], typer.Option(help="submit, read, manage or admin; repeatable.")],
    tenant: Annotated[
        str | None, typer.Option(help="Another tenant's: needs the settings' admin token.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Create a token; its text is shown now and never again."""
    body: dict[str, Any] = {"name": name, "scopes": scope}
    if tenant is not None:
        body["tenant"] = tenant
    _show(call("POST", path_to("admin", "tokens"), body, admin=True), as_json=as_json)


def list_tokens(as_json: Json = False) -> None:
    """List the tokens of your tenant, or of all of them."""
    found = call("GET", path_to("admin", "tokens"), admin=True)
    if as_json:
        print_json(found)
        return
    rows = [
        (one["id"], one["name"], one["tenant"], ", ".join(one["scopes"]), _since(one))
        for one in found["items"]
    ]
    print_table(("id", "name", "tenant", "scopes", "created"), rows)


def rotate(token_id: Id, as_json: Json = False) -> None:
    """Give a token a new text; the old one stops at once."""
    _show(call("POST", path_to("admin", "tokens", token_id, "rotate"), admin=True), as_json=as_json)


def revoke(token_id: Id, yes: Yes = False, as_json: Json = False) -> None:
    """Revoke a token; it stops at once."""
    if not yes and not sys.stdin.isatty():
        raise ConfigurationError("whoever uses this token is refused then; confirm with --yes")
    if not yes:
        typer.confirm(f"Revoke {token_id}?", abort=True, err=True)
    call("DELETE", path_to("admin", "tokens", token_id), admin=True)
    if as_json:
        print_json({"id": token_id, "revoked": True})
    else:
        print_line(f"revoked {token_id}")


def _since(token: dict[str, Any]) -> str:
    return str(token["createdAt"] or "given by the settings")


def _show(token: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(token)
        return
    print_pairs(
        (
            ("id", token["id"]),
            ("name", token["name"]),
            ("tenant", token["tenant"]),
            ("scopes", ", ".join(token["scopes"])),
            ("token (shown once)", token["token"]),
        )
    )
    note("use it as SURESHOT_API_TOKEN, or in the header Authorization: Bearer <token>")

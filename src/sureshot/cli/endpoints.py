"""``sureshot endpoints``: look after endpoints from the command line."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sureshot.cli.client import Client
from sureshot.cli.output import print_json, print_line, print_pairs, print_table
from sureshot.cli.settings import Json

PATH = "/api/v1/endpoints"
Id = Annotated[str, typer.Argument(help="ep_...")]

endpoints = typer.Typer(help="Look after endpoints: urls with secrets and limits.",
                        no_args_is_help=True)  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.add_typer(endpoints, name="endpoints")


@endpoints.command("list")
def list_endpoints(as_json: Json = False) -> None:
    """List all endpoints, newest first."""
    found = Client().call("GET", PATH)
    if as_json:
        print_json(found)
        return
    rows = [(e["id"], e["name"], e["url"], _state(e)) for e in found["items"]]
    print_table(("id", "name", "url", "state"), rows)


@endpoints.command()
def create(
    name: Annotated[str, typer.Argument(help="A name for people.")],
    url: Annotated[str, typer.Argument(help="Where its webhooks go.")],
    secret: Annotated[
        str | None, typer.Option(help="Signing secret; generated if left out.")
    ] = None,
    algorithm: Annotated[str, typer.Option(help="sha256, sha512 or ed25519.")] = "sha256",
    rate: Annotated[float | None, typer.Option(help="Webhooks per second at most.")] = None,
    max_in_flight: Annotated[int | None, typer.Option(help="Requests at once at most.")] = None,
    as_json: Json = False,
) -> None:
    """Create an endpoint; its secret is shown now and never again.

    sureshot endpoints create Billing https://example.com/hooks --rate 50
    """
    optional = (("secretKey", secret), ("rateLimitPerSecond", rate), ("maxInFlight", max_in_flight))
    body: dict[str, Any] = {"name": name, "url": url, "algorithm": algorithm}
    body.update((key, value) for key, value in optional if value is not None)
    _show(Client().call("POST", PATH, body), as_json)


@endpoints.command()
def show(endpoint_id: Id, as_json: Json = False) -> None:
    """Show an endpoint."""
    _show(Client().call("GET", f"{PATH}/{endpoint_id}"), as_json)


@endpoints.command()
def update(
    endpoint_id: Id,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    url: Annotated[str | None, typer.Option(help="A new url; what waits goes there too.")] = None,
    rate: Annotated[float | None, typer.Option(help="Webhooks per second at most.")] = None,
    max_in_flight: Annotated[int | None, typer.Option(help="Requests at once at most.")] = None,
    as_json: Json = False,
) -> None:
    """Change what is given."""
    given = (("name", name), ("url", url), ("rateLimitPerSecond", rate),
             ("maxInFlight", max_in_flight))  # fmt: skip
    body = {key: value for key, value in given if value is not None}
    _show(Client().call("PATCH", f"{PATH}/{endpoint_id}", body), as_json)


@endpoints.command()
def delete(endpoint_id: Id) -> None:
    """Delete an endpoint; what waits for it is cancelled."""
    Client().call("DELETE", f"{PATH}/{endpoint_id}")
    print_line(f"deleted {endpoint_id}")


@endpoints.command()
def enable(endpoint_id: Id, as_json: Json = False) -> None:
    """Enable an endpoint; its backlog is delivered."""
    _show(Client().call("POST", f"{PATH}/{endpoint_id}/enable"), as_json)


@endpoints.command()
def disable(endpoint_id: Id, as_json: Json = False) -> None:
    """Disable an endpoint; its backlog is held."""
    _show(Client().call("POST", f"{PATH}/{endpoint_id}/disable"), as_json)


@endpoints.command("rotate-secret")
def rotate_secret(endpoint_id: Id, as_json: Json = False) -> None:
    """Make a new secret; the old one signs on during the overlap."""
    _show(Client().call("POST", f"{PATH}/{endpoint_id}/rotate-secret"), as_json)


@endpoints.command("test")
def send_test(endpoint_id: Id, as_json: Json = False) -> None:
    """Send an endpoint a test webhook."""
    found = Client().call("POST", f"{PATH}/{endpoint_id}/test")
    if as_json:
        print_json(found)
    else:
        print_pairs((("id", found["id"]), ("status", found["status"])))


def _state(endpoint: dict[str, Any]) -> str:
    return "enabled" if endpoint["enabled"] else f"disabled ({endpoint['disabledReason']})"


def _show(endpoint: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(endpoint)
        return
    print_pairs(
        (
            ("id", endpoint["id"]),
            ("name", endpoint["name"]),
            ("url", endpoint["url"]),
            ("state", _state(endpoint)),
            ("algorithm", endpoint["algorithm"]),
            ("rate limit/s", endpoint["rateLimitPerSecond"]),
            ("max in flight", endpoint["maxInFlight"]),
            ("secret (shown once)", endpoint.get("secretKey")),
            ("public key", endpoint.get("publicKey")),
            ("warning", "; ".join(endpoint.get("warnings", []))),
        )
    )

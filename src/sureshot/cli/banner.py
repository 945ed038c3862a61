"""What a person needs to go on when the service has started."""

from __future__ import annotations

import ipaddress
import shlex
from typing import TYPE_CHECKING

from sureshot.cli.deployment import API_TOKEN
from sureshot.cli.output import print_line
from sureshot.config_sources import LoadedSettings

if TYPE_CHECKING:
    from sureshot.process import Started

SINK_URL = "http://127.0.0.1:9099/"
_SINK_ADDRESS = ipaddress.ip_address("127.0.0.1")


def print_banner(started: Started, loaded: LoadedSettings) -> None:
    """Print where everything is and a line that sends a first webhook when pasted."""
    rows = [
        ("data", str(started.data_dir.resolve())),
        ("docs", started.docs_url),
        ("may call", _networks(started)),
        *_tokens(started, loaded),
    ]
    print_line(f"Sureshot is ready on {started.url} (in {started.seconds:.2f} s)")
    for name, text in rows:
        print_line(f"  {name:<10}{text}")
    print_line()
    for line in _first_webhook(started, loaded):
        print_line(line)


def _networks(started: Started) -> str:
    allowed = ", ".join(started.allowed_networks)
    also = f"and of the private ones {allowed}" if allowed else "but no private one"
    return f"all public addresses, {also} (SURESHOT_ALLOWED_NETWORKS)"


def _tokens(started: Started, loaded: LoadedSettings) -> list[tuple[str, str]]:
    rows = [
        ("tokens" if index == 0 else "", f"{name}={token}")
        for index, (name, token) in enumerate(_generated(started))
    ]
    if rows:
        rows.append(("", f"generated now, shown only once; kept in {started.tokens_file}"))
        return rows
    given = _api_token_origin(loaded)
    return [("tokens", f"kept in {started.tokens_file}" if given is None else f"from {given}")]


def _generated(started: Started) -> list[tuple[str, str]]:
    tokens = ((API_TOKEN, started.api_token), ("SURESHOT_ADMIN_TOKEN", started.admin_token))
    return [(name, token) for name, token in tokens if token is not None]


def _api_token_origin(loaded: LoadedSettings) -> str | None:
    origin = loaded.origins["api_token"]
    return None if origin == "default" else f"the {origin}" if "." not in origin else origin


def _first_webhook(started: Started, loaded: LoadedSettings) -> list[str]:
    token, load = started.api_token or f"${API_TOKEN}", ""
    if started.api_token is None and _api_token_origin(loaded) is None:
        load = f". {shlex.quote(str(started.tokens_file.resolve()))} && "
    body = f'{{"url":"{SINK_URL}","payload":{{"hello":"world"}}}}'
    lines = [
        "Send a first webhook; `sureshot sink` in another terminal receives it:",
        "",
        f"  {load}curl -sS {started.url}/api/v1/webhooks "
        f'-H "Authorization: Bearer {token}" '
        f"-H 'Content-Type: application/json' -d '{body}'",
    ]
    if not _may_call_the_sink(started):
        lines += [
            "",
            "It will be refused: the sink is on a private address. To allow this machine, stop",
            "the service and start it with:",
            "",
            "  SURESHOT_ALLOWED_NETWORKS=127.0.0.0/8,::1/128 sureshot serve",
        ]
    return lines


def _may_call_the_sink(started: Started) -> bool:
    return any(_SINK_ADDRESS in ipaddress.ip_network(one) for one in started.allowed_networks)

"""The docs page: the OpenAPI document as one readable page without outside assets."""

from __future__ import annotations

import html
import json
from typing import Any

from sureshot.api.routes import ROUTES, Call, Route

_STYLE = """
:root{--bg:#fff;--fg:#1c2330;--soft:#5b6577;--line:#e3e7ee;--card:#f7f8fb;--accent:#0b62d6;
--post:#0a7d45;--get:#0b62d6;--patch:#9a6200;--delete:#b3261e}
@media (prefers-color-scheme:dark){:root{--bg:#11151c;--fg:#e6e9ef;--soft:#9aa5b8;--line:#2a3241;
--card:#191f29;--accent:#6fa8ff;--post:#4cc38a;--get:#6fa8ff;--patch:#e2b053;--delete:#ff8a80}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);
font:16px/1.55 system-ui,sans-serif}main{max-width:56rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{margin:.2rem 0}h2{margin:2.2rem 0 .6rem;font-size:1.2rem}p{color:var(--soft);margin:.4rem 0}
a{color:var(--accent)}code,pre{font:13.5px/1.5 ui-monospace,Menlo,monospace}
details{border:1px solid var(--line);border-radius:.5rem;background:var(--card);margin:.5rem 0}
summary{cursor:pointer;padding:.6rem .8rem;display:flex;gap:.7rem;align-items:baseline;
flex-wrap:wrap;list-style:none}summary b{font-size:.8rem;min-width:3.6rem}
summary code{overflow-wrap:anywhere}summary span{color:var(--soft);font-size:.92rem}
.POST{color:var(--post)}.GET{color:var(--get)}.PATCH{color:var(--patch)}.DELETE{color:var(--delete)}
.in{padding:0 .8rem .8rem}pre{background:var(--bg);border:1px solid var(--line);padding:.7rem;
border-radius:.4rem;overflow-x:auto;margin:.4rem 0}table{border-collapse:collapse;width:100%;
font-size:.9rem}td{border-top:1px solid var(--line);padding:.3rem .5rem .3rem 0;vertical-align:top}
td:first-child{white-space:nowrap;width:11rem}small{color:var(--soft)}
"""

_GROUPS = (
    ("Webhooks", "/api/v1/webhooks"),
    ("Events", "/api/v1/events"),
    ("Endpoints", "/api/v1/endpoints"),
    ("Tenant", "/api/v1/tenant"),
    ("Administration", "/api/v1/admin"),
    ("Health", "/"),
)

_EXAMPLES = {
    "SubmissionBody": {
        "url": "https://example.com/hooks",
        "payload": {"type": "invoice.paid", "data": {"id": "in_1"}},
    },
    "Batch": {"webhooks": [{"url": "https://example.com/hooks", "payload": {"n": 1}}]},
    "EventBody": {"eventType": "invoice.paid", "payload": {"id": "in_1"}},
    "EndpointBody": {"name": "Billing", "url": "https://example.com/hooks"},
    "EndpointPatch": {"rateLimitPerSecond": 50},
    "RotateBody": {},
    "RecoverBody": {"since": "2030-01-31T12:00:00Z", "ratePerSecond": 50},
    "TokenBody": {"name": "ci", "scopes": ["submit", "read"]},
    "TenantBody": {"id": "acme"},
}


def docs_page(document: dict[str, Any]) -> str:
    """Return the page of *document* as HTML."""
    parts = [
        "<!doctype html><html lang=en><head><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width,initial-scale=1'>",
        f"<title>Sureshot API</title><style>{_STYLE}</style></head><body><main>",
        f"<h1>Sureshot API</h1><p>Version {html.escape(document['info']['version'])}. "
        "A 202 means stored durably: it will be delivered, retried and recorded.</p>",
        "<p>Send <code>Authorization: Bearer $SURESHOT_API_TOKEN</code>. Errors are problem "
        "documents that say what would be right. Machines read "
        "<a href=/openapi.json>openapi.json</a>.</p>",
    ]
    left = list(ROUTES)
    for title, prefix in _GROUPS:
        group = [route for route in left if route.path.startswith(prefix)]
        left = [route for route in left if route not in group]
        parts.append(f"<h2>{title}</h2>")
        parts += [_call(document, route, call) for route in group for call in route.calls]
    parts.append("</main></body></html>")
    return "".join(parts)


def _call(document: dict[str, Any], route: Route, call: Call) -> str:
    scope = f"<p>Needs the scope <code>{call.scope}</code>.</p>" if call.scope else ""
    parameters = "".join(
        f"<tr><td><code>{html.escape(name)}</code><td>{html.escape(text)}"
        for name, text in call.parameters
    )
    tables = f"<table>{parameters}</table>" if parameters else ""
    if call.body is not None:
        tables += "<small>Body</small>" + _fields(document, call.body.__name__)
    if call.answer is not None:
        tables += f"<small>Answer {call.status}</small>" + _fields(document, call.answer.__name__)
    curl = html.escape(_curl(route, call))
    return (
        f"<details><summary><b class={call.method}>{call.method}</b>"
        f"<code>{html.escape(route.path)}</code><span>{html.escape(call.summary)}</span></summary>"
        f"<div class=in>{scope}<pre>{curl}</pre>{tables}</div></details>"
    )


def _fields(document: dict[str, Any], name: str) -> str:
    schema = document["components"]["schemas"][name]
    required = set(schema.get("required", ()))
    rows = "".join(
        f"<tr><td><code>{html.escape(field)}</code>{' *' if field in required else ''}"
        f"<td>{html.escape(_kind(detail))}"
        for field, detail in schema.get("properties", {}).items()
    )
    return f"<table>{rows}</table>"


def _kind(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_kind(option) for option in schema["anyOf"])
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    shown = str(schema.get("format") or schema.get("type") or "any JSON")
    default = schema.get("default")
    return shown if default is None else f"{shown}, default {json.dumps(default)}"


def _curl(route: Route, call: Call) -> str:
    lines = ["curl" if call.method == "GET" else f"curl -X {call.method}"]
    if call.scope is not None:
        token = "ADMIN" if call.scope == "admin" else "API"
        lines.append(f'-H "Authorization: Bearer $SURESHOT_{token}_TOKEN"')
    if call.body is not None:
        lines.append("-H 'content-type: application/json'")
        lines.append(f"-d '{json.dumps(_EXAMPLES[call.body.__name__])}'")
    lines.append(f"http://127.0.0.1:8080{route.path}")
    return " \\\n  ".join(lines)

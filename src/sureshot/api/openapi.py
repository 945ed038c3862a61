"""The OpenAPI 3.1 document, generated from the routes and the types the handlers use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from sureshot import __version__
from sureshot.api.problems import Problem
from sureshot.api.routes import ROUTES, Call, Route

REFERENCE = "#/components/schemas/{name}"


def openapi_document() -> dict[str, Any]:
    """Return the whole document as JSON-ready values."""
    types = [Problem, *_types()]
    _schemas, components = msgspec.json.schema_components(
        types, schema_hook=_raw_schema, ref_template=REFERENCE
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sureshot",
            "version": __version__,
            "description": "Stores webhooks durably, delivers them signed, retries them, "
            "records every attempt. Errors are RFC 9457 problem documents.",
        },
        "paths": {route.path: _path_item(route) for route in ROUTES},
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _raw_schema(kind: type) -> dict[str, Any]:
    if kind is msgspec.Raw:
        return {"description": "Any JSON value; kept byte for byte"}
    raise NotImplementedError


def _types() -> Iterator[Any]:
    seen = set()
    for route in ROUTES:
        for call in route.calls:
            for kind in (call.body, call.answer):
                if kind is not None and kind not in seen:
                    seen.add(kind)
                    yield kind


def _path_item(route: Route) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", route.path)
    item: dict[str, Any] = {call.method.lower(): _operation(route, call) for call in route.calls}
    if names:
        item["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in names
        ]
    return item


def _operation(route: Route, call: Call) -> dict[str, Any]:
    success: dict[str, Any] = {"description": call.summary}
    if call.answer is not None:
        success["content"] = _content(call.answer)
    operation: dict[str, Any] = {
        "summary": call.summary,
        "operationId": f"{route.resource}_{route.suffix or ''}_{call.method.lower()}".replace(
            "__", "_"
        ),
        "responses": {
            str(call.status): success,
            "default": {
                "description": "A problem",
                "content": {
                    "application/problem+json": {"schema": _reference(Problem)},
                },
            },
        },
    }
    if call.scope is not None:
        operation["security"] = [{"token": []}]
        operation["description"] = f"Needs the scope `{call.scope}`."
    if call.body is not None:
        operation["requestBody"] = {"required": True, "content": _content(call.body)}
    if call.parameters:
        operation["parameters"] = [_parameter(name, text) for name, text in call.parameters]
    return operation


def _parameter(name: str, text: str) -> dict[str, Any]:
    place = "header" if text.startswith("header: ") else "query"
    return {
        "name": name,
        "in": place,
        "description": text.removeprefix("header: "),
        "schema": {"type": "string"},
    }


def _content(kind: Any) -> dict[str, Any]:
    return {"application/json": {"schema": _reference(kind)}}


def _reference(kind: Any) -> dict[str, str]:
    return {"$ref": REFERENCE.format(name=kind.__name__)}

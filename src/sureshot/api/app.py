"""The ASGI application: routes, one error table, one place that counts requests."""

from __future__ import annotations

from typing import Any

import falcon
import falcon.asgi
import msgspec

from sureshot.api.admin import Admin, TenantResource
from sureshot.api.audit import Audit
from sureshot.api.context import ApiContext
from sureshot.api.dead_letters import DeadLetters, Recovery
from sureshot.api.docs_page import docs_page
from sureshot.api.endpoints import Endpoints, OneEndpoint
from sureshot.api.events import Events
from sureshot.api.health import Health
from sureshot.api.openapi import openapi_document
from sureshot.api.problems import CONTENT_TYPE, METHOD_NOT_ALLOWED, plain_problem, problem_for
from sureshot.api.requests import Request, Response
from sureshot.api.routes import ROUTES, SUBMISSION_PATHS
from sureshot.api.scaling import ScalingResource
from sureshot.api.tokens import Tenants, Tokens
from sureshot.api.webhooks import OneWebhook, Webhooks
from sureshot.domain.errors import NotFound, SureshotError
from sureshot.telemetry.metrics import Metrics

App = falcon.asgi.App[Request, Response]


def create_app(context: ApiContext) -> App:
    """Return the application that serves every route."""
    app = _bare_app(context)
    resources = {
        "webhooks": Webhooks(context),
        "webhook": OneWebhook(context),
        "events": Events(context),
        "endpoints": Endpoints(context),
        "endpoint": OneEndpoint(context),
        "recovery": Recovery(context),
        "dead_letters": DeadLetters(context),
        "tenant": TenantResource(context),
        "admin": Admin(context),
        "scaling": ScalingResource(context),
        "tokens": Tokens(context),
        "tenants": Tenants(context),
        "audit": Audit(context),
        "health": Health(context),
    }
    _add_routes(app, resources)
    for path in SUBMISSION_PATHS:
        context.metrics.call(path, "POST").expect(500, 503)
    document = openapi_document()
    app.add_route("/openapi.json", _Page(msgspec.json.encode(document), "application/json"))
    app.add_route("/docs", _Page(docs_page(document).encode(), "text/html; charset=utf-8"))
    return app


def create_health_app(context: ApiContext) -> App:
    """Return the application of the metrics port: health and metrics, nothing else."""
    app = _bare_app(context)
    _add_routes(app, {"health": Health(context)})
    return app


def _bare_app(context: ApiContext) -> App:
    app: App = falcon.asgi.App(middleware=[_CountRequests(context)])
    app.add_error_handler(SureshotError, _answer_problem)
    app.add_error_handler(falcon.HTTPError, _answer_falcons)
    app.req_options.strip_url_path_trailing_slash = False
    app.req_options.auto_parse_qs_csv = False
    return app


def _add_routes(app: App, resources: dict[str, Any]) -> None:
    for route in ROUTES:
        if route.resource in resources:
            app.add_route(route.path, resources[route.resource], suffix=route.suffix)


class _Page:
    """A fixed page, made once."""

    def __init__(self, data: bytes, content_type: str) -> None:
        self._data = data
        self._content_type = content_type

    async def on_get(self, request: Request, response: Response) -> None:  # noqa: ARG002
        response.data = self._data
        response.content_type = self._content_type


class _CountRequests:
    """Observes every request; decides nothing."""

    def __init__(self, context: ApiContext) -> None:
        self._metrics: Metrics = context.metrics
        self._now_s = context.clock.monotonic

    async def process_request(self, request: Request, response: Response) -> None:  # noqa: ARG002
        request.context.began_s = self._now_s()

    async def process_response(
        self, request: Request, response: Response, resource: object, succeeded: bool
    ) -> None:
        del resource, succeeded
        template = request.uri_template or "(unknown)"
        duration_s = self._now_s() - request.context.began_s
        self._metrics.call(template, request.method).answered(response.status_code, duration_s)


async def _answer_problem(
    request: Request, response: Response, error: SureshotError, params: dict[str, Any]
) -> None:
    del request, params
    status, body, headers = problem_for(error)
    response.status = status
    response.data = body
    for name, value in headers:
        response.set_header(name, value)


async def _answer_falcons(
    request: Request, response: Response, error: falcon.HTTPError, params: dict[str, Any]
) -> None:
    """Give falcon's own refusals (no route, wrong method, bad header) our shape."""
    del params
    status = error.status_code
    if status == 404:
        _status, body, _headers = problem_for(NotFound(f"there is nothing at {request.path}"))
    elif status == 405:
        allowed = error.headers or {}
        shown = dict(allowed).get("Allow", "")
        _code, slug, title = METHOD_NOT_ALLOWED
        body = plain_problem(405, slug, title, f"allowed here: {shown}")
        response.set_header("Allow", shown)
    else:
        title = error.title or "The request is malformed"
        body = plain_problem(status, "bad-request", title, error.description or "")
    response.status = status
    response.data = body
    response.content_type = CONTENT_TYPE

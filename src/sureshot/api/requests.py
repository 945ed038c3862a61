"""What every resource does with a request: who asks, and the body within its bounds."""

from __future__ import annotations

from typing import Any

import falcon.asgi
import msgspec

from sureshot.api.auth import AccessList, require
from sureshot.api.submission import decode_json, nul_errors
from sureshot.domain.errors import (
    BodyTooLarge,
    FieldError,
    InvalidFields,
    NotFound,
    UnsupportedMediaType,
)
from sureshot.domain.model import Scope, Token

Request = falcon.asgi.Request
Response = falcon.asgi.Response


def caller(request: Request, access: AccessList, scope: Scope) -> Token:
    """Return the caller's token; raises ``Unauthenticated`` or ``Forbidden``."""
    header = request.get_header("Authorization")
    token = access.authenticate(None if header is None else header.encode("latin-1", "replace"))
    require(token, scope)
    return token


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """Return the whole body; raises ``UnsupportedMediaType`` or ``BodyTooLarge``."""
    media_type = (request.content_type or "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaType(f"the content type is {media_type!r}; send application/json")
    if request.get_header("Content-Encoding", default="identity").lower() != "identity":
        raise UnsupportedMediaType("compressed bodies are not taken; send the JSON as it is")
    length = request.content_length
    if length is not None and length > limit_bytes:
        raise _too_large(limit_bytes)
    body = bytearray()
    async for chunk in request.stream:
        body += chunk
        if len(body) > limit_bytes:
            raise _too_large(limit_bytes)
    return bytes(body)


def _too_large(limit_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(f"the body is over the limit of {limit_bytes} bytes")


async def read_optional(
    request: Request, decoder: msgspec.json.Decoder[Any], limit_bytes: int, empty: Any
) -> Any:
    """Return the decoded body, or *empty* when the request has none."""
    if not request.content_length and not request.get_header("Transfer-Encoding"):
        return empty
    return decode_json(await read_body(request, limit_bytes), decoder)


def answer(response: Response, value: Any, status: int = 200) -> None:
    """Answer with *value* as JSON."""
    response.status = status
    response.content_type = "application/json"
    response.data = msgspec.json.encode(value)


def filter_text(request: Request, name: str) -> str | None:
    """Return a text of the query string, or None; raises ``InvalidFields``."""
    text = request.get_param(name)
    wrong = [] if text is None else nul_errors(text, name)
    if wrong:
        raise InvalidFields(*wrong)
    return text


def flag(request: Request, name: str) -> bool:
    """Return a boolean query parameter; raises ``InvalidFields``."""
    text = request.get_param(name)
    if text not in {None, "", "true", "false"}:
        raise InvalidFields(FieldError(name, "must be true or false"))
    return text == "true"


def check_parameters(request: Request, known: frozenset[str]) -> None:
    """Raise ``InvalidFields`` for a query parameter the call does not know."""
    unknown = sorted(set(request.params) - known)
    if unknown:
        detail = f"is no parameter of this call; known are {', '.join(sorted(known))}"
        raise InvalidFields(*(FieldError(name, detail) for name in unknown))


def unknown(kind: str) -> NotFound:
    """Return the one answer for what is not there, malformed or somebody else's."""
    return NotFound(f"there is no such {kind}")

"""Bearer tokens: only their sha256 is kept, and compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime

from sureshot.domain.errors import Forbidden, Unauthenticated
from sureshot.domain.model import Scope, Token
from sureshot.ports import Store

TOKEN_PREFIX = "sst_"  # noqa: S105 - marks tokens for secret scanners
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class AccessList:
    """Every token of the deployment, by the digest of its text."""

    def __init__(self) -> None:
        self._tokens: dict[bytes, Token] = {}

    async def load(self, store: Store) -> None:
        """Add the stored tokens."""
        for token in await store.tokens():
            self._tokens[token.digest] = token

    def add(self, text: str, tenant: str, scopes: frozenset[Scope], name: str) -> None:
        """Add a token given by the settings; it is not stored."""
        digest = hashlib.sha256(text.encode()).digest()
        self._tokens[digest] = Token(f"tok_{name}", digest, tenant, scopes, name, _EPOCH)

    def authenticate(self, authorization: bytes | None) -> Token:
        """Return whose token this ``Authorization`` header holds; raises ``Unauthenticated``."""
        if authorization is None:
            raise Unauthenticated("send the header Authorization: Bearer <token>")
        if authorization[:7].lower() != b"bearer ":
            raise Unauthenticated("the Authorization header must read Bearer <token>")
        # The digest of a guess tells nothing about the digest of a token, so the
        # lookup leaks nothing; the comparison is constant-time besides.
        digest = hashlib.sha256(authorization[7:].strip()).digest()
        token = self._tokens.get(digest)
        if token is None or not hmac.compare_digest(token.digest, digest):
            raise Unauthenticated("this token is not known")
        return token


def require(token: Token, scope: Scope) -> None:
    """Raise ``Forbidden`` unless *token* has *scope*; ``admin`` implies every other."""
    if scope not in token.scopes and Scope.ADMIN not in token.scopes:
        raise Forbidden(f"this call needs the scope {scope}; the token {token.name!r} lacks it")


def new_token_text(random_bytes: Callable[[int], bytes]) -> str:
    """Return a new token of 256 random bits, with a prefix secret scanners know."""
    return TOKEN_PREFIX + random_bytes(32).hex()

"""Bearer tokens: only their sha256 is kept, and compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime

from sureshot.domain.errors import Forbidden, Unauthenticated
from sureshot.domain.model import DEFAULT_TENANT, Scope, Token
from sureshot.ports import Store

FIRST_TOKEN_PREFIX = "tok_first_"  # noqa: S105 - marks the ids of a deployment's first tokens
TOKEN_PREFIX = "sst_"  # noqa: S105 - marks tokens for secret scanners
RELOAD_AGAIN_S = 1.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class AccessList:
    """Every token of the deployment, by the digest of its text.

    Some are given by the settings, the others are stored; a change of either
    counts from the next request on.
    """

    def __init__(self) -> None:
        self._given: dict[str, Token] = {}
        self._stored: dict[str, Token] = {}
        self._by_digest: dict[bytes, Token] = {}
        self._changes = 0

    # -- what is in it ------------------------------------------------------

    async def load(self, store: Store) -> None:
        """Take over the stored tokens, and forget those that are gone."""
        while True:
            changes = self._changes
            found = await store.tokens()
            if changes == self._changes:
                break
            # A token was put or removed here meanwhile: what was read may be older than that.
        self._stored = {token.id: token for token in found}
        self._index()

    def add(self, text: str, tenant: str, scopes: frozenset[Scope], name: str) -> None:
        """Add a token given by the settings; it is not stored."""
        token = Token(f"tok_{name}", digest_of(text), tenant, scopes, name, _EPOCH)
        self._given[token.id] = token
        self._index()

    def put(self, token: Token) -> None:
        """Add or replace a token that is stored; the text it had before counts no more."""
        self._changes += 1
        self._stored[token.id] = token
        self._index()

    def remove(self, token_id: str) -> None:
        """Forget a token that is stored no more."""
        self._changes += 1
        self._stored.pop(token_id, None)
        self._index()

    def _index(self) -> None:
        tokens = [*self._stored.values(), *self._given.values()]
        self._by_digest = {token.digest: token for token in tokens}

    # -- asking it ----------------------------------------------------------

    def tokens(self) -> list[Token]:
        """Return every token, oldest first, those of the settings before all."""
        return [*self._given.values(), *(self._stored[key] for key in sorted(self._stored))]

    def count(self, tenant: str) -> int:
        """Return how many tokens of the tenant are stored."""
        return sum(1 for token in self._stored.values() if token.tenant == tenant)

    def token(self, token_id: str) -> Token | None:
        """Return the token of that id, whoever's it is."""
        return self._given.get(token_id) or self._stored.get(token_id)

    def is_given(self, token: Token) -> bool:
        """Whether *token* is one of the settings."""
        return token.id in self._given

    def may_act_for_all(self, token: Token) -> bool:
        """Whether *token* may act for any tenant: the operator's admin token alone.

        It is one of the settings, or was made when the deployment first started.
        """
        operators = self.is_given(token) or token.id.startswith(FIRST_TOKEN_PREFIX)
        return operators and token.tenant == DEFAULT_TENANT and _is_admin(token)

    def authenticate(self, authorization: bytes | None) -> Token:
        """Return whose token this ``Authorization`` header holds; raises ``Unauthenticated``."""
        if authorization is None:
            raise Unauthenticated("send the header Authorization: Bearer <token>")
        if authorization[:7].lower() != b"bearer ":
            raise Unauthenticated("the Authorization header must read Bearer <token>")
        # The digest of a guess tells nothing about the digest of a token, so the
        # lookup leaks nothing; the comparison is constant-time besides.
        digest = hashlib.sha256(authorization[7:].strip()).digest()
        token = self._by_digest.get(digest)
        if token is None or not hmac.compare_digest(token.digest, digest):
            raise Unauthenticated("this token is not known")
        return token


def digest_of(text: str) -> bytes:
    """Return what is kept of a token."""
    return hashlib.sha256(text.encode()).digest()


def require(token: Token, scope: Scope) -> None:
    """Raise ``Forbidden`` unless *token* has *scope*; ``admin`` implies every other."""
    if scope not in token.scopes and not _is_admin(token):
        raise Forbidden(f"this call needs the scope {scope}; the token {token.name!r} lacks it")


def _is_admin(token: Token) -> bool:
    return Scope.ADMIN in token.scopes


def new_token_text(random_bytes: Callable[[int], bytes]) -> str:
    """Return a new token of 256 random bits, with a prefix secret scanners know."""
    return TOKEN_PREFIX + random_bytes(32).hex()

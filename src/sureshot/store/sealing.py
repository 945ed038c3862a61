"""Documents with secrets in them, encrypted at rest: AES-256-GCM, bound to their place."""

from __future__ import annotations

import contextlib
import secrets
from typing import TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sureshot.domain.errors import ConfigurationError
from sureshot.domain.model import Endpoint, Tenant, Token

Document = TypeVar("Document", Endpoint, Tenant, Token)

KINDS = tuple(kind.__name__ for kind in (Endpoint, Tenant, Token))
"""What the documents that are sealed are called."""
KEY_BYTES = 32
_NONCE_BYTES = 12


class Sealer:
    """Encrypts with one key; *place* (kind and id) keeps rows from being swapped.

    Decrypts with that key, else with the one before: while a key is being
    replaced, both kinds of documents are in the store.
    """

    def __init__(self, key: bytes, previous: bytes | None = None) -> None:
        """Take keys of 32 bytes; raises ``ConfigurationError`` for any other length."""
        for one in (key, previous):
            if one is not None and len(one) != KEY_BYTES:
                raise ConfigurationError(
                    f"the secret key has {len(one)} bytes; SURESHOT_SECRET_KEY must be the base64 "
                    f"of {KEY_BYTES}"
                )
        self._cipher = AESGCM(key)
        self._previous = None if previous is None else AESGCM(previous)

    def seal(self, place: str, plain: bytes) -> bytes:
        """Return *plain* encrypted for *place*."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, place.encode())

    def open(self, place: str, sealed: bytes) -> bytes:
        """Return what was sealed; raises ``ConfigurationError`` when the key is another one."""
        nonce, encrypted = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, encrypted, place.encode())
        except InvalidTag as error:
            if self._previous is not None:
                with contextlib.suppress(InvalidTag):
                    return self._previous.decrypt(nonce, encrypted, place.encode())
            raise ConfigurationError(
                f"{place} cannot be decrypted: SURESHOT_SECRET_KEY (or secret.key beside the "
                "database) is not the key it was stored with"
            ) from error

    def reseal(self, kind: str, key: str, sealed: bytes) -> bytes:
        """Return a document encrypted with the present key; raises ``ConfigurationError``."""
        place = f"{kind} {key}"
        return self.seal(place, self.open(place, sealed))

    def seal_document(self, value: Endpoint | Tenant | Token) -> bytes:
        """Return *value* as an encrypted document, bound to its kind and id."""
        return self.seal(_place(type(value), value.id), msgspec.json.encode(value))

    def open_document(self, kind: type[Document], key: str, sealed: bytes) -> Document:
        """Return the value; raises ``ConfigurationError`` when the key is another one."""
        return msgspec.json.decode(self.open(_place(kind, key), sealed), type=kind)


def _place(kind: type, key: str) -> str:
    return f"{kind.__name__} {key}"

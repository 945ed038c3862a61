"""Documents with secrets in them, encrypted at rest: AES-256-GCM, bound to their place."""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sureshot.domain.errors import ConfigurationError

KEY_BYTES = 32
_NONCE_BYTES = 12


class Sealer:
    """Encrypts and decrypts with one key; *place* (kind and id) keeps rows from being swapped."""

    def __init__(self, key: bytes) -> None:
        """Take a key of 32 bytes; raises ``ConfigurationError`` for any other length."""
        if len(key) != KEY_BYTES:
            raise ConfigurationError(
                f"the secret key has {len(key)} bytes; SURESHOT_SECRET_KEY must be the base64 of "
                f"{KEY_BYTES}"
            )
        self._cipher = AESGCM(key)

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
            raise ConfigurationError(
                f"{place} cannot be decrypted: SURESHOT_SECRET_KEY (or secret.key beside the "
                "database) is not the key it was stored with"
            ) from error

"""Signing secrets as text: ``whsec_`` (HMAC), ``whsk_``/``whpk_`` (Ed25519), or plain."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HMAC_PREFIX = "whsec_"
PRIVATE_PREFIX = "whsk_"
PUBLIC_PREFIX = "whpk_"
MAX_SECRET_BYTES = 256
SHORT_SECRET_BYTES = 24

RandomBytes = Callable[[int], bytes]


def decode_secret(text: str) -> bytes:
    """Return the key *text* stands for: base64 after ``whsec_``, else its UTF-8 bytes.

    Raises ``ValueError`` when it is empty, over 256 bytes or no base64.
    """
    encoded = text.startswith(HMAC_PREFIX)
    key = _from_base64(text, HMAC_PREFIX) if encoded else text.encode()
    if not 1 <= len(key) <= MAX_SECRET_BYTES:
        raise ValueError(f"is {len(key)} bytes long; a secret has 1 to {MAX_SECRET_BYTES}")
    return key


def warnings_for(text: str) -> list[str]:
    """Return what is legal but unwise about a secret."""
    if text.startswith(PRIVATE_PREFIX) or len(decode_secret(text)) >= SHORT_SECRET_BYTES:
        return []
    return [f"secretKey is under {SHORT_SECRET_BYTES} bytes; Standard Webhooks asks for 24 to 64"]


def generate_secret(random_bytes: RandomBytes) -> str:
    """Return a new HMAC secret of 32 bytes."""
    return HMAC_PREFIX + base64.b64encode(random_bytes(32)).decode()


def generate_ed25519(random_bytes: RandomBytes) -> str:
    """Return a new private Ed25519 key: its 32-byte seed."""
    return PRIVATE_PREFIX + base64.b64encode(random_bytes(32)).decode()


def private_key(text: str) -> Ed25519PrivateKey:
    """Return the key of a ``whsk_`` text (the seed, or seed and public half).

    Raises ``ValueError``.
    """
    if not text.startswith(PRIVATE_PREFIX):
        raise ValueError("must begin with whsk_ and hold the base64 of a 32-byte Ed25519 seed")
    seed = _from_base64(text, PRIVATE_PREFIX)
    if len(seed) not in {32, 64}:
        raise ValueError(f"holds {len(seed)} bytes; an Ed25519 private key has 32 (or 64)")
    return Ed25519PrivateKey.from_private_bytes(seed[:32])


def public_key(text: str) -> str:
    """Return the ``whpk_`` text receivers verify with, of a ``whsk_`` text."""
    public = private_key(text).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return PUBLIC_PREFIX + base64.b64encode(public).decode()


def _from_base64(text: str, prefix: str) -> bytes:
    encoded = text.removeprefix(prefix)
    try:
        # Secrets are often passed around without their padding.
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError(f"is not valid base64 after {prefix}") from error

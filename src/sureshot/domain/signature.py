"""Standard Webhooks signatures (spec 1.0.0): v1 is HMAC-SHA256, v1a is Ed25519.

Signed is ``id.timestamp.body``, with the exact bytes of the body.
"""

from __future__ import annotations

import hmac
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping, Sequence
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sureshot.domain.model import Algorithm
from sureshot.domain.secret_key import PUBLIC_PREFIX, decode_secret, private_key

TOLERANCE_S = 300.0


class SigningKey:
    """One active secret, decoded once. Raises ``ValueError`` when *secret* is unusable."""

    __slots__ = ("_private", "_secret", "algorithm")

    def __init__(self, algorithm: Algorithm, secret: str) -> None:
        self.algorithm = algorithm
        self._private = private_key(secret) if algorithm is Algorithm.ED25519 else None
        self._secret = b"" if self._private is not None else decode_secret(secret)

    def sign(self, signed: bytes) -> str:
        """Return one signature with its version: ``v1,<base64>`` or ``v1a,<base64>``."""
        if self._private is not None:
            return "v1a," + b2a_base64(self._private.sign(signed), newline=False).decode()
        digest = hmac.digest(self._secret, signed, "sha256")
        return "v1," + b2a_base64(digest, newline=False).decode()

    def body_digest(self, body: bytes) -> str:
        """Return the hex HMAC-SHA512 of *body* alone, for the ``sha512`` algorithm."""
        return hmac.digest(self._secret, body, "sha512").hex()


def sign(keys: Sequence[SigningKey], webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return the ``webhook-signature`` value: one signature per active key.

    *timestamp* is whole seconds since the epoch. Two keys are active while one
    is being rotated out; receivers accept either.
    """
    signed = b"%b.%d.%b" % (webhook_id.encode(), timestamp, body)
    if len(keys) == 1:
        return keys[0].sign(signed)
    return " ".join([key.sign(signed) for key in keys])


def signature_headers(
    keys: Sequence[SigningKey], webhook_id: str, timestamp: int, body: bytes
) -> str:
    """Return the signature's header lines, each ended by CRLF.

    ``sha512`` endpoints get ``x-sureshot-signature`` besides, made with the
    current key.
    """
    signature = sign(keys, webhook_id, timestamp, body)
    lines = (
        f"webhook-id: {webhook_id}\r\nwebhook-timestamp: {timestamp}\r\n"
        f"webhook-signature: {signature}\r\n"
    )
    if keys and keys[0].algorithm is Algorithm.SHA512:
        lines += f"x-sureshot-signature: sha512={keys[0].body_digest(body)}\r\n"
    return lines


def verify(
    secrets: Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
    tolerance_s: float = TOLERANCE_S,
) -> str | None:
    """Return None when one of *secrets* signed this request, else what is wrong.

    *headers* has lower-case names; a secret is ``whsec_``, ``whpk_`` or plain
    text. Comparisons take constant time.
    """
    webhook_id = headers.get("webhook-id")
    timestamp = headers.get("webhook-timestamp", "")
    signatures = headers.get("webhook-signature", "").split(" ")
    digits = timestamp.isascii() and timestamp.isdigit()
    if not webhook_id or not digits or not signatures[0]:
        return "the webhook-id, webhook-timestamp or webhook-signature header is missing"
    if abs(now.timestamp() - int(timestamp)) > tolerance_s:
        return "the timestamp is too far from now"
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    if any(_signed_by(secret, signed, one) for secret in secrets for one in signatures):
        return None
    return "no signature matches a known secret"


def _signed_by(secret: str, signed: bytes, signature: str) -> bool:
    version, _comma, encoded = signature.partition(",")
    try:
        given = a2b_base64(encoded)
    except Base64Error:
        return False
    if version == "v1a" and secret.startswith(PUBLIC_PREFIX):
        key = a2b_base64(secret.removeprefix(PUBLIC_PREFIX))
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(given, signed)
        except InvalidSignature:
            return False
        return True
    if version != "v1" or secret.startswith(PUBLIC_PREFIX):
        return False
    return hmac.compare_digest(hmac.digest(decode_secret(secret), signed, "sha256"), given)

"""Whether a webhook is signed with a secret the sink knows: fast when it is, thorough when not."""

from __future__ import annotations

import hmac
from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sureshot.domain.secret_key import PRIVATE_PREFIX, PUBLIC_PREFIX, decode_secret, public_key
from sureshot.domain.signature import TOLERANCE_S, verify
from sureshot_lab.errors import LabError
from sureshot_lab.sink.request import Request

TOLERANCE_US = int(TOLERANCE_S * 1e6)


class Verifier:
    """Knows an endpoint's secrets, decoded once. Raises ``LabError`` for one that is none."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = [_verifying(secret) for secret in secrets]
        self._keys = [decode_secret(s) for s in self._secrets if not s.startswith(PUBLIC_PREFIX)]

    def accepts(self, request: Request, now_us: int) -> bool:
        """Return whether one of the secrets signed *request*, not longer ago than five minutes.

        *now_us* is microseconds since the epoch.
        """
        timestamp, signatures = request.timestamp, request.signatures
        if not timestamp.isdigit() or abs(now_us - int(timestamp) * 1_000_000) > TOLERANCE_US:
            return False
        signed = b"%b.%b.%b" % (request.webhook_id, timestamp, request.body)
        for key in self._keys:
            digest = hmac.digest(key, signed, "sha256")
            # In plain comparison: the sender is the service under test, no stranger.
            if b"v1," + b2a_base64(digest, newline=False) in signatures.split(b" "):
                return True
        # Anything else is judged by the service's own rules: other versions, odd encodings.
        headers = {
            "webhook-id": request.webhook_id.decode("latin-1"),
            "webhook-timestamp": timestamp.decode("latin-1"),
            "webhook-signature": signatures.decode("latin-1"),
        }
        now = datetime.fromtimestamp(now_us / 1e6, UTC)
        return verify(self._secrets, headers, request.body, now) is None


def _verifying(secret: str) -> str:
    try:
        if secret.startswith(PRIVATE_PREFIX):
            return public_key(secret)
        if secret.startswith(PUBLIC_PREFIX):
            Ed25519PublicKey.from_public_bytes(a2b_base64(secret.removeprefix(PUBLIC_PREFIX)))
        else:
            decode_secret(secret)
    except ValueError as error:
        raise LabError(f"a secret given to the sink is not usable: it {error}") from None
    return secret

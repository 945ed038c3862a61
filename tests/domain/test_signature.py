from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime

import pytest
import standardwebhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from sureshot.domain.model import Algorithm
from sureshot.domain.secret_key import (
    decode_secret,
    generate_ed25519,
    generate_secret,
    public_key,
    warnings_for,
)
from sureshot.domain.signature import SigningKey, sign, signature_headers, verify

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
NOW = datetime(2030, 1, 31, tzinfo=UTC)
STAMP = int(NOW.timestamp())


def _headers(text: str) -> dict[str, str]:
    pairs = (line.split(": ", 1) for line in text.splitlines())
    return {pair[0]: pair[1] for pair in pairs}


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_the_published_vector_is_reproduced() -> None:
    keys = [SigningKey(Algorithm.SHA256, SECRET)]
    value = sign(keys, ID, 1614265330, b'{"test": 2432232314}')
    assert value == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(max_size=300).filter(_is_utf8))
def test_the_independent_verifier_accepts_us(body: bytes) -> None:
    secret = generate_secret(secrets.token_bytes)
    stamp = int(datetime.now(UTC).timestamp())
    text = signature_headers([SigningKey(Algorithm.SHA256, secret)], "wh_1", stamp, body)
    standardwebhooks.Webhook(secret).verify(body or b"", _headers(text), json_parse=False)


def test_v1a_verifies_with_the_public_key_alone() -> None:
    private = generate_ed25519(secrets.token_bytes)
    value = sign([SigningKey(Algorithm.ED25519, private)], ID, 1614265330, b"body")
    version, encoded = value.split(",")
    raw = base64.b64decode(public_key(private).removeprefix("whpk_"))
    Ed25519PublicKey.from_public_bytes(raw).verify(
        base64.b64decode(encoded), f"{ID}.1614265330.body".encode()
    )
    assert version == "v1a"


def test_the_rfc_8032_vector_gives_its_public_key() -> None:
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    expected = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    text = "whsk_" + base64.b64encode(seed).decode()
    assert base64.b64decode(public_key(text)[5:]).hex() == expected


def test_during_a_rotation_either_secret_verifies() -> None:
    old, new = generate_secret(secrets.token_bytes), generate_secret(secrets.token_bytes)
    keys = [SigningKey(Algorithm.SHA256, new), SigningKey(Algorithm.SHA256, old)]
    headers = _headers(signature_headers(keys, "wh_1", STAMP, b"x"))
    assert headers["webhook-signature"].count(" ") == 1
    assert verify([old], headers, b"x", NOW) is None
    assert verify([new], headers, b"x", NOW) is None
    assert verify([generate_secret(secrets.token_bytes)], headers, b"x", NOW) is not None


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_our_own_verifier_accepts_every_algorithm(algorithm: Algorithm) -> None:
    if algorithm is Algorithm.ED25519:
        secret = generate_ed25519(secrets.token_bytes)
        known = public_key(secret)
    else:
        secret = known = "a plain secret of some length"
    headers = _headers(signature_headers([SigningKey(algorithm, secret)], "wh_1", STAMP, b"{}"))
    assert verify([known], headers, b"{}", NOW) is None
    assert ("x-sureshot-signature" in headers) == (algorithm is Algorithm.SHA512)


@pytest.mark.parametrize("broken", ["webhook-id", "webhook-timestamp", "webhook-signature", "body"])
def test_a_change_anywhere_is_noticed(broken: str) -> None:
    headers = _headers(
        signature_headers([SigningKey(Algorithm.SHA256, SECRET)], "wh_1", STAMP, b"b")
    )
    body = b"c" if broken == "body" else b"b"
    if broken == "webhook-timestamp":
        headers[broken] = str(STAMP + 1)
    elif broken == "webhook-id":
        headers[broken] = "wh_2"
    elif broken == "webhook-signature":
        flipped = "A" if headers[broken][5] != "A" else "B"
        headers[broken] = headers[broken][:5] + flipped + headers[broken][6:]
    assert verify([SECRET], headers, body, NOW) is not None


def test_digits_that_are_no_number_are_refused() -> None:
    headers = {"webhook-id": "wh_1", "webhook-timestamp": "²", "webhook-signature": "v1,AA=="}
    assert verify([SECRET], headers, b"b", NOW) is not None


def test_an_old_timestamp_is_refused() -> None:
    keys = [SigningKey(Algorithm.SHA256, SECRET)]
    headers = _headers(signature_headers(keys, "wh_1", STAMP - 301, b"b"))
    assert verify([SECRET], headers, b"b", NOW) is not None


def test_short_secrets_work_with_a_warning() -> None:
    assert warnings_for("short")
    assert not warnings_for(generate_secret(secrets.token_bytes))
    assert decode_secret("short") == b"short"


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!!", "x" * 257])
def test_unusable_secrets_are_refused(secret: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        decode_secret(secret)

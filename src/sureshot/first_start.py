"""What a first start makes and keeps: tokens, the default tenant and its signing secret."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from sureshot.api.auth import FIRST_TOKEN_PREFIX, new_token_text
from sureshot.config import Settings
from sureshot.domain.errors import ConfigurationError
from sureshot.domain.model import DEFAULT_TENANT, Scope, Secret, Tenant, Token
from sureshot.domain.secret_key import generate_secret
from sureshot.ports import Store

API_SCOPES = frozenset({Scope.SUBMIT, Scope.READ, Scope.MANAGE})
TOKENS_FILE = "tokens.env"
SECRET_KEY_FILE = "secret.key"  # noqa: S105 - a file's name

RandomBytes = Callable[[int], bytes]


class Tokens(msgspec.Struct, frozen=True):
    """The two bearer tokens of this deployment; ``generated`` names those made just now."""

    api: str
    admin: str
    generated: frozenset[str]


def ensure_tokens(settings: Settings, random_bytes: RandomBytes) -> Tokens:
    """Return the tokens from the settings, else from ``tokens.env``, else new ones.

    New ones are written to ``tokens.env`` beside the database (mode 0600).
    Raises ``ConfigurationError`` when that file cannot be read or written.
    """
    path = settings.data_dir / TOKENS_FILE
    kept = read_tokens(path)
    generated = set()
    values = {
        "SURESHOT_API_TOKEN": settings.api_token,
        "SURESHOT_ADMIN_TOKEN": settings.admin_token,
    }
    for name, given in values.items():
        if given is None and name not in kept:
            kept[name] = new_token_text(random_bytes)
            generated.add(name)
        values[name] = given or kept[name]
    if generated:
        _write_tokens(path, kept)
    return Tokens(
        values["SURESHOT_API_TOKEN"] or "",
        values["SURESHOT_ADMIN_TOKEN"] or "",
        frozenset(generated),
    )


async def ensure_stored_tokens(
    settings: Settings, store: Store, now: datetime, random_bytes: RandomBytes
) -> Tokens:
    """Return the tokens of a deployment of many processes.

    Those of the settings count; else, when the store knows none at all, new ones
    are made, stored for everybody (their digests) and kept in ``tokens.env``.
    """
    if settings.api_token is not None or settings.admin_token is not None or await store.tokens():
        return Tokens(settings.api_token or "", settings.admin_token or "", frozenset())
    tokens = ensure_tokens(settings, random_bytes)
    for text, scopes, name in (
        (tokens.api, API_SCOPES, "api"),
        (tokens.admin, frozenset(Scope), "admin"),
    ):
        digest = hashlib.sha256(text.encode()).digest()
        token_id = FIRST_TOKEN_PREFIX + random_bytes(8).hex()
        await store.put_token(Token(token_id, digest, DEFAULT_TENANT, scopes, name, now))
    return tokens


def read_tokens(path: Path) -> dict[str, str]:
    """Return the ``NAME=value`` lines of *path*; none when it does not exist."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _write_tokens(path: Path, tokens: dict[str, str]) -> None:
    text = "".join(f"{name}={value}\n" for name, value in tokens.items())
    try:
        _write_private(path, text)
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror}") from error


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def ensure_secret_key(settings: Settings, random_bytes: RandomBytes) -> bytes:
    """Return the key that encrypts secrets at rest: from the settings, else ``secret.key``.

    A new one is written beside the database (mode 0600). Raises
    ``ConfigurationError`` when it is no base64 or the file cannot be used.
    """
    if settings.secret_key is None and not settings.embedded:
        raise ConfigurationError(
            "SURESHOT_SECRET_KEY is needed with PostgreSQL: every process must encrypt endpoint "
            "secrets with the same key; `openssl rand -base64 32` makes one"
        )
    key = read_secret_key(settings)
    if key is not None:
        return key
    path, key = settings.data_dir / SECRET_KEY_FILE, random_bytes(32)
    try:
        _write_private(path, base64.b64encode(key).decode() + "\n")
    except OSError as error:
        raise ConfigurationError(f"cannot use {path}: {error.strerror}") from error
    return key


def read_secret_key(settings: Settings) -> bytes | None:
    """Return the key from the settings, else from ``secret.key``; None when there is none.

    Raises ``ConfigurationError`` when it is no base64 or the file cannot be read.
    """
    path = settings.data_dir / SECRET_KEY_FILE
    text = settings.secret_key
    try:
        if text is None and path.exists():
            text = path.read_text(encoding="ascii")
        return None if text is None else base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, UnicodeError) as error:
        raise ConfigurationError(
            f"the secret key (SURESHOT_SECRET_KEY, or {path}) is not valid base64"
        ) from error
    except OSError as error:
        raise ConfigurationError(f"cannot use {path}: {error.strerror}") from error


async def ensure_tenant(store: Store, random_bytes: RandomBytes) -> None:
    """Create the default tenant with a signing secret of its own, unless it is there."""
    if not any(tenant.id == DEFAULT_TENANT for tenant in await store.tenants()):
        secret = Secret(generate_secret(random_bytes))
        await store.put_tenant(Tenant(DEFAULT_TENANT, (secret,)))

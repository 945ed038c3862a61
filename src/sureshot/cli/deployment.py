"""Which settings, tokens and service this folder and environment stand for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sureshot.config_sources import PREFIX, LoadedSettings, load_settings
from sureshot.domain.errors import ConfigurationError

API_TOKEN = "SURESHOT_API_TOKEN"  # noqa: S105 - a variable's name
ADMIN_TOKEN = "SURESHOT_ADMIN_TOKEN"  # noqa: S105 - a variable's name
TOKENS_FILE = "tokens.env"
DEFAULT_FILE = "sureshot.toml"
DEFAULT_URL = "http://127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class FoundToken:
    """A bearer token, and where it was found."""

    name: str
    text: str
    origin: str

    def __repr__(self) -> str:
        """Show where it is from; never the token."""
        return f"FoundToken({self.name}, {self.origin})"


def loaded_settings(flags: dict[str, object] | None = None) -> LoadedSettings:
    """Return the settings of this folder and environment; raises ``ConfigurationError``."""
    named = os.environ.get("SURESHOT_CONFIG")
    if named and not Path(named).is_file():
        raise ConfigurationError(f"SURESHOT_CONFIG={named}: there is no such file")
    return load_settings(os.environ, Path(named or DEFAULT_FILE), flags or {})


def service_url() -> str:
    """Return where the service is: ``SURESHOT_URL``, else its usual place on this machine."""
    return (os.environ.get("SURESHOT_URL") or DEFAULT_URL).rstrip("/")


def tokens_file() -> Path:
    """Return where a service started from this folder keeps the tokens it generated."""
    return loaded_settings().settings.data_dir / TOKENS_FILE


def find_tokens() -> list[FoundToken]:
    """Return the tokens of the settings, then those of ``tokens.env``, API before admin.

    Raises ``ConfigurationError`` when ``tokens.env`` is there but cannot be read.
    """
    loaded = loaded_settings()
    given = _given_tokens(loaded)
    names = {token.name for token in given}
    return given + [t for t in _kept_tokens(loaded) if t.name not in names]


def find_token(*, admin: bool = False) -> FoundToken:
    """Return the token to call the service with; raises ``ConfigurationError`` without one.

    With *admin* the admin token, if there is one, else any.
    """
    loaded = loaded_settings()
    found = _given_tokens(loaded) or _kept_tokens(loaded)
    if admin:
        found = [token for token in find_tokens() if token.name == ADMIN_TOKEN] or found
    if not found:
        raise ConfigurationError(
            f"no token: set {API_TOKEN}, or run this in the folder the service was started in "
            f"(looked for {tokens_file()})"
        )
    return found[0]


def _given_tokens(loaded: LoadedSettings) -> list[FoundToken]:
    given = {API_TOKEN: loaded.settings.api_token, ADMIN_TOKEN: loaded.settings.admin_token}
    return [
        FoundToken(name, text, loaded.origins[name.removeprefix(PREFIX).lower()])
        for name, text in given.items()
        if text is not None
    ]


def _kept_tokens(loaded: LoadedSettings) -> list[FoundToken]:
    from sureshot.first_start import read_tokens  # noqa: PLC0415 - loads half of the API

    path = loaded.settings.data_dir / TOKENS_FILE
    kept = read_tokens(path)
    return [
        FoundToken(name, kept[name], str(path))
        for name in (API_TOKEN, ADMIN_TOKEN)
        if kept.get(name)
    ]

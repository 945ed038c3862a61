"""Which settings, tokens and service this folder and environment stand for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sureshot.config_sources import LoadedSettings, load_settings
from sureshot.domain.errors import ConfigurationError

API_TOKEN = "SURESHOT_API_TOKEN"  # noqa: S105 - a variable's name
ADMIN_TOKEN = "SURESHOT_ADMIN_TOKEN"  # noqa: S105 - a variable's name
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
    return loaded_settings().settings.data_dir / "tokens.env"


def find_tokens() -> list[FoundToken]:
    """Return the tokens of the settings, then those of ``tokens.env``, API before admin.

    Raises ``ConfigurationError`` when ``tokens.env`` is there but cannot be read.
    """
    from sureshot.first_start import read_tokens  # noqa: PLC0415 - loads half of the API

    loaded = loaded_settings()
    given = {API_TOKEN: loaded.settings.api_token, ADMIN_TOKEN: loaded.settings.admin_token}
    origins = {name: loaded.origins[name.removeprefix("SURESHOT_").lower()] for name in given}
    path = loaded.settings.data_dir / "tokens.env"
    kept = read_tokens(path)
    found = [FoundToken(name, text, origins[name]) for name, text in given.items() if text]
    return found + [
        FoundToken(name, kept[name], str(path))
        for name, text in given.items()
        if not text and kept.get(name)
    ]


def find_token() -> FoundToken:
    """Return the token to call the service with; raises ``ConfigurationError`` without one."""
    found = find_tokens()
    if not found:
        raise ConfigurationError(
            f"no token: set {API_TOKEN}, or run this in the folder the service was started in "
            f"(looked for {tokens_file()})"
        )
    return found[0]

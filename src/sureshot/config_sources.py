"""Where settings come from: flags win over the environment, that over sureshot.toml."""

from __future__ import annotations

import difflib
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from sureshot.config import KNOBS, Settings, shown_value, variable
from sureshot.domain.errors import ConfigurationError

PREFIX = "SURESHOT_"
NOT_SETTINGS = frozenset({"SURESHOT_URL", "SURESHOT_CONFIG"})
"""Variables of that prefix which the command line reads itself."""

_TYPES: dict[str, Any] = typing.get_type_hints(Settings)


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The settings, and for each where its value came from."""

    settings: Settings
    origins: dict[str, str]


def load_settings(
    environ: Mapping[str, str], toml_path: Path | None, flags: Mapping[str, object]
) -> LoadedSettings:
    """Read all sources and check them; raises ``ConfigurationError`` naming what is wrong.

    *flags* holds only those given on the command line. A file that does not
    exist is no error.
    """
    values: dict[str, Any] = {}
    origins = dict.fromkeys(KNOBS, "default")
    sources = (
        (str(toml_path), _from_toml(toml_path)),
        ("environment", _from_environment(environ)),
        ("flag", flags),
    )
    for origin, found in sources:
        for name, raw in found.items():
            values[name], origins[name] = _convert(name, raw), origin
    return LoadedSettings(Settings(**values), origins)


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for key, text in environ.items():
        if not key.startswith(PREFIX) or key in NOT_SETTINGS:
            continue
        name = key.removeprefix(PREFIX).lower()
        if name not in KNOBS or key != variable(name):
            raise ConfigurationError(_unknown(key, [variable(known) for known in KNOBS]))
        found[name] = text
    return found


def _from_toml(path: Path | None) -> dict[str, Any]:
    if path is None or not path.exists():
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}") from error
    for name in table:
        if name not in KNOBS:
            raise ConfigurationError(f"{path}: {_unknown(name, list(KNOBS))}")
    return table


def _unknown(given: str, known: list[str]) -> str:
    nearest = difflib.get_close_matches(given, known, n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else "`sureshot config` lists them all"
    return f"{given} is no setting; {hint}"


def _convert(name: str, raw: Any) -> Any:
    kind = _TYPES[name]
    if typing.get_origin(kind) is tuple and isinstance(raw, str):
        raw = [part.strip() for part in raw.split(",") if part.strip()]
    try:
        return msgspec.convert(raw, kind, strict=False)
    except msgspec.ValidationError as error:
        shown = "********" if KNOBS[name].secret else repr(raw)
        raise ConfigurationError(f"{variable(name)}={shown}: {error}") from error


def origin_rows(loaded: LoadedSettings) -> list[tuple[str, str, str, str, str]]:
    """Return ``(variable, value masked, origin, unit, meaning)`` of every setting."""
    return [
        (
            variable(name),
            shown_value(name, getattr(loaded.settings, name)),
            loaded.origins[name],
            knob.unit,
            knob.meaning,
        )
        for name, knob in KNOBS.items()
    ]

"""Where settings come from: flags win over the environment, that over sureshot.toml."""

from __future__ import annotations

import difflib
import tomllib
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from sureshot.config import (
    KNOBS,
    MASK,
    TYPES,
    Settings,
    check_value,
    expectation,
    shown_value,
    variable,
)
from sureshot.domain.errors import ConfigurationError

PREFIX = "SURESHOT_"
NOT_SETTINGS = frozenset({"SURESHOT_URL", "SURESHOT_CONFIG"})
"""Variables of that prefix which the command line reads itself."""


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The settings, and for each where its value came from.

    An origin is ``default``, ``environment``, ``flag`` or the path of the file.
    """

    settings: Settings
    origins: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Given:
    """One value as a source gives it, and how people know it there."""

    name: str
    raw: Any
    origin: str
    named: str


def load_settings(
    environ: Mapping[str, str], toml_path: Path | None, flags: Mapping[str, object]
) -> LoadedSettings:
    """Read all sources and check them; raises ``ConfigurationError`` naming what is wrong.

    *flags* holds only those given on the command line. A file that does not
    exist is no error. An optional setting that is given empty counts as not
    given.
    """
    values: dict[str, Any] = {}
    origins = dict.fromkeys(KNOBS, "default")
    for source in (_from_toml(toml_path), _from_environment(environ), _from_flags(flags)):
        for given in source:
            if given.raw == "" and type(None) in typing.get_args(TYPES[given.name]):
                continue
            values[given.name], origins[given.name] = _convert(given), given.origin
    return LoadedSettings(Settings(**values), origins)


def _from_flags(flags: Mapping[str, object]) -> Iterator[_Given]:
    for name, raw in flags.items():
        yield _Given(name, raw, "flag", f"--{name.replace('_', '-')}")


def _from_environment(environ: Mapping[str, str]) -> Iterator[_Given]:
    for key, text in environ.items():
        if not key.startswith(PREFIX) or key in NOT_SETTINGS:
            continue
        name = key.removeprefix(PREFIX).lower()
        if name not in KNOBS or key != variable(name):
            known = [variable(one) for one in KNOBS] + sorted(NOT_SETTINGS)
            raise ConfigurationError(_unknown(key, known))
        yield _Given(name, text, "environment", key)


def _from_toml(path: Path | None) -> Iterator[_Given]:
    if path is None or not path.exists():
        return
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}") from error
    for name, raw in table.items():
        if name not in KNOBS:
            raise ConfigurationError(f"{path}: {_unknown(name, list(KNOBS))}")
        yield _Given(name, raw, str(path), f"{path}: {name}")


def _unknown(given: str, known: list[str]) -> str:
    # Names people mistype differ in a letter or two; a name in the other case is as near.
    by_lower = {one.lower(): one for one in known}
    nearest = difflib.get_close_matches(given.lower(), by_lower, n=1)
    hint = f"did you mean {by_lower[nearest[0]]}?" if nearest else "`sureshot config` lists all"
    return f"{given} is no setting; {hint}"


def _convert(given: _Given) -> Any:
    name, raw = given.name, given.raw
    if typing.get_origin(TYPES[name]) is tuple and isinstance(raw, str):
        raw = [part.strip() for part in raw.split(",") if part.strip()]
    try:
        value = msgspec.convert(raw, TYPES[name], strict=False)
    except msgspec.ValidationError as error:
        shown = MASK if KNOBS[name].secret else repr(given.raw)
        raise ConfigurationError(f"{given.named}={shown}: must be {expectation(name)}") from error
    check_value(name, value, given.named)
    return value


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

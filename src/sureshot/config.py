"""Settings: every knob with its unit, default, bounds and meaning, in one table."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import re
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sureshot.domain.address import AddressPolicy
from sureshot.domain.errors import ConfigurationError
from sureshot.domain.retry import STANDARD_SCHEDULE_S

MIB = 1 << 20
LONGEST_WAIT_S = 30 * 86400
MASK = "********"

# Greedy on purpose: a password may hold any character, and the url may be malformed.
_USERINFO = re.compile(r"^(?!sqlite:)([a-z+]*://)?.*@", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Knob:
    """What is known about one setting beside its type and default."""

    meaning: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False
    check: Callable[[Any], object] | None = None


def _knob(default: Any, meaning: str, **details: Any) -> Any:
    return dataclasses.field(default=default, metadata={"knob": Knob(meaning, **details)})


def _check_database(url: str) -> None:
    file = url.startswith("sqlite:///") and not url.endswith("/")
    if not file and not re.match(r"postgres(ql)?://", url):
        raise ValueError("must be sqlite:///path/to/file.db or postgresql://user@host/database")


def _check_queue(url: str) -> None:
    if url != "memory://" and not re.match(r"amqps?://[^/]", url):
        raise ValueError("must be memory:// or amqp://user:password@host:5672/")


def _check_filled(text: str) -> None:
    if not text.strip():
        raise ValueError("must not be empty")


def _check_token(token: str | None) -> None:
    if token is not None and not re.fullmatch(r"[\x21-\x7e]+", token):
        raise ValueError("must be printable ASCII without spaces")


def _check_secret_key(text: str | None) -> None:
    try:
        key = b"" if text is None else base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if text is not None and len(key) != 32:
        raise ValueError("must be the base64 of 32 bytes; `openssl rand -base64 32` makes one")


def _check_proxy(url: str | None) -> None:
    if url is not None and not re.fullmatch(r"http://(?:[^/?#]*@)?[^/?#@]+:\d{1,5}/?", url):
        raise ValueError("must be http://host:port or http://user:password@host:port")


@dataclass(frozen=True, slots=True)
class Settings:
    """Every knob, checked. ``SURESHOT_<NAME>`` in the environment, ``name`` in sureshot.toml."""

    database_url: str = _knob(
        "sqlite:///data/sureshot.db",
        "where webhooks are stored; sqlite:///path/to/file.db or postgresql://user@host/database",
        check=_check_database,
    )
    database_pool: int = _knob(8, "PostgreSQL connections of a process, at most", low=2, high=100)
    migrate: bool = _knob(True, "migrate the PostgreSQL schema at the start")
    queue_url: str = _knob(
        "memory://", "what carries leases to workers; memory:// or amqp://...", check=_check_queue
    )
    queue_name: str = _knob("webhook-queue", "the broker's queue", check=_check_filled)
    host: str = _knob("127.0.0.1", "address to listen on", check=_check_filled)
    port: int = _knob(8080, "port to listen on; 0 picks a free one", low=0, high=65535)
    api_token: str | None = _knob(
        None,
        "token that may submit, read and manage; generated when unset",
        secret=True,
        check=_check_token,
    )
    admin_token: str | None = _knob(
        None,
        "token that may do everything; generated when unset",
        secret=True,
        check=_check_token,
    )
    secret_key: str | None = _knob(
        None,
        "base64 of 32 bytes that encrypt endpoint secrets at rest",
        secret=True,
        check=_check_secret_key,
    )
    previous_secret_key: str | None = _knob(
        None,
        "another key that is read too: the next or the last one, while it is replaced",
        secret=True,
        check=_check_secret_key,
    )
    allowed_networks: tuple[str, ...] = _knob(
        (), "networks that may be dialled although private", unit="CIDRs", check=AddressPolicy
    )
    max_in_flight: int = _knob(10_000, "webhooks being delivered at once", low=1, high=1_000_000)
    max_in_flight_per_endpoint: int = _knob(
        0, "cap for each endpoint; 0: none, but half of all while others wait", low=0
    )
    adaptive_in_flight: bool = _knob(
        True, "learn from its answers how many at once each endpoint bears"
    )
    lease_s: float = _knob(60.0, "how long a lease lasts", unit="s", low=12, high=3600)
    timeout_s: float = _knob(15.0, "time for one attempt, all in all", unit="s", low=1, high=3590)
    connect_timeout_s: float = _knob(5.0, "time to connect", unit="s", low=0.1, high=60)
    retry_schedule_s: tuple[float, ...] = _knob(
        STANDARD_SCHEDULE_S,
        "waits between attempts (Standard Webhooks)",
        unit="s",
        low=0,
        high=LONGEST_WAIT_S,
    )
    queue_limit: int = _knob(10_000, "leases waiting for a worker", low=1)
    queue_bytes: int = _knob(64 * MIB, "payload of the leases that wait", unit="bytes", low=1)
    in_flight_bytes: int = _knob(128 * MIB, "payload being delivered", unit="bytes", low=1)
    intake_limit: int = _knob(10_000, "submissions waiting for their commit", low=1)
    intake_bytes: int = _knob(64 * MIB, "payload waiting for its commit", unit="bytes", low=1)
    backlog_limit: int = _knob(1_000_000, "webhooks stored and not final; then 503", low=1)
    endpoint_limit: int = _knob(
        100_000, "endpoints of all tenants, kept in every process's memory", low=1
    )
    drain_s: float = _knob(20.0, "time to finish when told to stop", unit="s", low=0, high=3600)
    metrics_port: int | None = _knob(
        None, "a second port with health and metrics alone", low=1, high=65535
    )
    max_body_bytes: int = _knob(MIB, "largest submission", unit="bytes", low=1, high=64 * MIB)
    max_batch_bytes: int = _knob(16 * MIB, "largest batch", unit="bytes", low=1, high=256 * MIB)
    retention_days: float = _knob(
        30.0, "finished webhooks are kept this long; 0: for ever", unit="days", low=0, high=3650
    )
    disable_after_days: float = _knob(
        5.0,
        "an endpoint that only failed for so long is disabled; 0: never",
        unit="days",
        low=0,
        high=365,
    )
    rotation_overlap_s: float = _knob(
        86400.0, "a rotated secret still signs this long", unit="s", low=0, high=LONGEST_WAIT_S
    )
    breaker_threshold: int = _knob(10, "failures in a row that open an endpoint's breaker", low=1)
    breaker_open_s: float = _knob(
        10.0, "how long it stays open at first; doubles up to 600", unit="s", low=0.1, high=600
    )
    proxy_url: str | None = _knob(
        None, "CONNECT proxy for deliveries, http://user:password@host:port", check=_check_proxy
    )
    ca_file: str | None = _knob(None, "authorities trusted besides the system's (PEM)")
    client_cert_file: str | None = _knob(None, "certificate shown to receivers (PEM)")
    client_key_file: str | None = _knob(None, "its private key (PEM)")
    scaling_min: int = _knob(1, "replicas of a role that are wanted at least", low=1, high=1000)
    scaling_max: int = _knob(10, "replicas of a role that are wanted at most", low=1, high=1000)
    scaling_target: float = _knob(
        0.85, "share of what replicas can do that is to be used", low=0.1, high=1
    )
    scaling_drain_s: float = _knob(
        10.0, "time in which what waits is to be worked off", unit="s", low=1, high=3600
    )
    scaling_down_after_s: float = _knob(
        300.0, "a role shrinks to the most it needed in this time", unit="s", low=1, high=3600
    )
    scaling_start_rate: float = _knob(
        1000.0, "what a replica is taken to do until it was seen", unit="webhooks/s", low=1
    )
    express: bool = _knob(True, "answer the submission route below ASGI")
    slow_callback_s: float = _knob(
        0.0, "log what holds the event loop longer; 0: do not look", unit="s", low=0, high=60
    )
    log_level: str = _knob(
        "info", "least severe level logged", choices=("debug", "info", "warning", "error")
    )
    log_format: str = _knob(
        "auto",
        "how log lines look; auto: console on a terminal, else json",
        choices=("auto", "console", "json"),
    )

    def __post_init__(self) -> None:
        """Check every knob, then what must hold between them; raises ``ConfigurationError``."""
        for field in dataclasses.fields(self):
            check_value(field.name, getattr(self, field.name))
        if self.timeout_s > self.lease_s - 10:
            raise ConfigurationError(
                f"SURESHOT_TIMEOUT_S={self.timeout_s:g} is too long: a lease lasts "
                f"{self.lease_s:g} s (SURESHOT_LEASE_S) and must outlive the timeout by 10 s"
            )
        if self.scaling_min > self.scaling_max:
            raise ConfigurationError(
                f"SURESHOT_SCALING_MIN={self.scaling_min} is above "
                f"SURESHOT_SCALING_MAX={self.scaling_max}"
            )
        if self.client_key_file is not None and self.client_cert_file is None:
            raise ConfigurationError(
                "SURESHOT_CLIENT_KEY_FILE is set without its certificate, SURESHOT_CLIENT_CERT_FILE"
            )

    @property
    def embedded(self) -> bool:
        """Whether one process owns everything: SQLite."""
        return self.database_url.startswith("sqlite:")

    @property
    def data_dir(self) -> Path:
        """The folder of the SQLite file, where generated tokens are kept too, else ``data``."""
        if not self.embedded:
            return Path("data")
        return Path(self.database_url.removeprefix("sqlite:///")).parent

    def __repr__(self) -> str:
        """Show every setting, secrets masked."""
        shown = (f"{f.name}={shown_value(f.name, getattr(self, f.name))!r}"
                 for f in dataclasses.fields(self))  # fmt: skip
        return f"Settings({', '.join(shown)})"


KNOBS: dict[str, Knob] = {f.name: f.metadata["knob"] for f in dataclasses.fields(Settings)}
TYPES: dict[str, Any] = typing.get_type_hints(Settings)


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"SURESHOT_{name.upper()}"


def shown_value(name: str, value: object) -> str:
    """Return *value* as people may see it: secrets and a url's user and password masked."""
    if value is None:
        return ""
    if KNOBS[name].secret:
        return MASK
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(f"{v:.15g}" if isinstance(v, float) else str(v) for v in value)
    text = f"{value:.15g}" if isinstance(value, float) else str(value)
    return _USERINFO.sub(rf"\1{MASK}@", text) if name.endswith("_url") else text


def check_value(name: str, value: Any, named: str | None = None) -> None:
    """Raise ``ConfigurationError`` when a setting is out of its bounds.

    *named* is how people know it where it was set; its variable if left out.
    """
    knob = KNOBS[name]
    shown = f"{named or variable(name)}={shown_value(name, value)}"
    for one in value if isinstance(value, tuple) else (value,):
        if isinstance(one, int | float) and not _within(knob, one):
            raise ConfigurationError(f"{shown}: must be {expectation(name)}")
        if knob.choices and one not in knob.choices:
            raise ConfigurationError(f"{shown}: must be {expectation(name)}")
    if knob.check is not None:
        try:
            knob.check(value)
        except ValueError as error:
            raise ConfigurationError(f"{shown}: {error}") from error


def expectation(name: str) -> str:
    """Return in words what a setting accepts, such as ``a whole number from 0 to 65535``."""
    knob = KNOBS[name]
    kinds = {TYPES[name], *typing.get_args(TYPES[name])}
    if knob.choices:
        return f"one of {', '.join(knob.choices)}"
    if bool in kinds:
        return "true or false"
    if Ellipsis in kinds:
        one = f"numbers {_bounds(knob)}" if float in kinds else knob.unit or "texts"
        return f"{one}, separated by commas"
    if float in kinds:
        return f"a number {_bounds(knob)}"
    return f"a whole number {_bounds(knob)}" if int in kinds else "text"


def _within(knob: Knob, number: float) -> bool:
    low = number if knob.low is None else knob.low
    high = number if knob.high is None else knob.high
    return low <= number <= high


def _bounds(knob: Knob) -> str:
    unit = f" {knob.unit}" if knob.unit else ""
    low = "" if knob.low is None else f"{knob.low:.15g}"
    high = "" if knob.high is None else f"{knob.high:.15g}"
    if low and high:
        return f"from {low} to {high}{unit}"
    return f"of at least {low}{unit}" if low else f"of at most {high}{unit}"

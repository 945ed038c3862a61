"""What a tuning begins at: the defaults of a build, or a sureshot.toml; the build itself tells."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sureshot_lab.errors import LabError

PATIENCE_S = 30.0
DEFAULTS = "the defaults"
OF_A_RUN = frozenset({
    "database_url", "queue_url", "queue_name", "host", "port", "metrics_port", "migrate",
    "api_token", "admin_token", "secret_key", "previous_secret_key", "allowed_networks",
    "proxy_url", "ca_file", "client_cert_file", "client_key_file", "log_level", "log_format",
})  # fmt: skip
"""Where a service lives and with what secrets: a run has its own, whatever a file says."""


@dataclass(frozen=True)
class Beginning:
    """Every setting by name, those a file told (but for ``OF_A_RUN``), and what they are called."""

    settings: dict[str, str]
    told: dict[str, str]
    name: str = DEFAULTS


class _Row(msgspec.Struct):
    """A row of ``sureshot config --json``; it has more members."""

    name: str
    value: str
    origin: str


def beginning(python: str = "", file: Path | None = None) -> Beginning:
    """Return what *python*'s Sureshot (ours if empty) is set to by *file*, or by nothing.

    Raises:
        LabError: there is no such interpreter or file, or its Sureshot does not take it.

    """
    if file is not None and not file.is_file():
        raise LabError(f"--start {file}: there is no such file")
    command = [python or sys.executable, "-m", "sureshot", "config", "--json"]
    ours = {k: v for k, v in os.environ.items() if not k.startswith("SURESHOT_")}
    if file is not None:
        ours["SURESHOT_CONFIG"] = str(file.absolute())
    rows = _asked(command, ours)
    told = {row.name: row.value for row in rows if row.origin != "default"}
    return Beginning(
        settings={row.name: row.value for row in rows},
        told={name: value for name, value in told.items() if name not in OF_A_RUN},
        name=DEFAULTS if file is None else file.name,
    )


def _asked(command: Sequence[str], environment: dict[str, str]) -> list[_Row]:
    try:
        # In a folder of its own, or a sureshot.toml that lies here would count as well.
        with tempfile.TemporaryDirectory(prefix="sureshot-tune-") as folder:
            told = subprocess.run(  # noqa: S603 - the interpreter is the user's choice
                command, check=True, capture_output=True, cwd=folder, env=environment,
                timeout=PATIENCE_S,
            )  # fmt: skip
        return msgspec.json.decode(told.stdout, type=list[_Row])
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise LabError(f"{' '.join(command)} failed: {said[-1]}") from None
    except (OSError, subprocess.TimeoutExpired, msgspec.DecodeError) as error:
        raise LabError(f"{' '.join(command)} does not tell the settings: {error}") from None

"""What a build of the service is set to when it is told nothing: asked of the build itself."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

import msgspec

from sureshot_lab.errors import LabError

PATIENCE_S = 30.0


class _Row(msgspec.Struct):
    """A row of ``sureshot config --json``; it has more members."""

    name: str
    value: str


def default_settings(python: str = "") -> dict[str, str]:
    """Return every setting's default by name, as *python*'s Sureshot writes it; ours if empty.

    Raises:
        LabError: there is no such interpreter, or its Sureshot does not answer.

    """
    command = [python or sys.executable, "-m", "sureshot", "config", "--json"]
    ours = {k: v for k, v in os.environ.items() if not k.startswith("SURESHOT_")}
    try:
        # In a folder of its own, or a sureshot.toml that lies here would count as well.
        with tempfile.TemporaryDirectory(prefix="sureshot-tune-") as folder:
            told = subprocess.run(  # noqa: S603 - the interpreter is the user's choice
                command, check=True, capture_output=True, cwd=folder, env=ours, timeout=PATIENCE_S
            )
        rows = msgspec.json.decode(told.stdout, type=list[_Row])
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise LabError(f"{' '.join(command)} failed: {said[-1]}") from None
    except (OSError, subprocess.TimeoutExpired, msgspec.DecodeError) as error:
        raise LabError(f"{' '.join(command)} does not tell the defaults: {error}") from None
    return {row.name: row.value for row in rows}

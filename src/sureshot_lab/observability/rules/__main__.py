"""``python -m sureshot_lab.observability.rules``: write prometheus/rules from the targets."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sureshot_lab.errors import LabError
from sureshot_lab.observability.rules.files import (
    RUNBOOKS,
    alert_file,
    alert_groups,
    recording_file,
)
from sureshot_lab.targets import FILE, load_targets


def main(arguments: list[str] | None = None) -> int:
    """Write both files; return the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        targets = load_targets(asked.targets)
        texts = {
            "recording.yml": recording_file(targets),
            "alerts.yml": alert_file(alert_groups(targets), asked.runbooks.rstrip("/")),
        }
        for name, text in texts.items():
            (asked.into / name).write_text(text)
            sys.stdout.write(f"{asked.into / name}\n")
    except (LabError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 3
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--into", type=Path, default=Path("prometheus/rules"), help="the folder to write to"
    )
    parser.add_argument("--targets", type=Path, default=FILE, help="the targets to alert on")
    parser.add_argument(
        "--runbooks", default=RUNBOOKS, help="folder or URL that the alerts' pages are under"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

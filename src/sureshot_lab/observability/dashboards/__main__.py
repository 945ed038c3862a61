"""``python -m sureshot_lab.observability.dashboards``: write grafana/ from the targets."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sureshot_lab.errors import LabError
from sureshot_lab.observability.dashboards.files import dashboard_files
from sureshot_lab.targets import FILE, load_targets


def main(arguments: list[str] | None = None) -> int:
    """Write every dashboard; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=Path("grafana"), help="the folder to write to")
    parser.add_argument("--targets", type=Path, default=FILE, help="the targets to draw")
    asked = parser.parse_args(arguments)
    try:
        for name, text in dashboard_files(load_targets(asked.targets)).items():
            (asked.into / name).write_text(text)
            sys.stdout.write(f"{asked.into / name}\n")
    except (LabError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())

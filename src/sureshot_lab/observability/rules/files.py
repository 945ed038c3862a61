"""The rule files as text: what ``prometheus/rules`` holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from sureshot_lab.observability.rules.line import line_alerts
from sureshot_lab.observability.rules.processes import process_alerts
from sureshot_lab.observability.rules.receivers import receiver_alerts
from sureshot_lab.observability.rules.recordings import rate_recordings, ratio_recordings
from sureshot_lab.observability.rules.resources import resource_alerts
from sureshot_lab.observability.rules.rule import AlertGroup
from sureshot_lab.observability.rules.slo import burn_alerts
from sureshot_lab.targets import Targets

RUNBOOKS = "docs/runbooks"
HEADER = "# Written by `python -m sureshot_lab.observability.rules`; change it there.\n"


def _text(dumper: Any, value: str) -> Any:
    """Write expressions of several lines as such."""
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_DUMPER: Any = type("_Dumper", (yaml.SafeDumper,), {})
_DUMPER.add_representer(str, _text)


def alert_groups(targets: Targets) -> list[AlertGroup]:
    """Return every alert, by what it is about."""
    return [
        burn_alerts(targets),
        resource_alerts(targets),
        process_alerts(),
        line_alerts(targets),
        receiver_alerts(),
    ]


def recording_file(targets: Targets) -> str:
    """Return ``recording.yml``."""
    groups = {
        "sureshot-ratios": ratio_recordings(targets),
        "sureshot-rates": rate_recordings(),
    }
    return _file(
        [
            {"name": name, "rules": [rule.document() for rule in rules]}
            for name, rules in groups.items()
        ]
    )


def alert_file(groups: Sequence[AlertGroup], runbooks: str = RUNBOOKS) -> str:
    """Return ``alerts.yml``; *runbooks* is a folder or a URL that the alerts' pages are under."""
    return _file(
        [
            {"name": group.name, "rules": [alert.document(runbooks) for alert in group.alerts]}
            for group in groups
        ]
    )


def _file(groups: list[dict[str, Any]]) -> str:
    text = yaml.dump({"groups": groups}, Dumper=_DUMPER, sort_keys=False, width=10_000)
    return HEADER + str(text)

"""The rules of prometheus/ as the operator wants them: a copy, which a test keeps equal.

``python -m tests.manifests.rules`` writes it anew.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
COPY = ROOT / "manifests" / "components" / "monitoring" / "prometheus-rule.yaml"
HEAD = """\
# A copy of prometheus/rules/ for the operator; `python -m tests.manifests.rules` writes it.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: webhook-service
spec:
"""


def prometheus_rule() -> str:
    """Return the file as the rules want it."""
    files = sorted((ROOT / "prometheus" / "rules").glob("*.yml"))
    groups = [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    text = yaml.safe_dump({"groups": groups}, sort_keys=False, width=10_000, allow_unicode=True)
    return HEAD + "".join(f"  {line}\n" for line in text.splitlines())


if __name__ == "__main__":
    COPY.write_text(prometheus_rule())
    sys.stderr.write(f"wrote {COPY.relative_to(ROOT)}\n")

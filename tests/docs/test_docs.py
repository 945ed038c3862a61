"""The documentation tells the truth where a machine can check it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sureshot.config import KNOBS, Settings, shown_value, variable

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


LAB_SETTINGS = {
    "SURESHOT_LAB_DATABASE_URL", "SURESHOT_LAB_QUEUE_URL", "SURESHOT_LAB_PRODUCTION",
}  # fmt: skip
"""What the laboratory reads; the service refuses them like any unknown one."""

INTRODUCTION = """\
# Configuration

Set in the environment, or in `sureshot.toml` in the working directory by the name in lower case
without the prefix. Flags win over the environment, the environment over the file. An unknown
`SURESHOT_` variable is an error that names the nearest one. `sureshot config` shows every value
with its origin, secrets masked.

The command line reads two more: `SURESHOT_URL` (where the service is) and `SURESHOT_CONFIG`
(where the file is).

| variable | default | unit | bounds | meaning |
|---|---|---|---|---|
"""


def configuration_page() -> str:
    """Return the page as the settings want it."""
    lines = [*INTRODUCTION.splitlines()]
    defaults = Settings()
    for name, knob in KNOBS.items():
        low = "" if knob.low is None else f">= {knob.low:g}"
        high = "" if knob.high is None else f"<= {knob.high:g}"
        bounds = ", ".join(part for part in (low, high, " or ".join(knob.choices)) if part)
        default = shown_value(name, getattr(defaults, name)) or "unset"
        lines.append(
            f"| `{variable(name)}` | {default} | {knob.unit} | {bounds} | {knob.meaning} |"
        )
    return "\n".join(lines) + "\n"


def test_the_configuration_page_is_complete_and_current() -> None:
    page = ROOT / "docs" / "reference" / "configuration.md"
    assert page.read_text() == configuration_page(), (
        "run: python -c 'from tests.docs.test_docs import *; "
        'print(configuration_page(), end="")\' > docs/reference/configuration.md'
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_setting_and_file_that_is_named_exists(page: Path) -> None:
    text = page.read_text()
    known = {variable(name) for name in KNOBS} | {"SURESHOT_URL", "SURESHOT_CONFIG"} | LAB_SETTINGS
    for name in re.findall(r"SURESHOT_[A-Z_]*[A-Z]", text):
        assert name in known, name
    for path in re.findall(r"`((?:api|delivery|domain|store|queue)/\w+\.py)`", text):
        assert (ROOT / "src" / "sureshot" / path).exists(), path


def test_every_metric_of_the_page_is_exposed_and_the_other_way_round() -> None:
    source = "\n".join(
        path.read_text()
        for path in (ROOT / "src" / "sureshot").rglob("*.py")
        if path.name != "page"
    )
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    documented = {
        name.removesuffix("_total") for name in re.findall(r"`(sureshot_\w+|http_\w+)", page)
    }
    exposed = set(re.findall(r'"((?:sureshot|http)_(?!\w*tools)[a-z_]+)"', source))
    exposed = {name for name in exposed if name.startswith(("sureshot_", "http_request"))}
    assert documented == exposed


def test_no_file_of_the_product_is_too_long() -> None:
    for path in (ROOT / "src").rglob("*.py"):
        assert path.read_text().count("\n") <= 350, path


def test_every_target_of_the_makefile_has_its_line_of_help() -> None:
    text = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert phony is not None
    for target in phony[1].split():
        assert re.search(rf"^{target}:.*## \w", text, re.MULTILINE), target


def test_what_troubleshooting_quotes_is_what_the_service_says() -> None:
    page = (ROOT / "docs" / "how-to" / "troubleshoot.md").read_text()
    section = page.partition("## Scaling, monitoring, Kubernetes\n")[2].partition("\n## ")[0]
    source = "\n".join(path.read_text() for path in (ROOT / "src" / "sureshot").rglob("*.py"))
    quoted = re.findall(r'(?<!=)"([^"`]+)"', section)
    assert len(quoted) > 7
    for words in quoted:
        assert words in source, words

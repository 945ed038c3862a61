"""compose.yaml and the Dockerfile: what can be checked of them without an engine."""

from __future__ import annotations

import re
import shlex
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from sureshot.cli.app import app
from sureshot.config import KNOBS, variable

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("api", "worker", "scheduler")


def test_every_role_runs_beside_what_it_needs() -> None:
    assert set(SERVICES) >= {*OURS, "postgres", "rabbitmq", "prometheus", "grafana"}
    for name in OURS:
        assert SERVICES[name]["command"] == ["serve", "--role", name]
        assert set(SERVICES[name]["depends_on"]) == {"postgres", "rabbitmq"}
        assert SERVICES[name]["read_only"] is True


def test_every_setting_is_known_and_every_variable_is_in_the_example() -> None:
    known = {variable(name) for name in KNOBS}
    example = set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    for name in OURS:
        assert set(SERVICES[name]["environment"]) <= known
    wanted = set(re.findall(r"\$\{(\w+)", (ROOT / "compose.yaml").read_text()))
    assert wanted == example


def test_every_path_is_there_and_every_volume_declared() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith("."):
                assert (ROOT / source).exists(), source
            else:
                assert source in COMPOSE["volumes"]


def _dockerfile(word: str) -> list[str]:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return [line.partition(" ")[2] for line in text.splitlines() if line.startswith(f"{word} ")]


def test_the_image_copies_what_exists_and_ignores_everything_else() -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"]
    for line in _dockerfile("COPY"):
        *sources, _target = line.split()
        for source in sources:
            if source.startswith(("--from", "/opt")):
                continue
            assert (ROOT / source).exists(), source
            assert source.removeprefix("./") in allowed, source


def test_the_image_runs_as_nobody_in_particular_with_a_valid_command() -> None:
    assert _dockerfile("USER") == ["10001"]
    assert _dockerfile("HEALTHCHECK")
    assert _dockerfile("ENTRYPOINT") == ['["sureshot"]']
    variables = {pair.partition("=")[0] for line in _dockerfile("ENV") for pair in line.split()}
    known = {variable(name) for name in KNOBS}
    assert {name for name in variables if name.startswith("SURESHOT")} <= known


@pytest.mark.parametrize("name", [*OURS, "alerts"])
def test_every_command_is_one_of_ours(name: str) -> None:
    command = [*SERVICES[name]["command"], "--help"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, shlex.join(command)


def test_prometheus_scrapes_every_role() -> None:
    config = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())
    (job,) = config["scrape_configs"]
    assert job["dns_sd_configs"][0]["names"] == list(OURS)
    # The names are the roles by which alerts know that every API or worker is gone.
    (relabel,) = job["relabel_configs"]
    assert (relabel["source_labels"], relabel["target_label"]) == (["__meta_dns_name"], "role")


def test_alerts_reach_somebody_as_it_comes() -> None:
    config = yaml.safe_load((ROOT / "prometheus" / "alertmanager.yml").read_text())
    hooks = [hook for one in config["receivers"] for hook in one["webhook_configs"]]
    addresses = {urllib.parse.urlsplit(hook["url"]).netloc for hook in hooks}
    receiver = SERVICES["alerts"]
    # In a container 127.0.0.1 is that container, or whoever shares its network.
    assert receiver["network_mode"] == "service:alertmanager"
    program, option, port = receiver["command"]
    assert (program, option) == ("sink", "--port")
    assert addresses == {f"127.0.0.1:{port}"}

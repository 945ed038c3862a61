"""The service, Prometheus and Alertmanager as processes of their own, with the real rules.

Their configuration is the committed one with other addresses and shorter waits.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from sureshot_lab.observability.rules.files import alert_file, recording_file
from sureshot_lab.observability.rules.rule import AlertGroup
from sureshot_lab.targets import load_targets
from tests.observability.programs import program
from tests.observability.receiver import Receiver
from tests.observability.rule_files import PROMETHEUS
from tests.support.own_servers import free_port
from tests.support.service import ADMIN_TOKEN, API_TOKEN

PATIENCE_S = 60.0
QUICK = "1s"


class Stack:
    """Everything that runs, and what a test does to it."""

    def __init__(self, folder: Path, groups: list[AlertGroup], settings: Mapping[str, str]) -> None:
        self.folder = folder
        self._groups = groups
        self._settings = settings
        self.receiver = Receiver()
        self.service_port, self.prometheus_port, self.alertmanager_port = (
            free_port() for _ in range(3)
        )
        self.url = f"http://127.0.0.1:{self.service_port}"
        self.prometheus = f"http://127.0.0.1:{self.prometheus_port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    @contextlib.contextmanager
    def running(self) -> Iterator[Stack]:
        """Start everything; end every process that is left when the block does."""
        with self.receiver:
            try:
                self._start_alertmanager()
                self._start_prometheus()
                self.start_service()
                until(lambda: call(f"{self.prometheus}/-/ready")[0] == 200, "Prometheus is ready")
                until(lambda: self.query("up == 1"), "Prometheus scrapes the service")
                yield self
            finally:
                for process in self.processes.values():
                    process.terminate()
                for process in self.processes.values():
                    process.wait(20)

    def start_service(self) -> None:
        """Start ``sureshot serve`` and wait until it is ready."""
        mine = {
            "SURESHOT_API_TOKEN": API_TOKEN,
            "SURESHOT_ADMIN_TOKEN": ADMIN_TOKEN,
            "SURESHOT_ALLOWED_NETWORKS": "127.0.0.0/8",
            **self._settings,
        }
        kept = {key: value for key, value in os.environ.items() if key[:9] != "SURESHOT_"}
        command = [sys.executable, "-m", "sureshot", "serve", "--port", str(self.service_port)]
        self._start("service", command, kept | mine)
        until(lambda: call(f"{self.url}/readyz")[0] == 200, "the service is ready")

    def kill_service(self) -> None:
        """Kill the service, as a machine that fails would."""
        service = self.processes.pop("service")
        service.kill()
        service.wait(20)

    def _start_alertmanager(self) -> None:
        config = yaml.safe_load((PROMETHEUS / "alertmanager.yml").read_text())
        for route in (config["route"], *config["route"]["routes"]):
            route |= {"group_wait": QUICK, "group_interval": QUICK}
        for receiver in config["receivers"]:
            hook = receiver["webhook_configs"][0]
            hook["url"] = self.receiver.url + urllib.parse.urlsplit(hook["url"]).path
        file = self._write("alertmanager.yml", yaml.safe_dump(config))
        self._start("alertmanager", [
            str(program("alertmanager")), f"--config.file={file}", "--cluster.listen-address=",
            f"--web.listen-address=127.0.0.1:{self.alertmanager_port}",
            f"--storage.path={self.folder / 'alertmanager'}",
        ])  # fmt: skip

    def _start_prometheus(self) -> None:
        config = yaml.safe_load((PROMETHEUS / "local.yml").read_text())
        config["global"] = {"scrape_interval": QUICK, "evaluation_interval": QUICK}
        (job,) = config["scrape_configs"]
        job["static_configs"][0]["targets"] = [f"127.0.0.1:{self.service_port}"]
        (managers,) = config["alerting"]["alertmanagers"]
        managers["static_configs"][0]["targets"] = [f"127.0.0.1:{self.alertmanager_port}"]
        (self.folder / "rules").mkdir()
        self._write("rules/recording.yml", recording_file(load_targets()))
        self._write("rules/alerts.yml", alert_file(self._groups))
        file = self._write("prometheus.yml", yaml.safe_dump(config))
        self._start("prometheus", [
            str(program("prometheus")), f"--config.file={file}",
            "--web.enable-remote-write-receiver",
            f"--web.listen-address=127.0.0.1:{self.prometheus_port}",
            f"--storage.tsdb.path={self.folder / 'tsdb'}",
        ])  # fmt: skip

    def _write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def _start(self, name: str, command: list[str], env: Mapping[str, str] | None = None) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=self.folder, env=env, stdout=log, stderr=log
            )

    # -- what a test does ---------------------------------------------------

    def query(self, expression: str) -> list[Any]:
        """Return the series of *expression* now; raises ``AssertionError`` if it is wrong."""
        asked = urllib.parse.urlencode({"query": expression})
        status, body = call(f"{self.prometheus}/api/v1/query?{asked}")
        answer = msgspec.json.decode(body)
        assert status == 200, (expression, answer.get("error"))
        found: list[Any] = answer["data"]["result"]
        return found

    def post(self, path: str, document: Any = None) -> tuple[int, Any]:
        """Call the service's API as an administrator."""
        status, body = call(f"{self.url}{path}", document if document is not None else {})
        return status, msgspec.json.decode(body) if body else None

    def submit(self, path: str, count: int = 1, **more: Any) -> list[int]:
        """Submit *count* webhooks for the receiver's *path*; return the statuses."""
        body = {"url": f"{self.receiver.url}{path}", "payload": {"n": 1}, **more}
        return [self.post("/api/v1/webhooks", body)[0] for _ in range(count)]

    def wait_for_alert(self, path: str, name: str, status: str = "firing") -> dict[str, Any]:
        """Return the alert *name* once it has come to the receiver's *path*."""
        until(lambda: self.receiver.alerts(path, name, status), f"{name} is {status} at {path}")
        return self.receiver.alerts(path, name, status)[-1]


def until(condition: Callable[[], object], what: str) -> None:
    """Wait until *condition* holds; raises ``AssertionError`` after a minute."""
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s, f"not within {PATIENCE_S:g} s: {what}"
        time.sleep(0.1)


def call(url: str, document: Any = None) -> tuple[int, bytes]:
    """Return the status and the body of a GET, or of a POST of *document*; 0 without an answer."""
    data = None if document is None else msgspec.json.encode(document)
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return int(response.status), response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""

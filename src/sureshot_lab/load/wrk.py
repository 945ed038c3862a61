"""A second opinion on the service's limit: wrk, in C, as fast as the answers allow."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sureshot_lab.errors import LabError

END_WITHIN_S = 15.0
PERCENTILES = (50.0, 90.0, 99.0)
MARK = "sureshot "

SCRIPT = """wrk.method = "POST"
wrk.body = "{body}"
wrk.headers["content-type"] = "application/json"
wrk.headers["authorization"] = "{authorization}"
refused = 0
local threads = {{}}
function setup(thread) table.insert(threads, thread) end
function response(status) if status ~= 202 then refused = refused + 1 end end
function done(summary, latency)
  local others = 0
  for _, thread in ipairs(threads) do others = others + thread:get("refused") end
  local e = summary.errors
  io.write(string.format(
    '\\n{mark}{{"requests":%d,"duration_us":%d,"not_202":%d,"connect":%d,"read":%d,"write":%d,' ..
    '"timeout":%d,"p50_us":%d,"p90_us":%d,"p99_us":%d,"max_us":%d}}\\n',
    summary.requests, summary.duration, others, e.connect, e.read, e.write, e.timeout,
    latency:percentile({p50}), latency:percentile({p90}), latency:percentile({p99}), latency.max))
end
"""


@dataclass(frozen=True)
class WrkRun:
    """A closed load by wrk. Latencies leave out what a stalled service kept from being sent.

    ``rate_per_s``: answers of 202 a second; ``not_202``: those of another status;
    ``requests``: both; ``errors``: requests without an answer.
    """

    version: str
    connections: int
    requests: int
    duration_s: float
    rate_per_s: float
    p50_s: float
    p90_s: float
    p99_s: float
    max_s: float
    not_202: int
    errors: dict[str, int]


def wrk_check(url: str, token: str, body: str, seconds: int, connections: int) -> WrkRun | None:
    """Post *body* to *url* over *connections* for *seconds*; None when wrk is not installed.

    Blocks. Raises ``LabError`` when wrk does not run, as when nothing listens at *url*.
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        return None
    with tempfile.TemporaryDirectory(prefix="wrk-") as folder:
        script = Path(folder) / "submit.lua"
        script.write_text(_script(token, body))
        command = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), url]
        try:
            told = subprocess.run(  # noqa: S603 - the wrk that was found
                command, capture_output=True, text=True, timeout=seconds + END_WITHIN_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise LabError(f"wrk did not end within {seconds + END_WITHIN_S:.0f} s") from None
    lines = [line for line in told.stdout.splitlines() if line.startswith(MARK)]
    if told.returncode or not lines:
        raise LabError(f"wrk did not measure {url}: {(told.stderr or told.stdout).strip()[-300:]}")
    return _read(json.loads(lines[-1].removeprefix(MARK)), _version(wrk), connections)


def _script(token: str, body: str) -> str:
    p50, p90, p99 = PERCENTILES
    return SCRIPT.format(
        body=_escaped(body),
        authorization=_escaped(f"Bearer {token}"),
        mark=MARK,
        p50=p50,
        p90=p90,
        p99=p99,
    )


def _escaped(text: str) -> str:
    """Return *text* as the inside of a Lua string, every byte by its number."""
    return "".join(f"\\{byte:03d}" for byte in text.encode())


def _read(told: dict[str, Any], version: str, connections: int) -> WrkRun:
    duration_s = told["duration_us"] / 1e6
    return WrkRun(
        version=version,
        connections=connections,
        requests=told["requests"],
        duration_s=duration_s,
        rate_per_s=(told["requests"] - told["not_202"]) / duration_s,
        p50_s=told["p50_us"] / 1e6,
        p90_s=told["p90_us"] / 1e6,
        p99_s=told["p99_us"] / 1e6,
        max_s=told["max_us"] / 1e6,
        not_202=told["not_202"],
        errors={kind: told[kind] for kind in ("connect", "read", "write", "timeout") if told[kind]},
    )


def _version(wrk: str) -> str:
    """Return such as ``4.1.0``; wrk prints it and calls that an error."""
    told = subprocess.run([wrk, "-v"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    words = (told.stdout or told.stderr).split()
    return words[1].rpartition("/")[2] if len(words) > 1 else "unknown"

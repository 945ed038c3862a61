"""What the laboratory's sink costs beside nginx: `python -m benchmarks.sink`, ten seconds.

Both answer the same requests of wrk in turn: 64 kept-alive connections, 500 bytes
of payload, every webhook with an id and a right signature of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.gates import RESULTS, Gates, conclude, open_console, require
from benchmarks.processes import cpu_s, need, nginx
from sureshot.domain.model import Algorithm
from sureshot.domain.signature import SigningKey, sign
from sureshot_lab.scenario import Sink
from sureshot_lab.sink.process import SinkProcess

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
CONNECTIONS = 64
BODY_BYTES = 500
WEBHOOKS_PER_S = 50_000
"""More than any receiver takes, so that no id comes twice."""
LIMIT_CPU_US = 33.0
HEAD = (
    "POST /e/0 HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    "user-agent: Sureshot/0.1\r\nwebhook-id: {id}\r\nwebhook-timestamp: {timestamp}\r\n"
    "webhook-signature: {signature}\r\naccept-encoding: identity\r\ncontent-length: 500\r\n\r\n"
)
SCRIPT = """
local heads, number = {}, 0
for line in io.lines("WEBHOOKS") do heads[#heads + 1] = line end
function request()
  number = number % #heads + 1
  local id, signature = heads[number]:match("(%S+) (%S+)")
  return BEGIN .. id .. MIDDLE .. signature .. END
end
"""


class Run(msgspec.Struct):
    """One receiver under wrk; ``counted`` is what it says it received, 0 for nginx."""

    name: str
    seconds: float
    answered: int
    not_2xx: int
    per_s: float
    cpu_us: float
    cpu_share: float
    counted: int = 0


def main() -> int:
    """Measure all in turn; exit 1 when the sink takes more CPU than it may."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sink", description=__doc__)
    parser.add_argument("--seconds", type=int, default=2, help="seconds each (2)")
    parser.add_argument("--output", type=Path, default=RESULTS / "sink.json")
    arguments = parser.parse_args()
    require("wrk", "nginx")
    runs = asyncio.run(_measure(arguments.seconds))
    _print(runs)
    gates: Gates = [
        (f"CPU per request: {run.name}", f"{run.cpu_us} us", f"<= {LIMIT_CPU_US} us",
         run.cpu_us <= LIMIT_CPU_US)
        for run in runs
    ]  # fmt: skip
    results = {
        "connections": CONNECTIONS,
        "body_bytes": BODY_BYTES,
        "runs": runs,
    }
    return conclude(open_console(), arguments.output, results, gates)


async def _measure(seconds: int) -> list[Run]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        script = _script(folder, seconds * WEBHOOKS_PER_S)
        with nginx(folder) as (port, workers):
            runs = [await asyncio.to_thread(_load, "nginx", script, port, workers, seconds)]
        for label, verify in (("sink", False), ("sink, verifying", True)):
            runs.append(await _sink(label, script, folder / label, seconds, verify=verify))
    return runs


async def _sink(label: str, script: Path, folder: Path, seconds: int, *, verify: bool) -> Run:
    what = Sink(verify=verify)
    async with SinkProcess.start(folder, what, 1, default_secrets=SECRET) as sink:
        run = await asyncio.to_thread(_load, label, script, sink.port, [sink.pid], seconds)
        result = await sink.finish()
    run.counted = result.received
    # wrk leaves with a request unanswered on each connection.
    missing = not 0 <= run.counted - run.answered <= CONNECTIONS
    if missing or result.incomplete or result.bad_signatures or run.not_2xx:
        raise SystemExit(f"{run}: {result.reason or f'{result.bad_signatures} bad signatures'}")
    if verify is bool(result.unverified):
        raise SystemExit(f"{label}: {result.unverified} of {result.received} were not verified")
    return run


def _script(folder: Path, count: int) -> Path:
    """Write the wrk script, and ids with signatures for it; return the script."""
    now_s = int(time.time())
    body = b'{"id":"bench-1","sent_at_us":%d,"data":"' % (now_s * 1_000_000)
    body += b"x" * (BODY_BYTES - len(body) - 2) + b'"}'
    keys = [SigningKey(Algorithm.SHA256, SECRET)]
    ids = [f"wh_{number:032x}" for number in range(count)]
    webhooks = folder / "webhooks.txt"
    webhooks.write_text("".join(f"{i} {sign(keys, i, now_s, body)}\n" for i in ids))
    begin, _id, rest = HEAD.replace("{timestamp}", str(now_s)).partition("{id}")
    middle, _signature, end = rest.partition("{signature}")
    script = folder / "webhooks.lua"
    text = SCRIPT.replace("WEBHOOKS", str(webhooks))
    for name, part in (("BEGIN", begin), ("MIDDLE", middle), ("END", end + body.decode())):
        # Lua's long brackets read a carriage return as the end of a line.
        quoted = part.replace('"', '\\"').replace("\r", "\\r").replace("\n", "\\n")
        text = f'local {name} = "{quoted}"\n{text}'
    script.write_text(text)
    return script


def _load(name: str, script: Path, port: int, pids: list[int], seconds: int) -> Run:
    url = f"http://127.0.0.1:{port}/e/0"
    command = [need("wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), url]
    before, began_s = cpu_s(pids), time.monotonic()
    report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    spent, elapsed_s = cpu_s(pids) - before, time.monotonic() - began_s
    answered = int(_found(r"(\d+) requests in", report))
    return Run(
        name=name,
        seconds=round(elapsed_s, 2),
        answered=answered,
        not_2xx=int(_found(r"Non-2xx or 3xx responses: (\d+)", report)),
        per_s=round(_found(r"Requests/sec:\s+([\d.]+)", report), 1),
        cpu_us=round(spent / answered * 1e6, 2),
        cpu_share=round(spent / seconds, 2),
    )


def _found(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    return float(found[1]) if found else 0.0


def _print(runs: list[Run]) -> None:
    table = Table("", "requests/s", "CPU us", "of a core", "x nginx", box=None)
    for run in runs:
        ratio = run.cpu_us / runs[0].cpu_us
        table.add_row(run.name, f"{run.per_s:,.0f}", f"{run.cpu_us:.1f}", f"{run.cpu_share:.0%}",
                      f"{ratio:.2f}")  # fmt: skip
    Console(width=None if sys.stdout.isatty() else 100).print(table)


if __name__ == "__main__":
    sys.exit(main())

"""``python -m tests.lab.profiling.blocking_service -m sureshot ...``: a service with a fault.

Four times a second a callback sleeps on its event loop.
"""

from __future__ import annotations

import asyncio
import runpy
import sys
import time

from sureshot.service import Service

SLEEPS_S = 0.08
EVERY_S = 0.25


def hog() -> None:
    time.sleep(SLEEPS_S)
    asyncio.get_running_loop().call_later(EVERY_S, hog)


async def start_with_it(self: Service) -> None:
    await start(self)
    hog()


if __name__ == "__main__":
    start = Service.start
    Service.start = start_with_it  # type: ignore[method-assign]
    sys.argv = sys.argv[2:]
    runpy.run_module("sureshot", run_name="__main__", alter_sys=True)

"""Late because every connection waits for an answer: the service's doing, and told apart."""

from __future__ import annotations

import asyncio
import io
import time

from hdrh.histogram import HdrHistogram

from sureshot_lab.load.clients import Clients
from sureshot_lab.load.draws import Draws, thresholds
from sureshot_lab.load.ledger import Ledger
from sureshot_lab.load.open_loop import OpenLoop
from sureshot_lab.load.submissions import Submissions
from sureshot_lab.load.wire import Second, Task
from sureshot_lab.scenario import Model
from tests.lab.k6.stub import API_TOKEN, Stub


async def seconds_over_one_connection(stub: Stub, rate: float) -> list[Second]:
    """Offer *rate* for a second over a single connection and return what is told of it."""
    host, port = stub.url.removeprefix("http://").split(":")
    places, payloads = ['"url":"http://127.0.0.1:9/a"'], ["{}"]
    task = Task(
        index=0, generators=1, base_url=stub.url, address=(host, int(port)), tokens=[API_TOKEN],
        places=places, ends=thresholds([1]), payloads=payloads, stages=[(1, rate, rate)],
        run="run", seed=1, model=Model.OPEN, connections=1, worst_s=10.0, accepted="",
    )  # fmt: skip
    ledger = Ledger(io.BytesIO(), apart=True)
    submissions = Submissions(
        stub.url, [API_TOKEN], "run", places, payloads, Draws(1, task.ends, len(payloads))
    )
    async with asyncio.TaskGroup() as tasks:
        clients = Clients(task.address, None, submissions, ledger, tasks)
        source = OpenLoop(task, clients, ledger, connections=1)
        clients.serve(source)
        ledger.start_s = time.monotonic()
        source.start(ledger.start_s)
        while clients.busy or not source.finished:
            await asyncio.sleep(0.05)
        clients.close("stopped")
    return ledger.tell_rest()


async def test_what_waits_for_a_connection_leaves_late_and_the_generator_is_not_late(
    stub: Stub,
) -> None:
    stub.delay_s = 0.05
    told = await seconds_over_one_connection(stub, 40)
    assert [second.intended for second in told][:2] == [40, 0]
    assert sum(second.sent for second in told) == 40
    assert 10 <= told[0].sent <= 22, "a connection that takes 50 ms sends 20 a second"
    lags_us, latencies_us = HdrHistogram(1, 10**8, 3), HdrHistogram(1, 10**8, 3)
    for us, count in told[0].lags:
        lags_us.record_value(us, count)
    for us, count in told[0].latencies:
        latencies_us.record_value(us, count)
    assert lags_us.get_total_count() == 40
    assert latencies_us.get_value_at_percentile(95) > 700_000
    assert lags_us.get_value_at_percentile(95) < 200_000

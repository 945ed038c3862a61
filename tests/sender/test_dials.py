"""Dials and name lookups: who waits for them, and who does not."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import textwrap

from sureshot.clock import SystemClock
from sureshot.delivery.fair_room import FairRoom
from sureshot.delivery.sender import HttpSender
from sureshot.delivery.sender_limits import SenderLimits
from sureshot.domain.model import ErrorKind
from tests.sender.receivers import answering, receiver
from tests.sender.test_sender import LIMITS, LOCAL, OK, send


class _Names:
    """Names that begin with ``hang`` are found when the gate opens, all others at once."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.asked: list[str] = []

    async def resolve(self, name: str) -> list[str]:
        self.asked.append(name)
        if name.startswith("hang"):
            await self.gate.wait()
        return ["127.0.0.1"]


async def test_free_dials_serve_everybody_who_waits_past_those_who_need_none_any_more() -> None:
    names = _Names()
    limits = SenderLimits(max_dials=8, dns_timeout_s=60)
    sender = HttpSender(LOCAL, SystemClock(), limits, resolve=names.resolve)
    async with receiver(answering(b"", OK, pause_s=0.1)) as at, asyncio.timeout(20):
        known = [f"http://known{i}.example:{at.port}/" for i in range(4)]
        for url in known:
            await send(sender, url)
        hanging = [
            send(sender, f"http://hang{i}.example:{at.port}/", timeout_s=20) for i in range(4)
        ]
        await asyncio.sleep(0.05)
        # The second of each waits for a dial, and is served by the connection there is.
        served = [send(sender, url, timeout_s=10) for url in known * 2]
        others = [send(sender, f"http://new{i}.example:{at.port}/", timeout_s=10) for i in range(4)]
        assert {one.status for one in await asyncio.gather(*served)} == {200}
        assert not any(one.done() for one in others)
        names.gate.set()
        async with asyncio.timeout(5):
            assert {one.status for one in await asyncio.gather(*others, *hanging)} == {200}
        await sender.close()


async def test_an_owner_whose_names_hang_does_not_keep_another_from_dialling() -> None:
    names = _Names()
    limits = SenderLimits(dns_timeout_s=60)
    sender = HttpSender(LOCAL, SystemClock(), limits, resolve=names.resolve)
    async with receiver(answering(OK)) as at, asyncio.timeout(20):
        for i in range(3000):
            send(sender, f"http://hang{i}.example/", timeout_s=60, owner="one")
        await asyncio.sleep(0.2)
        outcome = await send(
            sender, f"http://good.example:{at.port}/", timeout_s=10, owner="another"
        )
        assert (outcome.status, outcome.error) == (200, None)
        assert outcome.duration_s < 2
        await sender.close()


async def test_a_name_that_waits_for_its_turn_is_looked_up_in_the_name_of_who_has_room() -> None:
    names = _Names()
    limits = SenderLimits(dns_timeout_s=60)
    sender = HttpSender(LOCAL, SystemClock(), limits, resolve=names.resolve)
    async with receiver(answering(OK)) as at, asyncio.timeout(20):
        for i in range(100):
            send(sender, f"http://hang{i}.example/", timeout_s=60, owner="one")
        url = f"http://both.example:{at.port}/"
        first = send(sender, url, timeout_s=10, owner="one")
        await asyncio.sleep(0.2)
        assert not first.done()
        second = send(sender, url, timeout_s=10, owner="another")
        assert {(await one).status for one in (first, second)} == {200}
        assert names.asked.count("both.example") == 1
        await sender.close()


async def test_lookups_nobody_waits_for_any_more_are_not_begun() -> None:
    names = _Names()
    sender = HttpSender(LOCAL, SystemClock(), LIMITS, resolve=names.resolve)
    async with asyncio.timeout(10):
        late = [send(sender, f"http://hang{i}.example/", timeout_s=5) for i in range(100)]
        assert {(await one).error for one in late} == {ErrorKind.DNS_TIMEOUT}
        begun = len(names.asked)
        assert begun < 100
        names.gate.set()
        await asyncio.sleep(0.1)
        assert len(names.asked) == begun
        await sender.close()


def test_an_owner_takes_no_more_places_than_it_leaves_and_turns_go_round() -> None:
    room: FairRoom[int] = FairRoom(8)
    assert [room.take("a") for _ in range(6)] == [True] * 4 + [False] * 2
    assert [room.take("b") for _ in range(3)] == [True] * 2 + [False]
    room = FairRoom(1)
    assert room.take("b")
    for who in (0, 1, 2, 0):
        room.wait("a", who)
    for who in (10, 11):
        room.wait("b", who)
    assert room.next_turn() is None
    last, turns = "b", []
    for _ in range(5):
        room.give_back(last)
        last, who = room.next_turn() or ("", -1)
        turns.append(who)
    assert turns == [0, 10, 1, 11, 2]
    room.give_back(last)
    assert room.next_turn() is None


async def test_an_error_nobody_foresaw_ends_the_dial_and_the_next_one_begins() -> None:
    async def resolve(name: str) -> list[str]:
        if name == "odd.example":
            raise ValueError("nobody foresaw this")
        return ["127.0.0.1"]

    limits = SenderLimits(max_dials=1)
    sender = HttpSender(LOCAL, SystemClock(), limits, resolve=resolve)
    async with receiver(answering(OK)) as at, asyncio.timeout(30):
        odd = await send(sender, f"http://odd.example:{at.port}/", timeout_s=20)
        assert odd.error is ErrorKind.CONNECT_FAILED
        assert (await send(sender, f"http://good.example:{at.port}/")).status == 200
        await sender.close()


PROGRAM = """
    import asyncio, socket, threading
    from sureshot.clock import SystemClock
    from sureshot.delivery.sender import HttpSender
    from sureshot.domain.address import AddressPolicy
    from sureshot.domain.url import parse_url
    from sureshot.ports import OutgoingRequest

    asked = threading.Event()

    def hang(*_args, **_more):
        asked.set()
        threading.Event().wait()

    socket.getaddrinfo = hang

    async def main():
        sender = HttpSender(AddressPolicy(), SystemClock())
        url = parse_url("http://hooks.example/")
        sender.send(OutgoingRequest(url, "POST", "", b"", 5.0), print)
        while not asked.is_set():
            await asyncio.sleep(0.01)
        await sender.close()

    asyncio.run(main())
    print("ended")
"""


def test_a_lookup_that_hangs_does_not_keep_the_process_from_ending() -> None:
    program = textwrap.dedent(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True
    )
    assert "sender_closed" in done.stdout
    assert done.stdout.endswith("ended\n")
    assert not done.stderr


DENIED = """
    import asyncio
    from sureshot.clock import SystemClock
    from sureshot.delivery.sender import HttpSender
    from sureshot.domain.address import AddressPolicy
    from sureshot.domain.url import parse_url
    from sureshot.ports import OutgoingRequest
    from sureshot.telemetry.logging import configure_logging

    async def resolve(name):
        return ["10.1.2.3"]

    async def main():
        sender = HttpSender(AddressPolicy(), SystemClock(), resolve=resolve)
        url = parse_url("http://hooks.example/")
        ended = asyncio.get_running_loop().create_future()
        sender.send(OutgoingRequest(url, "POST", "", b"", 5.0), ended.set_result)
        print((await ended).detail)
        await sender.close()

    configure_logging("debug", "json")
    asyncio.run(main())
"""


def test_the_operator_finds_in_the_log_which_address_was_denied() -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(DENIED)],
        capture_output=True, text=True, timeout=20, check=True,
    )  # fmt: skip
    assert "10.1.2.3" not in done.stdout
    (line,) = done.stderr.splitlines()
    found = json.loads(line)
    assert (found["event"], found["address"]) == ("dial.denied", "10.1.2.3")

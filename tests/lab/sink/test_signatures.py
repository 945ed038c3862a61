"""Signatures: right, wrong, rotated, old, and secrets that are told later."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sureshot.domain.secret_key import public_key
from sureshot_lab.errors import LabError
from sureshot_lab.scenario import Sink
from sureshot_lab.sink.config import SinkConfig
from tests.lab.sink.webhooks import OTHER, SECRET, SEED, listening, signed, webhook


def config(*secrets: str, verify: bool = True) -> SinkConfig:
    return SinkConfig(sink=Sink(verify=verify), endpoints=2, default_secrets=list(secrets))


@pytest.mark.parametrize("secret", [SECRET, SEED, "a plain secret"])
async def test_a_right_signature_is_taken_and_a_wrong_one_answered_401(
    secret: str, tmp_path: Path
) -> None:
    known = public_key(SEED) if secret == SEED else secret
    async with listening(tmp_path, config=config(known)) as sink:
        statuses = [
            await sink.status(request)
            for request in (
                signed("wh_1", secret),
                signed("wh_2", secret, sent=b'{"n":2}'),
                signed("wh_3", OTHER),
                signed("wh_4", secret, at_s=time.time() - 360),
                signed("wh_5", secret, at_s=time.time() + 360),
                webhook("wh_6"),
            )
        ]
        stats = sink.server.stats()
        entries = await sink.entries()
    assert statuses == [200, 401, 401, 401, 401, 401]
    assert (stats.received, stats.unique, stats.bad_signatures, stats.unverified) == (6, 1, 5, 0)
    assert [(e.kind.name, e.status) for e in entries] == [
        ("FIRST", 200),
        *[("BAD_SIGNATURE", 401)] * 5,
    ]


async def test_either_secret_is_taken_while_one_is_rotated_out(tmp_path: Path) -> None:
    async with listening(tmp_path, config=config(SECRET, OTHER)) as sink:
        for number, secrets in enumerate([(SECRET,), (OTHER,), (OTHER, SECRET)]):
            assert await sink.status(signed(f"wh_{number}", *secrets)) == 200
        third = "whsec_dGhpcmQgdGhpcmQgdGhpcmQgdGhpcmQh"
        assert await sink.status(signed("wh_4", third)) == 401
        assert await sink.status(signed("wh_5", third, SECRET)) == 200


async def test_each_endpoint_has_its_own_secret_and_the_others_the_default(tmp_path: Path) -> None:
    async with listening(tmp_path, config=config(OTHER)) as sink:
        sink.server.know_secrets({1: [SECRET]})
        assert await sink.status(signed("wh_1", SECRET, endpoint=1)) == 200
        assert await sink.status(signed("wh_2", OTHER, endpoint=1)) == 401
        assert await sink.status(signed("wh_3", OTHER, endpoint=0)) == 200


async def test_without_a_secret_webhooks_are_taken_and_counted_unverified(tmp_path: Path) -> None:
    async with listening(tmp_path, config=config()) as sink:
        assert await sink.status(signed("wh_1", OTHER)) == 200
        sink.server.know_secrets({0: [SECRET]})
        assert await sink.status(signed("wh_2", OTHER)) == 401
        assert await sink.status(signed("wh_3", SECRET)) == 200
        stats = sink.server.stats()
        assert [e.unverified for e in await sink.entries()] == [True, False, False]
    assert (stats.unverified, stats.bad_signatures) == (1, 1)


async def test_a_scenario_can_ask_not_to_verify(tmp_path: Path) -> None:
    async with listening(tmp_path, config=config(SECRET, verify=False)) as sink:
        assert await sink.status(webhook("wh_1")) == 200
        assert sink.server.stats().unverified == 1


@pytest.mark.parametrize("secret", ["whsec_!!", "whsk_eA==", "whsec_", "", "whpk_eA=="])
async def test_a_secret_that_is_none_is_refused(secret: str, tmp_path: Path) -> None:
    async with listening(tmp_path, config=config()) as sink:
        with pytest.raises(LabError, match="not usable"):
            sink.server.know_secrets({0: [secret]})
        with pytest.raises(LabError, match="no endpoint 2; there are 0 to 1"):
            sink.server.know_secrets({2: [SECRET]})

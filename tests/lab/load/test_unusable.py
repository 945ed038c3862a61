"""An offer that can't be carried out is refused with a sentence, before anything is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sureshot_lab.errors import LabError
from sureshot_lab.load.k6_load import offer_k6
from sureshot_lab.load.native import offer_native
from sureshot_lab.load.offer import Offered
from sureshot_lab.scenario import Model
from tests.lab.k6.stub import Stub
from tests.lab.load.offers import offer


@pytest.mark.parametrize("carry_out", [offer_native, offer_k6])
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"base_url": "ftp://127.0.0.1"}, "must be like http://127.0.0.1:8080"),
        ({"base_url": "127.0.0.1:8080"}, "must be like http://127.0.0.1:8080"),
        ({"token": "one\r\nx: two"}, "token must be printable ASCII"),
        ({"run": 'a"b'}, "must be 1 to 64 letters"),
        ({"stages": []}, "a stage with a duration above 0"),
        ({"stages": [(0, 10, 10)]}, "a stage with a duration above 0"),
        ({"stages": [(1, -1, 10)]}, "nothing negative"),
        ({"stages": [(1, 0, 0)]}, "a rate above 0"),
        ({"stages": [(0, 5, 5)], "model": Model.CLOSED}, "a duration above 0"),
        ({"generators": 0}, "must be 1 or more"),
        ({"connections": 0, "model": Model.CLOSED}, "must be 1 or more"),
        ({"worst_s": 0}, "must be above 0"),
        ({"places": [], "weights": []}, "at least one place"),
        ({"weights": [1]}, "3 places need as many weights, not 1"),
        ({"weights": [0, 0, 0]}, "one of them above 0"),
        ({"weights": [2, 1, -1]}, "one of them above 0"),
        ({"places": ["url", "b", "c"]}, "must be like"),
        ({"places": ['"payload":{}'] * 3}, "without a payload"),
        ({"payloads": []}, "at least one payload"),
        ({"payloads": ["[1]"]}, "must be a JSON object"),
        ({"payloads": ['{"id":"mine"}']}, "has a member 'id', which is ours"),
        ({"payloads": ['{"a":1,"sent_at_us":2}']}, "has a member 'sent_at_us'"),
    ],
)
async def test_it_is_refused(
    carry_out: Callable[..., Awaitable[Offered]],
    changes: dict[str, Any],
    said: str,
    stub: Stub,
    tmp_path: Path,
) -> None:
    with pytest.raises(LabError, match=said):
        await carry_out(offer(stub.url, (1, 10, 10), **{"base_url": stub.url, **changes}), tmp_path)
    assert stub.total == 0


async def test_a_name_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"the name nowhere\.invalid is not known"):
        await offer_native(offer("http://nowhere.invalid", (1, 10, 10)), tmp_path)


def test_the_token_is_not_shown() -> None:
    assert "secret" not in repr(offer("http://127.0.0.1", (1, 1, 1), token="secret"))

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.k6.stub import Stub, serving


@pytest.fixture
def stub() -> Iterator[Stub]:
    with serving() as running:
        yield running

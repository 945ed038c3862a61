from __future__ import annotations

import pytest

from tests.manifests.built import OVERLAYS, Built, overlay


@pytest.fixture(params=OVERLAYS)
def built(request: pytest.FixtureRequest) -> Built:
    """Each overlay in turn."""
    return overlay(request.param)

"""What a sink process is told at its start, as JSON, and the modes it can be put in later."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from sureshot_lab.errors import LabError
from sureshot_lab.scenario import Sink


class Mode(StrEnum):
    """How the whole sink answers, whatever its endpoints' behaviours are."""

    NORMAL = "normal"
    """Each endpoint behaves as the scenario says."""
    FAILS = "fails"
    """Every request is answered 503 at once."""
    HANGS = "hangs"
    """Nothing is answered until the mode changes; what still waits then is answered late."""


class SinkConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The receivers of one run: ``endpoints`` of them, at ``/e/0`` and so on.

    ``secrets`` are those of single endpoints, by index; ``default_secrets`` are
    for all others. An endpoint without any is not verified. ``lose_every`` is a
    defect made on purpose: every so many-th webhook is answered and not recorded.
    """

    sink: Sink = Sink()
    endpoints: int = 20
    seed: int = 1
    secrets: dict[int, list[str]] = {}
    default_secrets: list[str] = []
    lose_every: int = 0

    def __repr__(self) -> str:
        return f"SinkConfig(endpoints={self.endpoints}, seed={self.seed}, secrets=***)"


def decode_config(text: bytes) -> SinkConfig:
    """Return the configuration in *text*; raises ``LabError`` when it is none."""
    try:
        config = msgspec.json.decode(text, type=SinkConfig)
    except msgspec.DecodeError as error:
        raise LabError(f"the sink's configuration is not right: {error}") from None
    if config.endpoints < 1:
        raise LabError(f"a sink needs at least one endpoint, not {config.endpoints}")
    if config.lose_every < 0:
        raise LabError(f"lose_every must be 0 (lose nothing) or more, not {config.lose_every}")
    return config

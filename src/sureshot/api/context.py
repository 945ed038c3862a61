"""What every part of the API may use."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from sureshot.api.auth import AccessList
from sureshot.config import Settings
from sureshot.delivery.directory import Directory
from sureshot.delivery.engine import Engine
from sureshot.delivery.intake import Intake
from sureshot.delivery.scaling import Scaling
from sureshot.domain.address import AddressPolicy
from sureshot.domain.ids import IdSource
from sureshot.ports import Clock, Queue, Store
from sureshot.telemetry.metrics import Metrics


class ApiContext(msgspec.Struct, frozen=True):
    """The service as the API sees it."""

    settings: Settings
    clock: Clock
    ids: IdSource
    random_bytes: Callable[[int], bytes]
    store: Store
    queue: Queue
    intake: Intake
    directory: Directory
    engine: Engine
    access: AccessList
    metrics: Metrics
    policy: AddressPolicy
    scaling: Scaling

"""The process's file-descriptor limit: raised as far as the system lets us."""

from __future__ import annotations

import resource

from sureshot.telemetry.logging import get_logger

log = get_logger()


def raise_descriptor_limit(wanted: int) -> int:
    """Raise the soft limit to *wanted*, or to the hard limit with a warning; return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = wanted
    target = min(wanted, hard)
    if target > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
        soft = target
    if soft < wanted:
        log.warning("descriptors.limited", limit=soft, wanted=wanted)
    return soft

"""Whether there are enough file descriptors and ports for what the scenario holds open at once."""

from __future__ import annotations

import resource
from pathlib import Path

from sureshot_lab.checks.check import Check, Subject
from sureshot_lab.checks.plan import Plan

OF_ITS_OWN = 256
"""Files, pipes and listeners a process has beside its connections."""
PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")

DESCRIPTORS = Subject("file-descriptors", "File descriptors")
PORTS = Subject("ports", "Local ports")


def wanted(plan: Plan) -> int:
    """Return how many descriptors one process may need: the service has both sides' sockets."""
    return plan.in_flight + plan.submitting + plan.scenario.endpoints.count + OF_ITS_OWN


def check_descriptors(plan: Plan, hard_limit: int | None = None) -> Check:
    """Hold the hard limit against the scenario: every process raises its own soft limit to it."""
    limit = hard_limit or resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    needed = wanted(plan)
    told = (
        f"about {needed:,} in a process: {plan.in_flight:,} in flight, {plan.submitting:,} "
        f"submitting, {plan.scenario.endpoints.count:,} endpoints, {OF_ITS_OWN} of its own"
    )
    if limit != resource.RLIM_INFINITY and limit < needed:
        return DESCRIPTORS.failed(
            f"{limit:,} are allowed; {told}",
            f"`ulimit -Hn {needed}` as root, or LimitNOFILE={needed} of the unit",
        )
    allowed = "any number is" if limit == resource.RLIM_INFINITY else f"{limit:,} are"
    given = plan.scenario.service.descriptors
    meant = f"; the service gets {given:,} on purpose" if given is not None else ""
    return DESCRIPTORS.ok(f"{allowed} allowed; {told}{meant}")


def check_ports(plan: Plan, file: Path = PORT_RANGE) -> Check:
    """Hold the ports there are for one address against the connections to one receiver."""
    try:
        first, last = map(int, file.read_text().split())
    except (OSError, ValueError):
        return PORTS.not_applicable(f"{file} cannot be read")
    there, needed = last - first + 1, max(plan.in_flight, plan.submitting)
    told = f"{there:,} from one address to another; up to {needed:,} connections at once"
    if there < needed:
        return PORTS.failed(
            told, "sysctl net.ipv4.ip_local_port_range='1024 65535', or less at once"
        )
    return PORTS.ok(told)

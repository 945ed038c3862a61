"""The parts of PromQL that rules and dashboards share: jobs, routes, resources, quantiles."""

from __future__ import annotations

import re

from sureshot_lab.targets import Resource

JOB = 'job="sureshot"'
"""What selects this service's series in rules; prometheus.yml gives the job its name."""

BY = "job, namespace"
"""What makes one deployment: two in a cluster differ by their namespace. Where nothing gives
series that label, as outside Kubernetes, its part is empty and the job alone remains."""

SUBMISSION_ROUTES = "/api/v1/webhooks|/api/v1/events"
"""Where webhooks come in, one a call; a batch of 1,000 is no matter of 100 ms."""

SUBMITTED = f'method="POST",endpoint=~"{SUBMISSION_ROUTES}"'
"""What selects submissions: a GET of the same path is a list, as slow as its page is long."""

_OVER_ALL = re.compile(r"^(sum|max)\(")
_METRIC = re.compile(r"\b(?:process|sureshot)_[a-z_]+\b(?!\{)")


def resource_expression(resource: Resource, *, labels: str, window: str, by: str = "") -> str:
    """Return the resource's expression over *window*, for the series with *labels* alone.

    *labels* are matchers without braces, ``job="sureshot"``; *window* is a
    duration such as ``5m`` or ``$__rate_interval``; *by* names labels to keep apart
    in a figure of all processes.
    """
    selected = _METRIC.sub(lambda name: f"{name[0]}{{{labels}}}", resource.expression)
    kept = _OVER_ALL.sub(rf"\1 by ({by}) (", selected) if by else selected
    return kept.replace("$window", window)


def quantile(share: float, metric: str, *, labels: str, window: str, by: str = "") -> str:
    """Return the quantile *share* (0 to 1) of the histogram *metric*, over all its processes.

    *by* names labels to keep apart, ``endpoint``; the buckets' edges bound how
    precise the answer is.
    """
    kept = f"le, {by}" if by else "le"
    buckets = f"sum by ({kept}) (rate({metric}_bucket{{{labels}}}[{window}]))"
    return f"histogram_quantile({share:g}, {buckets})"

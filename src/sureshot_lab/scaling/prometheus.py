"""A series asked of a Prometheus server."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException

from sureshot_lab.errors import LabError, TargetUnreachable
from sureshot_lab.scaling.series import Series, evenly, prometheus_points

TIMEOUT_S = 30.0
MOST_POINTS = 10_000
"""Prometheus answers no more than 11,000 to one query."""
FINEST_S = 60.0


def query_range(url: str, query: str, span_s: float, now_s: float | None = None) -> Series:
    """Return what *query* was in the last *span_s*, at steps of a minute or coarser.

    Raises ``TargetUnreachable`` when nobody answers, ``LabError`` when the query is wrong
    or does not give one series.
    """
    end_s = time.time() if now_s is None else now_s
    step_s = max(FINEST_S, -(-span_s // MOST_POINTS))
    asked = {
        "query": query,
        "start": f"{end_s - span_s:.0f}",
        "end": f"{end_s:.0f}",
        "step": f"{step_s:.0f}",
    }
    address = f"{url.rstrip('/')}/api/v1/query_range?{urllib.parse.urlencode(asked)}"
    if not address.startswith(("http://", "https://")):
        raise TargetUnreachable(f"{url} is no address; http://127.0.0.1:9090 would be one")
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_S) as response:  # noqa: S310 - above
            answer = json.load(response)
        return evenly(prometheus_points(answer), f"the answer to {query}")
    except urllib.error.HTTPError as error:
        raise LabError(f"{url} refuses {query}: {_reason(error)}") from None
    except (OSError, HTTPException) as error:
        raise TargetUnreachable(f"{url} does not answer: {error}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise LabError(f"{url} answers {query} with no series: {error}") from None


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError):
        return f"status {error.code}"

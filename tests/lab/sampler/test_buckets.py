"""Quantiles of Prometheus histograms, worked out by hand."""

from __future__ import annotations

import math

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sureshot_lab.sampler.buckets import Buckets, by_label, merged
from sureshot_lab.sampler.exposition import Series, read_exposition

EDGES = (0.001, 0.01, 0.1, math.inf)
TEXT = """# HELP sureshot_things Things
# TYPE sureshot_things counter
sureshot_things_total 12
sureshot_odd{b="x",a="a \\"quoted\\" } and \\\\ and\\nnew line"} 1.5e-3
sureshot_timed{a="b"} 7 1700000000000
sureshot_plain_timed 8 1700000000000
sureshot_edge_bucket{le="+Inf"} 3.0
sureshot_not NaN
other_things 1
"""


@pytest.mark.parametrize(
    ("counts", "share", "value"),
    [
        ((100, 0, 0, 0), 0.5, 0.0005),
        ((100, 0, 0, 0), 1.0, 0.001),
        ((90, 10, 0, 0), 0.9, 0.001),
        # The 95th of 100 is half way through the second bucket.
        ((90, 10, 0, 0), 0.95, 0.001 + 0.5 * 0.009),
        ((90, 9, 1, 0), 0.99, 0.01),
        ((0, 0, 4, 0), 0.25, 0.01 + 0.25 * 0.09),
        # Above the last edge nothing is known but that.
        ((0, 0, 0, 5), 0.5, 0.1),
        ((0, 10, 0, 0), 0.0, 0.0),
        ((0, 0, 0, 0), 0.5, None),
    ],
)
def test_quantiles_lie_straight_between_edges(
    counts: tuple[int, ...], share: float, value: float | None
) -> None:
    found = Buckets(EDGES, counts).quantile(share)
    assert found is None if value is None else found == pytest.approx(value)


def test_the_mean_is_exact() -> None:
    assert Buckets(EDGES, (1, 1, 0, 0), total=0.006).mean == pytest.approx(0.003)
    assert Buckets(EDGES, (0, 0, 0, 0)).mean is None


def test_cumulative_series_become_buckets_by_label_or_together() -> None:
    values = {
        Series("f_bucket", (("le", "0.1"), ("route", "/a"))): 3.0,
        Series("f_bucket", (("le", "+Inf"), ("route", "/a"))): 4.0,
        Series("f_bucket", (("le", "+Inf"), ("route", "/b"))): 10.0,
        Series("f_bucket", (("le", "0.1"), ("route", "/b"))): 10.0,
        Series("f_sum", (("route", "/a"),)): 2.0,
        Series("f_sum", (("route", "/b"),)): 0.5,
        Series("g_sum"): 9.0,
    }
    assert by_label("f", "route", values) == {
        "/a": Buckets((0.1, math.inf), (3.0, 1.0), 2.0),
        "/b": Buckets((0.1, math.inf), (10.0, 0.0), 0.5),
    }
    assert merged("f", values) == Buckets((0.1, math.inf), (13.0, 1.0), 2.5)
    assert merged("g", values) is None


def test_text_is_read_as_the_reference_reads_it() -> None:
    reference = {
        Series(sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(TEXT)
        for sample in family.samples
        if sample.name.startswith("sureshot_")
    }
    found = read_exposition(TEXT, ("sureshot_",))
    assert len(found) == 6
    assert math.isnan(found.pop(Series("sureshot_not")))
    reference.pop(Series("sureshot_not"))
    assert found == reference


@pytest.mark.parametrize(
    "text", ["sureshot_a", "sureshot_a one", 'sureshot_a{b="c"}', "sureshot_a{ 1"]
)
def test_what_is_no_metric_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_exposition(text, ("sureshot_",))

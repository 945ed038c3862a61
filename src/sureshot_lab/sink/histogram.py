"""HdrHistograms filled and read by the thousand: one value at a time Python is too slow for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from hdrh.histogram import HdrHistogram

LOWEST_US, HIGHEST_US, DIGITS = 1, 3_600_000_000, 3
"""Every histogram of the laboratory has these bounds, so that all may be merged."""

Microseconds = npt.NDArray[np.int64]


def new_histogram() -> HdrHistogram:
    """Return an empty histogram of microseconds, up to an hour, of three digits."""
    return HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)


def fold(histogram: HdrHistogram, values_us: Microseconds) -> None:
    """Record *values_us*, all between 0 and ``HIGHEST_US``: as ``record_value`` does for each."""
    if not len(values_us):
        return
    magnitude = histogram.sub_bucket_half_count_magnitude
    # The exponent of a float is how many bits its whole number has.
    bits = np.frexp((values_us | histogram.sub_bucket_mask).astype(np.float64))[1]
    bucket = bits.astype(np.int64) - histogram.unit_magnitude - (magnitude + 1)
    within = values_us >> (bucket + histogram.unit_magnitude)
    index = ((bucket + 1) << magnitude) + within - histogram.sub_bucket_half_count
    counts = _counts(histogram)
    counts += np.bincount(index, minlength=len(counts)).astype(np.uint64)
    histogram.total_count += len(values_us)
    histogram.min_value = min(histogram.min_value, int(values_us.min()))
    histogram.max_value = max(histogram.max_value, int(values_us.max()))


def percentiles_s(histogram: HdrHistogram, percentiles: Sequence[float]) -> list[float | None]:
    """Return seconds at *percentiles* (0..100), None for an empty histogram."""
    if not histogram.total_count:
        return [None] * len(percentiles)
    reached = np.cumsum(_counts(histogram))
    found: list[float | None] = []
    for percentile in percentiles:
        target = histogram.get_target_count_at_percentile(percentile)
        value_us = histogram.get_value_from_index(int(np.searchsorted(reached, target)))
        found.append(histogram.get_highest_equivalent_value(value_us) / 1e6)
    return found


def _counts(histogram: HdrHistogram) -> npt.NDArray[np.uint64]:
    buffer: Any = histogram.counts
    return np.frombuffer(buffer, dtype=np.uint64)

"""Before and after a run: is everything ready, was everything done."""

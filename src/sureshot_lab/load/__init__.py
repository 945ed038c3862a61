"""Load on a schedule: our own generator, k6, wrk."""

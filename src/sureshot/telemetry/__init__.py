"""The only files that know Prometheus and structlog."""

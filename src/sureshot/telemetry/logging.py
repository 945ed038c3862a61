"""Structured logs: an event name and fields; payloads and secrets never."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_logging(level: str, style: str) -> None:
    """Log at *level* to stderr; *style* is ``console`` or ``json``."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def get_logger() -> structlog.typing.FilteringBoundLogger:
    """Return the logger every module shares."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger

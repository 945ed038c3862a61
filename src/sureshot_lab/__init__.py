"""The laboratory: drives the service from outside, over HTTP, and proves what it can do."""

__version__ = "0.1.0"

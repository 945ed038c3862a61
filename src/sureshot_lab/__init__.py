"""The laboratory: drives the service from outside, over HTTP, and proves what it can do."""

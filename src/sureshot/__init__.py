"""Sureshot: accepts webhooks, stores them durably, delivers them signed."""

__version__ = "0.1.0"

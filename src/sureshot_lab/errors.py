"""What a user of the laboratory can do wrong, or find wrong, before a run begins."""

from __future__ import annotations


class LabError(Exception):
    """Wrong usage or set-up; ``str`` says what is wrong and what would be right. Exit code 3."""


class UnreadableResult(LabError):
    """A file is not a result the laboratory can read, or is cut off."""


class TargetUnreachable(LabError):
    """Nothing answers at the target, or it refuses the tokens."""


class ToolMissing(LabError):
    """An external program (k6, wrk, nginx, kubectl) is needed and not installed."""


class TokenRefused(TargetUnreachable):
    """The target answers, and refuses a token: what a run then says of it is FAIL."""

"""Exceptions; each carries one line that says what is wrong and what to do.

A file that the system does not open is the usual `OSError`: `FileNotFoundError`, `PermissionError`.
"""

__all__ = ["ActError", "FailedError", "RejectedError", "TruncationWarning", "UsageError"]


class ActError(Exception):
    """Any error of act's own."""


class UsageError(ActError, ValueError):
    """The caller's to mend: one text where the model takes two, an id that it does not know."""


class RejectedError(ActError, ValueError):
    """The file is no model, is damaged, or is of a newer version."""


class FailedError(ActError, RuntimeError):
    """The work itself failed, as with a model whose scores are not finite."""


class TruncationWarning(UserWarning):
    """Texts were longer than the model takes, and were cut."""

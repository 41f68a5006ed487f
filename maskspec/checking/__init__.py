"""The questions of this project, put to other people's layers and models."""

from maskspec.checking.trace import CannotTrace, Trace, trace

__all__ = ["CannotTrace", "Trace", "trace"]

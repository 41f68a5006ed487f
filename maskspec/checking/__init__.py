"""The questions of this project, put to other people's layers and models."""

from maskspec.checking.relies import NotSo, relies_on
from maskspec.checking.trace import CannotTrace, Trace, trace

__all__ = ["CannotTrace", "NotSo", "Trace", "relies_on", "trace"]

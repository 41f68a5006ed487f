"""What is tried once for a subject, and remembered, be it an answer or an error."""

import warnings
from typing import Any, Callable, Dict, TypeVar

import numpy as np

from maskspec.atlas.trial import Raised
from maskspec.running.judging import Unavailable

T = TypeVar("T")


class Once:
    """Remembers what came of each call that aspects ask for."""

    def __init__(self) -> None:
        self._answers: Dict[str, Any] = {}

    def once(self, what: str, call: Callable[[], T]) -> T:
        """What ``call()`` returns, which ``what`` names; called once.

        Raise ``Raised`` if that raised an error, ``Unavailable`` if a name of it is not there.
        """
        if what not in self._answers:
            self._answers[what] = _outcome(call)
        found: T = self._answers[what]
        if isinstance(found, (Raised, Unavailable)):
            raise found
        return found


def _outcome(call: Callable[[], T]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with np.errstate(all="ignore"):
                return call()
        except (Raised, Unavailable) as error:
            return error
        except Exception as error:
            return Raised(type(error).__name__)

"""Small change of sentences: counts, and names of cases and places."""

from pathlib import Path
from typing import Sequence, Tuple


def count(number: int, noun: str, plural: str = "") -> str:
    """``1 claim``, ``2 claims``; ``plural`` where an s at the end does not make it."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def and_more(names: Sequence[str], most: int, noun: str = "") -> str:
    """``a, b and 3 more``: the first ``most`` of ``names``, and how many follow."""
    more = len(names) - most
    tail = f" and {count(more, f'more {noun}') if noun else f'{more} more'}" if more > 0 else ""
    return ", ".join(names[:most]) + tail


def case_named(key: Tuple[str, str]) -> str:
    """A case of a claim in words: ``loss.compiled [LSTM]``, or the claim alone if it has one."""
    claim, case = key
    return f"{claim} [{case}]" if case else claim


def below(root: Path, text: str) -> str:
    """``text`` with the paths in it that lie in the checkout ``root`` as seen from there."""
    return text.replace(f"{root}/", "")

"""What the generated line ``Seen: …`` of a claim says: where it holds, and what holds instead."""

import re
from pathlib import Path
from typing import List, NamedTuple

from maskspec.catalogue.pages import SEEN, Claim

_BOLD = re.compile(r"\*\*(.*?)\*\*")
_NAMED = re.compile(r"\[([a-z0-9-]+\.[a-z0-9-]+)\]\(")


class Where(NamedTuple):
    """Where a claim holds, in words ("" if that is not written yet), and ids of findings that hold
    where it does not."""

    words: str
    instead: List[str]


def where(root: Path, claim: Claim) -> Where:
    """What the page says of where ``claim`` holds."""
    if claim.seen is None:
        return Where("", [])
    line = (root / claim.path).read_text(encoding="utf-8").splitlines()[claim.seen - 1]
    words = _BOLD.search(line[len(SEEN) :])
    return Where(
        words[1].rstrip(".") if words else "", _NAMED.findall(line.partition("Instead:")[2])
    )

"""The words for what comes of a case and of a claim, and the one shape of a row."""

from typing import Dict, List, Mapping, NamedTuple, Sequence, Tuple

HOLDS, REFUTED, UNAVAILABLE = "holds", "refuted", "unavailable"
VERDICTS = (HOLDS, REFUTED, UNAVAILABLE)
PARTLY = "partly"  # of a claim whose cases disagree

Key = Tuple[str, str]  # claim, case


class Row(NamedTuple):
    """What was observed for one case of one claim; ``test`` is the fingerprint of what ran."""

    claim: str
    case: str
    verdict: str
    observed: str
    test: str

    @property
    def key(self) -> Key:
        return self.claim, self.case


def verdict_of(verdicts: Sequence[str]) -> str:
    """The verdict of a claim from those of its cases: they agree, or it is ``partly``.

    A case whose API does not exist says nothing about the others.
    """
    decided = set(verdicts) - {UNAVAILABLE}
    if not decided:
        return UNAVAILABLE
    return decided.pop() if len(decided) == 1 else PARTLY


def is_simply_true(verdicts: Mapping[str, str]) -> bool:
    """Whether a claim holds on every cell where what it speaks of exists."""
    return not {REFUTED, PARTLY} & set(verdicts.values())


def group_cases(
    verdicts: Mapping[str, Mapping[str, str]],
) -> List[Tuple[Dict[str, str], List[str]]]:
    """Cases that fare alike on every cell: their verdict by cell, and their names, in order."""
    groups: Dict[Tuple[Tuple[str, str], ...], List[str]] = {}
    for name in sorted({case for cases in verdicts.values() for case in cases}):
        mine = tuple((cell, cases[name]) for cell, cases in verdicts.items() if name in cases)
        groups.setdefault(mine, []).append(name)
    return [(dict(mine), names) for mine, names in groups.items()]

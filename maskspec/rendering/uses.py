"""The table of what each layer does with a mask, on the chapter page that speaks of them."""

from typing import Dict, Iterator, List, Tuple

from maskspec.atlas.aspects import RAISES, is_masked, is_plain
from maskspec.atlas.layers import SUBJECTS
from maskspec.atlas.subject import Subject
from maskspec.rendering.facts import History
from maskspec.rendering.wording import between, marks

NAME = "uses"
OWN = "one of its own"
DEPENDS, HERE = "it depends", ", in this set-up"


def with_uses(known: History, text: str) -> str:
    """The text of a chapter page with the table of what each layer does, if it has one.

    A layer stands there in its first set-up, and as it is on every release: its results at valid
    steps are others with a mask, and its output carries one, always, never, or it depends.
    What makes masks itself, and so hands none on, is left out.
    """
    if not known.cells or marks(NAME)[0] not in text:
        return text
    return between(NAME, _uses(known), text)


def _uses(known: History) -> Iterator[str]:
    columns = (("results.use", "no"), ("out.mask", "none"))
    rows: Dict[Tuple[str, ...], List[str]] = {}
    for subject in (one for one in SUBJECTS if is_plain(one) and one.layer != "Sequential"):
        answers = tuple(_answer(known, subject, *column) for column in columns)
        if all(answers) and not _makes_masks(known, subject):
            name = subject.code if any(HERE in answer for answer in answers) else subject.layer
            rows.setdefault(answers, []).append(f"[`{name}`](atlas/{subject.layer}.md)")
    yield from ["| layers | use it | hand it on |", "|---|---|---|"]
    for answers in sorted(rows, key=lambda row: [(one == DEPENDS, one[:1] != "y") for one in row]):
        yield f"| {', '.join(rows[answers])} | {' | '.join(answers)} |"


def _makes_masks(known: History, subject: Subject) -> bool:
    return OWN in known.of(subject, "out.unmasked").values()


def _answer(known: History, subject: Subject, aspect: str, no: str) -> str:
    """What a layer does, in one word, and whether its other set-ups do that too; "" if not asked.

    ``no`` is the outcome that means that it does not.
    """
    mine = _always(known, subject, aspect, no)
    others = (one for one in SUBJECTS if one.layer == subject.layer and is_masked(one))
    differ = {_always(known, one, aspect, no) for one in others} - {mine, ""}
    return mine + HERE if differ and mine != DEPENDS else mine


def _always(known: History, subject: Subject, aspect: str, no: str) -> str:
    """Whether it does that on all releases on which it works without a mask."""
    broken = {c for c, o in known.of(subject, "out.unmasked").items() if o.startswith(RAISES)}
    outcomes = {o for cell, o in known.of(subject, aspect).items() if cell not in broken}
    raised = {one for one in outcomes if one.startswith(RAISES)}
    if outcomes == raised:
        return ""
    if outcomes == {no}:
        return "no"
    return DEPENDS if raised or no in outcomes else "yes"

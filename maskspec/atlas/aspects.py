"""Aspects: the questions that are put to every subject, each with a closed set of outcomes."""

from typing import Any, Callable, Dict, NamedTuple, Optional, Sequence, Tuple

from maskspec.atlas.subject import Subject
from maskspec.atlas.trial import Raised
from maskspec.running.judging import Unavailable

# What is asked even of a subject that raises an error as soon as its input carries a mask.
OF_ALL = ("out.mask", "out.functional", "out.graph", "out.unmasked", "says.flag")
FAMILIES = {"loss": "losses", "metric": "metrics", "model": "models"}
RAISES = "raises "  # an outcome of every aspect: followed by the class of the error
Ask = Callable[[Any], str]  # of the trial of one subject
Rule = Callable[[Any], bool]  # of a subject


class Aspect(NamedTuple):
    """One question. ``ask`` observes and returns one of ``outcomes``; it does not know which is
    right. ``applies`` says of which subjects it is asked."""

    id: str
    question: str
    outcomes: Tuple[str, ...]
    applies: Rule
    ask: Ask

    @property
    def kind(self) -> str:
        return self.id.partition(".")[0]

    @property
    def family(self) -> str:
        """The family of subjects that it is asked of; the ids of others than layers begin so."""
        return FAMILIES.get(self.kind.partition("-")[0], "layers")


class NotAsked(Exception):
    """The question makes no sense of what this subject returns; the message says why."""


ASPECTS: Dict[str, Aspect] = {}


def aspect(
    id: str, question: str, outcomes: Sequence[str], applies: Optional[Rule] = None
) -> Callable[[Ask], Ask]:
    """Make a function an aspect; unless ``applies`` says otherwise, of subjects with a mask."""

    def register(ask: Ask) -> Ask:
        if id in ASPECTS:
            raise ValueError(f"there are two aspects {id}")
        ASPECTS[id] = Aspect(id, question, tuple(outcomes), applies or is_masked, ask)
        return ask

    return register


def is_masked(subject: Subject) -> bool:
    return any(feed.masked for feed in subject.feeds)


def has_one_axis(subject: Subject) -> bool:
    """Whether masks cover the steps alone, and not features of a step as well."""
    return is_masked(subject) and not any(feed.is_deep for feed in subject.feeds)


def takes_floats(subject: Subject) -> bool:
    return is_masked(subject) and all(feed.dtype == "float32" for feed in subject.feeds)


def takes_floats_plainly(subject: Subject) -> bool:
    return takes_floats(subject) and is_plain(subject)


def is_plain(subject: Subject) -> bool:
    """Not one more set-up of a layer, in which dtypes, copies and arguments count alike."""
    return is_masked(subject) and not subject.is_variant


def facts(trial: Any, aspects: Sequence[Aspect]) -> Dict[str, str]:
    """The outcome of each of ``aspects`` that applies to the subject and can be asked here.

    Of a subject that cannot be called with a mask, only those in ``OF_ALL`` are asked.
    Raise ``ValueError`` for an outcome that is not of its aspect.
    """
    subject, found = trial.subject, {}
    for one in aspects:
        if one.family != subject.family or not one.applies(subject):
            continue
        if one.id in OF_ALL or trial.works:
            outcome = outcome_of(one, trial)
            if outcome is not None:
                found[one.id] = outcome
    return found


def outcome_of(one: Aspect, trial: Any) -> Optional[str]:
    """The outcome of one aspect; None where this installation has nothing to ask it of."""
    try:
        outcome = one.ask(trial)
    except Raised as error:
        return f"{RAISES}{error}"
    except (Unavailable, NotAsked):
        return None
    if outcome not in one.outcomes:
        known = ", ".join(one.outcomes)
        raise ValueError(f"{one.id} of {trial.subject.name}: {outcome!r} is none of {known}")
    return outcome

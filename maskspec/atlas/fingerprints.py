"""Hashes of what is asked: when one changes, the facts that were recorded with it are stale."""

from pathlib import Path
from typing import Dict, Iterable

from maskspec.atlas.aspects import Aspect
from maskspec.atlas.subject import Subject
from maskspec.atlas.trial import Trial
from maskspec.catalogue.fingerprint import of_functions

HOME = Path(__file__).resolve().parent


def of_aspects(aspects: Iterable[Aspect]) -> Dict[str, str]:
    """By id, twelve hexadecimal digits over the code of the question and all that it reaches."""
    return {
        one.id: of_functions([one.ask, one.applies], f"{one.id}{one.outcomes}", HOME, Trial)  # type: ignore[list-item]
        for one in aspects
    }


def of_subjects(subjects: Iterable[Subject]) -> Dict[str, str]:
    """By name, twelve hexadecimal digits over the set-up."""
    found = {}
    for one in subjects:
        steps = [one.steps] if one.steps else []
        found[one.name] = of_functions(steps, repr(one._replace(steps=None)), HOME, Trial)  # type: ignore[arg-type]
    return found

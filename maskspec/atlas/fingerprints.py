"""Hashes of what is asked: when one changes, the facts that were recorded with it are stale."""

from pathlib import Path
from typing import Any, Dict, Iterable

from maskspec.atlas.aspects import Aspect
from maskspec.atlas.questions import FAMILIES
from maskspec.catalogue.fingerprint import of_functions

HOME = Path(__file__).resolve().parent


def of_aspects(aspects: Iterable[Aspect]) -> Dict[str, str]:
    """By id, twelve hexadecimal digits over the code of the question and all that it reaches."""
    return {
        one.id: of_functions(
            [one.ask, one.applies],  # type: ignore[list-item]
            f"{one.id}{one.outcomes}",
            HOME,
            FAMILIES[one.family].trial,
        )
        for one in aspects
    }


def of_subjects(subjects: Iterable[Any]) -> Dict[str, str]:
    """By name, twelve hexadecimal digits over the set-up: its fields, and the code of functions."""
    found = {}
    for one in subjects:
        functions = [value for value in one if callable(value)]
        fields = {name: None for name, value in one._asdict().items() if callable(value)}
        text = repr(one._replace(**fields))
        found[one.name] = of_functions(functions, text, HOME, FAMILIES[one.family].trial)
    return found

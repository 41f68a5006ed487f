"""The page of a subject of the atlas: what it does with a mask, in words first, then every fact."""

import functools
import re
import string
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from maskspec.atlas.aspects import RAISES
from maskspec.atlas.questions import FAMILIES, subjects
from maskspec.catalogue.cells import Cell
from maskspec.records.specification import Specification
from maskspec.rendering.atlas import FIRST, by_kind, having, in_words
from maskspec.rendering.explained import Explained
from maskspec.rendering.facts import History
from maskspec.rendering.history import title
from maskspec.site.links import of_subject

# The outcomes of the questions that people ask first, as the end of a sentence. Of a family that
# has none here, the first of its questions stand there as they are.
SAYS: Dict[str, Dict[str, str]] = {
    "results.use": {
        "at valid steps": "uses the mask",
        "at masked steps only": "uses the mask at masked steps only",
        "no": "does not use the mask",
    },
    "out.mask": {
        "none": "hands no mask on",
        "the input's": "hands the mask on",
        "the first input's": "hands the mask of its first input on",
        "the second input's": "hands the mask of its second input on",
        "one of its own": "hands on a mask of its own",
    },
    "results.leak": {
        "no": "lets no masked value leak into its results",
        "yes": "lets masked values leak into its results",
    },
    "loss-fit.divisor": {
        "the valid steps": "is divided by the valid steps in a compiled model",
        "all steps": "is divided by all steps in a compiled model",
        "nothing: it is the sum": "is the sum over the valid steps in a compiled model",
        "the mask is not used": "ignores the mask in a compiled model",
    },
    "loss-hand.mask": {
        "the valid steps": "is divided by the valid steps when called by hand",
        "all steps": "is divided by all steps when called by hand",
        "nothing: it is the sum": "is the sum over the valid steps when called by hand",
        "the mask is not used": "ignores the mask when called by hand",
    },
    "metric-fit.steps": {
        "the valid steps": "leaves masked steps out in metrics=",
        "the valid steps of other classes": "leaves masked steps out in metrics=",
        "all steps: the mask is not used": "counts masked steps in metrics=",
    },
    "metric-weighted.step-weights": {
        "the valid steps, weighted": "weighs the valid steps alone in weighted_metrics=",
        "all steps, weighted: the mask is not used": "counts masked steps in weighted_metrics=",
    },
    "metric-hand.mask": {
        "the valid steps": "leaves masked steps out when called by hand",
        "the valid steps of other classes": "leaves masked steps out when called by hand",
        "all steps: the mask is not used": "counts masked steps when called by hand",
    },
    "model-results.mask": {
        "the valid steps": "returns its results with a mask of the valid steps",
        "every step": "returns its results with a mask in which every step is valid",
        "none": "returns its results without a mask",
    },
    "model-results.vector": {
        "no": "keeps what stands in the padding out of its results",
        "yes": "lets what stands in the padding into its results",
    },
    "model-loss.divisor": {
        "the valid steps": "has a loss that is divided by the valid steps",
        "all steps": "has a loss that is divided by all steps",
        "the mask is not used": "has a loss that counts padded steps",
    },
}
OUT, MAKES = "out.mask", "out.unmasked"  # the second of a layer that makes a mask
SHOWN = 3  # of the first questions of a family without words of its own
DIGITS = string.digits + string.ascii_lowercase


class FactRow(NamedTuple):
    """One question about one subject; ``by_cell`` has one character a cell of the page, a place in
    ``outcomes``, or a dash where it is not asked. ``claims`` say why it is so."""

    aspect: str
    question: str
    newest: str
    all: str
    outcomes: List[str]
    by_cell: str
    claims: Sequence[str]


class Subjects:
    """Renders the subjects of one project."""

    def __init__(self, project: Specification, known: History, why: Explained) -> None:
        self.project, self.known, self.why = project, known, why

    def names(self, family: str) -> List[str]:
        """The pages of a family, in the order of the table."""
        return list(dict.fromkeys(subject.public for subject in FAMILIES[family].subjects))

    def view(self, name: str) -> Dict[str, Any]:
        """What the template shows."""
        mine = [subject for subject in subjects() if subject.public == name]
        family, first = mine[0].family, mine[0]
        heads = FIRST[family]
        answers = [self._answer(subject) for subject in mine]
        asked = [aspect for aspect in heads if any(aspect in a["now"] for a in answers)]
        explain = [claim for claim, pages in self.why.layers.items() if name in pages]
        return {
            "title": name,
            "family": family,
            "noun": FAMILIES[family].noun,
            "subjects": [self._subject(s, answer) for s, answer in zip(mine, answers)],
            "cells": [(cell.name, title(cell)) for cell in reversed(self.known.cells)],
            "said": self._said(first),
            "why": explain,
            "findings": [id for id in self._speak_of(name) if id not in explain],
            "columns": [(aspect, heads[aspect]) for aspect in asked],
        }

    def brief(self, family: str) -> List[Dict[str, Any]]:
        """Every page of a family in one table: the plain set-up on the newest release."""
        found = []
        for name in sorted(self.names(family)):
            subject = next(s for s in FAMILIES[family].subjects if s.public == name)
            answer = self._answer(subject)
            asked = bool(FIRST[family].keys() & answer["now"].keys())
            page = of_subject(subject)
            found.append({"name": name, "page": page, "answer": answer, "asked": asked})
        return found

    def _subject(self, subject: Any, answer: Mapping[str, Any]) -> Dict[str, Any]:
        cells = self.known.cells_of(subject)
        return {
            "name": subject.name,
            "anchor": anchor(subject),
            "there": "" if len(cells) == len(self.known.cells) else having(cells, self.known.cells),
            "answer": answer,
            "kinds": [
                (kind, [self._row(subject, one.id, one.question, o, cells) for one, o in answers])
                for kind, answers in by_kind(subject, self.known)
            ],
        }

    def _answer(self, subject: Any) -> Dict[str, Any]:
        """What is asked first, in one sentence, and where that is otherwise."""
        here = self.known.cells_of(subject)
        if not here:
            nothing = {"where": "", "now": {}, "otherwise": [], "everywhere": 0}
            return {"sentence": "is in no recorded release", **nothing}
        cell = self.known.newest if self.known.newest in here else here[-1]
        family, known = subject.family, self.known
        now, heads = self._now(subject, cell), FIRST[family]
        spans = [(a, in_words(known.of(subject, a), here)[1]) for a in first_of(family)]
        return {
            "sentence": says(family, now),
            "where": title(cell),
            "now": now,
            "otherwise": [(heads[aspect], words) for aspect, words in spans if words],
            "everywhere": len(here),
        }

    def _now(self, subject: Any, cell: Cell) -> Dict[str, str]:
        """What was asked first of a subject on one cell."""
        aspects = (*FIRST[subject.family], MAKES)
        asked = {aspect: self.known.of(subject, aspect).get(cell.name) for aspect in aspects}
        return {aspect: outcome for aspect, outcome in asked.items() if outcome}

    def _said(self, subject: Any) -> Tuple[List[str], str]:
        """The sentences about a subject over the releases, and which of them is so where."""
        here = self.known.cells_of(subject)
        words = {cell.name: says(subject.family, self._now(subject, cell)) for cell in here}
        return list(dict.fromkeys(words.values())), self._by_cell(words)

    def _by_cell(self, words: Mapping[str, str]) -> str:
        order = list(dict.fromkeys(words.values()))
        return "".join(
            DIGITS[order.index(words[cell.name])] if cell.name in words else "-"
            for cell in reversed(self.known.cells)
        )

    def _row(
        self, subject: Any, aspect: str, question: str, outcomes: Mapping[str, str],
        cells: List[Cell],
    ) -> FactRow:  # fmt: skip
        order, words = list(dict.fromkeys(outcomes.values())), in_words(outcomes, cells)
        claims = self.why.claims(subject, aspect)
        return FactRow(aspect, question, *words, order, self._by_cell(outcomes), claims)

    def _speak_of(self, name: str) -> List[str]:
        """The claims whose sentence names it, and those that have it as a case."""
        bare = re.escape(name.rpartition(".")[2])
        named = re.compile(rf"(?<![A-Za-z0-9_]){bare}(?![A-Za-z0-9_])")
        said, tried = [], []
        for claim in self.project.book.claims:
            code = " ".join(re.findall(r"`([^`]*)`", f"{claim.sentence} {claim.otherwise}"))
            cases = " ".join(case.case for case in self.project.cases(claim.id))
            if named.search(code):
                said.append(claim.id)
            elif named.search(cases):
                tried.append(claim.id)
        return said + tried


def first_of(family: str) -> List[str]:
    """The questions that the first sentence about a subject answers."""
    first = FIRST[family]
    return [aspect for aspect in SAYS if aspect in first] or list(first)[:SHOWN]


def says(family: str, now: Mapping[str, str]) -> str:
    """``uses the mask, hands no mask on, and lets no masked value leak into its results``."""
    if now.get(OUT, "").startswith(RAISES):
        return f"{now[OUT]} when its input carries a mask"
    words = [
        SAYS.get(aspect, {}).get(now[aspect], f"{FIRST[family][aspect]}: {now[aspect]}")
        for aspect in first_of(family)
        if aspect in now
    ]
    if not words and MAKES in now:
        made = now[MAKES] == "one of its own"
        return "makes a mask of its own" if made else f"its output's mask: {now[MAKES]}"
    if not words:
        return "was not asked"
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])}, and {words[-1]}"


def anchor(subject: Any) -> str:
    """``LSTM(3), on a masked input`` -> ``lstm-3-on-a-masked-input``; of several whose names differ
    in signs alone, the later ones get a number."""
    slug, page = slug_of(subject.name), of_subject(subject)
    twins = [
        one.name for one in subjects() if slug_of(one.name) == slug and of_subject(one) == page
    ]
    place = twins.index(subject.name) if subject.name in twins else 0
    return f"{slug}-{place + 1}" if place else slug


@functools.lru_cache(maxsize=None)
def slug_of(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def place_of(subject: Any) -> str:
    """Where on the site a subject's facts stand."""
    return f"{of_subject(subject)}#{anchor(subject)}"

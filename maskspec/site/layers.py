"""The page of a layer: what it does with a mask, in words first, then every fact.

The only subjects so far are layers; losses, metrics and roads are further subjects, and get a
folder of their own beside ``layers/``.
"""

import re
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Tuple

from maskspec.atlas.aspects import RAISES
from maskspec.atlas.layers import SUBJECTS
from maskspec.atlas.questions import load
from maskspec.atlas.subject import Subject
from maskspec.catalogue.cells import Cell
from maskspec.records.specification import Specification
from maskspec.rendering.atlas import KINDS, History
from maskspec.rendering.history import title
from maskspec.rendering.wording import describe, newest
from maskspec.site import links

USE, KEEP, LEAK = "results.use", "out.mask", "results.leak"
MAKES = "out.unmasked"
# The outcomes of the questions that people ask first, as the end of a sentence.
SAYS: Dict[str, Dict[str, str]] = {
    USE: {
        "at valid steps": "uses the mask",
        "at masked steps only": "uses the mask at masked steps only",
        "no": "does not use the mask",
    },
    KEEP: {
        "none": "hands no mask on",
        "the input's": "hands the mask on",
        "the first input's": "hands the mask of its first input on",
        "the second input's": "hands the mask of its second input on",
        "one of its own": "hands on a mask of its own",
    },
    LEAK: {
        "no": "lets no masked value leak into its results",
        "yes": "lets masked values leak into its results",
    },
    MAKES: {"one of its own": "makes a mask of its own"},
}
SHORT = {"at valid steps": "yes, at valid steps"}
COLUMNS = {USE: "uses the mask", KEEP: "output's mask", LEAK: "masked values leak"}


class FactRow(NamedTuple):
    """One question about one subject; ``by_cell`` has one character a cell of the page, an index
    into ``outcomes``, or a dash where it is not asked."""

    aspect: str
    question: str
    newest: str
    all: str
    outcomes: List[str]
    by_cell: str


class Layers:
    """Renders the layers of one project."""

    def __init__(self, project: Specification) -> None:
        self.project, self.known = project, History(project)
        self.names = list(dict.fromkeys(subject.layer for subject in SUBJECTS))
        keras = [c for c in self.known.cells if c.implementation == "keras"]
        self.cells = self.known.cells
        self.newest = [c for c in keras if c.backend == "tensorflow"][-1] if keras else None

    def view(self, layer: str) -> Dict[str, Any]:
        """What the template shows."""
        mine = [subject for subject in SUBJECTS if subject.layer == layer]
        return {
            "title": layer,
            "subjects": [self._subject(subject) for subject in mine],
            "cells": [(cell.name, title(cell)) for cell in reversed(self.cells)],
            "findings": self._speak_of(layer),
            "columns": list(COLUMNS.values()),
            "says": SAYS,
        }

    def brief(self) -> List[Dict[str, Any]]:
        """Every layer in one table: its plain set-up on the newest release."""
        found = []
        for layer in sorted(self.names):
            subject = next(s for s in SUBJECTS if s.layer == layer)
            answer = self._answer(subject)
            found.append({"layer": layer, "answer": answer["sentence"], "cells": answer["cells"]})
        return found

    def _subject(self, subject: Subject) -> Dict[str, Any]:
        cells = self.known.cells_of(subject)
        there = describe(dict.fromkeys((cell.name for cell in cells), "there"), self.cells)
        return {
            "name": subject.name,
            "anchor": anchor(subject),
            "there": "" if len(cells) == len(self.cells) else there.partition(" (run")[0],
            "answer": self._answer(subject),
            "kinds": list(self._kinds(subject, cells)),
        }

    def _answer(self, subject: Subject) -> Dict[str, Any]:
        """Whether it uses, keeps and leaks, in one sentence, and where that is otherwise."""
        here = self.known.cells_of(subject)
        if not here:
            nothing = {"where": "", "cells": [""] * len(COLUMNS), "otherwise": [], "everywhere": 0}
            return {"sentence": "is in no recorded release", **nothing}
        keras = [c for c in here if self.newest and c.name == self.newest.name]
        cell = keras[0] if keras else here[-1]
        now = {a: self.known.of(subject, a).get(cell.name, "") for a in (USE, KEEP, LEAK, MAKES)}
        otherwise = []
        for aspect in (USE, KEEP, LEAK):
            outcomes = self.known.of(subject, aspect)
            if len(set(outcomes.values())) > 1:
                ran = [c for c in here if c.name in outcomes]
                otherwise.append((COLUMNS[aspect], describe(outcomes, ran)))
        return {
            "sentence": says(now),
            "where": title(cell),
            "cells": [SHORT.get(now[aspect], now[aspect]) for aspect in COLUMNS],
            "otherwise": otherwise,
            "everywhere": len(here),
        }

    def _kinds(self, subject: Subject, cells: List[Cell]) -> Iterator[Tuple[str, List[FactRow]]]:
        aspects = load()
        kinds = dict.fromkeys([*KINDS, *(one.kind for one in aspects)])
        for kind in kinds:
            rows = [
                self._row(one.id, one.question, outcomes, cells)
                for one in aspects
                if one.kind == kind
                for outcomes in [self.known.of(subject, one.id)]
                if outcomes
            ]
            if rows:
                yield KINDS.get(kind, kind), rows

    def _row(
        self, aspect: str, question: str, outcomes: Mapping[str, str], cells: List[Cell]
    ) -> FactRow:
        ran = [cell for cell in cells if cell.name in outcomes]
        known = list(dict.fromkeys(outcomes.values()))
        by_cell = "".join(
            format(known.index(outcomes[cell.name]), "x") if cell.name in outcomes else "-"
            for cell in reversed(self.cells)
        )
        if len(known) == 1:
            everywhere = "" if len(ran) == len(cells) else f"on {len(ran)} of {len(cells)} cells"
            return FactRow(aspect, question, known[0], everywhere, known, by_cell)
        words = describe(outcomes, ran)
        return FactRow(aspect, question, newest(outcomes, ran), words, known, by_cell)

    def _speak_of(self, layer: str) -> List[str]:
        """The claims whose sentence names the layer, and those that have it as a case."""
        named = re.compile(rf"(?<![A-Za-z0-9_]){layer}(?![A-Za-z0-9_])")
        said, tried = [], []
        for claim in self.project.book.claims:
            code = " ".join(re.findall(r"`([^`]*)`", f"{claim.sentence} {claim.otherwise}"))
            cases = " ".join(case.case for case in self.project.cases(claim.id))
            if named.search(code):
                said.append(claim.id)
            elif named.search(cases):
                tried.append(claim.id)
        return said + tried


def says(now: Mapping[str, str]) -> str:
    """``uses the mask, hands no mask on, and lets no masked value leak into its results``."""
    raised = now.get(KEEP, "")
    if raised.startswith(RAISES):
        return f"{raised} when its input carries a mask"
    asked = (USE, KEEP, LEAK) if any(now.get(a) for a in (USE, KEEP, LEAK)) else (MAKES,)
    words = [
        SAYS[aspect].get(now[aspect], f"{COLUMNS.get(aspect, aspect)}: {now[aspect]}")
        for aspect in asked
        if now.get(aspect)
    ]
    if not words:
        return "was not asked"
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])}, and {words[-1]}"


def anchor(subject: Subject) -> str:
    """``LSTM(3), on a masked input`` -> ``lstm-3-on-a-masked-input``."""
    return re.sub(r"[^a-z0-9]+", "-", subject.name.lower()).strip("-")


def page_of(subject: Subject) -> str:
    return f"{links.of_layer(subject.layer)}#{anchor(subject)}"

"""Which claim or fact explains what a trace found, and what to write instead.

``spec/traced.json`` maps each kind of thing that a trace finds to a claim and to what to write
instead; facts come from the record of the release that is most like the installed one.
"""

import json
import re
from functools import cached_property
from typing import Any, Dict, List, NamedTuple, Tuple

from maskspec.atlas.questions import load, subjects
from maskspec.catalogue import pages
from maskspec.catalogue.addresses import link, of_subject
from maskspec.catalogue.home import home
from maskspec.catalogue.verdicts import REFUTED
from maskspec.checking.trace_steps import LOST, Step
from maskspec.checking.trace_watching import LAYER, OPERATION, OWN
from maskspec.records.facts import FILE as FACTS
from maskspec.records.nearest import atlas, nearest, verdict

FILE = "spec/traced.json"
EXPLAINED = "spec/atlas/explained.json"
LOST_FACTS = ("out.mask",)
USE_FACT = "results.use"
LEAK_FACTS = ("results.leak", "results.leak-start", "results.leak-middle")


class Why(NamedTuple):
    """A sentence that explains, where it stands, and what to write instead."""

    sentence: str
    page: str
    instead: str


class Explainer:
    """Explains by what is recorded of a release like the installed one."""

    def __init__(self, installed: Any) -> None:
        self.root = home()
        self.installed = installed

    def of(self, kind: str) -> Why:
        """The claim that explains a kind of thing; see ``FILE``."""
        entry = self._kinds[kind]
        return Why(*self._said(entry["claim"]), entry["instead"])

    def _said(self, id: str) -> Tuple[str, str]:
        """What a claim says of the installed release, and where it stands."""
        claim = self._claims[id]
        sentence, cell = claim.sentence, nearest(self.root, self.installed)
        if cell and verdict(self.root, cell, id) == REFUTED:
            sentence = claim.otherwise or f"Not so here: {sentence}"
        return sentence, link(claim)

    def lost(self, step: Step) -> Why:
        """Why the mask is lost in or before a call."""
        if step.fate != LOST:
            return self.of("code")
        call = step.call
        if call.sort in (OPERATION, OWN):
            return self.of("own layer" if call.sort == OWN else "operation")
        if call.kind == "Lambda":
            return self.of("Lambda")
        if call.sort == LAYER and self._usually(call.kind, "out.mask") not in ("", "none"):
            dtypes = {seen.values.dtype for seen in call.inputs if seen.values is not None}
            if str(getattr(call.layer, "compute_dtype", "")) not in map(str, dtypes):
                return self.of("cast")
        return self._by_facts(call.kind, LOST_FACTS, "none", "layer")

    def leaks(self, step: Step) -> Why:
        """Why padding reaches valid results in a call."""
        call = step.call
        if call.sort == OPERATION or call.sort != LAYER:
            return self.of("ignored by code")
        ignores = self._usually(call.kind, LEAK_FACTS[0]) == "yes"
        if not call.masks_in and not ignores:
            return self.of("without a mask")
        return self._by_facts(call.kind, LEAK_FACTS, "yes", "ignored")

    def should_use(self, step: Step) -> bool:
        """Whether a layer of Keras left its mask alone that, by what is recorded, uses masks."""
        call = step.call
        if step.used is not False or call.sort != LAYER:
            return False
        return self._usually(call.kind, USE_FACT) not in ("", "no")

    def _by_facts(self, layer: str, aspects: Any, outcome: str, kind: str) -> Why:
        """The fact that says so of a layer of Keras, and the claim that explains the fact."""
        usual = self.of(kind)
        for entry in self._explained:
            named = [*entry.get("layers", ()), *(re.split(r"[(,]", s)[0] for s in
                                                 entry.get("subjects", ()))]  # fmt: skip
            if (
                layer in named
                and outcome in entry["outcomes"]
                and set(aspects) & set(entry["aspects"])
            ):
                claim = self._claims.get(entry["claim"])
                if claim is not None and claim.id in (
                    *self._surprising,
                    self._kinds[kind]["claim"],
                ):
                    return Why(*self._said(claim.id), usual.instead)
        for aspect in aspects:
            if self._usually(layer, aspect) == outcome:
                question = next(one.question for one in load() if one.id == aspect)
                said = f"`{layer}` on {self._cell}: {question} {outcome.capitalize()}."
                return Why(said, of_subject(layer), usual.instead)
        return usual

    def _usually(self, layer: str, aspect: str) -> str:
        """The recorded outcome for the first set-up of a layer, or ""."""
        first = next((one for one in subjects() if one.public == layer), None)
        if first is None:
            return ""
        return self._facts.get(first.name, {}).get(aspect, "")

    @cached_property
    def _kinds(self) -> Dict[str, Dict[str, str]]:
        found: Dict[str, Dict[str, str]] = json.loads((self.root / FILE).read_text("utf-8"))
        return found

    @cached_property
    def _claims(self) -> Dict[str, pages.Claim]:
        return pages.read(self.root).by_id()

    @cached_property
    def _explanations(self) -> Dict[str, Any]:
        found: Dict[str, Any] = json.loads((self.root / EXPLAINED).read_text("utf-8"))
        return found

    @property
    def _explained(self) -> List[Dict[str, Any]]:
        return list(self._explanations["explained"])

    @property
    def _surprising(self) -> List[str]:
        return list(self._explanations["surprising"])

    @cached_property
    def _cell(self) -> str:
        return nearest(self.root, self.installed, FACTS)

    @cached_property
    def _facts(self) -> Dict[str, Dict[str, str]]:
        return atlas(self.root, self._cell) if self._cell else {}

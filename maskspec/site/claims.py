"""The page of a claim: what is said, what is so, since when, and the test that decides it."""

from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

from markupsafe import Markup

from maskspec.catalogue.addresses import claim_page
from maskspec.catalogue.pages import Claim
from maskspec.catalogue.verdicts import group_cases
from maskspec.records.specification import Specification
from maskspec.rendering.evidence import findings_instead, sentence
from maskspec.rendering.history import address, read_causes, title
from maskspec.rendering.power import of_claim
from maskspec.rendering.wording import describe
from maskspec.site import links
from maskspec.site.code import Code, Snippet
from maskspec.site.history import CLASSES, Dates, Track, steps_of, tracks
from maskspec.site.markdown import Markdown, plain


class Cause(NamedTuple):
    """What changed a claim from one release to the next."""

    step: str
    page: str
    name: str
    link: str


class CaseRow(NamedTuple):
    """One case: how it fares on the newest release, and what was seen there."""

    name: str
    css: str
    verdict: str
    observed: str


class Claims:
    """Renders claims of one project."""

    def __init__(self, project: Specification, markdown: Markdown, code: Code) -> None:
        self.project, self.markdown, self.code = project, markdown, code
        self.dates = Dates(project)
        self.steps = {after.name for _, after in steps_of(project)}
        self.known = project.book.by_id()
        self.statements = project.statements()
        self._causes: Dict[str, List[Cause]] = {}
        cells = project.releases.cells
        for entry in read_causes(project):
            step = f"{title(cells[entry['from']])} to {title(cells[entry['to']])}"
            page, link = links.of_step(entry["to"]), address(entry["cause"])
            for claim in entry["claims"]:
                found = Cause(step, page, entry["cause"], link)
                self._causes.setdefault(claim, []).append(found)

    def view(self, claim: Claim, before: str, after: str) -> Dict[str, Any]:
        """What the template shows; ``before`` and ``after`` are its neighbours, or ""."""
        at = claim_page(claim.id)
        verdicts = self.project.claim_verdicts(claim.id)
        cells = self.project.cells(claim.id)
        history = tracks(self.dates, self.steps, verdicts, cells)
        groups = list(self._groups(claim))
        return {
            "claim": claim,
            "title": plain(claim.sentence),
            "sentence": self.markdown.line(claim.sentence, claim.path, at),
            "chapter": self.project.book.title(claim.chapter),
            "chapter_page": links.of_chapter(claim.chapter),
            "words": sentence(describe(verdicts, cells)),
            "newest": newest(history),
            "history": history,
            "refuted": bool(history) and all(t.newest.css == "refuted" for t in history),
            "groups": groups,
            "cases": sum(len(rows) for _, rows in groups),
            "observed": any(row.observed for _, rows in groups for row in rows),
            "prose": self.markdown.page(claim.explanation, claim.path, at),
            "otherwise": self.markdown.line(claim.otherwise, claim.path, at),
            "instead": [(self.known[i], self.line(i, at)) for i in self.instead(claim)],
            "statements": [self.statements[s] for s in claim.statements if s in self.statements],
            "noticed": self.markdown.line(of_claim(self.project.power, claim.id), claim.path, at),
            "causes": self._causes.get(claim.id, []),
            "tests": list(self._tests(claim)),
            "before": self.known.get(before),
            "after": self.known.get(after),
        }

    def instead(self, claim: Claim) -> List[str]:
        """The findings that say what is so where ``claim`` is refuted."""
        return [id for id in findings_instead(self.project, claim) if id in self.known]

    def line(self, id: str, at: str) -> Markup:
        claim = self.known[id]
        return self.markdown.line(claim.sentence, claim.path, at)

    def brief(self, claim: Claim, at: str) -> Dict[str, Any]:
        """The claim in a list: its sentence, and how it fares on the newest release of each
        line."""
        verdicts = self.project.claim_verdicts(claim.id)
        cells = self.project.cells(claim.id)
        history = tracks(self.dates, self.steps, verdicts, cells)
        words = sorted({track.newest.word for track in history})
        word = words[0] if len(words) == 1 else "differs"
        return {
            "claim": claim,
            "sentence": self.line(claim.id, at),
            "word": word if history else "not run",
            "css": CLASSES.get(word, "differs"),
        }

    def _groups(self, claim: Claim) -> Iterator[Tuple[str, List[CaseRow]]]:
        """Cases that fare alike everywhere, in words, and each of them on the newest cell."""
        cells = self.project.cells(claim.id)
        ran = self.project.verdicts(claim.id)
        last = [name for name in ran if self.project.releases.cells[name].backend == "tensorflow"]
        rows = self.project.records[last[-1]].by_claim[claim.id] if last else {}
        for verdicts, names in group_cases(ran):
            found = [
                CaseRow(name, CLASSES[rows[name].verdict], rows[name].verdict, rows[name].observed)
                if name in rows
                else CaseRow(name, "none", "not run", "")
                for name in names
            ]
            yield describe(verdicts, cells), found

    def _tests(self, claim: Claim) -> Iterator[Tuple[Snippet, List[Snippet]]]:
        cases = self.project.cases(claim.id)
        for path, name in dict.fromkeys((case.path, case.test) for case in cases):
            self.markdown.links.code.add(path)
            helpers = self.code.helpers(path, name)
            self.markdown.links.code.update(helper.path for helper in helpers)
            yield self.code.test(path, name), helpers


def newest(history: List[Track]) -> List[Tuple[str, str, List[str]]]:
    """(word, class, releases): the newest release of each line, by verdict."""
    found: Dict[str, Tuple[str, str, List[str]]] = {}
    for track in history:
        stop = track.newest
        label = track.label.replace("Keras 3", f"Keras {stop.release}")
        label = label if stop.release in label else f"{label} {stop.release}"
        found.setdefault(stop.word, (stop.word, stop.css, []))[2].append(label)
    return list(found.values())

"""What changed from each release to the next, newest first, and the same as a feed."""

import re
from collections import Counter
from typing import Any, Dict, Iterator, List

from maskspec.catalogue.addresses import SITE
from maskspec.catalogue.cells import Cell
from maskspec.records.specification import Specification
from maskspec.rendering.changes import FEW_FACTS, section
from maskspec.rendering.compare import KINDS, compare
from maskspec.rendering.facts import fact_changes, in_words
from maskspec.rendering.history import ahead, pairs, title
from maskspec.site import links
from maskspec.site.history import Dates
from maskspec.site.markdown import Markdown

PAGE = "spec/CHANGES.md"  # whose Markdown the sections are
BEGINNING = "2019-01-01"  # before all recorded releases


class Steps:
    """Renders every step between neighbouring releases."""

    def __init__(self, project: Specification, markdown: Markdown) -> None:
        self.project, self.markdown, self.dates = project, markdown, Dates(project)

    def all(self) -> Iterator[Dict[str, Any]]:
        """The view of each step, newest first, with those to pre-releases before all."""
        for before, after in ahead(self.project):
            yield self._view(before, after)
        for before, after in pairs(self.project):
            yield self._view(before, after)

    def _view(self, before: Cell, after: Cell) -> Dict[str, Any]:
        project, at = self.project, links.of_step(after.name)
        records = project.all_records[before.name], project.all_records[after.name]
        kinds = Counter(change.kind for change in compare(project, *records))
        facts = fact_changes(project, before.name, after.name)
        told = in_words(facts)
        text = "\n".join(section(project, before, after))
        name = title(after)
        if after.is_pre:
            name = f"the pre-release {records[1].header['version']}"
        return {
            "before": before,
            "after": after,
            "title": f"{title(before)} to {name}",
            "target": name,
            "page": at,
            "date": self.dates.of(after.name),
            "claims": sum(kinds.values()),
            "kinds": [(kind, kinds[kind]) for kind in KINDS if kinds[kind]],
            "facts": len(facts),
            "known": {before.name, after.name} <= set(project.atlases),
            "body": self.markdown.page(text, PAGE, at),
            "text": text,
            "in_words": [
                self.markdown.line(words, PAGE, at)
                for words in (told if len(told) > FEW_FACTS else ())
            ],
        }


def feed(steps: List[Dict[str, Any]], markdown: Markdown, wanted: int = 20) -> Dict[str, Any]:
    """What the template of the feed shows: the newest steps between releases."""
    dated = [step for step in steps if step["date"] and not step["after"].is_pre]
    dated.sort(key=lambda step: (step["date"], step["page"]), reverse=True)
    return {
        "updated": dated[0]["date"] if dated else BEGINNING,
        "entries": [{**step, "html": absolute(markdown, step["text"])} for step in dated[:wanted]],
        "site": SITE,
    }


def absolute(markdown: Markdown, text: str) -> str:
    """A section as a feed has it, with addresses that are whole where there is a site."""
    html = str(markdown.page(text, PAGE, ""))
    return re.sub(r'href="(?!https:)', f'href="{SITE}', html)

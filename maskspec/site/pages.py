"""Every page of the site, from its template."""

import json
import re
from functools import partial
from types import ModuleType
from typing import Any, Dict, Iterator, List, Tuple, Union
from urllib.parse import urlparse

from jinja2 import Environment, PackageLoader, StrictUndefined

from maskspec.atlas.excused import EXCUSED, REASONS
from maskspec.atlas.questions import FAMILIES, KINDS
from maskspec.atlas.questions import load as load_aspects
from maskspec.catalogue.addresses import SITE, claim_page
from maskspec.catalogue.pages import Chapter
from maskspec.records.specification import Specification
from maskspec.rendering import export, power
from maskspec.rendering.atlas import FIRST
from maskspec.rendering.explained import Explained
from maskspec.rendering.facts import History
from maskspec.rendering.history import title
from maskspec.rendering.wording import SIGNS, marks
from maskspec.site import links, matrix, schema, sources, upgrade
from maskspec.site.changes import Steps, feed
from maskspec.site.claims import Claims
from maskspec.site.code import Code
from maskspec.site.history import Dates, columns, whole_title
from maskspec.site.markdown import Markdown, plain, section
from maskspec.site.subjects import Subjects

File = Tuple[str, Union[str, bytes]]
FILLS = {"holds": "#1f7a43", "partly": "#8a5a00", "refuted": "#b3261e", "unavailable": "#5d636d"}
OTHER_FILL = "#3d5a80"  # of a claim that differs from line to line
HEADINGS = {"messages": "The message that you see", "questions": "The question that you have"}
README = "spec/README.md"
ATLAS = "spec/atlas/README.md"


class Pages:
    """Renders one project."""

    def __init__(self, project: Specification) -> None:
        self.project = project
        self.links = links.Links(project)
        self.markdown, self.code = Markdown(self.links), Code(project.root)
        self.claims = Claims(project, self.markdown, self.code)
        self.known = History(project)
        self.why = Explained(project, self.known)
        self.subjects = Subjects(project, self.known, self.why)
        self.families = {  # how many pages each has
            name: len(self.subjects.names(name)) for name in (FAMILIES if project.atlases else ())
        }
        self.steps = list(Steps(project, self.markdown).all())
        self.briefs = {c.id: self.claims.brief(c, "c/.html") for c in project.book.claims}
        self.readme = (project.root / README).read_text(encoding="utf-8")
        self.names: List[Tuple[str, str, str, List[str]]] = []
        self.environment = Environment(
            loader=PackageLoader("maskspec.site"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        self.environment.policies["json.dumps_kwargs"] = {}  # the order of keys says something
        self.environment.globals.update(
            site=SITE,
            nav=[
                ("Claims", "claims.html"),
                *((name.capitalize(), links.of_family(name)) for name in self.families),
                ("Matrix", "matrix.html"),
                ("Upgrade", "upgrade.html"),
                ("Fact checks", "sources.html"),
                ("Changes", "changes.html"),
            ],
            below="",
            about="",
            scripts=(),
            wasm=False,
            lost=False,
            families=self.families,
            measured=bool(project.power),
            counts=self._counts(),
        )

    def all(self) -> Iterator[File]:
        """Every page and data file."""
        yield from self._start()
        yield from self._claims()
        yield from self._chapters()
        if self.families:
            yield from self._atlas()
        yield from self._matrices()
        yield from self._upgrade()
        yield from self._sources()
        yield from self._changes()
        yield from self._data()
        yield from self._code()  # last: of what the others lead to

    def _name(self, page: str, title: str, kind: str, *names: str) -> None:
        """Let the search know a page: its title, what it is, and names that lead to it."""
        self.names.append((page, title, kind, list(names)))

    def _page(self, template: str, at: str, kind: str, title: str, **view: Any) -> File:
        to = partial(links.relative, at)
        if at == "404.html":  # shown at any address
            to = partial("{}{}".format, urlparse(SITE).path or "/")
        text = self.environment.get_template(template).render(
            at=at, kind=kind, to=to, **{"title": title, **view}
        )
        return at, text

    def _counts(self) -> Dict[str, int]:
        project = self.project
        return {
            "claims": len(project.book.claims),
            "findings": sum(claim.is_finding for claim in project.book.claims),
            "statements": len(project.statements()),
            "cells": len(project.records),
            "facts": sum(len(atlas.facts) for atlas in project.atlases.values()),
        }

    def _start(self) -> Iterator[File]:
        below = {
            name: self.markdown.page(section(self.readme, f"### {title}"), README, "index.html")
            for name, title in HEADINGS.items()
        }
        ahead = [step for step in self.steps if step["after"].is_pre]
        yield self._page("index.html", "index.html", "start", "", ahead=ahead, **below)
        read = re.sub(r"<!-- chapters:.*", "", self.readme, flags=re.DOTALL)
        start = read.index("Five documents")
        body = read[start : read.index("## Find your answer")]
        yield self._page(
            "prose.html",
            "read.html",
            "page",
            "How to read this",
            search=True,
            body=self.markdown.page(body, README, "read.html", whole=True),
        )
        if self.project.power:
            title, _, body = power.page(self.project, self.project.power).partition("\n\n")
            yield self._page(
                "prose.html",
                "power.html",
                "page",
                title.partition("# ")[2],
                search=True,
                body=self.markdown.page(body, power.PAGE, "power.html", whole=True),
            )
        yield self._page(
            "search.html", "search.html", "page", "Search", scripts=("search.js",), wasm=True
        )
        yield self._page(
            "lost.html",
            "404.html",
            "page",
            "There is no such page",
            lost=True,
            scripts=("lost.js",),
        )

    def _claims(self) -> Iterator[File]:
        book = self.project.book
        chapters = [
            {
                "name": one.name,
                "title": one.title,
                "page": links.of_chapter(one.name),
                "claims": [self.briefs[c.id] for c in book.claims if c.chapter == one.name],
            }
            for one in book.chapters
        ]
        yield self._page("claims.html", "claims.html", "page", "Claims", chapters=chapters)
        answers = self._answers()
        ids = ["", *(claim.id for claim in book.claims), ""]
        for place, claim in enumerate(book.claims, 1):
            at, word = claim_page(claim.id), self.briefs[claim.id]["word"]
            says = f"{claim.id}: {word}"
            view = self.claims.view(claim, ids[place - 1], ids[place + 1])
            view.update(answers.get(claim.id, NO_ANSWERS), badge=says, about=view["words"])
            view.update(below="claims.html", explains=self._explains(claim.id))
            yield self._page("claim.html", at, "claim", scripts=("share.js",), **view)
            yield at.replace(".html", ".svg"), self._badge(says, word)
            self._name(at, view["title"], "claim", claim.id)
        for old, new in book.renamed.items():
            yield self._page(
                "moved.html", claim_page(old), "page", f"{old} is now {new}", old=old, new=new
            )

    def _explains(self, claim: str) -> List[Tuple[str, str]]:
        """The name and page of each subject with facts that a claim explains."""
        return [(name, self.links.subjects[name]) for name in self.why.layers.get(claim, ())]

    def _badge(self, says: str, word: str) -> str:
        sign, fill = SIGNS.get(word, ""), FILLS.get(word, OTHER_FILL)
        return self._render("badge.svg", label="Keras masking", word=says, sign=sign, fill=fill)

    def _answers(self) -> Dict[str, Dict[str, List[Any]]]:
        """By claim, the messages and questions of *Find your answer* that lead to it."""
        found: Dict[str, Dict[str, List[Any]]] = {}
        for kind, heading in HEADINGS.items():
            for row in section(self.readme, f"### {heading}").splitlines()[2:]:
                asked = self.markdown.line(
                    re.split(r"(?<!\\)\|", row)[1].strip(), README, "c/.html"
                )
                for id in dict.fromkeys(re.findall(r"#([a-z-]+\.[a-z0-9-]+)\)", row)):
                    found.setdefault(id, {name: [] for name in HEADINGS})[kind].append(asked)
        return found

    def _chapters(self) -> Iterator[File]:
        for chapter in self.project.book.chapters:
            yield self._chapter(chapter)

    def _chapter(self, chapter: Chapter) -> File:
        at = links.of_chapter(chapter.name)
        text = (self.project.root / chapter.path).read_text(encoding="utf-8")
        _, _, text = text.partition("\n")
        first = text.find('\n<a id="')  # the first claim, and the section that it stands in
        cut_at = max(text.rfind("\n## ", 0, first), 0) or first if first >= 0 else len(text)
        intro, rest = (
            self.markdown.page(part, chapter.path, at, whole=True)
            for part in (text[:cut_at], text[cut_at:])
        )
        own = [c for c in self.project.book.claims if c.chapter == chapter.name]
        self._name(at, plain(chapter.title), "chapter")
        return self._page(
            "chapter.html",
            at,
            "chapter",
            chapter.title,
            intro=intro,
            rest=rest,
            below="claims.html",
            claims=[self.briefs[c.id] for c in own],
        )

    def _atlas(self) -> Iterator[File]:
        text = (self.project.root / ATLAS).read_text(encoding="utf-8")
        above = text.partition("\n## " + next(iter(self.families)).capitalize())[0]
        body = self.markdown.page(above.partition("\n")[2], ATLAS, "atlas.html")
        facts = {family: links.of_facts(family) for family in self.families}
        yield self._page(
            "atlas.html", "atlas.html", "page", "What each of them does", body=body, facts=facts
        )
        for family in self.families:
            yield self._family(family, text)
            for name in self.subjects.names(family):
                yield self._subject(name)

    def _family(self, family: str, readme: str) -> File:
        """A table of all its pages, and the questions that are put to it."""
        at, rows, first = links.of_family(family), self.subjects.brief(family), FIRST[family]
        aspects = [
            one for one in load_aspects() if one.family == family and one.id in self.known.asked
        ]
        excused: Dict[str, List[str]] = {}
        for name, reason in EXCUSED.items():
            module = name.rpartition(".")[0] or "layers"
            if module == family:
                excused.setdefault(REASONS[reason], []).append(name)
        text = section(readme, f"## {family.capitalize()}").partition(marks(family)[0])[0]
        return self._page(
            "family.html",
            at,
            "page",
            family.capitalize(),
            noun=FAMILIES[family].noun,
            newest=title(self.known.newest),
            columns=list(first.items()),
            rows=rows,
            facts=links.of_facts(family),
            questions=[
                (heading, [one for one in aspects if one.kind == kind])
                for kind, heading in KINDS.items()
                if any(one.kind == kind for one in aspects)
            ],
            excused=list(excused.items()),
            body=self.markdown.page(text, ATLAS, at) if text else "",
        )

    def _subject(self, name: str) -> File:
        view, at = self.subjects.view(name), self.links.subjects[name]
        for part in ("why", "findings"):
            view[part] = [self.briefs[id] for id in view[part] if id in self.briefs]
        self._name(at, name, view["noun"], name, name.rpartition(".")[2])
        below = links.of_family(view["family"])
        scripts = ("subject.js", "share.js")
        return self._page("subject.html", at, "subject", scripts=scripts, below=below, **view)

    def _matrices(self) -> Iterator[File]:
        show = partial(self._page, "matrix.html", scripts=("matrix.js",))
        facts = [(family, links.of_facts(family)) for family in self.families]
        view = {"aspect": "", "facts": facts, **matrix.of_claims(self.project)}
        yield show("matrix.html", "wide-page", title="Claims × releases", **view)
        for family, at in facts:
            table = matrix.of_facts(self.project, self.known, family)
            heading = f"Facts of {family} that differ between releases"
            view = {"aspect": "", "facts": [], "below": links.of_family(family), **table}
            yield show(at, "wide-page all-facts", title=heading, **view)
        for aspect, table in matrix.questions(self.project, self.known):
            at, family = links.of_question(aspect.id), aspect.family
            view = {
                "aspect": aspect.id, "topic": KINDS[aspect.kind], "facts": [], "family": family,
                "below": links.of_family(family), **table,
            }  # fmt: skip
            yield show(at, "question wide-page", title=aspect.question, **view)
            self._name(at, aspect.question, "question", aspect.id)

    def _upgrade(self) -> Iterator[File]:
        groups = columns(self.project, self.project.all_records)
        names = {cell.name: whole_title(cell) for group in groups for cell in group.cells}
        view = {"groups": groups, "names": names, **self._pair()}
        heading = "What does my upgrade change?"
        yield self._page(
            "upgrade.html", "upgrade.html", "page", heading, scripts=("upgrade.js",), **view
        )
        data = upgrade.data(self.project, self.markdown, self.claims, self.why)
        yield "data/upgrade.json", compact(data)

    def _pair(self) -> Dict[str, str]:
        """The upgrade that most people have before them: from the last ``tf.keras`` on."""
        done = [step for step in self.steps if not step["after"].is_pre]
        takes_over = [s for s in done if s["before"].implementation != s["after"].implementation]
        if not done:
            return {"first": "", "last": ""}
        return {"first": (takes_over or done)[0]["before"].name, "last": done[0]["after"].name}

    def _sources(self) -> Iterator[File]:
        yield self._page(
            "sources.html",
            "sources.html",
            "page",
            "Fact checks",
            sources=sources.in_order(self.project),
        )
        for source in self.project.sources.values():
            view = sources.view(self.project, self.claims, source)
            view["summary"] = view.pop("parts")
            at, heading = links.of_source(source.slug), f"Fact check: {source.title}"
            view["below"] = "sources.html"
            yield self._page("source.html", at, "source wide-page", heading, **view)
            self._name(at, heading, "fact check")

    def _changes(self) -> Iterator[File]:
        yield self._page(
            "changes.html", "changes.html", "page", "What changed when", steps=self.steps
        )
        for step in self.steps:
            yield self._page("step.html", step["page"], "step", below="changes.html", **step)
            self._name(step["page"], step["title"], "change")
        yield "changes.atom", self._render("changes.atom", **feed(self.steps, self.markdown))

    def _data(self) -> Iterator[File]:
        dates, cells = Dates(self.project), []
        for name, record in self.project.all_records.items():
            atlas = self.project.atlases.get(name)
            cells.append(
                {
                    "name": name,
                    "version": record.header["version"],
                    "date": dates.of(name),
                    "python": record.header["python"],
                    "claims": len(record.verdicts),
                    "facts": len(atlas.facts) if atlas else 0,
                }
            )
        yield self._page(
            "data.html",
            "data.html",
            "page",
            "Data",
            cells=cells,
            schema=export.SCHEMA["properties"]["schema"]["const"],
            keys=list(schema.rows(export.SCHEMA, export.SCHEMA)),
            upgrade_schema=upgrade.SCHEMA,
            upgrade_doc=_plain_doc(upgrade),
        )
        yield "data/catalogue.json", compact(export.export(self.project))
        yield "data/catalogue.schema.json", json.dumps(export.SCHEMA, indent=1) + "\n"
        yield "data/names.json", compact(sorted(self.names))

    def _code(self) -> Iterator[File]:
        for path in sorted(self.links.code):
            at = links.of_code(path)
            yield self._page("code.html", at, "page", path, lines=self.code.whole(path))

    def _render(self, template: str, **view: Any) -> str:
        return self.environment.get_template(template).render(**view)


NO_ANSWERS: Dict[str, List[Any]] = {name: [] for name in HEADINGS}


def _plain_doc(module: ModuleType) -> str:
    return (module.__doc__ or "").replace("``", "").strip()


def compact(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n"

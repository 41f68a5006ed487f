"""Where everything has its page on the site, and where the links of our Markdown lead there."""

import posixpath
from typing import Any, Set
from urllib.parse import quote

from maskspec.atlas.questions import FAMILIES, page_of, subjects
from maskspec.catalogue.addresses import claim_page
from maskspec.records.specification import Specification

FOLDERS = {
    "spec": "claims.html",
    "spec/evidence": "claims.html",
    "spec/atlas": "atlas.html",
    "spec/atlas/README.md": "atlas.html",
    "spec/sources": "sources.html",
    "spec/releases": "data.html",
    "spec/CHANGES.md": "changes.html",
    "spec/power/README.md": "power.html",
    "spec/README.md": "read.html",
}
ON_START = ("find-your-answer", "the-message-that-you-see", "the-question-that-you-have")


def of_family(name: str) -> str:
    return f"{name}.html"


def of_subject(subject: Any) -> str:
    """The page of a subject and of its other set-ups: ``losses/Huber.html``."""
    return f"{subject.family}/{page_of(subject.public).rpartition('.')[2]}.html"


def of_facts(family: str) -> str:
    """Every fact about a family that differs between releases."""
    return f"{family}/facts-that-differ.html"


def of_question(aspect: str) -> str:
    return f"questions/{aspect}.html"


def of_chapter(name: str) -> str:
    return f"chapters/{name}.html"


def of_source(slug: str) -> str:
    return f"sources/{slug}.html"


def of_step(after: str) -> str:
    """The page of what changed in a cell since the one before it."""
    return f"changes/{after}.html"


def of_code(path: str) -> str:
    return f"code/{path}.html"


class Links:
    """Turns the links of our Markdown into addresses on the site; ``code`` gathers the modules that
    anything leads to."""

    def __init__(self, project: Specification) -> None:
        self.root = project.root
        self.claims = {claim.id for claim in project.book.claims}
        self.subjects = {subject.public: of_subject(subject) for subject in subjects()}
        self.pages = {page_of(subject.public): of_subject(subject) for subject in subjects()}
        self.chapters = {chapter.name for chapter in project.book.chapters}
        self.code: Set[str] = set()

    def on_site(self, page: str, href: str, whole: bool = False) -> str:
        """Where ``href``, a link on the ``page`` of the repository, leads: an address on the site
        without a slash before it, or of another host as it is.

        ``whole`` says that the page is shown as a whole, so that its own anchors are there. Raise
        ``ValueError`` if it leads nowhere.
        """
        if "://" in href:
            return href
        path, _, anchor = href.partition("#")
        if not path and whole:
            return f"#{anchor}"
        target = posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else page
        found = self._page(target, anchor)
        if not found:
            raise ValueError(f"{page}: the site has no page for the link to {href}")
        return found

    def _page(self, target: str, anchor: str) -> str:
        folder, name = posixpath.split(target)
        stem = posixpath.splitext(name)[0]
        tail = f"#{anchor}" if anchor else ""
        if anchor in self.claims and target.startswith("spec/"):
            return claim_page(anchor)
        if target == "spec/README.md" and anchor in ON_START:
            return f"index.html{tail}"
        if target == "spec/atlas/README.md" and anchor in FAMILIES:
            return of_family(anchor)
        if target in FOLDERS:
            return f"{FOLDERS[target]}{tail}"
        if folder in ("spec", "spec/evidence") and stem in self.chapters:
            return of_chapter(stem) + tail
        if folder == "spec/atlas" and stem in self.pages:
            return self.pages[stem] + tail
        if folder == "spec/sources":
            return of_source(stem) + tail
        if folder.startswith("spec/releases/"):
            return f"data.html#{posixpath.basename(folder)}"
        if name.endswith(".py") and (self.root / target).is_file():
            self.code.add(target)
            return of_code(target)
        return ""


def relative(at: str, to: str) -> str:
    """``to`` as a link on the page ``at``, both addresses on the site."""
    if "://" in to or to.startswith("#"):
        return to
    path, sign, anchor = to.partition("#")
    up = "../" * at.count("/")
    return quote(f"{up}{path}", safe="/.-_~") + sign + anchor

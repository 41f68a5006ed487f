"""Everything that pages, tests and sources say, read once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Dict, List

from maskspec.catalogue import cells, pages, sources
from maskspec.catalogue.cases import Case, Collection, collect
from maskspec.catalogue.sources import Source, Statement


class NoCheckout(Exception):
    """This command works on a checkout of the project, and there is none here."""


@dataclass
class Project:
    """The catalogue (pages and tests), the inventory of the sources, and the known releases."""

    root: Path
    book: pages.Book
    collection: Collection
    sources: Dict[str, Source]
    releases: cells.Releases

    def cases(self, claim: str) -> List[Case]:
        return self._cases.get(claim, [])

    def restating(self, statement: str) -> List[pages.Claim]:
        """The claims that restate ``statement``."""
        return [claim for claim in self.book.claims if statement in claim.statements]

    def statements(self) -> Dict[str, Statement]:
        return {s.id: s for source in self.sources.values() for s in source.statements}

    @cached_property
    def _cases(self) -> Dict[str, List[Case]]:
        found: Dict[str, List[Case]] = {}
        for case in self.collection.cases:
            found.setdefault(case.claim, []).append(case)
        return found


def load(root: Path) -> Project:
    """Read the project at ``root``; what is broken is kept for the rules to name."""
    known = cells.load(root)
    with ThreadPoolExecutor(max_workers=1) as pool:  # the tests are collected by another process
        collection = pool.submit(collect, root)
        book, texts = pages.read(root), sources.read(root)
    return Project(root, book, collection.result(), texts, known)


def is_checkout(folder: Path) -> bool:
    """Whether ``folder`` is the root of a checkout."""
    return (folder / "spec" / "releases" / "cells.json").is_file()


def find_checkout(start: Path) -> Path:
    """The root of the checkout that ``start`` lies in; raise ``NoCheckout`` if there is none."""
    for folder in (start, *start.parents):
        if is_checkout(folder):
            return folder
    raise NoCheckout(
        f"{start} is in no checkout of the project; change to the folder that holds its spec/ and "
        "tests/, or name that folder with --root"
    )

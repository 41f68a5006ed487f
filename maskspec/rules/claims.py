"""Rules on what can be read at all, and on pages and tests."""

from pathlib import Path
from typing import Dict

from maskspec.catalogue.pages import Claim
from maskspec.records.specification import Specification
from maskspec.rendering import chapters
from maskspec.rules.kinds import Found, each_test, rule

# --- what can be read at all -----------------------------------------------------------------


@rule("broken-page", "see CONTRIBUTING.md for the form of a claim")
def broken_page(project: Specification) -> Found:
    index = project.root / "spec" / "README.md"
    if not chapters.INDEX.search(index.read_text(encoding="utf-8")):
        yield "spec/README.md", 1, f"it has no {chapters.INDEX_START} with its end below"
    for place in project.book.broken:
        yield place.path, place.line, f"{place.what}; {place.mend}"


@rule("broken-test", "run pytest on that file and mend what it says")
def broken_test(project: Specification) -> Found:
    yield from project.collection.broken


@rule("empty-input", "a check of nothing proves nothing: restore the files")
def empty_input(project: Specification) -> Found:
    if not project.book.claims:
        yield "spec", 1, "no page has a claim"
    if not project.collection.cases:
        yield "tests", 1, "no test decides a claim"
    if not project.releases.cells:
        yield "spec/releases/cells.json", 1, "there is no cell"
    for source in project.sources.values():
        if not source.statements or not source.units:
            yield source.path("statements"), 1, f"source {source.slug} has no statements or units"
    if not project.sources:
        yield "spec/sources/sources.json", 1, "no source is covered"


# --- pages and tests -------------------------------------------------------------------------


@rule("duplicate-claim", "rename one; an id is never reused")
def duplicate_claim(project: Specification) -> Found:
    first: Dict[str, Claim] = {}
    for claim in project.book.claims:
        if claim.id in first:
            there = first[claim.id]
            yield claim.path, claim.line, f"{claim.id} stands already at {there.path}:{there.line}"
        first.setdefault(claim.id, claim)


@rule("unknown-claim", "add the claim to its chapter page, or mend the id in @claim")
def unknown_claim(project: Specification) -> Found:
    known = project.book.by_id()
    for claim, path, line, test in each_test(project):
        if claim not in known:
            yield path, line, f"{test} decides {claim}, which no page has"


@rule("dead-rename", "spec/renamed.json maps an id that is gone to one that is there")
def dead_rename(project: Specification) -> Found:
    known = project.book.by_id()
    for old, new in project.book.renamed.items():
        if old in known:
            yield "spec/renamed.json", 1, f"{old} is still on a page"
        if new not in known:
            yield "spec/renamed.json", 1, f"{old} became {new}, which is on no page"


@rule("claim-without-test", "write a test with @claim, or take the claim off the page")
def claim_without_test(project: Specification) -> Found:
    decided = {case.claim for case in project.collection.cases}
    for claim in project.book.claims:
        if claim.id not in decided:
            yield claim.path, claim.line, f"no test decides {claim.id}"


@rule("test-without-claim", 'put @claim("<id>") on the function, or move it to tests/harness')
def test_without_claim(project: Specification) -> Found:
    for path, line, test in project.collection.unclaimed:
        yield path, line, f"{test} decides no claim"


@rule("duplicate-test", "make one test of them; their differences are its cases")
def duplicate_test(project: Specification) -> Found:
    seen: Dict[str, str] = {}
    for claim, path, line, test in each_test(project):
        if seen.setdefault(claim, f"{path}::{test}") != f"{path}::{test}":
            yield path, line, f"{claim} is decided by {seen[claim]} already"


@rule("wrong-module", "move the test to tests/test_<chapter>.py, or rename the claim")
def wrong_module(project: Specification) -> Found:
    for claim, path, line, test in each_test(project):
        chapter = claim.partition(".")[0].replace("-", "_")
        if Path(path).name != f"test_{chapter}.py":
            yield path, line, f"{test} decides {claim}, which belongs to test_{chapter}.py"


@rule(
    "unexplained-claim", "say below its line Seen: why it matters and what to do, in 2 to 10 lines"
)
def unexplained_claim(project: Specification) -> Found:
    for claim in project.book.claims:
        if claim.seen and not claim.explanation:
            yield claim.path, claim.line, f"{claim.id} is not explained"

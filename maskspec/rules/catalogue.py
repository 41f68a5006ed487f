"""Rules on what can be read at all, on pages and tests, and on statements."""

from pathlib import Path
from typing import Dict

from maskspec import pages, sync
from maskspec.project import Project
from maskspec.rules import Found, each_test, rule
from maskspec.sources import STATEMENT_EXCUSES, UNIT_EXCUSES

# --- what can be read at all -----------------------------------------------------------------


@rule("broken-page", "see CONTRIBUTING.md for the form of a claim")
def broken_page(project: Project) -> Found:
    index = project.root / "spec" / "README.md"
    if not sync.CHAPTERS.search(index.read_text(encoding="utf-8")):
        yield "spec/README.md", 1, f"it has no {sync.CHAPTERS_START} with its end below"
    for place in project.book.broken:
        yield place.path, place.line, f"{place.what}; {place.mend}"


@rule("broken-test", "run pytest on that file and mend what it says")
def broken_test(project: Project) -> Found:
    for place, what in project.collection.broken:
        yield place, 1, what


@rule("empty-input", "a check of nothing proves nothing: restore the files")
def empty_input(project: Project) -> Found:
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
def duplicate_claim(project: Project) -> Found:
    first: Dict[str, pages.Claim] = {}
    for claim in project.book.claims:
        if claim.id in first:
            there = first[claim.id]
            yield claim.path, claim.line, f"{claim.id} stands already at {there.path}:{there.line}"
        first.setdefault(claim.id, claim)


@rule("unknown-claim", "add the claim to its chapter page, or mend the id in @claim")
def unknown_claim(project: Project) -> Found:
    known = project.book.by_id()
    for claim, path, line, test in each_test(project):
        if claim not in known:
            yield path, line, f"{test} decides {claim}, which no page has"


@rule("claim-without-test", "write a test with @claim, or take the claim off the page")
def claim_without_test(project: Project) -> Found:
    decided = {case.claim for case in project.collection.cases}
    for claim in project.book.claims:
        if claim.id not in decided:
            yield claim.path, claim.line, f"no test decides {claim.id}"


@rule("test-without-claim", 'put @claim("<id>") on the function, or move it to tests/harness')
def test_without_claim(project: Project) -> Found:
    for path, line, test in project.collection.unclaimed:
        yield path, line, f"{test} decides no claim"


@rule("duplicate-test", "make one test of them; their differences are its cases")
def duplicate_test(project: Project) -> Found:
    seen: Dict[str, str] = {}
    for claim, path, line, test in each_test(project):
        if seen.setdefault(claim, f"{path}::{test}") != f"{path}::{test}":
            yield path, line, f"{claim} is decided by {seen[claim]} already"


@rule("wrong-module", "move the test to tests/test_<chapter>.py, or rename the claim")
def wrong_module(project: Project) -> Found:
    for claim, path, line, test in each_test(project):
        chapter = claim.partition(".")[0].replace("-", "_")
        if Path(path).name != f"test_{chapter}.py":
            yield path, line, f"{test} decides {claim}, which belongs to test_{chapter}.py"


@rule("unexplained-claim", "say below the evidence why it matters and what to do, in 2 to 10 lines")
def unexplained_claim(project: Project) -> Found:
    for claim in project.book.claims:
        lines = (project.root / claim.path).read_text(encoding="utf-8").splitlines()
        after = claim.evidence[1] + 1 if claim.evidence else claim.line
        prose = []
        for line in lines[after:]:
            if line.startswith(("<a id=", "#")):
                break
            prose.append(line)
        if claim.evidence and not any(line.strip() for line in prose):
            yield claim.path, claim.line, f"{claim.id} is not explained"


# --- statements ------------------------------------------------------------------------------


@rule("unknown-statement", "mend the id, or add the statement to the inventory of its source")
def unknown_statement(project: Project) -> Found:
    known = project.statements()
    for claim in project.book.claims:
        for id in claim.statements:
            if id not in known:
                yield claim.path, claim.line, f"{claim.id} restates {id}, which is in no inventory"
    for source in project.sources.values():
        for unit in source.units:
            for id in unit.statements:
                if id not in known or unit.unit not in known[id].units:
                    yield source.path("units"), unit.line, f"{unit.unit} and {id} disagree"


@rule("statement-not-restated", "add a claim with this statement in its 'Said in:'")
def statement_not_restated(project: Project) -> Found:
    restated = {id for claim in project.book.claims for id in claim.statements}
    for source in project.sources.values():
        stated = {id for unit in source.units for id in unit.statements}
        for statement in source.statements:
            if not statement.untestable and statement.id not in restated:
                yield source.path("statements"), statement.line, f"no claim restates {statement.id}"
            if statement.id not in stated:
                where = source.path("statements"), statement.line
                yield (*where, f"{statement.id} is made by no unit of the text")


@rule("unlisted-excuse", "use a reason of the closed lists in maskspec/sources.py")
def unlisted_excuse(project: Project) -> Found:
    for source in project.sources.values():
        for unit in source.units:
            if not unit.statements and unit.excused not in UNIT_EXCUSES:
                yield source.path("units"), unit.line, f"{unit.unit}: excuse {unit.excused!r}"
        for statement in source.statements:
            if statement.untestable and statement.untestable not in STATEMENT_EXCUSES:
                what = f"{statement.id}: untestable because {statement.untestable!r}"
                yield source.path("statements"), statement.line, what

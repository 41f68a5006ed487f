"""What ``maskspec check`` refuses: each rule has a name, what it finds, and how to mend it."""

import configparser
import re
from collections import Counter
from pathlib import Path
from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from packaging.version import Version

from maskspec import pages, sync
from maskspec.project import Project
from maskspec.ranges import BACKENDS, Range, bounds, contains, expected_verdict
from maskspec.sources import STATEMENT_EXCUSES, UNIT_EXCUSES, account
from maskspec.verdicts import HOLDS, REFUTED

Found = Iterator[Tuple[str, int, str]]  # path, line, what


class Rule(NamedTuple):
    """One thing that may not be so; ``find`` yields each place where it is."""

    name: str
    mend: str
    find: Callable[[Project], Found]


class Problem(NamedTuple):
    """One place where a rule is broken."""

    path: str
    line: int
    rule: str
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.what}"


RULES: Dict[str, Rule] = {}


def rule(name: str, mend: str) -> Callable[[Callable[[Project], Found]], Callable]:
    def register(find: Callable[[Project], Found]) -> Callable[[Project], Found]:
        RULES[name] = Rule(name, mend, find)
        return find

    return register


def check(project: Project, sources: Optional[Path] = None) -> List[Problem]:
    """Every problem of ``project``; with ``sources``, also against the texts in that folder.

    What cannot be read at all hides what depends on it: then only that is reported.
    """
    unreadable = _apply(project, ("broken-page", "broken-test", "empty-input"))
    if unreadable:
        return unreadable
    problems = _apply(project, RULES)
    if sources is not None:
        problems += _accounting(project, sources)
    return problems


def _apply(project: Project, names: Iterable[str]) -> List[Problem]:
    return [
        Problem(path, line, RULES[name].name, what, RULES[name].mend)
        for name in names
        for path, line, what in RULES[name].find(project)
    ]


# --- what can be read at all -----------------------------------------------------------------


@rule("broken-page", "see CONTRIBUTING.md for the form of a claim")
def broken_page(project: Project) -> Found:
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
    for claim, path, line, test in _tests(project):
        if claim not in known:
            yield path, line, f"{test} decides {claim}, which no page has"


@rule("claim-without-test", "write a test with @claim, or take the claim off the page")
def claim_without_test(project: Project) -> Found:
    decided = {case.claim for case in project.collection.cases}
    for claim in project.book.claims:
        if claim.id not in decided:
            yield claim.path, claim.line, f"no test decides {claim.id}"


@rule("duplicate-test", "make one test of them; their differences are its cases")
def duplicate_test(project: Project) -> Found:
    seen: Dict[str, str] = {}
    for claim, path, line, test in _tests(project):
        if seen.setdefault(claim, f"{path}::{test}") != f"{path}::{test}":
            yield path, line, f"{claim} is decided by {seen[claim]} already"


@rule("wrong-module", "move the test to tests/test_<chapter>.py, or rename the claim")
def wrong_module(project: Project) -> Found:
    for claim, path, line, test in _tests(project):
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


# --- expectations ----------------------------------------------------------------------------


@rule("refuted-without-instead", "name in instead= the finding that says what happens instead")
def refuted_without_instead(project: Project) -> Found:
    for claim, path, line, _ in _tests(project):
        if _refuted_somewhere(project, claim) and not project.cases(claim)[0].instead:
            yield path, line, f"{claim} is expected to be refuted somewhere, without instead="


@rule(
    "unknown-instead",
    "name another claim or finding of a page; drop instead= where nothing is refuted",
)
def unknown_instead(project: Project) -> Found:
    known = project.book.by_id()
    for claim, path, line, _ in _tests(project):
        cases = project.cases(claim)
        for id in cases[0].instead:
            if id not in known:
                yield path, line, f"{claim}: instead={id!r} is on no page"
            elif id == claim:
                yield path, line, f"{claim} names itself in instead="
        if cases[0].instead and not _refuted_somewhere(project, claim):
            yield path, line, f"{claim} has instead=, but is expected to be refuted nowhere"


@rule("instead-does-not-hold", "mend the finding's range, or name another finding as well")
def instead_does_not_hold(project: Project) -> Found:
    for claim, path, line, _ in _tests(project):
        findings = project.cases(claim)[0].instead
        if not findings:
            continue
        held = [project.claim_verdicts(id) for id in findings]
        for cell, cases in project.verdicts(claim).items():
            if REFUTED in cases.values() and not any(h.get(cell) == HOLDS for h in held):
                yield path, line, f"{claim} is refuted on {cell}, where no finding of it holds"


@rule("unknown-release", "use a release that spec/releases/cells.json lists")
def unknown_release(project: Project) -> Found:
    for path, line, what, range_ in _ranges(project):
        for key, version in bounds(range_):
            known = project.releases.known
            names = known.get(key) or [v for versions in known.values() for v in versions]
            if version not in names:
                yield path, line, f"{what}: {version} is no known release of {key}"


@rule("unused-expectation", "drop the key, or say ALWAYS or NEVER: each entry has to decide")
def unused_expectation(project: Project) -> Found:
    for path, line, what, range_ in _ranges(project):
        for key in range_:
            without = {k: v for k, v in range_.items() if k != key}
            if all(contains(range_, *at) == contains(without, *at) for at in _known(project)):
                yield path, line, f"{what}: the entry {key!r} changes nothing on any known release"
        for key, specifier in range_.items():
            hits = [contains({key: specifier}, *at) for at in _known(project)]
            here = [hit for hit, at in zip(hits, _known(project)) if key in ("*", at[0])]
            if specifier and (all(here) or not any(hits)):
                yield path, line, f"{what}: {specifier!r} of {key!r} divides no known releases"


# --- records ---------------------------------------------------------------------------------


@rule("broken-record", "record the cell again: tox run -e <cell> -- --record=spec/releases")
def broken_record(project: Project) -> Found:
    for message in project.broken_records:
        path, line, what = re.match(r"(.*?):(\d+): (.*)", message).groups()  # type: ignore
        yield _relative(project, Path(path)), int(line), what
    for cell, record in project.records.items():
        path = f"spec/releases/{cell}/results.jsonl"
        if record.cell != cell:
            yield path, 1, f"this is the record of {record.cell}"


@rule("stale-record", "record the cell again: tox run -e <cell> -- --record=spec/releases")
def stale_record(project: Project) -> Found:
    right = {(c.claim, c.case): c.fingerprint for c in project.collection.cases}
    for cell, record in project.records.items():
        path = f"spec/releases/{cell}/results.jsonl"
        rows = {(row.claim, row.case): row.test for row in record.rows}
        for keys, what in (
            (set(right) - set(rows), "cases have no row"),
            (set(rows) - set(right), "rows are of no case"),
            ({k for k in rows if k in right and rows[k] != right[k]}, "rows ran another test"),
        ):
            if keys:
                first = " ".join(min(keys))
                yield path, 1, f"{len(keys)} {what} ({len(rows)} rows, first: {first})"


@rule("contradicted-expectation", "suspect the test first; then mend holds= or exists=")
def contradicted_expectation(project: Project) -> Found:
    for cell, record in project.records.items():
        head = record.header
        seen = {(row.claim, row.case): row.verdict for row in record.rows}
        for c in project.collection.cases:
            at = head["implementation"], head["version"], head["backend"]
            expected = expected_verdict(c.holds, c.exists, *at)
            verdict = seen.get((c.claim, c.case), expected)
            if verdict != expected:
                what = f"{c.claim} [{c.case}] was {verdict} on {cell}, expected {expected}"
                yield c.path, c.line, what


@rule("cells-disagree", "spec/releases/cells.json has the list; make the others follow it")
def cells_disagree(project: Project) -> Found:
    cells = set(project.releases.cells)
    folder = project.root / "spec" / "releases"
    for name in sorted(cells ^ {p.name for p in folder.iterdir() if p.is_dir()}):
        yield "spec/releases/cells.json", 1, f"{name} has no folder, or a folder and no entry"
    for name in sorted(cells):
        if not (folder / name / "constraints.txt").is_file():
            yield f"spec/releases/{name}/constraints.txt", 1, "this file is missing"
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(str(project.root / "tox.ini"), encoding="utf-8")
    listed = set(tox.get("tox", "env_list", fallback="").split())
    for name in sorted(cells ^ listed):
        yield "tox.ini", 1, f"{name} is in one of env_list and cells.json only"
    for cell in project.releases.cells.values():
        if cell.release not in project.releases.known.get(cell.implementation, ()):
            where = "spec/releases/cells.json", 1
            yield (*where, f"{cell.name} is of a release that 'releases' does not list")


# --- links and generated text ----------------------------------------------------------------

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HTML_ID = re.compile(r'<a id="([^"]+)">')


@rule("dead-link", "mend the path or the anchor")
def dead_link(project: Project) -> Found:
    texts: Dict[Path, str] = {}

    def text(path: Path) -> str:
        if path not in texts:
            texts[path] = path.read_text(encoding="utf-8")
        return texts[path]

    written = [*project.root.glob("*.md"), *sorted((project.root / "spec").rglob("*.md"))]
    for page in written:
        for number, line in enumerate(text(page).splitlines(), 1):
            for target in _LINK.findall(re.sub(r"`[^`]*`", "", line)):
                if re.match(r"[a-z]+:", target):
                    continue
                file, _, anchor = target.partition("#")
                there = (page.parent / file).resolve() if file else page
                if not there.exists():
                    yield _relative(project, page), number, f"{target}: there is no such file"
                elif anchor and not _has_anchor(text(there), anchor):
                    yield _relative(project, page), number, f"{target}: there is no such anchor"


@rule("stale-evidence", "run python -m maskspec sync")
def stale_evidence(project: Project) -> Found:
    for path, line in sync.stale(project):
        yield _relative(project, path), line, "the generated part is out of date"


def _accounting(project: Project, folder: Path) -> List[Problem]:
    mend = "read the text again; mend the inventory in spec/sources"
    problems = []
    for source in project.sources.values():
        text = folder / f"{source.slug}.txt"
        if not text.is_file():
            problems.append(Problem(str(text), 1, "accounting", "there is no such text", mend))
            continue
        for line, what in account(source, text.read_text(encoding="utf-8")):
            problems.append(Problem(source.path("units"), line, "accounting", what, mend))
    return problems


def _has_anchor(text: str, anchor: str) -> bool:
    if re.fullmatch(r"L\d+", anchor):
        return int(anchor[1:]) <= len(text.splitlines())
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    slugs = (re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings)
    return anchor in _HTML_ID.findall(text) or anchor in slugs


def _tests(project: Project) -> List[Tuple[str, str, int, str]]:
    """Each test once, as (claim, path, line, name)."""
    return sorted({(c.claim, c.path, c.line, c.test) for c in project.collection.cases})


def _refuted_somewhere(project: Project, claim: str) -> bool:
    return any(
        expected_verdict(c.holds, c.exists, *at) == REFUTED
        for c in project.cases(claim)
        for at in _known(project)
    )


def _ranges(project: Project) -> Iterator[Tuple[str, int, str, Range]]:
    """Each range that a test writes, as (path, line, where, range), once."""
    seen = Counter()  # type: Counter[str]
    for case in project.collection.cases:
        for kind, ranges in (("holds", case.holds), ("exists", case.exists)):
            for range_ in ranges:
                key = f"{case.claim} {kind}={range_}"
                seen[key] += 1
                if seen[key] == 1 and range_ not in ({"*": ""}, {}):
                    yield case.path, case.line, f"{case.claim} {kind}=", range_


def _known(project: Project) -> List[Tuple[str, str, str]]:
    """Every known release on every backend that it can have."""
    return [
        (implementation, version, backend)
        for implementation, versions in project.releases.known.items()
        for version in sorted(versions, key=Version)
        for backend in (BACKENDS if implementation == "keras" else BACKENDS[:1])
    ]


def _relative(project: Project, path: Path) -> str:
    path = path.resolve()
    root = project.root.resolve()
    return path.relative_to(root).as_posix() if root in path.parents else str(path)

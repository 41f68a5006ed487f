"""Rules on expectations, and on the records that have to bear them out."""

from typing import Dict, Iterator, List, Set, Tuple

from maskspec.catalogue.cases import Case
from maskspec.catalogue.claims import decided_on
from maskspec.catalogue.implementations import BACKENDS, IMPLEMENTATIONS
from maskspec.catalogue.ranges import ALWAYS, NEVER, Range, bounds, contains, expected_verdict
from maskspec.catalogue.verdicts import HOLDS, REFUTED
from maskspec.catalogue.words import and_more, case_named, count
from maskspec.records.specification import Specification
from maskspec.records.staleness import of_cell
from maskspec.rules.kinds import Found, each_test, place, rule

EVERYWHERE = {str(ALWAYS)}
Release = Tuple[str, str, str]  # implementation, minor version, backend

# --- expectations ----------------------------------------------------------------------------


@rule(
    "refuted-without-instead",
    "say on the page 'Otherwise: …', or name in instead= the finding that says what happens",
)
def refuted_without_instead(project: Specification) -> Found:
    known = project.book.by_id()
    for claim, path, line, _ in each_test(project):
        told = claim in known and known[claim].otherwise
        if not told and not project.cases(claim)[0].instead and _refuted_somewhere(project, claim):
            yield (
                path,
                line,
                f"{claim} is expected to be refuted somewhere; nothing says what is so",
            )


@rule(
    "unknown-instead",
    "name another claim or finding of a page; drop instead= where nothing is refuted",
)
def unknown_instead(project: Specification) -> Found:
    known = project.book.by_id()
    for claim, path, line, _ in each_test(project):
        cases = project.cases(claim)
        for id in cases[0].instead:
            if id not in known:
                yield path, line, f"{claim}: instead={id!r} is on no page"
            elif id == claim:
                yield path, line, f"{claim} names itself in instead="
        if cases[0].instead and not _refuted_somewhere(project, claim):
            yield path, line, f"{claim} has instead=, but is expected to be refuted nowhere"


@rule("needless-otherwise", "drop the paragraph 'Otherwise:', as the claim is refuted nowhere")
def needless_otherwise(project: Specification) -> Found:
    for claim in project.book.claims:
        if claim.otherwise and not _refuted_somewhere(project, claim.id):
            yield claim.path, claim.line, f"{claim.id} is expected to hold everywhere"


@rule("instead-does-not-hold", "mend the finding's range, or name another finding as well")
def instead_does_not_hold(project: Specification) -> Found:
    for claim, path, line, _ in each_test(project):
        findings = project.cases(claim)[0].instead
        if not findings:
            continue
        held = [project.claim_verdicts(id) for id in findings]
        bare = []
        for cell, cases in project.verdicts(claim).items():
            if REFUTED in cases.values() and not any(h.get(cell) == HOLDS for h in held):
                bare.append(cell)
        if bare:
            cells = and_more(bare, 1, "cell")
            yield path, line, f"{claim} is refuted on {cells}, where no finding of it holds"


@rule("unknown-release", "use a release that spec/releases/cells.json lists")
def unknown_release(project: Specification) -> Found:
    for path, line, what, range_, _ in _ranges(project):
        for key, version in bounds(range_):
            known = project.releases.known
            names = known.get(key) or [v for versions in known.values() for v in versions]
            if version not in names:
                yield path, line, f"{what}: {version} is no known release of {key}"


@rule("unused-expectation", "drop the key, or say ALWAYS or NEVER: each entry has to decide")
def unused_expectation(project: Specification) -> Found:
    for path, line, what, range_, standalone in _ranges(project):
        known = _known(project, standalone)
        for key in range_:
            without = {k: v for k, v in range_.items() if k != key}
            if all(contains(range_, *at) == contains(without, *at) for at in known):
                yield path, line, f"{what}: the entry {key!r} changes nothing on any known release"
        for key, specifier in range_.items():
            hits = [contains({key: specifier}, *at) for at in known]
            places = [("*", at[0], f"{at[0]}/{at[2]}") for at in known]
            here = [hit for hit, place in zip(hits, places) if key in place]
            if specifier and (all(here) or not any(hits)):
                yield path, line, f"{what}: {specifier!r} of {key!r} divides no known releases"


# --- records ---------------------------------------------------------------------------------


@rule("broken-record", "git restore the file, or record the cell: python -m maskspec record CELLS")
def broken_record(project: Specification) -> Found:
    yield from map(place, project.broken_records + project.broken_atlases)
    for cell, record in project.all_records.items():
        path = f"spec/releases/{cell}/results.jsonl"
        if record.cell != cell:
            yield path, 1, f"this is the record of {record.cell}"


@rule("missing-record", "record what is missing: python -m maskspec record")
def missing_record(project: Specification) -> Found:
    yield from map(place, project.missing_records + project.missing_atlases)


@rule(
    "stale-record",
    "record the cells that you have (python -m maskspec record CELL); CI records the others",
)
def stale_record(project: Specification) -> Found:
    for cell in {**project.records, **project.prereleases}:
        stale = of_cell(project, cell)
        if any(stale):
            yield f"spec/releases/{cell}/results.jsonl", 1, str(stale)


@rule("contradicted-expectation", "suspect the test first; then mend holds= or exists=")
def contradicted_expectation(project: Specification) -> Found:
    expected: Dict[Tuple[str, str], str] = {}  # many cases have the same ranges
    found: Dict[Tuple[str, int, str, str, str], List[Tuple[str, str]]] = {}
    for c in project.collection.cases:
        ranges = f"{c.holds} {c.exists}"
        for cell, record in project.records.items():
            head = record.header
            verdict = record.verdicts.get(c.claim, {}).get(c.case)
            if verdict is None:
                continue  # "stale-record" says so
            if (ranges, cell) not in expected:
                at = head["implementation"], head["version"], head["backend"]
                expected[ranges, cell] = expected_verdict(c.holds, c.exists, *at)
            wanted = expected[ranges, cell]
            if verdict != wanted:
                same = c.path, c.line, c.claim, verdict, wanted
                found.setdefault(same, []).append((c.case, cell))
    for (path, line, claim, verdict, wanted), places in found.items():
        cases, cells = (list(dict.fromkeys(names)) for names in zip(*places))
        which = case_named((claim, cases[0])) + (
            f" and {count(len(cases) - 1, 'more case')}" if len(cases) > 1 else ""
        )
        where = f"{verdict} on {and_more(cells, 1, 'cell')}"
        yield path, line, f"{which} was {where}, expected {wanted}"


@rule("unproved-boundary", "add and record the cell, or mend the range")
def unproved_boundary(project: Specification) -> Found:
    recorded = (project.releases.cells[name] for name in project.records)
    ran = {(cell.implementation, cell.release, cell.backend) for cell in recorded}
    found: Dict[Release, List[Tuple[str, int, str]]] = {}
    for c in project.collection.cases:
        for before, after in _neighbours(project, c):
            expected = [expected_verdict(c.holds, c.exists, *at) for at in (before, after)]
            for at in {before, after} - ran if expected[0] != expected[1] else ():
                change = f"{expected[0]} up to {before[1]}, {expected[1]} from {after[1]}"
                found.setdefault(at, []).append((c.path, c.line, f"{case_named(c.key)}: {change}"))
    for at, changes in found.items():
        path, line, what = changes[0]
        more = f" (and {count(len(changes) - 1, 'more case')})" if len(changes) > 1 else ""
        release = " ".join(at[:2]) + (f" on {at[2]}" if at[0] == "keras" else "")
        yield path, line, f"{what}{more}, but {release} has not run"


def _refuted_somewhere(project: Specification, claim: str) -> bool:
    here = (c for c in project.cases(claim) if set(map(str, (*c.holds, *c.exists))) - EVERYWHERE)
    cases = {f"{c.holds} {c.exists}": c for c in here}  # most have the same ranges
    return any(
        expected_verdict(c.holds, c.exists, *at) == REFUTED
        for c in cases.values()
        for at in _known(project, c.standalone)
    )


def _ranges(project: Specification) -> Iterator[Tuple[str, int, str, Range, bool]]:
    """Each range that a test writes, as (path, line, where, range, standalone), once."""
    seen: Set[str] = set()
    for case in project.collection.cases:
        for kind, ranges in (("holds", case.holds), ("exists", case.exists)):
            for range_ in ranges:
                key = f"{case.claim} {kind}={range_}"
                if key not in seen and range_ not in (ALWAYS, NEVER):
                    what = f"{case.claim} {kind}="
                    yield case.path, case.line, what, range_, case.standalone
                seen.add(key)


def _known(project: Specification, standalone: bool) -> List[Release]:
    """Every known release on every backend that it can have, where a claim is decided."""
    return [
        (implementation, version, backend)
        for implementation, versions in project.releases.known.items()
        if decided_on(implementation, standalone)
        for version in versions
        for backend in IMPLEMENTATIONS[implementation].backends
    ]


def _neighbours(project: Specification, case: Case) -> Iterator[Tuple[Release, Release]]:
    """Releases that follow each other, on TensorFlow and on each backend with a range of its own.

    Where a range does not tell the backends apart, TensorFlow proves it for all.
    """
    ranges = (*case.holds, *case.exists)
    if not any(specifier for range_ in ranges for specifier in range_.values()):
        return  # no boundary
    for implementation, versions in project.releases.known.items():
        for backend in IMPLEMENTATIONS[implementation].backends:
            own = any(range_.get(f"keras/{backend}") for range_ in ranges)
            if decided_on(implementation, case.standalone) and (backend == BACKENDS[0] or own):
                at = [(implementation, version, backend) for version in versions]
                yield from zip(at, at[1:])

"""Write what is generated: evidence on the pages, the chapter index, one page a source.

All of it is a pure function of pages, tests and records.
"""

import re
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

from maskspec import pages
from maskspec.pages import EVIDENCE_END, EVIDENCE_START, Claim
from maskspec.project import Project, describe, group_cases, is_simply_true, verdict_of
from maskspec.sources import STATEMENT_EXCUSES, Source, Statement
from maskspec.verdicts import HOLDS

CHAPTERS_START = "<!-- chapters: written by `maskspec sync` -->"
CHAPTERS_END = "<!-- /chapters -->"
CHAPTERS = re.compile(
    re.escape(CHAPTERS_START) + r"\n.*?" + re.escape(CHAPTERS_END), flags=re.DOTALL
)
NAMED_CASES = 12


def generated(project: Project) -> Dict[Path, str]:
    """The right text of every file that has a generated part, by path."""
    files = {}
    for page in pages.chapters(project.root):
        files[page] = _page(project, page)
    readme = project.root / "spec" / "README.md"
    files[readme] = _index(project, readme.read_text(encoding="utf-8"))
    for slug, source in project.sources.items():
        files[project.root / "spec" / "sources" / f"{slug}.md"] = source_page(project, source)
    return files


def stale(project: Project) -> Iterator[Tuple[Path, int]]:
    """Each generated file that is not as it has to be, with the first line that differs."""
    for path, text in generated(project).items():
        there = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        right = text.splitlines()
        if there != right:
            same = (i for i, (a, b) in enumerate(zip(there, right), 1) if a != b)
            yield path, next(same, min(len(there), len(right)) + 1)


def write(project: Project) -> List[Path]:
    """Bring every generated file up to date; return those that changed."""
    changed = [path for path, _ in stale(project)]
    for path, text in generated(project).items():
        if path in changed:
            path.write_text(text, encoding="utf-8")
    return changed


def evidence(project: Project, claim: Claim) -> List[str]:
    """The lines between the evidence markers of ``claim``: verdicts, finding, link to the test."""
    cells = list(project.records)
    cases = project.cases(claim.id)
    summary = project.claim_verdicts(claim.id)
    groups = group_cases(project.verdicts(claim.id), cells)
    text = describe(summary, cells)
    lines = [f"**{text[:1].upper()}{text[1:]}.**"]
    instead = sorted({i for case in cases for i in case.instead})
    if instead:
        links = ", ".join(f"[{i}]({_to_claim(i, claim.chapter)})" for i in instead)
        lines[0] += f" Instead: {links}."
    if len(groups) > 1:
        lines.append("")
        lines += [f"- {_named(names)}: {words}" for words, names in groups]
        lines.append("")
    if cases:
        test, count = cases[0], len(cases)
        lines.append(
            f"Test: [{test.test}](../{test.path}#L{test.line})"
            + (f", {count} cases." if count > 1 else ".")
        )
    return lines


def source_page(project: Project, source: Source) -> str:
    """The fact-check page of a source: its statements in order, each with its verdict."""
    cells = list(project.records)
    rows = [(s, _verdicts(project, s)) for s in source.statements]
    tested = [v for s, v in rows if not s.untestable]
    everywhere = sum(is_simply_true(v) for v in tested)
    nowhere = sum(HOLDS not in v.values() and "partly" not in v.values() for v in tested)
    lines = [
        "<!-- written by `maskspec sync`; do not edit -->",
        f"# Fact check: {source.title}",
        "",
        f"Source `{source.slug}`" + (f", {source.date}." if source.date else ", undated."),
        f"It makes {len(rows)} statements about masking; {len(tested)} of them can be tested.",
        f"On the {len(cells)} recorded cells, {everywhere} hold wherever their API exists, "
        f"{nowhere} hold nowhere,",
        f"and {len(tested) - everywhere - nowhere} hold only for some cases, in one of two "
        "readings, or on some releases.",
        "The statements are in our words; the verdict is that of the claims that restate them.",
        "",
        "## Not simply true",
        "",
        "| statement | says | verdict | claim | what happens instead |",
        "|---|---|---|---|---|",
    ]
    for statement, verdicts in rows:
        if not statement.untestable and not is_simply_true(verdicts):
            claims = _restating(project, statement)
            instead = sorted({i for c in claims for t in project.cases(c.id) for i in t.instead})
            lines.append(
                f"| {statement.id} | {_cell(statement.says)} | {describe(verdicts, cells)} "
                f"| {_links(c.id for c in claims)} | {_links(instead)} |"
            )
    lines += ["", "## All statements", "", "| statement | where | says | verdict | claim |"]
    lines.append("|---|---|---|---|---|")
    for statement, verdicts in rows:
        verdict = describe(verdicts, cells)
        if statement.untestable:
            verdict = f"not testable: {STATEMENT_EXCUSES.get(statement.untestable, '?')}"
        claims = _restating(project, statement)
        lines.append(
            f"| {statement.id} | {_span(statement.units)} | {_cell(statement.says)} | {verdict} "
            f"| {_links(c.id for c in claims)} |"
        )
    return "\n".join(lines) + "\n"


def _page(project: Project, page: Path) -> str:
    lines = page.read_text(encoding="utf-8").splitlines()
    path = page.relative_to(project.root).as_posix()
    for claim in reversed([c for c in project.book.claims if c.path == path]):
        if claim.evidence:
            start, end = claim.evidence
            lines[start:end] = evidence(project, claim)
        else:
            said = next(i for i in range(claim.line, len(lines)) if lines[i].startswith("Said in:"))
            lines[said + 1 : said + 1] = [EVIDENCE_START, *evidence(project, claim), EVIDENCE_END]
    return "\n".join(lines) + "\n"


def _index(project: Project, text: str) -> str:
    lines = ["| chapter | claims | not simply true | findings | cases |", "|---|---|---|---|---|"]
    for page in pages.chapters(project.root):
        claims = [c for c in project.book.claims if c.chapter == page.stem]
        title = page.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
        said = [c for c in claims if not c.is_finding]
        odd = [c for c in said if not is_simply_true(project.claim_verdicts(c.id))]
        cases = sum(len(project.cases(c.id)) for c in claims)
        lines.append(
            f"| [{title}]({page.name}) | {len(said)} | {len(odd)} | {len(claims) - len(said)} "
            f"| {cases} |"
        )
    lines += ["", "| cell | implementation | Python | hold | refuted | partly | unavailable |"]
    lines.append("|---|---|---|---|---|---|---|")
    ids = [c.id for c in project.book.claims]
    for cell, record in project.records.items():
        here = [v[cell] for v in map(project.claim_verdicts, ids) if cell in v]
        counts = [here.count(v) for v in ("holds", "refuted", "partly", "unavailable")]
        head = record.header
        lines.append(
            f"| [{cell}](releases/{cell}/results.jsonl) | {head['implementation']} "
            f"{head['version']} | {head['python']} | " + " | ".join(map(str, counts)) + " |"
        )
    block = "\n".join([CHAPTERS_START, *lines, CHAPTERS_END])
    return CHAPTERS.sub(lambda _: block, text)


def _restating(project: Project, statement: Statement) -> List[Claim]:
    return [c for c in project.book.claims if statement.id in c.statements]


def _verdicts(project: Project, statement: Statement) -> Dict[str, str]:
    found: Dict[str, List[str]] = {}
    for claim in _restating(project, statement):
        for cell, cases in project.verdicts(claim.id).items():
            found.setdefault(cell, []).extend(cases.values())
    return {cell: verdict_of(verdicts) for cell, verdicts in found.items() if verdicts}


def _to_claim(id: str, chapter: str) -> str:
    home = id.partition(".")[0]
    return f"#{id}" if home == chapter else f"{home}.md#{id}"


def _links(ids: object) -> str:
    return ", ".join(f"[{i}](../{i.partition('.')[0]}.md#{i})" for i in ids)  # type: ignore


def _named(cases: List[str]) -> str:
    shown = [f"`{name}`" for name in cases[:NAMED_CASES]]
    more = len(cases) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _span(units: Tuple[str, ...]) -> str:
    return units[0] if len(units) == 1 else f"{units[0]}–{units[-1]}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")

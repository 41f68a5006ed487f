"""Write what is generated: evidence on the pages, the index, CHANGES, one page a source.

All of it is a pure function of pages, tests and records.
"""

import re
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

from maskspec import changes, factcheck, pages
from maskspec.comparing import compare
from maskspec.history import describe, strip
from maskspec.pages import EVIDENCE_END, EVIDENCE_START, Claim
from maskspec.project import Project, group_cases, is_simply_true

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
    files[project.root / "spec" / "CHANGES.md"] = changes.page(project)
    for slug, source in project.sources.items():
        files[project.root / "spec" / "sources" / f"{slug}.md"] = factcheck.page(project, source)
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
    cells = project.cells(claim.id)
    cases = project.cases(claim.id)
    summary = project.claim_verdicts(claim.id)
    groups = group_cases(project.verdicts(claim.id))
    text = describe(summary, cells)
    lines = [f"**{text[:1].upper()}{text[1:]}.**"]
    instead = sorted({i for case in cases for i in case.instead})
    if instead:
        links = ", ".join(f"[{i}]({_to_claim(i, claim.chapter)})" for i in instead)
        lines[0] += f" Instead: {links}."
    history = strip(summary, cells)
    if history:
        lines += ["", f"`{history}`"]
    if len(groups) > 1:
        lines.append("")
        lines += [f"- {_named(names)}: {describe(verdicts, cells)}" for verdicts, names in groups]
    if history or len(groups) > 1:
        lines.append("")
    if cases:
        test, count = cases[0], len(cases)
        lines.append(
            f"Test: [{test.test}](../{test.path}#L{test.line})"
            + (f", {count} cases." if count > 1 else ".")
        )
    return lines


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
    if project.prereleases:
        lines += ["", "Pre-releases are free to differ, and nothing above counts them; [what they"]
        lines += ["change](CHANGES.md) stands before all else there.", ""]
        lines.append(
            "| cell | version | newest release | claims that differ | cases without verdict |"
        )
        lines.append("|---|---|---|---|---|")
    for newest, cell in changes.ahead(project):
        before, record = project.records[newest.name], project.prereleases[cell.name]
        differ = len(compare(project, before, record))
        wanting = len(before.rows) - len(record.rows)
        lines.append(
            f"| [{cell.name}](releases/{cell.name}/results.jsonl) | {record.header['version']} "
            f"| {newest.name} | {differ or 'none'} | {wanting or 'none'} |"
        )
    block = "\n".join([CHAPTERS_START, *lines, CHAPTERS_END])
    return CHAPTERS.sub(lambda _: block, text)


def _to_claim(id: str, chapter: str) -> str:
    home = id.partition(".")[0]
    return f"#{id}" if home == chapter else f"{home}.md#{id}"


def _named(cases: List[str]) -> str:
    shown = [f"`{name}`" for name in cases[:NAMED_CASES]]
    more = len(cases) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")

"""The generated lines of the pages that people write: ``Seen: …`` of each claim, and the index."""

import re
from typing import Dict, List

from maskspec.catalogue.cells import GPU
from maskspec.catalogue.pages import SEEN, Chapter, Claim
from maskspec.catalogue.verdicts import HOLDS, PARTLY, REFUTED, UNAVAILABLE, is_simply_true
from maskspec.records.specification import Specification
from maskspec.rendering.compare import verdict_changes
from maskspec.rendering.evidence import instead, sentence
from maskspec.rendering.history import ahead
from maskspec.rendering.wording import describe, lately

INDEX_START = "<!-- chapters: written by `maskspec sync` -->"
INDEX_END = "<!-- /chapters -->"
INDEX = re.compile(re.escape(INDEX_START) + r"\n.*?" + re.escape(INDEX_END), flags=re.DOTALL)
LONGEST = 120  # characters of verdicts on a chapter page


def page(project: Specification, chapter: Chapter, text: str) -> str:
    """The text of a chapter page with its generated lines as they have to be."""
    lines = text.splitlines()
    for claim in reversed([c for c in project.book.claims if c.path == chapter.path]):
        if claim.seen is None:
            lines[claim.said : claim.said] = ["", seen(project, claim)]
        else:
            lines[claim.seen - 1] = seen(project, claim)
    return "\n".join(lines) + "\n"


def seen(project: Specification, claim: Claim) -> str:
    """The one generated line of ``claim``: its verdict, and where evidence and test are."""
    cells, verdicts = project.cells(claim.id), project.claim_verdicts(claim.id)
    cases = project.cases(claim.id)
    words = describe(verdicts, cells)
    if len(words) > LONGEST:
        words = f"differs; now {lately(verdicts, cells)}"
    links = [f"[Evidence](evidence/{claim.chapter}.md#{claim.id})"]
    links += [f"[test](../{path})" for path in dict.fromkeys(c.path for c in cases)]
    return f"{SEEN} **{sentence(words)}** {', '.join(links)}.{instead(project, claim)}"


def index(project: Specification, text: str) -> str:
    """The text of ``spec/README.md`` with the tables of chapters and cells as they have to be."""
    lines = ["| chapter | claims | not simply true | findings | cases |", "|---|---|---|---|---|"]
    for chapter in project.book.chapters:
        claims = [c for c in project.book.claims if c.chapter == chapter.name]
        said = [c for c in claims if not c.is_finding]
        odd = [c for c in said if not is_simply_true(project.claim_verdicts(c.id))]
        cases = sum(len(project.cases(c.id)) for c in claims)
        lines.append(
            f"| [{chapter.title}]({chapter.name}.md) | {len(said)} | {len(odd)} "
            f"| {len(claims) - len(said)} | {cases} |"
        )
    lines += ["", *_cells(project)]
    if project.prereleases:
        lines += ["", *_prereleases(project)]
    for cell, record in project.gpus.items():
        at = f"[{cell}](releases/{cell}/results.jsonl)"
        lines += ["", f"{at} was recorded on a GPU, with {record.header['version']}. Nothing above "
                  f"counts it; `python -m maskspec diff {cell.replace(GPU, '')} {cell}` says what "
                  "differs there."]  # fmt: skip
    block = "\n".join([INDEX_START, *lines, INDEX_END])
    return INDEX.sub(lambda _: block, text)


def _cells(project: Specification) -> List[str]:
    lines = ["| cell | implementation | Python | hold | refuted | partly | unavailable |"]
    lines.append("|---|---|---|---|---|---|---|")
    counts: Dict[str, List[str]] = {cell: [] for cell in project.records}
    for claim in project.book.claims:
        for cell, verdict in project.claim_verdicts(claim.id).items():
            counts[cell].append(verdict)
    for cell, record in project.records.items():
        numbers = (counts[cell].count(v) for v in (HOLDS, REFUTED, PARTLY, UNAVAILABLE))
        head = record.header
        lines.append(
            f"| [{cell}](releases/{cell}/results.jsonl) | {head['implementation']} "
            f"{head['version']} | {head['python']} | " + " | ".join(map(str, numbers)) + " |"
        )
    return lines


def _prereleases(project: Specification) -> List[str]:
    lines = [
        "Pre-releases are free to differ, and nothing above counts them; [what they",
        "change](CHANGES.md) stands before all else there.",
        "",
        "| cell | version | newest release | claims that differ | cases without verdict |",
        "|---|---|---|---|---|",
    ]
    for newest_cell, cell in ahead(project):
        before, record = project.records[newest_cell.name], project.prereleases[cell.name]
        differ = len(verdict_changes(project, before, record))
        wanting = len(project.undecided(before, record))
        lines.append(
            f"| [{cell.name}](releases/{cell.name}/results.jsonl) | {record.header['version']} "
            f"| {newest_cell.name} | {differ or 'none'} | {wanting or 'none'} |"
        )
    return lines

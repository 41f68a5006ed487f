"""Read the chapter pages in ``spec/``: which claims there are and what each one says."""

import re
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

EVIDENCE_START = "<!-- evidence: written by `maskspec sync` -->"
EVIDENCE_END = "<!-- /evidence -->"
FINDING = "Said in: no source; this is a finding."

_ANCHOR = re.compile(r'^<a id="([^"]*)"></a>$')
_HEADING = re.compile(r"^### (.*)$")
_ID = re.compile(r"^[a-z]+(-[a-z]+)*\.[a-z0-9]+(-[a-z0-9]+)*$")
_STATEMENT = re.compile(r"^[a-z]+-\d{3}$")


class Claim(NamedTuple):
    """One claim as its page has it; ``statements`` is empty for a finding."""

    id: str
    sentence: str
    statements: Tuple[str, ...]
    path: str
    line: int
    evidence: Optional[Tuple[int, int]]  # first and last line between the evidence markers

    @property
    def chapter(self) -> str:
        return self.id.partition(".")[0]

    @property
    def is_finding(self) -> bool:
        return not self.statements


class Broken(NamedTuple):
    """A place on a page that cannot be read."""

    path: str
    line: int
    what: str
    mend: str


class Book(NamedTuple):
    """All claims in reading order, and everything on the pages that could not be read."""

    claims: List[Claim]
    broken: List[Broken]

    def by_id(self) -> Dict[str, Claim]:
        return {claim.id: claim for claim in self.claims}


def chapters(root: Path) -> List[Path]:
    """The chapter pages below ``root``, by name."""
    return sorted(p for p in (root / "spec").glob("*.md") if p.stem not in ("README", "CHANGES"))


def read(root: Path) -> Book:
    """Read every chapter page; what cannot be read is returned, not raised."""
    book = Book([], [])
    for page in chapters(root):
        _read_page(page.relative_to(root).as_posix(), page.read_text(encoding="utf-8"), book)
    return book


def _read_page(path: str, text: str, book: Book) -> None:
    lines = text.splitlines()
    prose = _without_code(lines)
    heads = [i for i, line in enumerate(prose) if _HEADING.match(line)]
    for i, line in enumerate(lines):
        if _ANCHOR.match(line) and i + 1 not in heads:
            book.broken.append(
                Broken(
                    path, i + 1, f"{line} stands above no '### ' heading", "put it right above one"
                )
            )
    for start, end in zip(heads, heads[1:] + [len(lines)]):
        block = lines[start:end]
        for number in range(start + 1, end):
            if prose[number].startswith("## "):  # a section of the page ends the claim
                block = lines[start:number]
                break
        _read_claim(path, start, lines[start - 1] if start else "", block, book)


def _without_code(lines: List[str]) -> List[str]:
    inside, prose = False, []
    for line in lines:
        fence = line.startswith("```")
        prose.append("" if inside or fence else line)
        inside ^= fence
    return prose


def _read_claim(path: str, start: int, above: str, block: List[str], book: Book) -> None:
    id = block[0][4:].strip()

    def broken(line: int, what: str, mend: str) -> None:
        book.broken.append(Broken(path, line + 1, what, mend))

    if not _ID.match(id):
        return broken(start, f"{id!r} is no claim id", "write ### <chapter>.<readable-name>")
    anchor = _ANCHOR.match(above)
    if anchor is None or anchor.group(1) != id:
        return broken(start, f"the heading {id} has no anchor", f'put <a id="{id}"></a> above it')
    if id.partition(".")[0] != Path(path).stem:
        return broken(start, f"{id} is on the page of another chapter", "move it or rename it")
    said = [i for i, line in enumerate(block) if line.startswith("Said in:")]
    if len(said) != 1:
        return broken(
            start,
            f"{id} has {len(said)} lines 'Said in:'",
            f"write one: 'Said in: guide-001, guide-002' or '{FINDING}'",
        )
    sentence = " ".join(line.strip() for line in block[1 : said[0]] if line.strip())
    if not sentence:
        return broken(start, f"{id} says nothing", "put its sentence below the heading")
    statements: Tuple[str, ...] = ()
    if block[said[0]].strip() != FINDING:
        statements = tuple(s.strip() for s in block[said[0]][len("Said in:") :].split(","))
        wrong = [s for s in statements if not _STATEMENT.match(s)]
        if wrong:
            return broken(
                start + said[0],
                f"{wrong[0]!r} is no statement id",
                f"write ids such as guide-001, or '{FINDING}'",
            )
    opens = [i for i, line in enumerate(block) if line == EVIDENCE_START]
    closes = [i for i, line in enumerate(block) if line == EVIDENCE_END]
    evidence = None
    if opens or closes:
        if len(opens) != 1 or len(closes) != 1 or closes[0] < opens[0]:
            at = start + (opens + closes)[0]
            return broken(
                at,
                f"the evidence markers of {id} do not pair",
                f"write one {EVIDENCE_START} and below it one {EVIDENCE_END}",
            )
        evidence = (start + opens[0] + 1, start + closes[0])
    book.claims.append(Claim(id, sentence, statements, path, start + 1, evidence))
    return None

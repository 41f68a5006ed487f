"""Read the chapter pages in ``spec/``: their titles, and which claims there are and what is said.

A claim on a page is an anchor, a heading with its id, its sentence, for some a paragraph
``Otherwise: …``, a line ``Said in: …``, the generated line ``Seen: …``, and an explanation.
"""

import json
import re
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

FINDING = "Said in: no source; this is a finding."
SAID, SEEN, OTHERWISE = "Said in:", "Seen:", "Otherwise:"
NO_CHAPTERS = ("README", "CHANGES")

_ANCHOR = re.compile(r'^<a id="([^"]*)"></a>$')
_HEADING = re.compile(r"^### (.*)$")
_ID = re.compile(r"^[a-z]+(-[a-z]+)*\.[a-z0-9]+(-[a-z0-9]+)*$")
_STATEMENT = re.compile(r"^[a-z]+-\d{3}$")


class Claim(NamedTuple):
    """One claim as its page has it; ``statements`` is empty for a finding.

    ``otherwise`` says what is so where the claim is refuted ("" if findings say it), and
    ``explanation`` is the Markdown below. ``said`` and ``seen`` are the numbers of those lines;
    ``seen`` is None where that line has not been written yet.
    """

    id: str
    sentence: str
    otherwise: str
    statements: Tuple[str, ...]
    explanation: str
    path: str
    line: int
    said: int
    seen: Optional[int]

    @property
    def chapter(self) -> str:
        return self.id.partition(".")[0]

    @property
    def is_finding(self) -> bool:
        return not self.statements

    @property
    def page(self) -> str:
        """Where it stands, as a link: ``spec/loss.md#loss.mean-over-valid-steps``."""
        return f"{self.path}#{self.id}"

    @property
    def advice(self) -> List[str]:
        """The first paragraph of the explanation, with the code or list that it announces."""
        if not self.explanation:
            return []
        parts = re.split(r"\n\s*\n", self.explanation)
        end = 1
        while end < len(parts) and (parts[end - 1].endswith(":") or _is_open(parts[:end])):
            end += 1
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", "\n\n".join(parts[:end]))
        return text.splitlines()


class Chapter(NamedTuple):
    """One page of the specification."""

    name: str
    title: str
    path: str


class Broken(NamedTuple):
    """A place on a page that cannot be read."""

    path: str
    line: int
    what: str
    mend: str


class Book(NamedTuple):
    """All chapters and claims in reading order, what could not be read, and ids of claims that
    are gone, with the claim that took their place."""

    chapters: List[Chapter]
    claims: List[Claim]
    broken: List[Broken]
    renamed: Dict[str, str]

    def by_id(self) -> Dict[str, Claim]:
        return {claim.id: claim for claim in self.claims}

    def title(self, chapter: str) -> str:
        return next(c.title for c in self.chapters if c.name == chapter)


def paths(root: Path) -> List[Path]:
    """The chapter pages below ``root``, by name."""
    return sorted(p for p in (root / "spec").glob("*.md") if p.stem not in NO_CHAPTERS)


def read(root: Path) -> Book:
    """Read every chapter page; what cannot be read is returned, not raised."""
    moved = root / "spec" / "renamed.json"
    renamed = json.loads(moved.read_text(encoding="utf-8")) if moved.exists() else {}
    book = Book([], [], [], renamed)
    for page in paths(root):
        path = page.relative_to(root).as_posix()
        try:
            text = page.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            line = page.read_bytes()[: error.start].count(b"\n") + 1
            book.broken.append(Broken(path, line, "this is no UTF-8", "save it as UTF-8"))
            continue
        title = text.partition("\n")[0]
        if not title.startswith("# "):
            book.broken.append(Broken(path, 1, "the page has no title", "begin it with '# '"))
        book.chapters.append(Chapter(page.stem, title.lstrip("# "), path))
        _read_page(path, text, book)
    return book


def _is_open(parts: List[str]) -> bool:
    """Whether a block of code is cut in two."""
    return "\n\n".join(parts).count("```") % 2 == 1


def _read_page(path: str, text: str, book: Book) -> None:
    lines = text.splitlines()
    prose = _without_code(lines)
    heads = [i for i, line in enumerate(prose) if _HEADING.match(line)]
    for i, line in enumerate(lines):
        if _ANCHOR.match(line) and i + 1 not in heads:
            what = f"{line} stands above no '### ' heading"
            book.broken.append(Broken(path, i + 1, what, "put it right above one"))
    for start, end in zip(heads, heads[1:] + [len(lines)]):
        while end > start and _ANCHOR.match(lines[end - 1]):  # it belongs to the next claim
            end -= 1
        section = (n for n in range(start + 1, end) if prose[n].startswith("## "))
        end = next(section, end)  # a section of the page ends the claim
        _read_claim(path, start, lines[start - 1] if start else "", lines[start:end], book)


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
    prose = _without_code(block)
    said = [i for i, line in enumerate(prose) if line.startswith(SAID)]
    if len(said) != 1:
        what = f"{id} has {len(said)} lines '{SAID}'"
        return broken(start, what, f"write one: '{SAID} guide-001, guide-002' or '{FINDING}'")
    seen = [i for i, line in enumerate(prose) if line.startswith(SEEN)]
    if len(seen) > 1 or (seen and seen[0] < said[0]):
        what = f"{id} has {len(seen)} lines '{SEEN}'"
        return broken(start + seen[0], what, "leave the one below 'Said in:', or none")
    sentence, _, otherwise = " ".join(" ".join(block[1 : said[0]]).split()).partition(OTHERWISE)
    if not sentence.strip():
        return broken(start, f"{id} says nothing", "put its sentence below the heading")
    statements: Tuple[str, ...] = ()
    if block[said[0]].strip() != FINDING:
        statements = tuple(s.strip() for s in block[said[0]][len(SAID) :].split(","))
        wrong = [s for s in statements if not _STATEMENT.match(s)]
        if wrong:
            what = f"{wrong[0]!r} is no statement id"
            mend = f"write ids such as guide-001, or '{FINDING}'"
            return broken(start + said[0], what, mend)
    book.claims.append(
        Claim(
            id,
            sentence.strip(),
            otherwise.strip(),
            statements,
            "\n".join(block[(seen or said)[0] + 1 :]).strip(),
            path,
            start + 1,
            start + said[0] + 1,
            start + seen[0] + 1 if seen else None,
        )
    )
    return None

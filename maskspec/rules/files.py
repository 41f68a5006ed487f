"""Rules on the list of cells, on links, and on what is generated."""

import configparser
import os
import re
from pathlib import Path
from typing import Dict, List, Optional, Set

from maskspec.catalogue.cells import PRE
from maskspec.catalogue.implementations import BACKENDS, IMPLEMENTATIONS
from maskspec.catalogue.words import count
from maskspec.records.specification import Specification
from maskspec.rendering import history, sync
from maskspec.rendering.compare import compare
from maskspec.rules.kinds import Found, relative, rule


@rule("cells-disagree", "spec/releases/cells.json has the list; make the others follow it")
def cells_disagree(project: Specification) -> Found:
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
    on_gpus = {name for name in cells if project.releases.cells[name].is_gpu}
    for name in sorted((cells - on_gpus) ^ (listed - on_gpus)):
        yield "tox.ini", 1, f"{name} is in one of env_list and cells.json only"
    for name in sorted(listed & on_gpus):
        yield "tox.ini", 1, f"{name} runs on a GPU alone: leave it out of env_list"
    for label in tox.get("tox", "labels", fallback="").strip().splitlines():
        for name in sorted(set(label.partition("=")[2].replace(",", " ").split()) - cells):
            yield "tox.ini", 1, f"the label {label.partition('=')[0].strip()} names no cell: {name}"
    pythons = tox.get("testenv", "base_python", fallback="")
    for cell in project.releases.cells.values():
        if _python(pythons, cell.name) != [f"python{cell.python}"]:
            yield "tox.ini", 1, f"base_python of {cell.name} is not python{cell.python} alone"
    for cell in project.releases.cells.values():
        known = project.releases.known.get(cell.implementation, ())
        if not cell.is_pre and cell.release not in known:
            where = "spec/releases/cells.json", 1
            yield (*where, f"{cell.name} is of a release that 'releases' does not list")


def _python(setting: str, cell: str) -> List[str]:
    """The lines of a setting of tox that are for ``cell``: ``a,b-!c: python3.8``."""
    factors = cell.split("-")
    found = []
    for line in setting.strip().splitlines():
        condition, _, value = line.rpartition(":")
        for part in condition.split(","):
            names = [name for name in part.strip().split("-") if name]
            if all((name.strip("!") in factors) != name.startswith("!") for name in names):
                found.append(value.strip())
                break
    return found


_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HTML_ID = re.compile(r'<a id="([^"]+)">')


@rule("dead-link", "mend the path or the anchor")
def dead_link(project: Specification) -> Found:
    anchors: Dict[str, Optional[Set[str]]] = {}
    for page in _written(project):
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            for target in _LINK.findall(re.sub(r"`[^`]*`", "", line)):
                if re.match(r"[a-z]+:", target):
                    continue
                file, _, anchor = target.partition("#")
                there = os.path.normpath(page.parent / file) if file else str(page)
                if there not in anchors:
                    anchors[there] = _anchors(Path(there))
                known = anchors[there]
                if known is None:
                    yield relative(project, page), number, f"{target}: there is no such file"
                elif anchor and anchor not in known:
                    yield relative(project, page), number, f"{target}: there is no such anchor"


@rule("unknown-id", "name a statement, claim or cell that there is")
def unknown_id(project: Specification) -> Found:
    chapters = {chapter.name for chapter in project.book.chapters}
    known = {*project.statements(), *project.book.by_id(), *project.releases.cells}
    prefixes = sorted({one.prefix for one in IMPLEMENTATIONS.values()}, key=len, reverse=True)
    forms = (
        rf"(?:{'|'.join(project.sources)})-\d{{3}}",
        rf"(?:{'|'.join(sorted(chapters, key=len, reverse=True))})\.[a-z][a-z0-9]*-[a-z0-9-]+",
        rf"(?:{'|'.join(prefixes)})\d+\.\d+(?:\.\d+)?(?:-(?:{'|'.join(BACKENDS)}))?(?:{PRE})?",
    )
    form = re.compile(rf"(?<![\w./-])(?:{'|'.join(forms)})(?![\w-]|\.\w)")
    for page in _written(project):
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            for id in form.findall(line):
                if id not in known:
                    yield relative(project, page), number, f"there is no {id}"


@rule("dead-cause", "name two neighbouring releases and claims that change from one to the other")
def dead_cause(project: Specification) -> Found:
    pairs = [*history.ahead(project), *history.pairs(project)]
    names = {(before.name, after.name) for before, after in pairs}
    records = project.all_records
    for number, entry in enumerate(history.read_causes(project), 2):
        where, pair = ("spec/releases/causes.json", number), (entry["from"], entry["to"])
        if pair not in names:
            yield (*where, f"{' and '.join(pair)} are no neighbouring recorded releases")
            continue
        changed = compare(project, *(records[name] for name in pair))
        for claim in sorted(set(entry["claims"]) - {change.claim.id for change in changed}):
            yield (*where, f"{claim} does not change from {' to '.join(pair)}")
        if not entry["claims"]:
            yield (*where, f"{entry['cause']} names no claim")


@rule("stale-evidence", "run python -m maskspec sync")
def stale_evidence(project: Specification) -> Found:
    stale = list(sync.stale(project))
    more = f", as in {count(len(stale) - 1, 'more file')}" if len(stale) > 1 else ""
    for path, line in stale[:1]:
        yield relative(project, path), line, f"the generated part is out of date{more}"


@rule("names-alike", "rename one: some file systems take the two for one file")
def names_alike(project: Specification) -> Found:
    known: Dict[str, str] = {}
    for path in sorted((project.root / "spec").rglob("*")):
        name = relative(project, path)
        other = known.setdefault(name.lower(), name)
        if other != name:
            yield name, 1, f"its name differs from that of {other} in capitals alone"


def _written(project: Specification) -> List[Path]:
    return [*sorted(project.root.glob("*.md")), *sorted((project.root / "spec").rglob("*.md"))]


def _anchors(path: Path) -> Optional[Set[str]]:
    """Every anchor that a link to a file can name; None if there is no such file or folder."""
    if not path.is_file():
        return set() if path.exists() else None
    text = path.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    slugs = (re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings)
    lines = (f"L{number}" for number in range(1, len(text.splitlines()) + 1))
    return {*_HTML_ID.findall(text), *slugs, *lines}

"""Write what is generated: ``python -m maskspec sync``.

Evidence, the lines ``Seen:`` on the chapter pages, the index, CHANGES and one page a source are a
pure function of pages, tests and records.
"""

import argparse
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

from maskspec.atlas.questions import page_of, subjects
from maskspec.records.specification import Specification, load
from maskspec.rendering import atlas, changes, chapters, evidence, factcheck, power, uses
from maskspec.rendering.explained import Explained
from maskspec.rendering.facts import History


def generated(project: Specification) -> Dict[Path, str]:
    """The right text of every file that has a generated part, by path."""
    spec = project.root / "spec"
    known = History(project)
    why, files = Explained(project, known), {}
    for chapter in project.book.chapters:
        page = project.root / chapter.path
        text = chapters.page(project, chapter, page.read_text(encoding="utf-8"))
        files[page] = uses.with_uses(known, text)
        files[spec / "evidence" / f"{chapter.name}.md"] = evidence.page(
            project, chapter, why.layers
        )
    readme = spec / "README.md"
    files[readme] = chapters.index(project, readme.read_text(encoding="utf-8"))
    files[spec / "CHANGES.md"] = changes.page(project)
    if project.power:
        files[project.root / power.PAGE] = power.page(project, project.power)
    for slug, source in project.sources.items():
        files[spec / "sources" / f"{slug}.md"] = factcheck.page(project, source)
    return {**files, **atlas.pages(project, known, why)}


def stale(project: Specification) -> Iterator[Tuple[Path, int]]:
    """Each generated file that is not as it has to be, with the first line that differs."""
    for path, text in generated(project).items():
        there = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        right = text.splitlines()
        if there != right:
            same = (i for i, (a, b) in enumerate(zip(there, right), 1) if a != b)
            yield path, next(same, min(len(there), len(right)) + 1)
    for path in left_over(project):
        yield path, 1


def left_over(project: Specification) -> List[Path]:
    """Pages of evidence for chapters that are gone, and of the atlas for layers that are."""
    spec, known = project.root / "spec", {chapter.name for chapter in project.book.chapters}
    found = [page for page in (spec / "evidence").glob("*.md") if page.stem not in known]
    layers = {f"{page_of(subject.public)}.md" for subject in subjects()} | {"README.md"}
    if project.atlases:
        found += [page for page in (spec / "atlas").glob("*.md") if page.name not in layers]
    return sorted(found)


def unreadable(project: Specification) -> List[str]:
    """A message, beginning with file and line, for everything that cannot be read."""
    broken = [f"{b.path}:{b.line}: {b.what}" for b in project.book.broken]
    broken += project.broken_records + project.broken_atlases + project.broken_power
    return broken + [f"{path}:{line}: {what}" for path, line, what in project.collection.broken]


def write(project: Specification) -> List[Path]:
    """Bring every generated file up to date; return those that changed.

    Raises ValueError, and writes nothing, where a page or record cannot be read: what is generated
    from the rest would say less than is known.
    """
    broken = unreadable(project)
    if broken:
        raise ValueError("nothing was written, as this cannot be read:\n  " + "\n  ".join(broken))
    changed = [path for path, _ in stale(project)]
    for path, text in generated(project).items():
        if path in changed:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for path in left_over(project):
        path.unlink()
    return changed


def main(asked: argparse.Namespace) -> int:
    """Write, or with ``--check`` only say what is out of date, with exit status 1 if anything."""
    project = load(asked.root)
    if asked.check:
        old = list(stale(project))
        for path, line in old:
            print(f"{path.relative_to(asked.root)}:{line}: out of date; python -m maskspec sync")
        return 1 if old else 0
    for path in write(project):
        print(f"wrote {path.relative_to(asked.root)}")
    return 0

"""Build the site: ``python -m maskspec site OUT``.

A pure function of what is committed: the same bytes for the same pages, tests and records.
"""

import argparse
import gc
import json
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Iterator, List, Tuple, Union

from maskspec.atlas.questions import FAMILIES
from maskspec.records.specification import Specification, load
from maskspec.rendering.sync import unreadable

Files = Iterator[Tuple[str, Union[str, bytes]]]
MARK = "data/site.json"  # every site of ours has it, and what has not is never deleted
SCHEMA = 1
NEEDED = ("jinja2", "markdown_it", "pygments", "pagefind")
INDEXED = ("*", *(f"{folder}/*" for folder in ("c", "chapters", "changes", "sources", *FAMILIES)))
UNUSED = ("*-ui.js", "*-ui.css", "pagefind-highlight.js", "wasm.unknown.pagefind")


def files(project: Specification) -> Files:
    """Every file of the site but the index of its search: its address, and what is in it."""
    from maskspec.site.pages import Pages  # needs the extra

    yield from Pages(project).all()
    static = Path(__file__).parent / "static"
    for path in sorted(static.iterdir()):
        yield f"static/{path.name}", path.read_bytes()
    yield MARK, json.dumps({"schema": SCHEMA}) + "\n"


def write(project: Specification, out: Path) -> int:
    """Build the site in the folder ``out``, in one step; return how many files there are.

    What was built there before is replaced; raise ``ValueError`` if ``out`` holds anything else.
    """
    if out.exists() and any(out.iterdir()) and not (out / MARK).is_file():
        raise ValueError(f"{out} is no site that was built here: name an empty or a new folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=str(out.parent), prefix=f".{out.name}.") as folder:
        new = Path(folder) / "site"
        for address, content in files(project):
            path = new / address
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        index(new)
        if out.exists():
            shutil.rmtree(str(out))
        new.rename(out)
    return sum(path.is_file() for path in out.rglob("*"))


def index(site: Path) -> None:
    """Write what the search needs, below ``pagefind/``; raise ``RuntimeError`` if that fails."""
    pages = f"{{{','.join(INDEXED)}}}.html"
    command = [sys.executable, "-m", "pagefind", "--site", str(site), "--glob", pages, "--quiet"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    if done.returncode:
        raise RuntimeError(f"pagefind failed: {(done.stderr or done.stdout).strip()}")
    for pattern in UNUSED:
        for path in (site / "pagefind").glob(pattern):
            path.unlink()


def missing() -> List[str]:
    """The modules that the site needs and that are not installed."""
    return [name for name in NEEDED if find_spec(name) is None]


def main(asked: argparse.Namespace) -> int:
    """Build it; exit status 2 without the extra."""
    gc.disable()  # nothing that is made here is thrown away, and looking for it takes a third
    try:
        return _main(asked)
    finally:
        gc.enable()


def _main(asked: argparse.Namespace) -> int:
    wanting = missing()
    if wanting:
        raise RuntimeError(
            f"the site needs {', '.join(wanting)}: python -m pip install -e '.[site]'"
        )
    project = load(asked.root)
    broken = unreadable(project)
    if broken:
        raise ValueError("nothing was built, as this cannot be read:\n  " + "\n  ".join(broken))
    count = write(project, asked.out)
    print(f"wrote {count} files; to see them: python -m http.server -d {asked.out}")
    return 0

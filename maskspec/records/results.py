"""A cell's record, ``results.jsonl``: a header, one sorted row a case, a footer with the counts."""

import importlib.metadata
import json
import os
import platform
import sys
import sysconfig
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Set, Tuple, TypeVar

from maskspec.catalogue.verdicts import VERDICTS, Key, Row
from maskspec.catalogue.words import below

SCHEMA = 1
Found = TypeVar("Found")
INSTALLERS = ("pip", "setuptools", "uv", "wheel")  # they come with the environment, not the cell
HEADER_KEYS = {
    "schema", "cell", "implementation", "version", "backend", "python", "platform", "packages",
    "suite",
}  # fmt: skip
ROW_KEYS = {"claim", "case", "verdict", "observed", "test"}
FOOTER_KEYS = {"rows", *VERDICTS}


class BrokenRecord(Exception):
    """A results file that is cut short, edited or not of this schema."""


@dataclass
class Record:
    """One cell's header and rows."""

    header: Dict[str, Any]
    rows: List[Row]

    @property
    def cell(self) -> str:
        return str(self.header["cell"])

    @cached_property
    def by_key(self) -> Dict[Key, Row]:
        return {row.key: row for row in self.rows}

    @cached_property
    def by_claim(self) -> Dict[str, Dict[str, Row]]:
        """The row of each case, by claim."""
        found: Dict[str, Dict[str, Row]] = {}
        for row in self.rows:
            found.setdefault(row.claim, {})[row.case] = row
        return found

    @cached_property
    def verdicts(self) -> Dict[str, Dict[str, str]]:
        """The verdict of each case, by claim."""
        found: Dict[str, Dict[str, str]] = {}
        for row in self.rows:
            found.setdefault(row.claim, {})[row.case] = row.verdict
        return found


def environment() -> Dict[str, Any]:
    """What the header says of this environment: Python, platform, packages but for installers."""
    # Only the environment's own folders: under xdist sys.path also holds vendored packages.
    paths = sorted({sysconfig.get_path(name) for name in ("purelib", "platlib")})
    packages = {
        d.metadata["Name"].lower().replace("_", "-"): d.version
        for d in importlib.metadata.distributions(path=paths)
    }
    for name in INSTALLERS:
        packages.pop(name, None)
    return {
        "python": platform.python_version(),
        "platform": f"{sys.platform}-{platform.machine()}",
        "packages": dict(sorted(packages.items())),
    }


def write(folder: Path, record: Record) -> Path:
    """Write ``folder/<cell>/results.jsonl`` in one step: the earlier record stays until then."""
    counts = Counter(row.verdict for row in record.rows)
    footer = {"rows": len(record.rows), **{v: counts[v] for v in VERDICTS}}
    lines = [record.header, *(row._asdict() for row in sorted(record.rows)), footer]
    return write_lines(folder / record.cell / "results.jsonl", lines)


def write_lines(path: Path, lines: Iterable[Any]) -> Path:
    """Write one JSON value a line, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.tmp")
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            for line in lines:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        os.replace(str(partial), str(path))
    finally:
        if partial.exists():
            partial.unlink()
    return path


def read(path: Path) -> Record:
    """Read one record; raise ``BrokenRecord`` with ``path:line`` and what is wrong there."""
    parsed = read_lines(path, dict, HEADER_KEYS)
    rows = []
    for number, row in enumerate(parsed[1:-1], 2):
        _expect_keys(path, number, row, ROW_KEYS, "row")
        if row["verdict"] not in VERDICTS:
            raise BrokenRecord(f"{path}:{number}: unknown verdict {row['verdict']!r}")
        rows.append(Row(**row))
    _expect_keys(path, len(parsed), parsed[-1], FOOTER_KEYS, "footer")
    _expect_footer(path, len(parsed), parsed[-1], rows)
    return Record(parsed[0], rows)


def read_lines(path: Path, kind: type, header: Set[str]) -> List[Any]:
    """The header, the rows, each a ``kind``, and the footer of a record; ``BrokenRecord`` if the
    file is cut short or its header has other keys."""
    lines = path.read_bytes().splitlines()  # bytes: str would also split at U+2028 and its like
    if not lines:
        raise BrokenRecord(f"{path}:1: the file is empty")
    parsed = _parse_all(path, lines, kind)
    _expect_keys(path, 1, parsed[0], header, "header")
    if parsed[0]["schema"] != SCHEMA:
        raise BrokenRecord(f"{path}:1: schema {parsed[0]['schema']}, this project reads {SCHEMA}")
    if len(parsed) < 2 or not isinstance(parsed[-1], dict) or "rows" not in parsed[-1]:
        raise BrokenRecord(f"{path}:{len(lines)}: cut short, the last line is no footer")
    return parsed


def read_all(root: Path, cells: Iterable[str]) -> Tuple[Dict[str, Record], List[str], List[str]]:
    """The records of ``cells`` that can be read, and a message for each that is broken or missing.

    A message begins with file and line, seen from ``root``.
    """
    return read_each(root, cells, "results.jsonl", read, "record")


def read_each(
    root: Path, cells: Iterable[str], file: str, read_one: Callable[[Path], Found], what: str
) -> Tuple[Dict[str, Found], List[str], List[str]]:
    """The ``file`` of each of ``cells`` as ``read_one`` reads it, and why others cannot be read:
    those that are broken, and those that are missing."""
    found: Dict[str, Found] = {}
    broken: List[str] = []
    missing: List[str] = []
    for cell in cells:
        path = root / "spec" / "releases" / cell / file
        try:
            found[cell] = read_one(path)
        except FileNotFoundError:
            missing.append(f"{below(root, str(path))}:1: there is no {what} of this cell")
        except BrokenRecord as error:
            broken.append(below(root, str(error)))
    return found, broken, missing


def _parse_all(path: Path, lines: List[bytes], kind: type) -> List[Any]:
    try:  # at once is several times faster
        values: List[Any] = json.loads(b"[%b]" % b",".join(lines))
    except ValueError:
        values = []
    if len(values) == len(lines) and all(isinstance(value, (dict, kind)) for value in values):
        return values
    return [_parse(path, number, line, kind) for number, line in enumerate(lines, 1)]


def _parse(path: Path, number: int, line: bytes, kind: type) -> Any:
    try:
        value = json.loads(line)
    except ValueError:
        raise BrokenRecord(f"{path}:{number}: no JSON; the file is cut short or edited") from None
    if not isinstance(value, (dict, kind)):
        raise BrokenRecord(f"{path}:{number}: a line is one JSON object")
    return value


def _expect_keys(path: Path, number: int, value: Dict[str, Any], keys: Set[str], what: str) -> None:
    if value.keys() != keys:
        missing, unknown = sorted(keys - value.keys()), sorted(value.keys() - keys)
        odd = [f"lacks {', '.join(missing)}"] if missing else []
        odd += [f"has the unknown {', '.join(unknown)}"] if unknown else []
        raise BrokenRecord(f"{path}:{number}: this {what} {' and '.join(odd)}")


def footer_differs(footer: Dict[str, Any], real: Dict[str, int]) -> str:
    """What the footer of a record says otherwise than its rows, in words."""
    odd = [key for key in real if footer.get(key) != real[key]] or sorted(footer.keys() - real)
    counted = ", ".join(f"{footer.get(key, 'no')} {key}" for key in odd)
    there = ", ".join(str(real.get(key, 0)) for key in odd)
    return f"the footer counts {counted}; there are {there}, so that the file was cut or edited"


def _expect_footer(path: Path, number: int, footer: Dict[str, Any], rows: List[Row]) -> None:
    counts = Counter(row.verdict for row in rows)
    real = {"rows": len(rows), **{v: counts[v] for v in VERDICTS}}
    if footer != real:
        raise BrokenRecord(f"{path}:{number}: {footer_differs(footer, real)}")
    keys = [(row.claim, row.case) for row in rows]
    if keys != sorted(set(keys)):
        raise BrokenRecord(f"{path}:{number}: the rows are not sorted, or one stands twice")

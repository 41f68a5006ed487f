"""What notices which planted fault: ``spec/power/<implementation>.jsonl``.

A header that says what was measured, to how many tests of each kind a fault was put at most, and
the hashes of the tests; one row a fault, by id; one row a claim and one an aspect, with the number
of faults that it was seen to notice; a footer that counts.
``equivalent.json`` beside it excuses faults that change nothing, ``idle.json`` says why no fault
turns a claim red.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

from maskspec.atlas.fingerprints import of_aspects, of_subjects
from maskspec.atlas.questions import load, subjects
from maskspec.catalogue.cases import Case
from maskspec.catalogue.words import below
from maskspec.records.results import BrokenRecord, footer_differs, read_lines, write_lines

FOLDER = "spec/power"
HEADER = {
    "schema", "implementation", "version", "backend", "python", "asked",
    "claims", "subjects", "aspects",
}  # fmt: skip
EQUIVALENT, IDLE = "equivalent.json", "idle.json"
KINDS = "claims", "subjects", "aspects"  # of what the header has the hashes of


class FaultRow(NamedTuple):
    """One fault. ``claims`` and ``facts`` are those that were seen to change, ``errors`` those of
    them that end in an error. ``theirs`` is the first of the framework's own tests that notices it,
    "" if none does, and None where they were not run; ``end`` says how the process ended, if not as
    usual."""

    fault: str
    line: int
    does: str
    claims: List[str]
    facts: List[str]
    errors: List[str]
    theirs: Optional[str]
    end: str
    equivalent: str

    @property
    def is_noticed(self) -> bool:
        return bool(self.claims or self.facts or self.end)

    @property
    def only_errors(self) -> bool:
        """Whether all that was seen to change ends in an error."""
        return bool(self.errors) and {*self.claims, *self.facts} <= {*self.errors}

    @property
    def file(self) -> str:
        return self.fault.split(":")[0]

    @property
    def function(self) -> str:
        return self.fault.split(":")[1]

    @property
    def operator(self) -> str:
        return self.fault.split(":")[2].rpartition("-")[0]


class NoticedRow(NamedTuple):
    """How many of the faults a claim or aspect was seen to notice; the ``plainest`` is the one that
    fewest others notice."""

    name: str
    faults: int
    plainest: str


@dataclass
class PowerRecord:
    """One measurement of one implementation."""

    header: Dict[str, Any]
    faults: List[FaultRow]
    claims: List[NoticedRow]
    aspects: List[NoticedRow]

    @cached_property
    def by_id(self) -> Dict[str, FaultRow]:
        return {row.fault: row for row in self.faults}

    @cached_property
    def by_claim(self) -> Dict[str, NoticedRow]:
        return {row.name: row for row in self.claims}

    @property
    def counts(self) -> Dict[str, int]:
        mine = [row for row in self.faults if not row.equivalent]
        return {
            "rows": len(self.faults) + len(self.claims) + len(self.aspects),
            "faults": len(self.faults),
            "equivalent": len(self.faults) - len(mine),
            "noticed": sum(row.is_noticed for row in mine),
            "by_claims": sum(bool(row.claims) for row in mine),
            "by_facts": sum(bool(row.facts) for row in mine),
            "by_errors_alone": sum(row.only_errors for row in mine),
            "by_theirs": sum(bool(row.theirs) for row in mine),
        }


def path_of(root: Path, implementation: str) -> Path:
    return root / FOLDER / f"{implementation}.jsonl"


def write(root: Path, record: PowerRecord) -> Path:
    """Write the record of an implementation in one step."""
    lines = [
        record.header,
        *(["fault", *row] for row in sorted(record.faults)),
        *(["claim", *row] for row in sorted(record.claims)),
        *(["aspect", *row] for row in sorted(record.aspects)),
        record.counts,
    ]
    return write_lines(path_of(root, record.header["implementation"]), lines)


def read(path: Path) -> PowerRecord:
    """Read one record; raise ``BrokenRecord`` with ``path:line`` and what is wrong there."""
    parsed = read_lines(path, list, HEADER)
    rows: Dict[str, List[Any]] = {"fault": [], "claim": [], "aspect": []}
    kinds = {"fault": FaultRow, "claim": NoticedRow, "aspect": NoticedRow}
    for number, row in enumerate(parsed[1:-1], 2):
        if not isinstance(row, list) or not row or row[0] not in kinds:
            raise BrokenRecord(f"{path}:{number}: a row begins with one of {', '.join(kinds)}")
        try:
            rows[row[0]].append(kinds[row[0]](*row[1:]))
        except TypeError:
            raise BrokenRecord(f"{path}:{number}: this {row[0]} has another length") from None
    record = PowerRecord(parsed[0], rows["fault"], rows["claim"], rows["aspect"])
    if parsed[-1] != record.counts:
        raise BrokenRecord(f"{path}:{len(parsed)}: {footer_differs(parsed[-1], record.counts)}")
    return record


def read_all(root: Path) -> Tuple[List[PowerRecord], List[str]]:
    """Every record that can be read, by implementation, and why others cannot."""
    found: List[PowerRecord] = []
    broken: List[str] = []
    for path in sorted((root / FOLDER).glob("*.jsonl")):
        try:
            found.append(read(path))
        except BrokenRecord as error:
            broken.append(below(root, str(error)))
    return found, broken


def equivalent(root: Path, implementation: str) -> Dict[str, str]:
    """The faults that change nothing anybody can observe, by id, with the reason."""
    return excuses(root, EQUIVALENT).get(implementation, {})


def idle(root: Path, implementation: str) -> Dict[str, str]:
    """The claims that no planted fault can change, with the reason."""
    return excuses(root, IDLE).get(implementation, {})


def excuses(root: Path, file: str) -> Dict[str, Dict[str, str]]:
    """What a file of excuses holds: by implementation and id, the reason that a person wrote."""
    path = root / FOLDER / file
    found: Dict[str, Dict[str, str]] = {}
    if path.exists():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise BrokenRecord(f"{path}: not JSON: {error}") from None
        if not isinstance(found, dict):
            raise BrokenRecord(f"{path}: not an object of reasons, by implementation and id")
    return found


def hashes(cases: Iterable[Case]) -> Dict[str, Dict[str, str]]:
    """The hashes of all tests as they are now: of claims, subjects and aspects.

    A case counts once, for however many implementations it is collected.
    """
    claims: Dict[str, Dict[Any, str]] = {}
    for case in cases:
        claims.setdefault(case.claim, {})[case.key] = case.fingerprint
    return {
        "claims": {claim: _short([*prints.values()]) for claim, prints in claims.items()},
        "subjects": of_subjects(subjects()),
        "aspects": of_aspects(load()),
    }


def hash_of(hashes: Dict[str, Dict[str, str]], name: str) -> str:
    """The hash of what notices a fault: of a claim, or of a subject and the aspect behind it; ""
    of any other test."""
    if name in hashes["claims"]:
        return hashes["claims"][name]
    if name in hashes["subjects"]:
        return hashes["subjects"][name]
    subject, _, aspect = name.rpartition(" ")
    return hashes["subjects"].get(subject, "") + hashes["aspects"].get(aspect, "")


def stands(record: PowerRecord, row: FaultRow, now: Dict[str, Dict[str, str]]) -> bool:
    """Whether a fault has to be measured no more: what noticed it is the same, or all tests are."""
    seen = [*row.claims, *row.facts]
    if not seen:
        return all(record.header[kind] == now[kind] for kind in KINDS)
    return all(hash_of(record.header, name) == hash_of(now, name) for name in seen)


def _short(prints: List[str]) -> str:
    return hashlib.sha256("".join(sorted(prints)).encode("utf-8")).hexdigest()[:12]


def outdated(record: PowerRecord, now: Dict[str, Dict[str, str]]) -> List[str]:
    """The claims, subjects and aspects in ``record`` whose tests are others now, or gone."""
    return [
        name
        for kind in KINDS
        for name, hash in record.header[kind].items()
        if now[kind].get(name) != hash
    ]

"""Whether a record still speaks for the tests as they are now: the one place that decides it."""

import functools
from typing import Dict, Iterable, List, NamedTuple, Optional

from maskspec.atlas.fingerprints import of_aspects, of_subjects
from maskspec.atlas.questions import load, subjects
from maskspec.catalogue.cases import Case, cases_of
from maskspec.catalogue.verdicts import Key, Row
from maskspec.catalogue.words import and_more, case_named, count
from maskspec.records import facts
from maskspec.records.results import Record
from maskspec.records.specification import Specification


class Staleness(NamedTuple):
    """How a record and the tests differ; all empty if the record is up to date."""

    missing: List[Key]  # cases without a row
    foreign: List[Key]  # rows of no case
    changed: List[Key]  # rows that ran another test

    def __str__(self) -> str:
        parts = (
            (self.missing, "case without a row", "cases without a row"),
            (self.foreign, "row of no case", "rows of no case"),
            (self.changed, "row that ran another test", "rows that ran another test"),
        )
        return ", ".join(
            f"{count(len(keys), one, many)} ({and_more([case_named(key) for key in keys], 1)})"
            for keys, one, many in parts
            if keys
        )


def staleness(record: Record, cases: Iterable[Case], *, may_lack: bool = False) -> Staleness:
    """How ``record`` differs from ``cases``, the ones that are decided on its implementation.

    With ``may_lack``, as for a pre-release or a GPU, the cases that end in an error there may be
    missing, but not all.
    """
    right = {case.key: case.fingerprint for case in cases}
    rows = {row.key: row.test for row in record.rows}
    missing = sorted(right.keys() - rows.keys())
    return Staleness(
        [] if may_lack and rows else missing,
        sorted(rows.keys() - right.keys()),
        sorted(key for key in rows.keys() & right.keys() if rows[key] != right[key]),
    )


def of_cell(project: Specification, name: str, record: Optional[Record] = None) -> Staleness:
    """The staleness of the record of a cell, or of ``record`` in its place."""
    cell = project.releases.cells[name]
    cases = cases_of(project.collection.cases, cell.implementation)
    found = record or project.all_records[name]
    return staleness(found, cases, may_lack=cell.stands_aside)


@functools.lru_cache(maxsize=None)  # the same for each cell
def _asked() -> Dict[str, Dict[str, str]]:
    """The hashes of what is asked now."""
    return {"subjects": of_subjects(subjects()), "aspects": of_aspects(load())}


def of_atlas(atlas: facts.Atlas) -> str:
    """What was another set-up or question when ``atlas`` was recorded, in words; "" if nothing."""
    told = []
    for kind, hashes in _asked().items():
        then: Dict[str, str] = atlas.header[kind]
        differ = [name for name in {**hashes, **then} if hashes.get(name) != then.get(name)]
        if differ:
            others = count(len(differ), f"other {kind[:-1]}")
            told.append(f"it was recorded with {others} ({and_more(differ, 1)})")
    return "; ".join(told)


def lacks_facts(project: Specification, name: str) -> bool:
    """Whether a cell has to have an atlas, and has none that is whole and up to date."""
    if not project.has_atlas or not facts.has_atlas(name):
        return False
    return name not in project.atlases or bool(of_atlas(project.atlases[name]))


def wanting(project: Specification) -> List[str]:
    """The cells that lack a record or an atlas which is whole and up to date.

    Those of a GPU are not among them: what they did is known from the day when there was one.
    """
    return [
        name
        for name, cell in project.releases.cells.items()
        if not cell.is_gpu
        and (
            name not in project.all_records
            or any(of_cell(project, name))
            or lacks_facts(project, name)
        )
    ]


def current(rows: Iterable[Row], cases: Iterable[Case]) -> Dict[Key, Row]:
    """Those of ``rows`` that ran the tests as they are now."""
    right = {case.key: case.fingerprint for case in cases}
    return {row.key: row for row in rows if right.get(row.key) == row.test}

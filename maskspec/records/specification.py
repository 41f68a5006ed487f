"""The whole: the catalogue, and what was recorded for it on each cell."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Dict, List, Optional, Set, Tuple

from maskspec.catalogue import project
from maskspec.catalogue.cells import Cell
from maskspec.catalogue.claims import decided_on
from maskspec.catalogue.verdicts import Key, verdict_of
from maskspec.records import facts, power, results
from maskspec.records.power import PowerRecord


@dataclass
class Specification(project.Project):
    """A project with its records.

    ``records`` are those of releases; those of ``prereleases`` and of ``gpus`` are free to differ,
    and only ``diff`` compares the latter with anything. A message of
    ``broken_records`` or ``missing_records`` names the file, the line and what is wrong there.
    """

    records: Dict[str, results.Record]
    prereleases: Dict[str, results.Record]
    gpus: Dict[str, results.Record]
    broken_records: List[str]
    missing_records: List[str]
    texts: Optional[Path] = None  # a folder with the texts of the sources, to prove the inventory

    @property
    def all_records(self) -> Dict[str, results.Record]:
        return {**self.records, **self.prereleases, **self.gpus}

    def cells(self, *claims: str) -> List[Cell]:
        """The cells of releases that decide one of ``claims``, in order."""
        standalone = any(case.standalone for claim in claims for case in self.cases(claim))
        known = [cell for cell in self.releases.cells.values() if not cell.stands_aside]
        return [cell for cell in known if decided_on(cell.implementation, standalone)]

    def verdicts(self, claim: str) -> Dict[str, Dict[str, str]]:
        """The recorded verdict of each case of ``claim`` by cell, cells in release order."""
        return self._verdicts.get(claim, {})

    def claim_verdicts(self, *claims: str) -> Dict[str, str]:
        """The verdict of ``claims``, taken as one, on each recorded cell that ran them."""
        if claims not in self._claim_verdicts:
            found: Dict[str, List[str]] = {}
            for claim in claims:
                for cell, cases in self.verdicts(claim).items():
                    found.setdefault(cell, []).extend(cases.values())
            verdicts = {cell: verdict_of(found[cell]) for cell in self.records if cell in found}
            self._claim_verdicts[claims] = verdicts
        return self._claim_verdicts[claims]

    @cached_property
    def has_atlas(self) -> bool:
        """Whether this project runs the atlas."""
        return (self.root / "tests" / "atlas").is_dir()

    @property
    def atlases(self) -> Dict[str, facts.Atlas]:
        """The atlas of each cell that has one which can be read, pre-releases included."""
        return self._atlases[0]

    @property
    def broken_atlases(self) -> List[str]:
        """A message, beginning with file and line, for each atlas that is broken."""
        return self._atlases[1]

    @property
    def missing_atlases(self) -> List[str]:
        """The same for each that is missing."""
        return self._atlases[2]

    @property
    def power(self) -> List[PowerRecord]:
        """What notices faults in each implementation in which they were planted."""
        return self._power[0]

    @property
    def broken_power(self) -> List[str]:
        """A message, beginning with file and line, for each record of power that is broken."""
        return self._power[1]

    def undecided(self, before: results.Record, after: results.Record) -> Set[Key]:
        """The cases of ``before`` that ran for ``after`` and ended in an error there.

        Only the record of a pre-release or a GPU may lack them. That they ran is known from the
        records of other cells that ran the same suite.
        """
        if not self.releases.cells[after.cell].stands_aside:
            return set()
        ran = {
            key
            for record in self.all_records.values()
            if record.header["suite"] == after.header["suite"]
            for key in record.by_key
        }
        return (before.by_key.keys() & ran) - after.by_key.keys()

    def why_unread(self, cell: str) -> List[str]:
        """The messages on the files of ``cell`` that are broken."""
        return [m for m in self.broken_records + self.broken_atlases if f"/{cell}/" in m]

    @cached_property
    def _atlases(self) -> Tuple[Dict[str, facts.Atlas], List[str], List[str]]:
        if not self.has_atlas:
            return {}, [], []
        return facts.read_all(self.root, self.releases.cells.values())

    @cached_property
    def _power(self) -> Tuple[List[PowerRecord], List[str]]:
        return power.read_all(self.root)

    @cached_property
    def _claim_verdicts(self) -> Dict[Tuple[str, ...], Dict[str, str]]:
        return {}

    @cached_property
    def _verdicts(self) -> Dict[str, Dict[str, Dict[str, str]]]:
        found: Dict[str, Dict[str, Dict[str, str]]] = {}
        for cell, record in self.records.items():
            for claim, cases in record.verdicts.items():
                found.setdefault(claim, {})[cell] = cases
        return found


def load(root: Path) -> Specification:
    """Read the project at ``root`` with every record that can be read."""
    catalogue = project.load(root)
    cells = catalogue.releases.cells
    records, broken, missing = results.read_all(root, cells)
    released = {name: r for name, r in records.items() if not cells[name].stands_aside}
    ahead = {name: r for name, r in records.items() if cells[name].is_pre}
    return Specification(
        **vars(catalogue),
        records=released,
        prereleases=ahead,
        gpus={name: r for name, r in records.items() if cells[name].is_gpu},
        broken_records=broken,
        missing_records=missing,
    )

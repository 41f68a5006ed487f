"""Turn the rows of a whole run into the record of a cell."""

import hashlib
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

from maskspec import results
from maskspec.collecting import cases_of, collect
from maskspec.discovery import Installed
from maskspec.releases import PRE


class NotRecorded(Exception):
    """The run is no whole, clean run of the cell; the message says why."""


def record(
    config: pytest.Config,
    folder: Path,
    installed: Installed,
    rows: List[Dict[str, Any]],
    exitstatus: int,
) -> Path:
    """Write ``folder/<cell>/results.jsonl`` from ``rows``; raise ``NotRecorded`` if incomplete.

    With ``--stale``, rows of the record there that are up to date stand for cases that have not
    run. An unexpected verdict is recorded (it was observed); an error or a missing case is not,
    but that the record of a pre-release may lack the cases that end in an error.
    """
    stale, is_pre = config.option.stale, installed.cell.endswith(PRE)
    nothing = (pytest.ExitCode.NO_TESTS_COLLECTED,) if stale else ()
    if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, *nothing):
        raise NotRecorded("the run was interrupted or could not start")
    mine = {(r["claim"], r["case"]): r for r in rows if r["cell"] == installed.cell}
    faults = {key for key, r in mine.items() if r["verdict"] == "error"}
    if faults and not is_pre:
        claims = ", ".join(sorted({claim for claim, _ in faults}))
        raise NotRecorded(f"{installed.cell}: no verdict on {claims}")
    collection = collect(config.rootpath)
    if collection.broken:
        raise NotRecorded(f"{': '.join(collection.broken[0])}; was it edited while it ran?")
    there = cases_of(collection.cases, installed.implementation)
    cases = {(c.claim, c.case): c for c in there}
    kept = up_to_date(folder, installed) if stale else {}
    recorded = {
        key: row for key, row in kept.items() if key in cases and row.test == cases[key].fingerprint
    }
    for key, r in mine.items():
        if key in cases and r["test"] != cases[key].fingerprint:
            raise NotRecorded(f"{' '.join(key)} was edited while it ran; run it again")
        if key in cases and key not in faults:
            recorded[key] = results.Row(*key, r["verdict"], r["observed"], r["test"])
    if set(recorded) | faults != set(cases):
        raise NotRecorded(
            f"{installed.cell}: {len(recorded)} of {len(cases)} cases ran; "
            "record a whole run, without --claim, -k or a path"
        )
    header = {
        **about(installed),
        "suite": suite([c.fingerprint for c in cases.values()]),
    }
    return results.write(folder, results.Record(header, list(recorded.values())))


def up_to_date(folder: Path, installed: Installed) -> Dict[Tuple[str, str], results.Row]:
    """The rows of the record there, if it was made in an environment like this one.

    Whether a row is up to date is for its fingerprint to say.
    """
    try:
        old = results.read(folder / installed.cell / "results.jsonl")
    except (FileNotFoundError, results.BrokenRecord):
        return {}
    if {k: v for k, v in old.header.items() if k != "suite"} != about(installed):
        return {}
    return {(row.claim, row.case): row for row in old.rows}


def about(installed: Installed) -> Dict[str, Any]:
    """What the header of a record says of the environment."""
    return {
        "schema": results.SCHEMA,
        "cell": installed.cell,
        "implementation": installed.implementation,
        "version": installed.version,
        "backend": installed.backend,
        **results.environment(),
    }


def suite(fingerprints: List[str]) -> str:
    """The revision of the whole suite: one hash over what all cases run."""
    return hashlib.sha256("".join(sorted(fingerprints)).encode()).hexdigest()[:12]

"""Turn the rows of a whole run into the record of a cell."""

import hashlib
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

from maskspec import results
from maskspec.collecting import cases_of, collect
from maskspec.discovery import Installed


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
    run. An unexpected verdict is recorded (it was observed); an error or a missing case is not.
    """
    stale = config.option.stale
    nothing = (pytest.ExitCode.NO_TESTS_COLLECTED,) if stale else ()
    if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, *nothing):
        raise NotRecorded("the run was interrupted or could not start")
    mine = {(r["claim"], r["case"]): r for r in rows if r["cell"] == installed.cell}
    faults = sorted({r["claim"] for r in mine.values() if r["verdict"] == "error"})
    if faults:
        raise NotRecorded(f"{installed.cell}: no verdict on {', '.join(faults)}")
    there = cases_of(collect(config.rootpath).cases, installed.implementation)
    cases = {(c.claim, c.case): c for c in there}
    kept = up_to_date(folder, installed) if stale else {}
    recorded = {
        key: row for key, row in kept.items() if key in cases and row.test == cases[key].fingerprint
    }
    for (claim, case), r in mine.items():
        if (claim, case) in cases:
            row = results.Row(
                claim, case, r["verdict"], r["observed"], cases[claim, case].fingerprint
            )
            recorded[claim, case] = row
    if set(recorded) != set(cases):
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

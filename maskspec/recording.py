"""Turn the rows of a whole run into the record of a cell."""

import hashlib
from pathlib import Path
from typing import Any, Dict, List

import pytest

from maskspec import results
from maskspec.collecting import collect
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

    An unexpected verdict is recorded (it was observed); an error or a missing case is not.
    """
    if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise NotRecorded("the run was interrupted or could not start")
    mine = {(r["claim"], r["case"]): r for r in rows if r["cell"] == installed.cell}
    faults = sorted({r["claim"] for r in mine.values() if r["verdict"] == "error"})
    if faults:
        raise NotRecorded(f"{installed.cell}: no verdict on {', '.join(faults)}")
    cases = {(c.claim, c.case): c for c in collect(config.rootpath).cases}
    if set(mine) != set(cases):
        raise NotRecorded(
            f"{installed.cell}: {len(set(mine) & set(cases))} of {len(cases)} cases ran; "
            "record a whole run, without --claim, -k or a path"
        )
    header = {
        "schema": results.SCHEMA,
        "cell": installed.cell,
        "implementation": installed.implementation,
        "version": installed.version,
        "backend": installed.backend,
        **results.environment(),
        "suite": suite([c.fingerprint for c in cases.values()]),
    }
    recorded = [
        results.Row(claim, case, r["verdict"], r["observed"], cases[claim, case].fingerprint)
        for (claim, case), r in mine.items()
    ]
    return results.write(folder, results.Record(header, recorded))


def suite(fingerprints: List[str]) -> str:
    """The revision of the whole suite: one hash over what all cases run."""
    return hashlib.sha256("".join(sorted(fingerprints)).encode()).hexdigest()[:12]

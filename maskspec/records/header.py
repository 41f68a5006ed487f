"""What the header of a record says of the environment that it was made in."""

from typing import Any, Dict

from maskspec.records import results
from maskspec.running.discovery import Installed


class NotRecorded(Exception):
    """The run is no whole, clean run of the cell; the message says why."""


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


def header_differs(old: Dict[str, Any], new: Dict[str, Any]) -> str:
    """What tells two headers apart, in words; "" if nothing does."""
    flat = [{**{k: v for k, v in h.items() if k in new}, **h["packages"]} for h in (old, new)]
    found = [
        f"{key} {flat[0].get(key, 'missing')}, here is {flat[1].get(key, 'none')}"
        for key in sorted(flat[0].keys() | flat[1].keys())
        if key != "packages" and flat[0].get(key) != flat[1].get(key)
    ]
    return "; ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")

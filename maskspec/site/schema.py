"""A JSON Schema as a table: what each key of a file means."""

from typing import Any, Dict, Iterator, Tuple

Row = Tuple[str, str, str]  # where, its type, what it means


def rows(schema: Dict[str, Any], top: Dict[str, Any], at: str = "") -> Iterator[Row]:
    """Every key below ``schema``, a part of ``top``: a list adds ``[]``, any key adds ``.*``."""
    found = {**top["$defs"].get(schema.get("$ref", "").rpartition("/")[2], {}), **schema}
    if at:
        yield at, _kind(found), found.get("description", "")
    for name, inner in found.get("properties", {}).items():
        yield from rows(inner, top, f"{at}.{name}" if at else name)
    for key, sign in (("items", "[]"), ("additionalProperties", ".*")):
        inner = found.get(key)
        if inner and (inner.keys() & {"properties", "items", "additionalProperties"}):
            yield from list(rows(inner, top, f"{at}{sign}"))[1:]


def _kind(found: Dict[str, Any]) -> str:
    kind = found.get("type", "")
    if "enum" in found:
        return " | ".join(found["enum"])
    if "const" in found:
        return str(found["const"])
    return " | ".join(kind) if isinstance(kind, list) else str(kind)

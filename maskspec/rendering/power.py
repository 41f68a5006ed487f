"""``spec/power/README.md``: what notices the faults that are planted in a framework."""

from typing import Callable, Dict, Iterator, List, Sequence

from maskspec.catalogue.implementations import IMPLEMENTATIONS
from maskspec.catalogue.words import count
from maskspec.records.power import FaultRow, PowerRecord, idle
from maskspec.records.specification import Specification

PAGE = "spec/power/README.md"
HEAD = """<!-- written by `maskspec sync`; do not edit -->
# Power: what notices a fault

A suite is worth what it notices. `python -m maskspec power` plants faults in the masking code of
an installed framework, one at a time and in memory: it swaps one function for a copy with one edit,
in a process of its own, and runs the claims and the questions of the atlas that come to the edited
statement. A fault is *noticed* if the verdict of a case or a fact becomes another one, or if the
process dies or does not end. A case or fact that ends in an error counts, too, here as in the tests
of the framework: it shows that something is broken, though not what. Faults that are noticed by
errors alone are counted apart.

- **Where**: statements that name a mask, stand below a condition that does, use a variable that
  is set from a mask, or are in a function that is named after masks. Functions in which a mask is
  something else (of images, of dropout, of pairs of samples) and those that only a GPU runs are no
  place for a fault; the list is in `maskspec/power/masking.py`.
- **Which**: the standard operators, in `maskspec/power/operators.py`. One of them drops arguments:
  of a call that is handed a mask by name, it drops that one alone. Another drops the keys of a
  config: it drops those alone that name a mask.
- **How many notice it**: the search ends at three claims and three facts, so that such numbers are
  *at least*. What the first few tests do not notice is put to others that come to it, until one
  notices it, up to the number that stands below. A claim or an aspect that notices nothing at first
  is asked again on more faults that it comes to. Of the tests that come with the framework, one is
  enough.
- **Excused**: a person has found that no program can tell the fault from the framework as it is, or
  only a program on other hardware (a GPU, several replicas), and has written why in
  `spec/power/equivalent.json`.

`python -m maskspec power Masking.call` measures the faults with these words in their ids, and
prints each. It runs all tests once before, which takes a minute or two. Without such words it
measures what the record here does not say yet: the faults whose tests have changed, and those that
nothing noticed, by the tests that have changed or are new. `--anew` measures all.
"""


def page(project: Specification, records: Sequence[PowerRecord]) -> str:
    """The whole page; each of ``records`` is one implementation."""
    lines = [HEAD]
    for record in records:
        lines += _of(project, record)
    return "\n".join(lines).rstrip() + "\n"


def _of(project: Specification, record: PowerRecord) -> Iterator[str]:
    counts = record.counts
    real = counts["faults"] - counts["equivalent"]
    yield f"## {_label(record)}"
    yield ""
    yield (
        f"{count(counts['faults'], 'fault')}, of which {counts['equivalent']} are excused. Of "
        f"the other {real}, **{counts['noticed']} are noticed ({_percent(counts['noticed'], real)})"
        f"**: {counts['by_claims']} by claims, {counts['by_facts']} by facts; "
        f"{counts['by_errors_alone']} by errors alone. None counts "
        f"as unnoticed before it was put to {count(record.header['asked']['claim'], 'case')} of "
        f"claims and {count(record.header['asked']['fact'], 'subject')}, or to all that come to "
        f"it.{_beside(record, real)}"
    )
    yield ""
    yield "### By module"
    yield ""
    yield from _table(record, "module", lambda row: f"`{row.file}`")
    yield ""
    yield "### By operator"
    yield ""
    yield from _table(record, "operator", lambda row: row.operator)
    yield ""
    yield "### Faults that nothing notices"
    yield ""
    left = [row for row in record.faults if not row.is_noticed and not row.equivalent]
    yield from [f"- `{row.function}` ({row.file}:{row.line}): {row.does}" for row in left] or [
        "None."
    ]
    yield ""
    yield "### Claims that no fault changes"
    yield ""
    again = record.header["asked"]["again"]
    yield (
        f"Each was asked again on at most {count(again, 'fault')} that it comes to:"
        if again
        else "None of them was asked again yet; the search above ends before it comes to most:"
    )
    yield ""
    yield from _idle(project, record)
    yield ""


def _beside(record: PowerRecord, real: int) -> str:
    """What the tests that come with the framework notice, in a sentence; "" if none were run."""
    measured = [row for row in record.faults if row.theirs is not None and not row.equivalent]
    if not measured:
        return ""
    seen = sum(bool(row.theirs) for row in measured)
    on = f" of the {len(measured)} that they were run on" if len(measured) != real else ""
    return (
        f" The tests that come with the framework, those of the same modules, notice {seen}{on} "
        f"({_percent(seen, len(measured))})."
    )


def _table(record: PowerRecord, what: str, key: Callable[[FaultRow], str]) -> List[str]:
    groups: Dict[str, List[FaultRow]] = {}
    for row in record.faults:
        groups.setdefault(key(row), []).append(row)
    theirs = any(row.theirs is not None for row in record.faults)
    head = [what, "faults", "excused", "noticed", "by claims", "by facts", "by errors alone"]
    lines = [[*head, "by Keras's own tests"] if theirs else head]
    lines.append(["---"] * len(lines[0]))  # the site allows no styles in a page
    for name, alike in sorted(groups.items()):
        mine = [row for row in alike if not row.equivalent]
        seen = [sum(row.is_noticed for row in mine), sum(bool(row.claims) for row in mine)]
        seen += [sum(bool(row.facts) for row in mine), sum(row.only_errors for row in mine)]
        seen += [sum(bool(row.theirs) for row in mine)] if theirs else []
        counts = [len(alike), len(alike) - len(mine), *seen]
        lines.append([name, *map(str, counts)])
    return [f"| {' | '.join(line)} |" for line in lines]


def _idle(project: Specification, record: PowerRecord) -> Iterator[str]:
    reasons = idle(project.root, record.header["implementation"])
    found: Dict[str, List[str]] = {}
    for row in record.claims:
        if not row.faults and row.name in project.book.by_id():
            found.setdefault(reasons.get(row.name, "not looked at yet"), []).append(row.name)
    for reason, names in sorted(found.items()):
        yield f"- {reason}: {', '.join(_link(project, name) for name in names)}"
    if not found:
        yield "None."


def _link(project: Specification, claim: str) -> str:
    return f"[{claim}](../{project.book.by_id()[claim].chapter}.md#{claim})"


def of_claim(records: Sequence[PowerRecord], claim: str) -> str:
    """What faults turn the verdict of ``claim``, in a sentence; "" if none is known."""
    told = []
    for record in records:
        row = record.by_claim.get(claim)
        if row is not None and row.faults:
            fault = record.by_id[row.plainest]
            told.append(
                f"{count(row.faults, 'fault')} planted in {_label(record)}; the plainest, in "
                f"`{fault.function}`: {fault.does}"
            )
    return f"Changed by at least {', and by '.join(told)}." if told else ""


def _label(record: PowerRecord) -> str:
    name = IMPLEMENTATIONS[record.header["implementation"]].label.split()[0]
    return f"{name} {record.header['version']}"


def _percent(part: int, of: int) -> str:
    return f"{100 * part / of:.1f} %" if of else "none"

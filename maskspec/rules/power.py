"""Rules on power: up to date with the tests that it names, and no excuse for what is not there."""

from maskspec.catalogue.cases import cases_of
from maskspec.catalogue.implementations import IMPLEMENTATIONS
from maskspec.catalogue.words import and_more, count
from maskspec.records import power
from maskspec.records.power import FOLDER, PowerRecord
from maskspec.records.specification import Specification
from maskspec.rules.kinds import Found, place, rule


def where(record: PowerRecord) -> str:
    return f"{FOLDER}/{record.header['implementation']}.jsonl"


@rule("broken-power", "restore that file, or measure again: python -m maskspec power")
def broken_power(project: Specification) -> Found:
    yield from map(place, project.broken_power)


@rule("stale-power", "measure again: python -m maskspec power")
def stale_power(project: Specification) -> Found:
    for record in project.power:
        cases = cases_of(project.collection.cases, record.header["implementation"])
        others = power.outdated(record, power.hashes(cases))
        if others:
            what = f"measured with {count(len(others), 'other test')}: {and_more(others, 2)}"
            yield where(record), 1, what


@rule("dead-excuse", "take it out, or measure again: python -m maskspec power")
def dead_excuse(project: Specification) -> Found:
    known = {record.header["implementation"]: record for record in project.power}
    for name, excused in power.excuses(project.root, power.EQUIVALENT).items():
        if name in IMPLEMENTATIONS and name not in known:
            continue  # nothing is measured yet
        rows = known[name].by_id if name in known else {}
        for fault, reason in excused.items():
            if fault not in rows or rows[fault].equivalent != reason:
                yield (
                    f"{FOLDER}/{power.EQUIVALENT}",
                    1,
                    f"no measured fault has the excuse of {fault}",
                )
    for name, reasons in power.excuses(project.root, power.IDLE).items():
        claims = known[name].by_claim if name in known else {}
        for claim in reasons:
            if claim not in claims or claims[claim].faults:
                yield f"{FOLDER}/{power.IDLE}", 1, f"{claim} of {name} is not idle"

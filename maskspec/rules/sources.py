"""Rules on the inventory of the sources, and what proves it against their texts."""

from maskspec.catalogue.sources import STATEMENT_EXCUSES, UNIT_EXCUSES, account
from maskspec.records.specification import Specification
from maskspec.rules.kinds import Found, rule


@rule("unproved-inventory", "read the text again; mend the inventory in spec/sources")
def unproved_inventory(project: Specification) -> Found:
    if project.texts is None:
        return
    for source in project.sources.values():
        text = project.texts / f"{source.slug}.txt"
        if not text.is_file():
            yield str(text), 1, "there is no such text"
            continue
        for line, what in account(source, text.read_text(encoding="utf-8")):
            yield source.path("units"), line, what


@rule("unknown-statement", "mend the id, or add the statement to the inventory of its source")
def unknown_statement(project: Specification) -> Found:
    known = project.statements()
    for claim in project.book.claims:
        for id in claim.statements:
            if id not in known:
                yield claim.path, claim.line, f"{claim.id} restates {id}, which is in no inventory"
    for source in project.sources.values():
        for unit in source.units:
            for id in unit.statements:
                if id not in known or unit.unit not in known[id].units:
                    yield source.path("units"), unit.line, f"{unit.unit} and {id} disagree"


@rule("statement-not-restated", "add a claim with this statement in its 'Said in:'")
def statement_not_restated(project: Specification) -> Found:
    restated = {id for claim in project.book.claims for id in claim.statements}
    for source in project.sources.values():
        stated = {id for unit in source.units for id in unit.statements}
        for statement in source.statements:
            if not statement.untestable and statement.id not in restated:
                yield source.path("statements"), statement.line, f"no claim restates {statement.id}"
            if statement.id not in stated:
                where = source.path("statements"), statement.line
                yield (*where, f"{statement.id} is made by no unit of the text")


@rule("unlisted-excuse", "use a reason of the closed lists in maskspec/catalogue/sources.py")
def unlisted_excuse(project: Specification) -> Found:
    for source in project.sources.values():
        for unit in source.units:
            if not unit.statements and unit.excused not in UNIT_EXCUSES:
                yield source.path("units"), unit.line, f"{unit.unit}: excuse {unit.excused!r}"
        for statement in source.statements:
            if statement.untestable and statement.untestable not in STATEMENT_EXCUSES:
                what = f"{statement.id}: untestable because {statement.untestable!r}"
                yield source.path("statements"), statement.line, what

"""The fact-check page of a source: its statements in its order, each with its verdict."""

import re
from typing import Dict, Iterable, Iterator, List, NamedTuple, Tuple

from maskspec.catalogue.implementations import TABLE
from maskspec.catalogue.sources import STATEMENT_EXCUSES, Source, Statement
from maskspec.catalogue.verdicts import HOLDS, PARTLY, is_simply_true
from maskspec.records.specification import Specification
from maskspec.rendering.wording import by_implementation, describe


class Judged(NamedTuple):
    """The statements of a source in its order, and their verdicts by cell; ``odd`` are those of the
    tested that are not simply true, ``nowhere`` those of them that hold nowhere."""

    statements: List[Statement]
    verdicts: Dict[str, Dict[str, str]]
    tested: List[Statement]
    odd: List[Statement]
    nowhere: List[Statement]


def judged(project: Specification, source: Source) -> Judged:
    """How the statements of ``source`` fare."""
    statements = sorted(source.statements, key=lambda s: _place(s.units[0]))
    verdicts = {s.id: verdicts_of(project, s.id) for s in statements}
    tested = [s for s in statements if not s.untestable]
    odd = [s for s in tested if not is_simply_true(verdicts[s.id])]
    nowhere = [s for s in odd if not {HOLDS, PARTLY} & set(verdicts[s.id].values())]
    return Judged(statements, verdicts, tested, odd, nowhere)


def page(project: Specification, source: Source) -> str:
    """The whole page: a summary, what is not simply true, what contradicts what, everything."""
    statements, verdicts, tested, odd, nowhere = judged(project, source)
    columns = columns_of(verdicts, project)
    return "\n".join(
        [
            "<!-- written by `maskspec sync`; do not edit -->",
            f"# Fact check: {source.title}",
            "",
            f"Source `{source.slug}`" + (f", {source.date}." if source.date else ", undated."),
            f"It makes {len(statements)} statements about masking; "
            f"{len(tested)} of them can be tested.",
            f"On the {len(project.records)} recorded cells:",
            "",
            f"- {len(tested) - len(odd)} hold everywhere, or wherever what they speak of exists;",
            f"- {len(odd) - len(nowhere)} hold somewhere: on some releases, for some cases, or in "
            "one of two readings;",
            f"- {len(nowhere)} hold nowhere.",
            "",
            "The statements are in our words; the verdict is that of the claims that restate them,",
            "taken together.",
            "",
            "## Not simply true",
            "",
            *_table(["statement", "says", *columns.values(), "claim", "what happens instead"]),
            *(_odd(project, s, verdicts[s.id], columns) for s in odd),
            *_contradictions(project, statements),
            "",
            "## All statements",
            "",
            *_table(["statement", "where", "says", *columns.values(), "claim"]),
            *(_any(project, s, verdicts[s.id], columns) for s in statements),
            "",
        ]
    )


def columns_of(verdicts: Dict[str, Dict[str, str]], project: Specification) -> Dict[str, str]:
    """The implementations that have a verdict on the page, and what each is called."""
    cells = project.releases.cells
    here = {cells[name].implementation for by_cell in verdicts.values() for name in by_cell}
    return {one.name: one.label for one in TABLE if one.name in here}


def _odd(
    project: Specification, s: Statement, verdicts: Dict[str, str], columns: Dict[str, str]
) -> str:
    claims = [c.id for c in project.restating(s.id)]
    findings = sorted({i for c in claims for case in project.cases(c) for i in case.instead})
    otherwise = [c.otherwise for c in project.restating(s.id) if c.otherwise]
    instead = "; ".join([*otherwise, *([_links(findings)] if findings else [])])
    words = by_implementation(verdicts, project.cells(*claims))
    return _row([s.id, s.says, *(words.get(i, "") for i in columns), _links(claims), instead])


def _any(
    project: Specification, s: Statement, verdicts: Dict[str, str], columns: Dict[str, str]
) -> str:
    claims = [c.id for c in project.restating(s.id)]
    words = by_implementation(verdicts, project.cells(*claims))
    cells = [words.get(i, "") for i in columns]
    if s.untestable:
        cells[:1] = [f"not testable: {STATEMENT_EXCUSES.get(s.untestable, '?')}"]
    return _row([s.id, span(s.units), s.says, *cells, _links(claims)])


def contradictions(
    project: Specification, statements: List[Statement]
) -> List[Tuple[Statement, Statement]]:
    """Which of ``statements`` contradict which others, each pair once."""
    known = project.statements()
    pairs = {(s.id, other) for s in statements for other in s.against if other in known}
    mine = {s.id for s in statements}
    pairs -= {(a, b) for a, b in pairs if b in mine and (b, a) in pairs and b < a}
    return [(known[a], known[b]) for a, b in sorted(pairs)]


def _contradictions(project: Specification, statements: List[Statement]) -> Iterator[str]:
    mine = {s.id for s in statements}
    pairs = contradictions(project, statements)
    if not pairs:
        return
    yield from ["", "## What contradicts what", ""]
    yield from _table(["statement", "says", "verdict", "against", "says", "verdict"])
    for pair in pairs:
        cells: List[str] = []
        for statement in pair:
            claims = [c.id for c in project.restating(statement.id)]
            words = describe(verdicts_of(project, statement.id), project.cells(*claims))
            name = statement.id if statement.id in mine else _on_its_page(statement)
            cells += [name, statement.says, f"{words}: {_links(claims)}"]
        yield _row(cells)


def verdicts_of(project: Specification, statement: str) -> Dict[str, str]:
    return project.claim_verdicts(*(c.id for c in project.restating(statement)))


def _on_its_page(statement: Statement) -> str:
    return f"[{statement.id}]({statement.source}.md)"


def _links(ids: Iterable[str]) -> str:
    return ", ".join(f"[{i}](../{i.partition('.')[0]}.md#{i})" for i in ids)


def _table(names: List[str]) -> List[str]:
    return [_row(names), "|" + "---|" * len(names)]


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(re.sub(r"[|<]", _escaped, cell) for cell in cells) + " |"


def _escaped(found: "re.Match[str]") -> str:
    return {"|": "\\|", "<": "&lt;"}[found.group()]


def span(units: Tuple[str, ...]) -> str:
    return units[0] if len(units) == 1 else f"{units[0]}–{units[-1]}"


def _place(unit: str) -> Tuple[int, ...]:
    """``L14.s2`` -> (14, 2), to sort by."""
    return tuple(int(number) for number in re.findall(r"\d+", unit))

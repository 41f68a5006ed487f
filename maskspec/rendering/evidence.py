"""``spec/evidence/``: what was seen of each claim, one page a chapter. All of it is generated."""

from typing import Iterator, List, Mapping, Sequence

from maskspec.atlas.questions import page_of
from maskspec.catalogue.pages import Chapter, Claim
from maskspec.catalogue.verdicts import group_cases
from maskspec.records.specification import Specification
from maskspec.rendering import power
from maskspec.rendering.wording import describe, strip

NAMED_CASES = 12


def page(project: Specification, chapter: Chapter, layers: Mapping[str, Sequence[str]]) -> str:
    """The whole page of evidence for ``chapter``.

    ``layers`` are those with facts that a claim explains, by claim.
    """
    lines = [
        "<!-- written by `maskspec sync`; do not edit -->",
        f"# Evidence: {chapter.title}",
        "",
        f"What was seen of the claims of [{chapter.title}](../{chapter.name}.md); "
        "[how to read it](../README.md#how-to-read-the-evidence).",
    ]
    for claim in (c for c in project.book.claims if c.chapter == chapter.name):
        lines += ["", *_of(project, claim), *_explained(layers.get(claim.id, ()))]
    return "\n".join(lines) + "\n"


def _of(project: Specification, claim: Claim) -> Iterator[str]:
    cells, cases = project.cells(claim.id), project.cases(claim.id)
    summary = project.claim_verdicts(claim.id)
    yield f'<a id="{claim.id}"></a>'
    yield f"### [{claim.id}](../{claim.chapter}.md#{claim.id})"
    yield claim.sentence
    yield ""
    yield f"**{sentence(describe(summary, cells))}**{instead(project, claim, '../')}"
    history = strip(summary, cells)
    if history:
        yield from ["", f"`{history}`"]
    groups = group_cases(project.verdicts(claim.id))
    if len(groups) > 1:
        yield ""
        for verdicts, names in groups:
            yield f"- {_named(names)}: {describe(verdicts, cells)}"
    for test in list(dict.fromkeys((case.test, case.path) for case in cases)):
        count = f", {len(cases)} cases" if len(cases) > 1 else ""
        yield from ["", f"Test: `{test[0]}` in [{test[1]}](../../{test[1]}){count}."]
    noticed = power.of_claim(project.power, claim.id)
    if noticed:
        yield from ["", f"[Power](../power/README.md): {noticed}"]


def _explained(layers: Sequence[str]) -> Iterator[str]:
    if layers:
        links = ", ".join(f"[{layer}](../atlas/{page_of(layer)}.md)" for layer in layers)
        yield from ["", f"Explains facts of {links}."]


def sentence(words: str) -> str:
    """``words`` as a sentence."""
    return f"{words[:1].upper()}{words[1:]}."


def instead(project: Specification, claim: Claim, to_spec: str = "") -> str:
    """What is so where ``claim`` is refuted: `` Instead: …``, or "" if it is nowhere.

    ``to_spec`` leads from the page to the folder ``spec/``; "" is the page of the chapter itself.
    """
    if claim.otherwise:
        return f" Otherwise: {claim.otherwise}" if to_spec else ""  # the chapter page says it
    links = []
    for id in findings_instead(project, claim):
        home = id.partition(".")[0]
        there = f"#{id}" if home == claim.chapter and not to_spec else f"{to_spec}{home}.md#{id}"
        links.append(f"[{id}]({there})")
    return f" Instead: {', '.join(links)}." if links else ""


def findings_instead(project: Specification, claim: Claim) -> List[str]:
    """The ids of the findings that say what is so where ``claim`` is refuted."""
    return sorted({id for case in project.cases(claim.id) for id in case.instead})


def _named(cases: List[str]) -> str:
    shown = [f"`{name}`" for name in cases[:NAMED_CASES]]
    more = len(cases) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")

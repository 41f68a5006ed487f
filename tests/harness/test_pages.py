"""Reading a chapter page: a claim's parts, and each form that cannot be read."""

import pytest

from maskspec import pages

CLAIM = """# Demo

<a id="demo.first"></a>
### demo.first
It is so,
and stays so.

Said in: talk-001, other-002
<!-- evidence: written by `maskspec sync` -->
**Holds.**
<!-- /evidence -->

Because.
"""


def read(tmp_path, text):
    folder = tmp_path / "spec"
    folder.mkdir()
    (folder / "demo.md").write_text(text, encoding="utf-8")
    return pages.read(tmp_path)


def test_a_claim_has_its_parts_and_its_place(tmp_path):
    book = read(tmp_path, CLAIM)
    assert book.broken == []
    (claim,) = book.claims
    assert claim == pages.Claim(
        "demo.first",
        "It is so, and stays so.",
        ("talk-001", "other-002"),
        "spec/demo.md",
        4,
        (9, 10),
    )
    assert (claim.chapter, claim.is_finding) == ("demo", False)


def test_a_claim_that_no_source_makes_is_a_finding(tmp_path):
    book = read(tmp_path, CLAIM.replace("Said in: talk-001, other-002", pages.FINDING))
    assert book.by_id()["demo.first"].is_finding
    assert book.claims[0].statements == ()


def test_a_section_ends_a_claim(tmp_path):
    book = read(tmp_path, CLAIM + "\n## Next\n\nSaid in: talk-009\n")
    assert [c.statements for c in book.claims] == [("talk-001", "other-002")]
    assert book.broken == []


def test_a_page_without_claims_has_none(tmp_path):
    assert read(tmp_path, "# Demo\n\nProse only.\n") == ([], [])


def test_the_readme_and_the_changes_are_no_chapters(tmp_path):
    folder = tmp_path / "spec"
    folder.mkdir()
    for name in ("README.md", "CHANGES.md", "b.md", "a.md"):
        (folder / name).write_text("# Title\n", encoding="utf-8")
    assert [p.name for p in pages.chapters(tmp_path)] == ["a.md", "b.md"]


ANCHOR = '<a id="demo.first"></a>\n'
START, END = pages.EVIDENCE_START + "\n", pages.EVIDENCE_END + "\n"
SAID = "Said in: talk-001, other-002\n"
# name: (what stands there, what stands there instead, line, what is said, how to mend it)
BROKEN = {
    "an anchor above no heading": (ANCHOR, ANCHOR + "\n", 3, "above no '### '", "right above"),
    "no anchor": (ANCHOR, "\n", 4, "demo.first has no anchor", '<a id="demo.first"></a>'),
    "another anchor": (ANCHOR, ANCHOR.replace("first", "last"), 4, "has no anchor", "put <a id="),
    "an id in capitals": ("### demo.first", "### Demo.First", 4, "'Demo.First' is no", "### <chap"),
    "an id without a chapter": ("### demo.first", "### first", 4, "'first' is no claim", "### <ch"),
    "another chapter": ("demo.first", "shape.first", 4, "page of another chapter", "rename"),
    "no statements": (SAID, "", 4, "0 lines 'Said in:'", "write one: 'Said in: guide-001"),
    "statements twice": (SAID, SAID * 2, 4, "2 lines 'Said in:'", "write one"),
    "no sentence": ("It is so,\nand stays so.\n", "", 4, "says nothing", "sentence below"),
    "a wrong statement id": (
        "other-002",
        "other-2",
        8,
        "'other-2' is no statement id",
        "guide-001",
    ),
    "no statement id": (SAID, "Said in:\n", 8, "'' is no statement id", "or 'Said in: no source"),
    "an open end": (END, "", 9, "do not pair", "below it one <!-- /evidence -->"),
    "an open start": (START, "", 10, "do not pair", "write one <!-- evidence"),
    "markers twice": (START, START * 2, 9, "do not pair", "write one"),
    "markers reversed": (f"{START}**Holds.**\n{END}", END + START, 10, "do not pair", "write one"),
}


@pytest.mark.parametrize("form", BROKEN)
def test_a_broken_form_is_named_with_its_place_and_how_to_mend_it(tmp_path, form):
    old, new, line, what, mend = BROKEN[form]
    assert old in CLAIM
    broken = read(tmp_path, CLAIM.replace(old, new)).broken[0]
    assert (broken.path, broken.line) == ("spec/demo.md", line)
    assert what in broken.what
    assert mend in broken.mend


@pytest.mark.parametrize("form", sorted(set(BROKEN) - {"an anchor above no heading"}))
def test_a_broken_claim_is_no_claim(tmp_path, form):
    old, new, *_ = BROKEN[form]
    assert read(tmp_path, CLAIM.replace(old, new)).claims == []

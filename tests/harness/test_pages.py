"""Reading a chapter page: a claim's parts, and each form that cannot be read."""

import pytest

from maskspec.catalogue import pages

CLAIM = """# Demo

<a id="demo.first"></a>
### demo.first
It is so,
and stays so.

Otherwise: it is not.

Said in: talk-001, other-002

Seen: **Holds.**

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
        "it is not.",
        ("talk-001", "other-002"),
        "Because.",
        "spec/demo.md",
        line=4,
        said=10,
        seen=12,
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
    book = read(tmp_path, "# Demo\n\nProse only.\n")
    assert (book.claims, book.broken) == ([], [])
    assert book.title("demo") == "Demo"


def test_a_claim_that_was_never_synced_has_no_line_seen(tmp_path):
    book = read(tmp_path, CLAIM.replace("Seen: **Holds.**\n\n", ""))
    assert (book.claims[0].seen, book.claims[0].explanation) == (None, "Because.")


ADVICE = {
    "a paragraph": ("Mask the\nsteps.\n\nMore.", ["Mask the", "steps."]),
    "a link": ("See [the page](other.md#x).", ["See the page."]),
    "code that it announces": (
        "Write:\n\n```python\na = 1\n\nb = 2\n```\n\nMore.",
        ["Write:", "", "```python", "a = 1", "", "b = 2", "```"],
    ),
    "nothing": ("", []),
}


@pytest.mark.parametrize("form", ADVICE)
def test_the_advice_is_the_first_paragraph_with_what_it_announces(tmp_path, form):
    text, advice = ADVICE[form]
    assert read(tmp_path, CLAIM.replace("Because.", text)).claims[0].advice == advice


def test_the_anchor_of_the_next_claim_is_no_part_of_the_explanation(tmp_path):
    second = CLAIM.replace("# Demo\n", "").replace("demo.first", "demo.second")
    book = read(tmp_path, CLAIM + second)
    assert [c.explanation for c in book.claims] == ["Because.", "Because."]


def test_a_page_that_is_no_utf_8_is_named_with_its_line(tmp_path):
    (tmp_path / "spec").mkdir()
    (tmp_path / "spec" / "demo.md").write_bytes(b"# Demo\n\n\xff\n")
    (broken,) = pages.read(tmp_path).broken
    assert (broken.path, broken.line, broken.what) == ("spec/demo.md", 3, "this is no UTF-8")


def test_the_readme_and_the_changes_are_no_chapters(tmp_path):
    folder = tmp_path / "spec"
    folder.mkdir()
    for name in ("README.md", "CHANGES.md", "b.md", "a.md"):
        (folder / name).write_text("# Title\n", encoding="utf-8")
    assert [p.name for p in pages.paths(tmp_path)] == ["a.md", "b.md"]


ANCHOR = '<a id="demo.first"></a>\n'
SEEN = "Seen: **Holds.**\n"
SAID = "Said in: talk-001, other-002\n"
# name: (what stands there, what stands there instead, line, what is said, how to mend it)
BROKEN = {
    "no title": ("# Demo", "Demo", 1, "has no title", "begin it with '# '"),
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
        10,
        "'other-2' is no statement id",
        "guide-001",
    ),
    "no statement id": (SAID, "Said in:\n", 10, "'' is no statement id", "or 'Said in: no source"),
    "seen twice": (SEEN, SEEN * 2, 12, "2 lines 'Seen:'", "leave the one below"),
    "seen above": ("It is so", SEEN + "It is so", 5, "2 lines 'Seen:'", "leave the one below"),
}


@pytest.mark.parametrize("form", BROKEN)
def test_a_broken_form_is_named_with_its_place_and_how_to_mend_it(tmp_path, form):
    old, new, line, what, mend = BROKEN[form]
    assert old in CLAIM
    broken = read(tmp_path, CLAIM.replace(old, new)).broken[0]
    assert (broken.path, broken.line) == ("spec/demo.md", line)
    assert what in broken.what
    assert mend in broken.mend


@pytest.mark.parametrize("form", sorted(set(BROKEN) - {"an anchor above no heading", "no title"}))
def test_a_broken_claim_is_no_claim(tmp_path, form):
    old, new, *_ = BROKEN[form]
    assert read(tmp_path, CLAIM.replace(old, new)).claims == []

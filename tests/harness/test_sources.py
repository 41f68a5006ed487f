"""The inventory of a source against its text: changed, missing, left over, covered in part."""

import hashlib
import json

import pytest

from maskspec.catalogue.sources import Source, Unit, account, digest, read

TEXT = "# Title\n\nOne is so. Two is not.\n```python\n  code(1)  \n```\n"
UNITS = (
    ("L1.s1", "# Title"),
    ("L3.s1", "One is so."),
    ("L3.s2", "Two is not."),
    ("L5.c1", "code(1)"),
)


def source(units=UNITS):
    found = [Unit("talk", u, digest(t), (), "advice", n) for n, (u, t) in enumerate(units, 1)]
    return Source("talk", "A talk", None, [], found)


def test_an_inventory_that_covers_the_text_is_accepted():
    assert list(account(source(), TEXT)) == []


@pytest.mark.parametrize(
    "old, new, line, what",
    [
        ("One is so.", "One was so.", 2, "L3.s1 has changed: no text there has the hash"),
        ("Two is not.", "Two is not so.", 3, "L3.s2 has changed"),
        ("Two is not.", "", 3, "L3.s2 has changed"),
        ("# Title", "", 1, "L1.s1 is not in the text"),
        ("Two is not.", "Two is not. Three.", 1, "L3 of the text has a part that is neither"),
        ("```\n", "```\nAfter.\n", 1, "L7 of the text has a part that is neither stated nor"),
        ("so. Two is not.", "so.  \n Two is not.", 3, "L3.s2 has changed"),
    ],
)
def test_a_changed_text_is_noticed_where_it_changed(old, new, line, what):
    text = TEXT[::-1].replace(old[::-1], new[::-1], 1)[::-1]  # the last of them
    problems = list(account(source(), text))
    assert any(at == line and what in told for at, told in problems), problems


@pytest.mark.parametrize("gone", range(len(UNITS)))
def test_a_unit_left_out_of_the_inventory_is_noticed(gone):
    kept = [u for i, u in enumerate(UNITS) if i != gone]
    assert list(account(source(kept), TEXT)) != []


def test_a_unit_that_the_text_does_not_have_is_noticed():
    problems = list(account(source((*UNITS, ("L9.s1", "More."))), TEXT))
    assert problems == [(5, "L9.s1 is not in the text")]


def test_an_empty_text_accounts_for_nothing():
    assert len(list(account(source(), ""))) == len(UNITS)


def test_the_digest_is_the_start_of_the_sha256():
    assert digest("ä") == hashlib.sha256(b"\xc3\xa4").hexdigest()[:12]


def test_the_inventory_is_read_with_the_line_of_each_entry(mini):
    talk = read(mini.root)["talk"]
    assert (talk.slug, talk.title, talk.date) == ("talk", "A talk", None)
    assert [s.id for s in talk.statements] == [f"talk-00{i}" for i in range(1, 6)]
    assert (talk.units[3].unit, talk.units[3].excused, talk.units[3].line) == ("L3.s2", "advice", 4)


def test_a_broken_line_of_the_inventory_is_named(mini):
    name = "spec/sources/talk.units.jsonl"
    mini.write(name, mini.read(name) + json.dumps({"unit": "L9.s1"})[:-1])
    with pytest.raises(ValueError, match=r"talk\.units\.jsonl:7: this line is no JSON"):
        read(mini.root)

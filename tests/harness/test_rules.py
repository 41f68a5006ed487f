"""Every rule of the catalogue check: the miniature trips none, each edit of it trips one."""

import json
import re
import shutil

import pytest
import test_atlas_rules
import test_power_record
from atlases import survey

from maskspec.__main__ import main
from maskspec.rules.check import RULES

PAGE, TESTS, TOX = "spec/demo.md", "tests/test_demo.py", "tox.ini"
UNITS, STATEMENTS = "spec/sources/talk.units.jsonl", "spec/sources/talk.statements.jsonl"
CELLS, INDEX = "spec/releases/cells.json", "spec/README.md"
RECORD = "spec/releases/tf2.15/results.jsonl"
NEIGHBOURS = "keras3.14-tensorflow", "keras3.15-tensorflow"
OTHERWISE = "Otherwise: no.\n\n"
RENAMED = "spec/renamed.json"
ZERO = '@claim("demo.pads-with-zero")'
LAST = '{"keras": ">=3.15"}, instead'

# (rule, file to edit, what stands there or None for all of it, what shall stand there,
#  part of the message)
EDITS = [
    ("broken-page", PAGE, "### demo.twice", "### Twice", "'Twice' is no claim id"),
    ("broken-test", TESTS, "from maskspec import", "from maskspec import nothing,", "nothing"),
    ("broken-test", TESTS, '">=3.15"}, instead', '"3.15 up"}, instead', "no version specifier"),
    ("empty-input", PAGE, None, "# Demo\n", "no page has a claim"),
    ("empty-input", TESTS, None, "", "no test decides a claim"),
    ("empty-input", CELLS, None, '{"releases": {}, "cells": {}}', "there is no cell"),
    ("empty-input", "spec/sources/sources.json", None, "{}", "no source is covered"),
    ("empty-input", UNITS, None, "", "source talk has no statements or units"),
    ("empty-input", STATEMENTS, None, "", "source talk has no statements or units"),
    ("names-alike", "spec/sources/Talk.units.jsonl", None, "", "Talk.units.jsonl in capitals"),
    ("unknown-claim", TESTS, ZERO, '@claim("demo.zero")', "decides demo.zero, which no page has"),
    ("claim-without-test", TESTS, ZERO, '@claim("demo.zero")', "no test decides demo.pads-with-z"),
    ("test-without-claim", TESTS, ZERO + "\n", "", "test_pads_with_zero"),
    ("broken-page", INDEX, "<!-- chapters:", "<!-- chapter:", "it has no <!-- chapters"),
    ("duplicate-test", TESTS, '"demo.twice"', '"demo.pads-last"', "demo.pads-last is decided by"),
    ("wrong-module", TESTS, ZERO, '@claim("loss.zero")', "belongs to test_loss.py"),
    ("unexplained-claim", PAGE, "\nIt is new.\n", "", "demo.twice is not explained"),
    ("unknown-statement", PAGE, "talk-001", "talk-009", "restates talk-009, which is in no inv"),
    ("unknown-statement", UNITS, '["talk-002"]', '["talk-001"]', "L1.s2 and talk-001 disagree"),
    ("unknown-statement", UNITS, '["talk-002"]', '["talk-009"]', "L1.s2 and talk-009 disagree"),
    ("statement-not-restated", PAGE, "talk-002", "talk-001", "no claim restates talk-002"),
    ("statement-not-restated", UNITS, '["talk-002"]', '["talk-001"]', "talk-002 is made by no"),
    ("unlisted-excuse", UNITS, '"advice"', '"boring"', "L3.s2: excuse 'boring'"),
    ("unlisted-excuse", UNITS, '"excused": "advice"', '"x": 1', "L3.s2: excuse None"),
    ("unlisted-excuse", STATEMENTS, '"says"', '"untestable": "hard", "says"', "because 'hard'"),
    (
        "refuted-without-instead",
        TESTS,
        ', instead="demo.pads-first"',
        "",
        "nothing says what",
    ),
    ("unknown-instead", TESTS, 'instead="demo.pads-first"', 'instead="demo.up"', "is on no page"),
    ("unknown-instead", TESTS, 'instead="demo.pads-first"', 'instead="demo.pads-last"', "itself"),
    ("unknown-instead", TESTS, ZERO, ZERO[:-1] + ', instead="demo.twice")', "refuted nowhere"),
    (
        "needless-otherwise",
        PAGE,
        "Said in: talk-001",
        "Otherwise: no.\n\nSaid in: talk-001",
        "hold every",
    ),
    ("unknown-id", PAGE, "It is new.", "It is as `talk-002`, not as `talk-009`.", "no talk-009"),
    (
        "unknown-id",
        PAGE,
        "It is new.",
        "See `demo.kinds-keep` and `demo.kinds-kept`.",
        "demo.kinds-kept",
    ),
    ("unknown-id", PAGE, "It is new.", "As on tf2.15, not on `tf2.9`.", "there is no tf2.9"),
    (
        "dead-rename",
        "spec/renamed.json",
        None,
        '{"demo.twice": "demo.pads-last"}',
        "still on a page",
    ),
    (
        "dead-rename",
        "spec/renamed.json",
        None,
        '{"demo.no-more": "demo.none"}',
        "which is on no page",
    ),
    ("instead-does-not-hold", TESTS, 'instead="demo.pads-first"', 'instead="demo.twice"', "tf2.15"),
    ("unknown-release", TESTS, LAST, LAST.replace("3.15", "3.99"), "3.99 is no known release"),
    ("unknown-release", TESTS, LAST, LAST.replace("3.15", "2.15"), "2.15 is no known release of"),
    (
        "unused-expectation",
        TESTS,
        LAST,
        LAST.replace("}", ', "tf.keras": None}'),
        "'tf.keras' chan",
    ),
    (
        "unused-expectation",
        TESTS,
        LAST,
        LAST.replace("3.15", "3.14"),
        "'>=3.14' of 'keras' divides",
    ),
    ("broken-record", RECORD, '"refuted"', '"holds"', "the footer counts"),
    ("broken-record", RECORD, None, "", "the file is empty"),
    ("broken-record", RECORD, '"cell": "tf2.15"', '"cell": "tf2.14"', "is the record of tf2.14"),
    (
        "stale-record",
        TESTS,
        "assert keras.padding() == 0",
        "assert True",
        "ran another test",
    ),
    ("stale-record", TESTS, '["copy", case', '["copy", "new", case', "case without a row"),
    ("stale-record", TESTS, '["copy", case', "[case", "of no case"),
    ("contradicted-expectation", TESTS, '">=3.15"})', '"<3.15"})', "was holds on keras3.15-tens"),
    (
        "cells-disagree",
        TOX,
        "    tf2.15\n",
        "    tf2.14\n",
        "tf2.15 is in one of env_list and cells.json",
    ),
    ("cells-disagree", TOX, "  tf2.15: python3.11", "  tf2.15: python3.9", "base_python of tf2.15"),
    ("cells-disagree", TOX, "  !tf2.15:", "  !tf2.15,tf2.15:", "base_python of tf2.15 is not"),
    ("cells-disagree", TOX, "quick = tf2.15", "quick = tf2.13", "quick names no cell: tf2.13"),
    ("cells-disagree", CELLS, '"2.15"', '"2.16"', "tf2.15 is of a release that"),
    (
        "unproved-boundary",
        TESTS,
        LAST,
        LAST.replace("}", ', "keras/jax": ">=3.15"}'),
        "demo.pads-last: refuted up to 3.14, holds from 3.15, but keras 3.14 on jax has not run",
    ),
    (
        "unproved-boundary",
        TESTS,
        LAST,
        LAST.replace("}", ', "tf.keras": ">=2.15"}'),
        "but tf.keras 2.14 has not run",
    ),
    ("dead-link", PAGE, "](#demo.pads-with-zero)", "](#demo.none)", "there is no such anchor"),
    ("dead-link", PAGE, "[zero](#", "[zero](none.md#", "none.md#demo.pads-with-zero: there is no"),
    ("dead-link", INDEX, "demo.md#demo.pads-with-zero", "demo.md#L999", "no such anchor"),
    ("stale-evidence", PAGE, "**Holds on all 3", "**Holds on all 4", "generated part is out of"),
    ("stale-evidence", INDEX, "| [Demo](demo.md) | 5", "| [Demo](demo.md) | 6", "out of date"),
    ("stale-evidence", "spec/sources/talk.md", "5 statements", "6 statements", "out of date"),
    (
        "unproved-inventory",
        "../texts/talk.txt",
        "The padding is one.",
        "The padding is two.",
        "L1.s2 has ch",
    ),
    (
        "unproved-inventory",
        "../texts/talk.txt",
        "Sit down!",
        "Sit down! Now.",
        "neither stated nor excused",
    ),
]


def remove(*names):
    def remove_from(mini):
        for name in names:
            path = mini.path(name)
            shutil.rmtree(str(path)) if path.is_dir() else path.unlink()

    return remove_from


def spare_folder(mini):
    mini.path("spec/releases/tf2.1").mkdir()


def claim_said_twice(mini):
    page = mini.read(PAGE)
    mini.write(PAGE, page.replace("demo.twice", "demo.pads-last"))


def cause(before, after, claims):
    entry = {"from": before, "to": after, "claims": claims, "cause": "keras-team/keras#1"}
    return lambda mini: mini.write("spec/releases/causes.json", f"[\n{json.dumps(entry)}\n]\n")


# (rule, how to change the miniature, part of the message)
CHANGES = [
    ("duplicate-claim", claim_said_twice, "demo.pads-last stands already at spec/demo.md:"),
    ("missing-record", remove(RECORD), "there is no record of this cell"),
    ("cells-disagree", remove("spec/releases/tf2.15"), "tf2.15 has no folder"),
    ("cells-disagree", spare_folder, "tf2.1 has no folder, or a folder and no entry"),
    ("cells-disagree", remove("spec/releases/tf2.15/constraints.txt"), "this file is missing"),
    ("cells-disagree", remove(TOX), "tf2.15 is in one of env_list"),
    ("dead-link", remove(RECORD), "releases/tf2.15/results.jsonl: there is no such file"),
    ("stale-evidence", remove("spec/sources/talk.md"), "out of date"),
    (
        "dead-cause",
        cause(*NEIGHBOURS, ["demo.pads-last", "demo.kinds-keep"]),
        "kinds-keep does not",
    ),
    ("dead-cause", cause(*NEIGHBOURS, []), "keras-team/keras#1 names no claim"),
    ("dead-cause", cause(*NEIGHBOURS[::-1], ["demo.pads-last"]), "are no neighbouring recorded"),
    ("unproved-inventory", remove("../texts/talk.txt"), "there is no such text"),
    *test_atlas_rules.CHANGES,
    *test_power_record.CHANGES,
]


def assert_trips(mini, rule, part):
    """``rule`` and no other kind of message says ``part``: where, what, and how to mend it."""
    problems = mini.problems()
    mine = [p for p in problems if p.rule == rule and part in p.what]
    assert mine, f"{rule} does not say {part!r}; found: " + "; ".join(map(str, problems))
    for problem in mine:
        assert re.match(r"[^:]+:[1-9]\d*: " + rule + ": .", str(problem))
        assert len(problem.mend) > 10


def test_the_untouched_miniature_trips_no_rule(mini):
    assert mini.problems() == []


@pytest.mark.parametrize(
    "rule, file, old, new, part", EDITS, ids=[f"{e[0]}-{i}" for i, e in enumerate(EDITS)]
)
def test_an_edit_trips_its_rule(mini, rule, file, old, new, part):
    if old is None:
        mini.write(file, new)
    else:
        mini.edit(file, old, new)
    assert_trips(mini, rule, part)


@pytest.mark.parametrize(
    "rule, change, part", CHANGES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CHANGES)]
)
def test_what_is_missing_or_left_over_trips_its_rule(mini, rule, change, part):
    change(mini)
    assert_trips(mini, rule, part)


def test_every_rule_has_an_edit_that_trips_it():
    tripped = {edit[0] for edit in EDITS} | {change[0] for change in CHANGES}
    assert tripped == {*RULES}


def test_a_record_that_cannot_be_read_is_the_only_thing_that_is_said(mini, capsys):
    record = mini.record_path("keras3.15-tensorflow")
    lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
    record.write_text("".join(lines[:3] + lines[4:]), encoding="utf-8")
    assert main(["--root", str(mini.root), "check"]) == 1
    out = capsys.readouterr().out.splitlines()
    assert re.match(r"spec/releases/keras3.15-tensorflow/results.jsonl:9: broken-record: ", out[0])
    assert out[1].endswith("record the cell: python -m maskspec record keras3.15-tensorflow")
    assert "unproved-boundary" in out[2]
    assert out[3].endswith(", 2 cells: 1 problem")


def test_a_damaged_atlas_is_the_only_thing_that_is_said(mini):
    survey(mini)
    mini.edit("spec/releases/tf2.15/atlas.jsonl", '["Dense(3)"', '["Dense(3)')
    assert [problem.rule for problem in mini.problems()] == ["broken-record"]


def test_what_is_so_of_several_cells_and_cases_is_said_once(mini):
    mini.edit(TESTS, ZERO, ZERO[:-1] + ', holds=NEVER, instead="demo.twice")')
    said = [p.what for p in mini.problems() if p.rule == "contradicted-expectation"]
    assert said == [
        "demo.pads-with-zero was holds on tf2.15 and 2 more cells, expected refuted",
    ]
    mini.edit(TESTS, "keras.padding() == 0", "keras.padding() == 0 + 0")
    said = [p.what for p in mini.problems() if p.rule == "stale-record"]
    assert said == ["tf2.15 and 2 more cells: 1 row that ran another test (demo.pads-with-zero)"]


def test_boundaries_that_one_missing_cell_would_prove_are_said_once(mini):
    mini.edit(TESTS, LAST, LAST.replace("}", ', "tf.keras": ">=2.15"}'))
    mini.edit(
        TESTS,
        '@claim("demo.twice", exists={',
        '@claim("demo.twice", exists={"tf.keras": ">=2.15", ',
    )
    said = [p.what for p in mini.problems() if p.rule == "unproved-boundary"]
    assert said == [
        "demo.pads-last: refuted up to 2.14, holds from 2.15 (and 1 more case), "
        "but tf.keras 2.14 has not run"
    ]


def test_a_syntax_error_is_placed_where_it_is(mini):
    mini.edit(TESTS, "assert keras.padding() == 1", "assert keras.padding( == 1")
    [problem] = [p for p in mini.problems() if p.rule == "broken-test"]
    line = mini.read(TESTS).splitlines().index("    assert keras.padding( == 1") + 1
    assert (problem.path, problem.line) == (TESTS, line)
    assert str(mini.root) not in problem.what


def test_a_page_that_cannot_be_read_hides_what_depends_on_it(mini):
    mini.edit(PAGE, "### demo.twice", "### Twice")
    assert {problem.rule for problem in mini.problems()} == {"broken-page"}


def test_a_link_in_code_or_to_the_web_is_not_followed(mini):
    mini.edit(PAGE, "It is new.", "Write `[x](none.md)`; see [there](https://example.org/none).")
    assert mini.problems() == []


def test_a_range_of_one_backend_that_divides_its_releases_is_accepted(mini):
    mini.edit(TESTS, LAST, '{"keras": ">=3.15", "keras/jax": ">=3.14,<3.15"}, instead')
    mini.edit(TESTS, '{"keras": "<3.15", "*"', '{"keras": "<3.15", "keras/jax": ">=3.15", "*"')
    assert {problem.rule for problem in mini.problems()} == {"unproved-boundary"}  # not unused


def test_a_cause_of_a_change_between_neighbours_is_accepted(mini):
    cause(*NEIGHBOURS, ["demo.pads-last"])(mini)
    assert {problem.rule for problem in mini.problems()} == {"stale-evidence"}  # of CHANGES.md

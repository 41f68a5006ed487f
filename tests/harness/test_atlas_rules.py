"""The atlas: what ``check`` and ``merge`` refuse, and how facts and claims lead to each other."""

import json

from atlases import CELL, TEST, survey

from maskspec.__main__ import main


def with_survey(**options):
    return lambda mini: survey(mini, **options)


def explaining(claim="demo.computing-drops", surprising="demo.computing-drops", **named):
    """A miniature whose atlas is recorded, and in which a claim explains some facts."""
    what = {"layers": ["Dense"], "aspects": ["out.mask"], "outcomes": ["none"], **named}
    entry = json.dumps({"claim": claim, **what})

    def change(mini):
        survey(mini)
        text = f'{{"surprising": ["{surprising}"],\n"explained": [\n{entry}\n]}}\n'
        mini.write("spec/atlas/explained.json", text)

    return change


def tracing(claim):
    """A miniature in which a claim explains what a trace finds."""
    return lambda mini: mini.write("spec/traced.json", f'{{"code": {{"claim": "{claim}"}}}}\n')


# (rule, how to change the miniature, part of the message); test_rules.py runs them too
CHANGES = [
    ("unknown-layer", with_survey(public=["experimental.NewThing"]), "`NewThing` is"),
    ("dead-subject", with_survey(facts={}), "Dense(3) has no fact on any release"),
    ("unknown-outcome", with_survey(facts={("Dense(3)", "out.mask"): "?"}), "'?' is no outcome of"),
    ("unknown-explanation", explaining("demo.nothing"), "there is no claim demo.nothing"),
    ("unknown-explanation", tracing("demo.nowhere"), "there is no claim demo.nowhere"),
    ("unknown-explanation", explaining(surprising="demo.twice"), "demo.twice surprises, and"),
    (
        "dead-explanation",
        explaining(layers=["Dense", "Dens"]),
        "no fact that it explains is of 'De",
    ),
    ("dead-explanation", explaining(aspects=["out.mask", "out.graph"]), "is of 'out.graph'"),
    ("dead-explanation", explaining(outcomes=["raises"]), "is of 'raises'"),
    (
        "stale-atlas",
        with_survey(subjects={"Dense(3)": "old"}),
        "recorded with 1 other subject",
    ),
    ("missing-record", lambda mini: mini.write("tests/atlas/test_layers.py", TEST), "no atlas of"),
]


def test_a_whole_atlas_trips_no_rule(mini):
    survey(mini)
    assert not {p.rule for p in mini.problems()} & {change[0] for change in CHANGES}


def test_a_fact_leads_to_the_claim_that_explains_it_and_back(mini):
    explaining()(mini)
    assert not [p for p in mini.problems() if "explanation" in p.rule]
    assert main(["--root", str(mini.root), "sync"]) == 0
    to_claim = (
        "| Which mask does the output carry? | none | [why](../demo.md#demo.computing-drops) |"
    )
    assert mini.read("spec/atlas/Dense.md").count(to_claim) == 3  # each set-up
    assert "[why]" not in mini.read("spec/atlas/LSTM.md")
    assert "Explains facts of [Dense](../atlas/Dense.md)." in mini.read("spec/evidence/demo.md")
    assert "1. Computing drops the mask. [Holds on all 3 cells.](../demo.md#demo" in (
        mini.read("spec/atlas/README.md")
    )


def test_an_entry_that_explains_nothing_is_told_by_its_line(mini):
    explaining(outcomes=["raises"])(mini)
    (told,) = [
        str(p) for p in mini.problems() if p.rule == "dead-explanation" and "'Dense'" in p.what
    ]
    assert told.startswith("spec/atlas/explained.json:3: ")


def test_merge_takes_an_atlas_that_is_up_to_date_and_refuses_another(mini, capsys):
    survey(mini)
    made = mini.path(f"spec/releases/{CELL}/atlas.jsonl")
    again = mini.path(f"again/{CELL}/atlas.jsonl")
    mini.write(f"again/{CELL}/atlas.jsonl", made.read_text(encoding="utf-8"))
    made.unlink()
    assert main(["--root", str(mini.root), "merge", str(mini.path("again"))]) == 0
    assert made.read_bytes() == again.read_bytes()
    survey(mini, subjects={"Dense(3)": "old"})
    mini.write(f"again/{CELL}/atlas.jsonl", made.read_text(encoding="utf-8"))
    capsys.readouterr()
    assert main(["--root", str(mini.root), "merge", str(mini.path("again"))]) == 1
    out = capsys.readouterr().out
    assert "it was recorded with 1 other subject (Dense(3))" in out
    assert f"wanting: {CELL}" in out

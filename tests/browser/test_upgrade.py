"""The page Upgrade says what ``python -m maskspec diff`` says."""

import pytest

from maskspec.rendering.compare import by_gravity, compare, error_in, not_run
from maskspec.rendering.diff import about
from maskspec.rendering.facts import fact_changes
from maskspec.rendering.history import causes, pairs, path

PAIR = "upgrade.html#from=tf2.15&to=keras3.15-tensorflow"
SUMMARY = """Model: "sequential"
_________________________________________________________________
 Layer (type)                Output Shape              Param #
=================================================================
 embedding_1 (Embedding)     (None, 10, 3)             30
 lstm_1 (LSTM)               (None, 3)                 84
=================================================================
"""
SOURCE = """
model = keras.Sequential([keras.layers.Masking(), keras.layers.GRU(3, return_sequences=True)])
model.compile(loss=keras.losses.MeanSquaredError(), weighted_metrics=["mse"])
"""
COMPARE = """async ([before, after, words]) => {
  const { Comparison } = await import("/static/compare.js");
  const data = await (await fetch("/data/upgrade.json")).json();
  const comparison = new Comparison(data);
  let changes = comparison.changes(before, after);
  if (words.length) changes = comparison.about(changes, words);
  const steps = comparison.path(before, after);
  const facts = comparison.facts(before, after);
  return {
    notRun: comparison.notRun(before, after),
    changes: changes.map((c) => [c.claim.id, c.kind, c.before, c.after, c.lead, c.cases, c.vanished,
      c.observed, c.instead, comparison.causes(c.claim.id, steps)]),
    facts: facts && facts.map((f) => [f.subject.name, f.aspect, f.before, f.after]),
  };
}"""


def by_python(project, before, after, words):
    records = project.all_records
    changes = compare(project, records[before], records[after])
    known = causes(project, path(project, before, after))
    return [
        [
            c.claim.id, c.kind, c.before, c.after, c.lead,
            [[case, *verdicts] for case, verdicts in c.cases.items()], c.vanished,
            [[case, *errors(seen)] for case, seen in c.observed.items()],
            [finding.id for finding in c.instead], sorted(known.get(c.claim.id, [])),
        ]
        for c in about(changes, words)
    ]  # fmt: skip


def errors(seen):
    return [error_in(text) for text in seen]


def test_it_compares_as_diff_does(tab, project):
    neighbours = [(a.name, b.name) for a, b in pairs(project)]
    chosen = [
        *((a, b, []) for a, b in neighbours[::4]),
        ("tf2.2", "keras3.15-torch", []),
        ("keras3.15-tensorflow", "tf2.15", []),
        ("keras3.16-tensorflow-pre", "keras3.15-tensorflow", []),
        ("keras3.15-tensorflow", "keras3.16-tensorflow-pre", []),
        ("tf2.15", "keras3.15-tensorflow", ["LSTM", "sample_weight"]),
    ]
    tab.open("upgrade.html")
    for before, after, words in chosen:
        found = tab.page.evaluate(COMPARE, [before, after, words])
        for change in found["changes"]:
            change[-1].sort()
        assert found["changes"] == by_python(project, before, after, words), (before, after)
        records = [project.all_records[cell] for cell in (before, after)]
        assert dict(found["notRun"]) == not_run(project, *records), (before, after)
        facts = [
            [c.subject.name, c.aspect.id, c.before, c.after]
            for c in fact_changes(project, before, after)
        ]
        assert (found["facts"] or []) == facts, (before, after)


def test_says_what_changes_for_what_is_typed(tab):
    page = tab.open("upgrade.html")
    page.get_by_label("From", exact=True).select_option("tf2.15")
    page.get_by_label("To", exact=True).select_option("keras3.15-tensorflow")
    page.locator("#used").fill("lstm, sample_weight")
    page.get_by_text("Looking for: LSTM, sample_weight").wait_for()
    assert "about what you use" in page.locator("#summary").inner_text()
    assert page.locator(".change").count() > 3
    assert page.locator(".advice").count() > 0
    assert page.get_by_role("heading", name="Facts of LSTM").count() == 1


def test_the_gravest_changes_stand_first(tab, project):
    page = tab.open(PAIR)
    pair = (project.all_records[cell] for cell in ("tf2.15", "keras3.15-tensorflow"))
    changes = by_gravity(compare(project, *pair))
    links = page.locator("article.change > p:first-child a").all()
    found = [link.get_attribute("href").rpartition("/")[2] for link in links]
    assert found == [f"{change.claim.id}.html" for change in changes]


def test_a_loss_that_is_named_brings_the_claims_that_explain_it(tab):
    page = tab.open("upgrade.html#from=tf2.10&to=keras3.15-tensorflow&use=BinaryCrossentropy")
    page.get_by_text("Looking for: BinaryCrossentropy").wait_for()
    mine = page.locator("#result > section .change a, #result > details:not(.rest) .change a")
    links = [one.get_attribute("href") for one in mine.all()]
    assert any(link.endswith("c/loss.mean-over-valid-steps.html") for link in links)


@pytest.mark.parametrize(
    "choice, told",
    [
        ("#from=tf2.15&to=keras3.15-tensorflow&use=LSTMM", "No claim and no fact speaks of LSTMM."),
        ("#from=bogus&to=keras3.15-tensorflow", "There is no release bogus here"),
    ],
    ids=["name", "release"],
)
def test_what_is_not_known_is_said(tab, choice, told):
    page = tab.open(f"upgrade.html{choice}")
    page.get_by_text(told).wait_for()


def test_the_link_to_the_content_keeps_the_choice(tab):
    page = tab.open("upgrade.html#from=tf2.10&to=keras3.5-jax&use=LSTM")
    page.get_by_text("Looking for: LSTM").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.get_by_label("From", exact=True).input_value() == "tf2.10"
    assert page.locator("#used").input_value() == "LSTM"


def test_a_name_that_two_modules_have_stands_for_both(tab):
    page = tab.open(PAIR)
    page.locator("#used").fill("losses.Huber, huber")
    page.get_by_text("Looking for: Huber, huber").wait_for()
    heading = page.get_by_role("heading", name="Facts of")
    assert {"losses.Huber", "losses.huber"} <= set(
        heading.inner_text().removeprefix("Facts of ").partition(" (")[0].split(", ")
    )


@pytest.mark.parametrize(
    "text, words",
    [
        (SUMMARY, ["Embedding", "LSTM"]),
        (SOURCE, ["Masking", "GRU", "return_sequences", "MeanSquaredError", "weighted_metrics"]),
    ],
    ids=["summary", "source"],
)
def test_reads_a_summary_and_source_code(tab, text, words):
    page = tab.open(PAIR)
    page.locator("#used").fill(text)
    page.get_by_text("Looking for: ").wait_for()
    found = page.locator("#found").inner_text().partition(": ")[2].split(", ")
    assert set(words) <= set(found)
    assert not {"model", "keras", "layers", "None", "Sequential"} & set(found)


def test_the_address_holds_the_choice_and_no_server_sees_it(tab):
    page = tab.open(PAIR)
    page.locator("#used").fill("Bidirectional")
    page.wait_for_url("**#from=tf2.15&to=keras3.15-tensorflow&use=Bidirectional")
    page.get_by_label("From", exact=True).select_option("tf2.6")
    page.wait_for_url("**#from=tf2.6&*")
    summary = page.locator("#summary").inner_text()
    page.go_back()
    assert page.get_by_label("From", exact=True).input_value() == "tf2.15"
    page.go_forward()
    page.reload(wait_until="networkidle")
    assert page.locator("#summary").inner_text() == summary
    assert page.locator("#used").input_value() == "Bidirectional"
    assert not [url for url in tab.asked if "Bidirectional" in url.partition("#")[0]]


def test_what_names_nothing_of_yours_is_counted_and_can_be_unfolded(tab):
    page = tab.open(PAIR + "&use=Bidirectional")
    rest = page.locator("details.rest")
    total = int(page.locator("#summary").inner_text().split(": ")[1].split()[0])
    assert page.locator("article.change").count() == total
    assert not rest.locator("article.change").first.is_visible()

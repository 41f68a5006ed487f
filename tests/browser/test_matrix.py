"""The matrix: its filters, its address, its speed."""

import pytest

from maskspec.catalogue.verdicts import REFUTED
from maskspec.site.links import of_facts

SLOWER = 3  # a machine may be so much slower than the one that we measured on
FILTER = """(text) => {
  const input = document.querySelector("form.filters [name=q]");
  input.value = text;
  input.dispatchEvent(new Event("input", {bubbles: true}));
  document.getElementById("grid").offsetHeight;  // with the layout
}"""
# Not wait_for_function, which the page's policy lets evaluate its words only once.
PAINTED = """() => new Promise(done => {
  const seen = list => list.getEntriesByName("first-contentful-paint").length && done();
  new PerformanceObserver(seen).observe({type: "paint", buffered: true});
})"""


def shown(page):
    """The rows that are not filtered out, in sight or not."""
    return page.locator("#grid tbody tr:not([hidden]) th a").all_text_contents()


def test_filters_by_words_chapter_source_and_verdict(tab, project):
    page, claims = tab.open("matrix.html"), project.book.claims
    assert len(shown(page)) == len(claims)
    page.get_by_label("Chapter").select_option("loss")
    assert shown(page) == [c.id for c in claims if c.chapter == "loss"]
    page.get_by_label("Said in").select_option("finding")
    assert shown(page) == [c.id for c in claims if c.chapter == "loss" and c.is_finding]
    page.get_by_role("button", name="Reset").click()
    page.get_by_label("Verdict somewhere").select_option("refuted")
    refuted = [c.id for c in claims if REFUTED in project.claim_verdicts(c.id).values()]
    assert shown(page) == refuted
    page.get_by_label("Words").fill("the loss")
    assert 0 < len(shown(page)) < len(refuted)


def test_filters_what_changed_between_two_releases(tab, project):
    page = tab.open("matrix.html")
    page.get_by_label("Changed from").select_option("tf2.15")
    page.locator("select[name=to]").select_option("keras3.15-tensorflow")
    pairs = {c.id: project.claim_verdicts(c.id) for c in project.book.claims}
    differ = [id for id, v in pairs.items() if v["tf2.15"] != v["keras3.15-tensorflow"]]
    assert shown(page) == differ
    assert page.locator("th.chosen").count() == 2


def test_shows_the_columns_of_one_implementation(tab):
    page = tab.open("matrix.html")
    whole = page.locator("thead .cell:not([hidden])").count()
    page.get_by_label("Implementation").select_option("keras-jax")
    assert page.locator("thead .cell:not([hidden])").count() == 6 < whole
    first = page.locator("#grid tbody tr").first
    head = page.locator("thead .cell:not([hidden])").first.bounding_box()
    cell = first.locator("td:not([hidden])").first.bounding_box()
    assert abs(head["x"] - cell["x"]) < 2


def test_the_address_holds_the_choice_and_back_takes_it_back(tab):
    page = tab.open("matrix.html")
    page.get_by_label("Chapter").select_option("loss")
    page.get_by_label("Verdict somewhere").select_option("partly")
    assert page.url.endswith("matrix.html?chapter=loss&verdict=partly")
    narrow = shown(page)
    page.go_back()
    wide = shown(page)
    assert len(wide) > len(narrow)
    page.go_forward()
    assert shown(page) == narrow
    page.reload()
    assert shown(page) == narrow


def test_a_question_has_such_a_table(tab):
    page = tab.open("questions/out.mask.html")
    page.get_by_label("Outcome somewhere").select_option("raises")
    assert "Softmax(axis=1)" in shown(page)
    page.get_by_label("Words").fill("softmax")
    assert all("Softmax" in name for name in shown(page))


def test_the_facts_that_differ_have_one_too(tab):
    choice = "source=LSTM&from=keras3.0.0-tensorflow&to=keras3.15-tensorflow"
    page = tab.open(f"{of_facts('layers')}?{choice}")
    rows = page.locator("#grid tbody tr:not([hidden])")
    assert rows.count() > 0
    assert {row.get_attribute("data-sources") for row in rows.all()} == {"LSTM"}
    td = rows.first.locator("td").first
    td.hover()
    assert td.get_attribute("title").startswith("tf.keras 2.2 (2.2.3)")


def test_headers_stay_in_sight_and_the_table_scrolls_by_keyboard(tab):
    page = tab.open("matrix.html")
    region = page.get_by_role("region", name="Claims and releases")
    region.focus()
    page.keyboard.press("PageDown")
    page.wait_for_timeout(300)
    assert region.evaluate("node => node.scrollTop") > 0
    head, box = page.locator("thead .cell").first.bounding_box(), region.bounding_box()
    assert box["y"] <= head["y"] < box["y"] + 80
    row = page.locator("#grid tbody th").first.bounding_box()
    assert abs(row["x"] - box["x"]) < 3


@pytest.mark.parametrize("path", ["matrix.html", of_facts("layers")])
def test_it_is_quick(tab, path):
    """In time of the processor: a busy machine makes nobody wait for our sake."""
    page = tab.page
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def spent():
        metrics = session.send("Performance.getMetrics")["metrics"]
        return 1000 * next(m["value"] for m in metrics if m["name"] == "TaskDuration")

    tab.open(path)
    page.evaluate(PAINTED)
    paint, took = spent(), []
    for text in ("l", "lo", "los", "loss", ""):
        before = spent()
        page.evaluate(FILTER, text)
        took.append(spent() - before)
    print(f"first paint {paint:.0f} ms, filters {[round(t) for t in took]} ms")
    assert paint < 1000
    assert max(took) < 100 * SLOWER


def test_back_leaves_the_matrix_however_its_address_was_spelled(tab):
    tab.open("claims.html")
    page = tab.open("matrix.html?q=lstm%20mask")
    page.go_back()
    page.wait_for_url("**/claims.html")

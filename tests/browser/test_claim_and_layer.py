"""The page of a claim and that of a layer."""

import re

CLAIM = "c/loss.mean-over-valid-steps.html"


def test_the_buttons_copy_link_markdown_and_badge(tabs):
    tab = tabs(permissions=["clipboard-read", "clipboard-write"])
    page = tab.open(CLAIM)
    copied = []
    for name in ("Link", "Markdown", "Badge"):
        page.get_by_role("button", name=name).click()
        page.get_by_text("Copied.").wait_for()
        copied.append(page.evaluate("navigator.clipboard.readText()"))
    link = tab.address + CLAIM
    assert copied[0] == link
    assert copied[1].startswith("[loss.mean-over-valid-steps: Refuted in tf.keras <= 2.10; ")
    assert copied[1].endswith(f"]({link})")
    assert copied[2].endswith(f".svg)]({link})")
    assert tab.errors == []


def test_a_helper_is_one_click_away(tab):
    page = tab.open(CLAIM)
    helper = page.locator("details", has_text="losses_by").first
    assert not helper.locator("pre").is_visible()
    helper.locator("summary").press("Enter")
    assert "def losses_by(" in helper.locator("pre").inner_text()


def test_a_release_that_changed_the_verdict_leads_to_what_changed(tab):
    page = tab.open(CLAIM)
    stop = page.locator(".track a").first
    stop.focus()
    shown = stop.evaluate("node => getComputedStyle(node, '::before').content")
    assert shown == '"tf.keras 2.11 (2023-03-20): holds, was refuted"'
    stop.click()
    assert page.locator("h1").inner_text() == "tf.keras 2.10 to tf.keras 2.11"


def test_the_keyboard_stops_only_where_a_release_changed_something(tab):
    page = tab.open(CLAIM)
    stops = page.locator(".track li > *")
    focused = stops.evaluate_all("all => all.filter((one) => one.tabIndex >= 0).length")
    changed = stops.evaluate_all(
        "all => all.filter((one) => one.dataset.about.includes(', was ')).length"
    )
    assert 0 < focused == changed < stops.count() / 4


def test_a_surprising_fact_leads_to_the_finding_that_explains_it(tab):
    page = tab.open("layers/GlobalAveragePooling1D.html")
    row = page.locator("tr[data-aspect='extremes.nan']").first
    row.get_by_role("link", name=re.compile("why.* by consumption.nan-in-padding-")).click()
    assert page.url.endswith("c/consumption.nan-in-padding-reaches-the-result.html")
    explains = page.locator("section", has=page.locator("#explains"))
    assert explains.get_by_role("link", name="GlobalAveragePooling1D", exact=True).count() == 1


def test_a_loss_answers_in_its_first_line(tab):
    page = tab.open("losses/MeanSquaredError.html?in=tf2.10")
    said = page.locator(".pick [role=status]").inner_text()
    assert said.startswith("In tf.keras 2.10, losses.MeanSquaredError() is divided by")
    assert page.locator("p.lead").inner_text() != said


def test_the_first_line_of_a_layer_answers_for_any_release(tab):
    page = tab.open("layers/GlobalAveragePooling1D.html")
    assert (
        "uses the mask, hands no mask on, and lets no masked value leak"
        in page.locator("p.lead").inner_text()
    )
    page.get_by_label("Show what is so in").select_option("tf2.15")
    said = page.locator(".pick [role=status]")
    assert said.inner_text().startswith("In tf.keras 2.15, GlobalAveragePooling1D() uses the mask")
    assert page.url.endswith("?in=tf2.15")
    page.go_back()
    assert said.inner_text() == ""
    page.go_forward()
    assert said.inner_text().startswith("In tf.keras 2.15")


def test_a_layer_says_where_a_release_differs(tab):
    page = tab.open("layers/ReLU.html?in=tf2.2")
    assert page.locator(".pick [role=status]").inner_text().startswith("In tf.keras 2.2, ReLU()")
    row = page.locator("tr[data-aspect='out.mask']").first
    assert row.locator("td").first.inner_text() == "none"
    assert "other" in row.get_attribute("class")

"""The search finds what people type."""

import time

import pytest


@pytest.mark.parametrize(
    "typed, page",
    [
        ("With a mask, a compiled loss is the mean over the valid steps", "c/loss.mean-over-valid"),
        ("'Node' object has no attribute 'output_masks'", "c/node-error."),
        ("'dict' object has no attribute '_keras_mask'", "c/attribute-errors."),
        ("does GlobalAveragePooling1D use the mask", "layers/GlobalAveragePooling1D.html"),
        ("timedistributed", "layers/TimeDistributed.html"),
        ("meansquarederror", "losses/MeanSquaredError.html"),
        ("losses.huber", "losses/huber-function.html"),
        ("loss.scalar-counts-all-steps", "c/loss.scalar-counts-all-steps.html"),
        ("what is my masked loss divided by in tf.keras 2.8?", "c/loss."),
        ("does LSTM keep the mask in Keras 3.3?", "layers/LSTM.html"),
        ("tf.keras.layers.LSTM", "layers/LSTM.html"),
        ("my loss ignores my mask", "c/loss.last-layers-hand-the-mask-on.html"),
    ],
)
def test_finds_by_sentence_message_layer_and_id(tab, typed, page):
    tab.open("index.html")
    tab.page.locator("#q").fill(typed)
    tab.page.locator("#q").press("Enter")
    tab.page.locator("#results a").first.wait_for()
    found = [link.get_attribute("href") for link in tab.page.locator("#results a").all()[:5]]
    assert any(page in address for address in found), found


def test_the_address_holds_the_search(tab):
    tab.open("search.html?q=Embedding")
    tab.page.locator("#results a").first.wait_for()
    tab.page.locator("#q").fill("Bidirectional")
    tab.page.locator("#q").press("Enter")
    tab.page.wait_for_url("**/search.html?q=Bidirectional")
    tab.page.go_back()
    assert tab.page.locator("#q").input_value() == "Embedding"


def test_nothing_is_found_for_nonsense(tab):
    tab.open("search.html?q=%C2%A7%C2%A7%C2%A7")
    tab.page.get_by_text("No pages").wait_for()


def test_a_reviewer_gets_from_the_question_to_a_link(tabs):
    """'Does GlobalAveragePooling1D use the mask in Keras 3.4?', by one's own fingers."""
    tab = tabs(permissions=["clipboard-read", "clipboard-write"])
    page = tab.open("index.html")
    began = time.monotonic()
    page.locator("#q").press_sequentially("GlobalAveragePooling1D", delay=80)
    page.keyboard.press("Enter")
    page.locator("#results a").first.click()
    select = page.get_by_label("Show what is so in")
    names = select.locator("option").all_inner_texts()
    select.select_option(label=next(n for n in names if n.startswith("Keras 3.4")))
    assert "uses the mask" in page.locator(".pick [role=status]").inner_text()
    page.get_by_role("button", name="Link").click()
    page.get_by_text("Copied.").wait_for()
    link = page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(f"{tab.address}layers/GlobalAveragePooling1D.html?in=keras3.4")
    assert time.monotonic() - began < 20

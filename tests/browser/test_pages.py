"""Every kind of page: it opens, it can be used by everybody, it is valid HTML."""

import subprocess

import pytest
from kinds import PAGES

from conftest import HERE

AXE = HERE / "node_modules" / "axe-core" / "axe.min.js"
VNU = HERE / "node_modules" / "vnu-jar" / "build" / "dist" / "vnu.jar"
each_kind = pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)


@each_kind
def test_a_page_opens_without_errors_and_asks_no_other_host(tab, path):
    page = tab.open(path)
    assert page.locator("h1").count() == 1
    assert page.title().endswith("Keras masking, specified")
    assert [url for url in tab.asked if not url.startswith(tab.address)] == []


@each_kind
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(tabs, path, scheme):
    tab = tabs(color_scheme=scheme, bypass_csp=True)  # axe is a script that is not ours
    page = tab.open(path)
    # Of a matrix the first rows: all are alike, and hundreds take half a minute.
    page.evaluate(
        "document.querySelectorAll('#grid tbody tr:nth-child(n+40)').forEach((r) => r.remove())"
    )
    page.add_script_tag(path=str(AXE))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    grave = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in grave] == []


@each_kind
def test_a_narrow_screen_need_not_scroll_sideways(tabs, path):
    tab = tabs()
    tab.page.set_viewport_size({"width": 360, "height": 700})
    page = tab.open(path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@each_kind
def test_the_text_is_there_without_javascript(tabs, path):
    tab = tabs(java_script_enabled=False)
    page = tab.open(path)
    assert page.locator("main").inner_text().strip()
    assert page.locator("form[hidden], .pick[hidden], .share[hidden]").count() == page.locator(
        "form.filters, form#upgrade, .pick, .share"
    ).count()  # fmt: skip


def test_a_validator_finds_nothing(folder):
    done = subprocess.run(
        ["java", "-Xmx512m", "-jar", str(VNU), "--skip-non-html", "--errors-only",
         "--filterpattern", ".*CSS: .*", str(folder)],
        capture_output=True, encoding="utf-8",
    )  # fmt: skip
    assert done.stderr.splitlines()[:20] == []
    assert done.returncode == 0


def test_a_renamed_claim_leads_to_its_successor(tab):
    page = tab.open("c/loss.scalar-is-scaled.html")
    page.wait_for_url("**/c/loss.scalar-counts-all-steps.html")


def test_an_unknown_claim_gets_the_nearest_ones(tabs):
    tab = tabs()
    page = tab.open("c/loss.mean-over-valid.html")
    assert "There is no loss.mean-over-valid" in page.locator("#asked").inner_text()
    assert page.locator("#nearest a").first.inner_text() == "loss.mean-over-valid-steps"
    page.locator("#nearest a").first.click()
    page.wait_for_url("**/c/loss.mean-over-valid-steps.html")
    assert len(tab.errors) == 1  # that the page itself is not there

"""The table on the page "Layer by layer" and the layers that its test asks are the same."""

import re

from miniature import ROOT

from tests.support.builtin_layers import GROUPS

PAGE = ROOT / "spec" / "builtin-layers.md"
ROW = re.compile(r"^\| (`.*?) +\| (.*?) +\|(.*)\|$", re.MULTILINE)


def group_of(use, hand_on):
    """The group that a row of the table belongs to; None if it links what decides it."""
    if not hand_on or hand_on.startswith("["):
        return None
    if hand_on == "yes":
        return "hands-it-on"
    return "uses-it" if use == "yes" else "neither"


def test_page_and_test_have_the_same_table():
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    on_page = {
        (name, group_of(use, hand_on.strip()))
        for layers, use, hand_on in rows
        for name in re.findall(r"`(\w+)`", layers)
        if group_of(use, hand_on.strip())
    }
    asked = {(name, group) for group, names in GROUPS.items() for name in names.split()}
    assert on_page == asked

"""The table on the page "Layer by layer" and the layers that its test asks are the same."""

import re
from unittest import mock

from miniature import ROOT

from tests.support.builtin_layers import GROUPS, typical

PAGE = ROOT / "spec" / "builtin-layers.md"
ROW = re.compile(r"^\| (\[`.*?) \| (yes|no|it).*? \| (yes|no|it).*? \|$", re.MULTILINE)
GROUP_OF = {  # what stands in the columns "use it" and "hand it on"; None where it depends
    ("no", "yes"): "hands-it-on",
    ("yes", "yes"): "uses-it",
    ("yes", "no"): "uses-it",
    ("no", "no"): "neither",
}


def test_page_and_test_have_the_same_table():
    known = {name for name, _ in typical(mock.MagicMock())} | {"RepeatVector"}  # to the test
    on_page = {
        (name, GROUP_OF.get((use, hand_on)))
        for layers, use, hand_on in ROW.findall(PAGE.read_text(encoding="utf-8"))
        for name in re.findall(r"\[`(\w+)", layers)
    }
    asked = {(name, group) for group, names in GROUPS.items() for name in names.split()}
    assert {(name, group) for name, group in on_page if name in known and group} == asked
    assert len(on_page) > 50

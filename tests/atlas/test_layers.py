"""The atlas of layers: what each public layer does with a mask here, against what is recorded.

The set-ups are in ``maskspec/atlas/layers.py``, the questions in ``maskspec/atlas/asking/``.
"""


def test_layer(atlas, subject):
    atlas(subject)

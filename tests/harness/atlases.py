"""Small atlases: of two subjects and one question, to run, and to check."""

from miniature import CELLS

from maskspec.atlas.excused import EXCUSED
from maskspec.atlas.fingerprints import of_aspects, of_subjects
from maskspec.atlas.questions import FAMILIES, load, subjects
from maskspec.records import facts as records
from maskspec.rendering.wording import marks

CELL = "keras3.15-tensorflow"
DAMAGED = f"spec/releases/{CELL}/atlas.jsonl"
TOY = """
import os
from maskspec.atlas import aspects, layers, questions
from maskspec.atlas.subject import Subject

for family in questions.FAMILIES.values():
    family.subjects.clear()
layers.SUBJECTS[:] = [Subject("Plain()"), Subject("Fancy()")]
ASPECT = aspects.Aspect(
    "toy.answer", "What is the answer?", ("yes", "no"), lambda subject: True,
    lambda trial: os.environ.get(trial.subject.layer, "yes"),
)
questions.load = lambda: [ASPECT]
aspects.OF_ALL = (ASPECT.id,)
"""
TEST = "def test_layer(atlas, subject):\n    atlas(subject)\n"


def atlas_of(mini, folder="spec/releases"):
    return records.read(mini.path(f"{folder}/{CELL}/atlas.jsonl"))


def survey(mini, public=(), facts=None, **hashes):
    """Give each cell of the miniature an atlas in which every subject has a fact."""
    mini.write("tests/atlas/test_layers.py", TEST)
    places = [line for name in ("surprises", *FAMILIES) for line in marks(name)]
    mini.write("spec/atlas/README.md", "\n".join(places) + "\n")
    known = {subject.name: subject.public for subject in subjects()}
    header = {
        **dict.fromkeys(records.ATLAS_KEYS, ""),
        "schema": 1,
        "public": sorted({*known.values(), *EXCUSED, *public}),
        "subjects": {**of_subjects(subjects()), **hashes.get("subjects", {})},
        "aspects": of_aspects(load()),
    }
    rows = {(name, "out.mask"): "none" for name in known} if facts is None else facts
    for cell in CELLS:
        path = mini.path("spec/releases")
        records.write(path, records.Atlas({**header, "cell": cell}, rows))

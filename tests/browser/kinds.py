"""One page of each kind, and a few more of those that there are hundreds of."""

from maskspec.atlas.questions import FAMILIES
from maskspec.site.links import of_facts, of_family, of_subject

PAGES = {
    "start": "index.html",
    "claims": "claims.html",
    "claim": "c/loss.mean-over-valid-steps.html",
    "claim-refuted": "c/loss.mask-has-no-effect.html",
    "claim-with-code": "c/custom-layers.default-destroys-mask.html",
    "claim-of-one-case": "c/padding.pre-by-default.html",
    "chapter": "chapters/loss.html",
    "atlas": "atlas.html",
    "layer-that-pools": "layers/GlobalAveragePooling1D.html",
    "layer-with-set-ups": "layers/SimpleRNN.html",
    "question": "questions/out.mask.html",
    "matrix": "matrix.html",
    "upgrade": "upgrade.html#from=tf2.15&to=keras3.15-tensorflow&use=LSTM",
    "sources": "sources.html",
    "source": "sources/loss.html",
    "changes": "changes.html",
    "step": "changes/keras3.12-tensorflow.html",
    "data": "data.html",
    "search": "search.html?q=LSTM",
    "power": "power.html",
    "read": "read.html",
    "code": "code/tests/test_loss.py.html",
    "lost": "404.html",
}
for name, family in FAMILIES.items():
    PAGES[name] = of_family(name)
    PAGES[family.noun] = of_subject(family.subjects[0])
    PAGES[f"facts-of-{name}"] = of_facts(name)

"""``maskspec trace MODEL``: where the mask goes in a model, and whether padding leaks."""

import argparse

from maskspec.checking import trace_models
from maskspec.checking.tracing import trace


def main(asked: argparse.Namespace) -> int:
    """Trace the model that is named; print what there is to tell."""
    model = trace_models.model_of(asked.model)
    batch, targets = trace_models.batch_of(model, asked.batch)
    found = trace(model, batch, targets, build=True)
    if asked.html:
        print(found._repr_html_())
    else:
        print(found)
    return found.status

"""``maskspec trace MODEL``: where the mask goes in a model, and whether padding leaks."""

import argparse
import sys
import traceback

from maskspec.checking import trace_models
from maskspec.checking.tracing import CannotTrace, trace


def main(asked: argparse.Namespace) -> int:
    """Trace the model that is named; print what there is to tell.

    An error of ours ends with 2, so that no job takes it for a mask that is lost.
    """
    try:
        model = trace_models.model_of(asked.model)
        batch, targets = trace_models.batch_of(model, asked.batch)
        found = trace(model, batch, targets, build=True)
    except (CannotTrace, OSError, ValueError):
        raise  # which is said in one line
    except Exception:
        traceback.print_exc()
        print("maskspec: the trace broke off; this is a defect of maskspec", file=sys.stderr)
        return 2
    print(found._repr_html_() if asked.html else found)
    return found.status

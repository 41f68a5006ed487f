"""The harness of *Keras masking, specified*: from a claim on a page to a verdict on a framework."""

from maskspec.claims import ALWAYS, NEVER, case, claim
from maskspec.verdicts import Precondition, Unavailable, observe, refuted_by, require

__all__ = [
    "ALWAYS",
    "NEVER",
    "Precondition",
    "Unavailable",
    "case",
    "claim",
    "observe",
    "refuted_by",
    "require",
]

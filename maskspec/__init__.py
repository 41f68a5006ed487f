"""The harness of *Keras masking, specified*: from a claim on a page to a verdict on a framework."""

from maskspec.claims import case, claim
from maskspec.ranges import ALWAYS, NEVER
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

"""The harness of *Keras masking, specified*: from a claim on a page to a verdict on a framework."""

from maskspec.catalogue.claims import Parameter, case, claim
from maskspec.catalogue.ranges import ALWAYS, NEVER
from maskspec.running.judging import Precondition, Unavailable, observe, raises, refuted_by, require

__all__ = [
    "ALWAYS",
    "NEVER",
    "Parameter",
    "Precondition",
    "Unavailable",
    "case",
    "claim",
    "observe",
    "raises",
    "refuted_by",
    "require",
]

"""Sizes: one model, or one graph, over batches of several sizes and lengths in turn."""

from maskspec.atlas.aspects import aspect
from maskspec.atlas.trial import AGREEMENT, Trial, agreement


def agrees(trial: Trial, mode: str) -> str:
    return agreement(trial.smaller(), trial.smaller(mode))


@aspect("sizes.functional", "Does a functional model take batches of several sizes?", AGREEMENT)
def functional(trial: Trial) -> str:
    return agrees(trial, "functional")


@aspect("sizes.graph", "Does a graph of unknown length take batches of several sizes?", AGREEMENT)
def graph(trial: Trial) -> str:
    return agrees(trial, "graph")

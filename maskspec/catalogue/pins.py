"""What the constraints of a cell are compiled from: ``python -m maskspec pins CELL``."""

import argparse

from maskspec.catalogue.cells import known_cell, load

# What every cell needs beside its framework.
TEST_PACKAGES = ("hypothesis", "packaging", "pytest", "pytest-xdist")


def main(asked: argparse.Namespace) -> int:
    """Print the requirements, one a line."""
    print("\n".join([*known_cell(asked.cell, load(asked.root)).pins, *TEST_PACKAGES]))
    return 0

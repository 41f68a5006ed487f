"""The pytest plugin that hands on the facts of a run of some subjects, for ``maskspec diff``.

``-p maskspec.records.partial --facts=FILE`` writes them in the form of an atlas, which is no whole
one and is recorded nowhere.
"""

from pathlib import Path

import pytest

from maskspec.records import facts
from maskspec.records.header import about
from maskspec.records.results import write_lines
from maskspec.records.survey import Survey
from maskspec.running.plugin import Session


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--facts", type=Path, metavar="FILE", help="write the facts to this file")


def pytest_sessionfinish(session: pytest.Session) -> None:
    survey, [installed] = Survey.of(session.config), Session.of(session.config).installed
    found = {
        (one.subject, aspect): outcome
        for one in survey.asked
        for aspect, outcome in one.facts.items()
    }
    hashes = {"subjects": survey.hashes.subjects, "aspects": survey.hashes.aspects}
    header = {**about(installed), "public": [], **hashes}
    rows = facts.rows_of(facts.Atlas(header, found))
    write_lines(session.config.option.facts, rows)

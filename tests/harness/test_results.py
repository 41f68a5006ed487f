"""A cell's record: what is written is read again, and nothing else is read."""

import json
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskspec.catalogue.verdicts import VERDICTS
from maskspec.records import results
from maskspec.records.results import BrokenRecord, Record, Row

HEADER = {
    "schema": 1, "cell": "tf2.2", "implementation": "tf.keras", "version": "2.2.0",
    "backend": "tensorflow", "python": "3.8.1", "platform": "linux-x86_64",
    "packages": {"numpy": "1.19"}, "suite": "0123456789ab",
}  # fmt: skip
ROWS = [
    Row("demo.a", "", "holds", "", "aaaaaaaaaaaa"),
    Row("demo.b", "one", "refuted", "not so…", "bbbbbbbbbbbb"),
    Row("demo.b", "two", "unavailable", "no such API", "bbbbbbbbbbbb"),
]


@pytest.fixture
def record(tmp_path):
    """A record as written."""
    return results.write(tmp_path, Record(HEADER, ROWS))


def edit(path, line, **changes):
    """Change keys of one line; None takes a key away."""
    lines = path.read_text(encoding="utf-8").splitlines()
    value = {**json.loads(lines[line]), **changes}
    lines[line] = json.dumps({k: v for k, v in value.items() if v is not None})
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_a_record_is_read_as_it_was_written(record, tmp_path):
    assert record == tmp_path / "tf2.2" / "results.jsonl"
    assert results.read(record) == Record(HEADER, ROWS)


def test_the_order_of_the_rows_does_not_show(record):
    before = record.read_bytes()
    results.write(record.parent.parent, Record(HEADER, ROWS[::-1]))
    assert record.read_bytes() == before


TEXT = st.text(st.characters(exclude_categories=["Cs"]))  # any but lone surrogates


@given(
    st.lists(
        st.builds(Row, TEXT, TEXT, st.sampled_from(VERDICTS), TEXT, TEXT),
        unique_by=lambda row: (row.claim, row.case),
    )
)
def test_any_rows_are_read_as_they_were_written(tmp_path_factory, rows):
    folder = tmp_path_factory.getbasetemp() / "any-rows"
    path = results.write(folder, Record(HEADER, rows))
    assert results.read(path).rows == sorted(rows)


@pytest.mark.parametrize("lines", range(5))
def test_a_record_cut_after_any_line_is_refused(record, lines):
    text = record.read_text(encoding="utf-8").splitlines(keepends=True)
    record.write_text("".join(text[:lines]), encoding="utf-8")
    with pytest.raises(BrokenRecord, match=rf"results\.jsonl:{max(lines, 1)}: .*(cut short|empty)"):
        results.read(record)


def test_a_record_cut_anywhere_is_refused(record):
    whole = record.read_bytes()
    for end in range(len(whole) - 1):  # without its last line feed it is still whole
        record.write_bytes(whole[:end])
        with pytest.raises(BrokenRecord, match=r"results\.jsonl:\d+: "):
            results.read(record)


@pytest.mark.parametrize(
    "line, changes, message",
    [
        (0, {"schema": 2}, r":1: schema 2, this project reads 1"),
        (0, {"mood": "fine"}, ":1: this header has the unknown mood"),
        (0, {"suite": None}, ":1: this header lacks suite"),
        (1, {"verdict": "maybe"}, r":2: unknown verdict 'maybe'"),
        (1, {"note": "x"}, ":2: this row has the unknown note"),
        (2, {"observed": None}, ":3: this row lacks observed"),
        (2, {"verdict": "holds"}, r":5: the footer counts \d holds, \d refuted; there are"),
        (2, {"case": "two"}, r":5: the rows are not sorted, or one stands twice"),
        (2, {"claim": "demo.z"}, r":5: the rows are not sorted"),
        (4, {"rows": 4}, r":5: the footer counts"),
        (4, {"errors": 0}, ":5: this footer has the unknown errors"),
    ],
)
def test_an_edited_line_is_refused_by_its_number(record, line, changes, message):
    edit(record, line, **changes)
    with pytest.raises(BrokenRecord, match=message):
        results.read(record)


@pytest.mark.parametrize("line", ["not JSON", "[1, 2]", "3"])
def test_a_line_that_is_no_object_is_refused(record, line):
    lines = record.read_text(encoding="utf-8").splitlines()
    record.write_text("\n".join([lines[0], line, *lines[2:]]), encoding="utf-8")
    with pytest.raises(BrokenRecord, match=r":2: (no JSON|a line is one JSON object)"):
        results.read(record)


def test_a_row_that_is_gone_is_noticed(record):
    lines = record.read_text(encoding="utf-8").splitlines()
    record.write_text("\n".join([lines[0], *lines[2:]]), encoding="utf-8")
    with pytest.raises(BrokenRecord, match=":4: the footer counts"):
        results.read(record)


@pytest.mark.parametrize("observed", ["\ud800", object()], ids=["no-utf-8", "no-json"])
def test_the_earlier_record_stays_when_writing_fails(record, observed):
    before = record.read_bytes()
    broken = ROWS[1]._replace(observed=observed)
    with pytest.raises((ValueError, TypeError)):
        results.write(record.parent.parent, Record(HEADER, [broken]))
    assert record.read_bytes() == before


def test_records_that_cannot_be_read_are_named_beside_those_that_can(record, tmp_path):
    folder = tmp_path / "spec" / "releases"
    shutil.copytree(str(record.parent), str(folder / "tf2.2"))
    (folder / "tf2.3").mkdir()
    (folder / "tf2.3" / "results.jsonl").write_text("", encoding="utf-8")
    records, broken, missing = results.read_all(tmp_path, ["tf2.2", "tf2.3", "tf2.4"])
    assert list(records) == ["tf2.2"]
    assert broken == ["spec/releases/tf2.3/results.jsonl:1: the file is empty"]
    assert missing == ["spec/releases/tf2.4/results.jsonl:1: there is no record of this cell"]


def test_the_environment_names_the_packages_installed():
    packages = results.environment()["packages"]
    assert "pytest" in packages
    assert list(packages) == sorted(packages)

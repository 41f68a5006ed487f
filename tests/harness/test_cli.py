"""``python -m maskspec``: what each command prints and how it ends."""

import json
import re
import subprocess
import sys

import pytest
from fakes import fake
from jsonschema import Draft202012Validator
from miniature import ROOT

from maskspec.__main__ import USERS, VERBS, _parser, main
from maskspec.rendering import export

TESTS = "tests/test_demo.py"


@pytest.fixture
def maskspec(capsys):
    """Run a command on a miniature; its exit code, what it printed, what it complained."""

    def maskspec(mini, *arguments):
        code = main(["--root", str(mini.root), *arguments])
        return (code, *capsys.readouterr())

    return maskspec


def test_check_passes_on_a_sound_project(prepared, maskspec):
    code, out, _ = maskspec(prepared, "check", "--sources", str(prepared.folder / "texts"))
    assert code == 0
    assert re.fullmatch(
        r"\d+ rules, 7 claims, 8 cases, 3 cells, 6 units proved: nothing amiss\n", out
    )


def test_check_names_each_problem_and_how_to_mend_it(mini, maskspec):
    mini.edit("spec/README.md", "#demo.pads-with-zero", "#none")
    mini.edit("spec/demo.md", "[zero](#demo.", "[zero](#no.")
    code, out, _ = maskspec(mini, "check")
    assert code == 1
    assert out.count(": dead-link: ") == 2
    assert out.count("    to mend: mend the path or the anchor\n") == 1
    assert out.endswith(": 2 problems\n")


def test_check_proves_nothing_against_an_empty_folder(prepared, maskspec, tmp_path):
    code, out, _ = maskspec(prepared, "check", "--sources", str(tmp_path))
    assert code == 1
    assert "unproved-inventory: there is no such text" in out
    assert "units proved" not in out


def test_check_imports_no_framework(mini):
    mini.fakes = mini.folder / "poisoned"
    for name in ("keras==3.15.1", "tensorflow==2.18.0"):
        fake(mini.fakes, name, body="raise SystemExit('imported')")
    on = [str(home) for home in sorted(mini.fakes.iterdir())]
    done = mini.python("-m", "maskspec", "--root", str(mini.root), "check", on=on)
    assert (done.code, "nothing amiss" in done.output) == (0, True), done.output


def test_what_cannot_be_read_is_one_line_and_another_exit_code(mini, maskspec):
    mini.write("spec/sources/talk.units.jsonl", "{\n")
    code, out, err = maskspec(mini, "check")
    assert (code, out) == (2, "")
    assert re.fullmatch(r"maskspec: .*talk\.units\.jsonl:1: this line is no JSON\n", err)


def test_a_conftest_that_cannot_be_imported_is_named(mini, maskspec):
    mini.write("conftest.py", "import nothing_of_that_name\n")
    code, _, err = maskspec(mini, "check")
    assert code == 2
    assert "pytest could not collect" in err
    assert "nothing_of_that_name" in err


def test_a_collection_that_breaks_is_no_empty_catalogue(mini, maskspec):
    hook = "def pytest_collection_finish(session):\n    raise KeyError('half-way')\n"
    mini.write("conftest.py", mini.read("conftest.py") + hook)
    code, _, err = maskspec(mini, "check")
    assert code == 2
    assert "half-way" in err


def test_sync_writes_what_is_out_of_date_and_only_that(mini, maskspec):
    before = mini.read("spec/demo.md")
    mini.edit("spec/demo.md", "**Holds on all 3 cells.**", "**Holds.**")
    assert maskspec(mini, "sync") == (0, "wrote spec/demo.md\n", "")
    assert mini.read("spec/demo.md") == before


def test_sync_changes_nothing_the_second_time(mini, maskspec):
    files = ["spec/demo.md", "spec/README.md", "spec/sources/talk.md"]
    before = [mini.path(name).stat().st_mtime_ns for name in files]
    assert maskspec(mini, "sync") == (0, "", "")
    assert [mini.path(name).stat().st_mtime_ns for name in files] == before


def test_sync_adds_the_line_of_a_new_claim(mini, maskspec):
    page = mini.read("spec/demo.md")
    without = re.sub(r"^Seen: .*\n\n", "", page, flags=re.MULTILINE)
    assert without != page
    mini.write("spec/demo.md", without)
    maskspec(mini, "sync")
    assert mini.read("spec/demo.md") == page


def test_sync_check_writes_nothing_and_fails_if_out_of_date(mini, maskspec):
    assert maskspec(mini, "sync", "--check") == (0, "", "")
    mini.edit("spec/README.md", "| [Demo](demo.md) | 5", "| [Demo](demo.md) | 6")
    before = mini.read("spec/README.md")
    code, out, _ = maskspec(mini, "sync", "--check")
    assert code == 1
    assert re.fullmatch(r"spec/README\.md:10: out of date; python -m maskspec sync\n", out)
    assert mini.read("spec/README.md") == before


def test_pins_are_those_of_the_cell_and_the_test_packages(prepared, maskspec):
    code, out, _ = maskspec(prepared, "pins", "keras3.15-tensorflow")
    assert code == 0
    assert out.split() == [
        "keras==3.15.1", "tensorflow==2.18.0", "hypothesis", "packaging", "pytest", "pytest-xdist",
    ]  # fmt: skip


def test_pins_of_an_unknown_cell_names_the_nearest(prepared, maskspec):
    code, out, err = maskspec(prepared, "pins", "tf2.16")
    assert (code, out) == (2, "")
    assert "there is no cell tf2.16; did you mean tf2.15" in err


@pytest.fixture
def exported(prepared, maskspec):
    code, out, _ = maskspec(prepared, "export")
    assert code == 0
    return json.loads(out)


def inside(schema):
    """Every part of a schema."""
    yield schema
    for inner in schema.values():
        if isinstance(inner, dict):
            yield from inside(inner)


def test_export_is_as_its_schema_has_it(exported):
    Draft202012Validator.check_schema(export.SCHEMA)
    assert list(Draft202012Validator(export.SCHEMA).iter_errors(exported)) == []
    exported["claims"][0]["colour"] = "red"
    assert list(Draft202012Validator(export.SCHEMA).iter_errors(exported)) != []


def test_the_schema_of_export_leaves_no_key_open_and_none_without_a_word():
    objects = [part for part in inside(export.SCHEMA) if "required" in part]
    assert len(objects) > 8
    for part in objects:
        assert part["additionalProperties"] is False
        assert part["required"] == list(part["properties"])
        assert all(inner["description"] for inner in part["properties"].values())


def test_export_has_each_claim_with_its_test_range_and_verdicts(exported):
    claim = next(c for c in exported["claims"] if c["id"] == "demo.kinds-keep")
    assert claim["tests"] == [{"path": "tests/test_demo.py", "line": 29, "name": "test_kinds_keep"}]
    assert (claim["holds"], claim["instead"]) == ({"*": ""}, ["demo.computing-drops"])
    assert claim["cases"]["compute"] == {"holds": [{}], "exists": [{"*": ""}]}
    assert claim["cases"]["copy"] == {"holds": [], "exists": []}
    assert claim["verdicts"]["tf2.15"] == {
        "verdict": "partly",
        "cases": {
            "compute": {"verdict": "refuted", "observed": "not so: keras.keeps(kind)"},
            "copy": {"verdict": "holds", "observed": ""},
        },
    }


def test_export_ties_statements_to_claims(exported):
    assert exported["statements"]["talk-002"] == {
        "source": "talk",
        "says": "The padding is one.",
        "units": ["L1.s2"],
        "claims": ["demo.pads-with-one"],
        "untestable": None,
    }


def test_a_folder_outside_any_checkout_is_named(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(["cells"]) == 2
    assert capsys.readouterr().err.startswith(f"maskspec: {tmp_path} is in no checkout of the")


def test_a_root_that_is_no_checkout_is_named(capsys, tmp_path):
    assert main(["--root", str(tmp_path), "check"]) == 2
    told = f"maskspec: --root {tmp_path}: there is no spec/releases/cells.json below that folder\n"
    assert capsys.readouterr().err == told


def test_a_message_names_files_as_seen_from_the_checkout(mini, maskspec):
    mini.path("spec/sources/talk.units.jsonl").unlink()
    assert maskspec(mini, "check")[2] == (
        "maskspec: spec/sources/talk.units.jsonl: No such file or directory\n"
    )


def test_a_folder_inside_the_checkout_will_do(mini, monkeypatch, capsys):
    monkeypatch.chdir(mini.root / "spec" / "releases")
    assert main(["cells"]) == 0
    assert "keras3.15-tensorflow" in capsys.readouterr().out


def test_a_reader_that_stops_early_is_no_error(prepared):
    verb = f"{sys.executable} -m maskspec --root {prepared.root} export"
    done = subprocess.run(
        f"{verb} | head -n 1", shell=True, cwd=str(ROOT), capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("{\n", "")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_says_what_its_exit_status_means(verb, capsys):
    with pytest.raises(SystemExit):
        main([verb, "--help"])
    assert "Exit status: " in capsys.readouterr().out


@pytest.mark.parametrize(
    "name, old, new, what",
    [
        ("spec/releases/tf2.15/results.jsonl", '"refuted"', '"holds"', "the footer counts"),
        ("spec/demo.md", "### demo.twice", "### Twice", "'Twice' is no claim id"),
        ("tests/test_demo.py", "import pytest", "import pytest!", "tests/test_demo.py"),
    ],
    ids=["record", "page", "test"],
)
def test_sync_writes_nothing_while_something_cannot_be_read(mini, maskspec, name, old, new, what):
    mini.edit(name, old, new)
    before = {p: p.read_bytes() for p in mini.root.rglob("*.md")}
    code, _, err = maskspec(mini, "sync")
    assert (code, what in err) == (2, True), err
    assert {p: p.read_bytes() for p in mini.root.rglob("*.md")} == before


def test_a_comment_in_a_test_changes_no_page_and_makes_no_record_stale(mini, maskspec):
    mini.edit(TESTS, '"""The checks', '# One more line.\n"""The checks')
    mini.edit(
        TESTS,
        "    assert keras.padding() == 0",
        '    """Says more."""\n    # why\n    assert keras.padding() == 0',
    )
    assert maskspec(mini, "sync") == (0, "", "")
    assert maskspec(mini, "check")[0] == 0


def test_a_claim_that_was_recorded_on_few_cells_says_so(mini, maskspec):
    for cell in ("tf2.15", "keras3.14-tensorflow"):
        mini.record_path(cell).unlink()
    maskspec(mini, "sync")
    assert "Seen: **Holds in Keras 3 (run on 1 of 3 cells).**" in mini.read("spec/demo.md")


def test_cells_may_wait_to_be_recorded(mini, maskspec):
    mini.add_cell("keras3.16-tensorflow", implementation="keras", release="3.16")
    mini.edit(TESTS, "keras.padding() == 0", "keras.padding() == 0 + 0")
    assert maskspec(mini, "check")[0] == 1
    assert maskspec(mini, "check", "--unrecorded")[0] == 0


def test_help_says_what_is_read_where_there_is_no_checkout():
    assert "what this installation carries" in " ".join(
        _parser(USERS, "maskspec").format_help().split()
    )
    assert "(default: this one)" in _parser(tuple(VERBS), "python -m maskspec").format_help()

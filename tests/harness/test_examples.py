"""The examples on the pages run as shown, on the newest release."""

import pytest

from maskspec.running.examples import blocks, run, shown

NEWEST = ("keras==3.15.1", "tensorflow==2.18.0")
OLDER = ("keras==3.14.0", "tensorflow==2.18.0")
PAGE = "spec/demo.md"


def with_example(mini, code):
    mini.write(PAGE, mini.read(PAGE) + f"\n```python\n{code}\n```\n")
    return mini


@pytest.mark.parametrize(
    "code, said",
    [
        ("print(1)  # 1", "1"),
        ("print(1)\n# 1", "1"),
        ("print(1,\n      2)  # 1 2\n# and on", "1 2\nand on"),
        ("x = 1  # not printed\nprint(x)  # 1", "1"),
        ("print('# no comment')", ""),
        ("x = 1  # nothing", ""),
        ("for i in (1, 2):\n    print(i)\n    # 1\n    # 2", "1\n2"),
    ],
)
def test_what_a_block_says_it_prints(code, said):
    assert shown(code + "\n").strip() == said


def test_blocks_are_found_with_their_lines():
    text = "# Page\n\n```python\nx = 1\n```\n\n```text\nno\n```\n```python\ny = 2\n```\n"
    assert list(blocks(text)) == [(4, "x = 1\n"), (11, "y = 2\n")]


def test_blocks_of_a_page_share_their_names():
    names = {}
    assert (run("x = 2\n", names), run("print(x)\n", names)) == ("", "2\n")


def test_an_example_that_runs_as_shown_passes(mini):
    done = with_example(mini, "import keras\n\nprint(keras.padding())  # 0").run("-v", on=NEWEST)
    assert done.code == 0, done.output
    assert "spec/demo.md::examples PASSED" in done.output


@pytest.mark.parametrize(
    "code, complaint",
    [
        ("print(1)  # 2", "the example prints"),
        ("print(1)", "the example prints"),
        ("print(x)  # 1", "does not run: NameError: name 'x' is not defined"),
        ("print(  # 1", "does not run: "),
        ("x = 1\nprint(1)  # 1\nassert x == 2", "does not run: AssertionError"),
    ],
)
def test_an_example_that_does_not_is_named_with_its_line(mini, code, complaint):
    line = len(mini.read(PAGE).splitlines()) + 3
    done = with_example(mini, code).run(on=NEWEST)
    assert done.code == 1
    assert f"spec/demo.md:{line}: " in done.output
    assert complaint in done.output


def test_examples_are_not_run_on_older_releases(mini):
    done = with_example(mini, "raise SystemExit('run')").run(on=OLDER)
    assert done.code == 0, done.output


def test_one_claim_runs_no_examples(mini):
    done = with_example(mini, "print(1)  # 2").run("--claim", "demo.twice", on=NEWEST)
    assert (done.code, "1 passed" in done.output) == (0, True), done.output

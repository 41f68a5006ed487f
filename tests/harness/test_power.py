"""Power: which faults are planted where, how one is planted, and what is said of it."""

import ast
import os
import sys
import textwrap
import time

import pytest

from maskspec.power.forks import DIED, HUNG, each
from maskspec.power.masking import elsewhere, names_a_mask, nodes, units
from maskspec.power.operators import OPERATORS, edits
from maskspec.power.planting import Code
from maskspec.power.work import PLANTS, Work

EDITS = [  # operator, what is written, what stands in its place
    ("condition-constant", "y = a if mask else b", "y = a if True else b"),
    ("and-or", "y = mask and a", "y = mask or a"),
    ("comparison", "y = mask == a", "y = mask != a"),
    ("arithmetic", "y = mask & a", "y = mask | a"),
    ("unary", "y = ~mask", "y = mask"),
    ("constant", "y = f(mask, axis=-1)", "y = f(mask, axis=0)"),
    ("opposite-call", "y = ops.any(mask)", "y = ops.all(mask)"),
    ("call-left-out", "y = ops.cast(mask, 'bool')", "y = mask"),
    ("argument-left-out", "y = layer(x, mask=mask)", "y = layer(x)"),
    ("operands-swapped", "y = ops.where(mask, a, b)", "y = ops.where(mask, b, a)"),
    ("statement-left-out", "set_mask(y, mask)", "pass"),
    ("returns-nothing", "return mask", "return None"),
    ("key-left-out", "y = {'mask': mask, 'b': 1}", "y = {'b': 1}"),
]


def statement(text):
    return ast.parse(textwrap.dedent(text)).body[0]


def mutants(text, operator):
    """What stands in place of ``text``, edit by edit of one operator."""
    found = []
    count = sum(len(list(edits(node))) for node in nodes(statement(text)))
    for number in range(count):
        tree = ast.parse(text)
        pairs = [(node, edit) for node in nodes(tree.body[0]) for edit in edits(node)]
        node, edit = pairs[number]

        class Swap(ast.NodeTransformer):
            def visit(self, at, node=node, edit=edit):
                return edit.node if at is node else self.generic_visit(at)

        if edit.operator == operator:
            found.append(ast.unparse(ast.fix_missing_locations(Swap().visit(tree))))
    return found


@pytest.mark.parametrize("operator, text, mutant", EDITS, ids=[row[0] for row in EDITS])
def test_an_operator_edits(operator, text, mutant):
    assert mutant in mutants(text, operator)


def test_every_operator_is_tried():
    assert {row[0] for row in EDITS} == set(OPERATORS)


@pytest.mark.parametrize(
    "text", ["{'mask_zero': z, 'units': u}", "super().__init__(units=u, mask_zero=z)"]
)
def test_what_names_no_mask_stays_in_a_config_and_in_a_call_of_init(text):
    words = [edit.words for node in nodes(statement(text)) for edit in edits(node)]
    left_out = [one for one in words if "without" in one]
    assert len(left_out) == 1 and "mask_zero" in left_out[0]


def test_an_edit_is_told_in_words_and_not_in_code():
    words = [edit.words for node in nodes(statement("y = ops.any(mask)")) for edit in edits(node)]
    assert words == ["'all' in place of 'any'"]


FUNCTIONS = """
def plain(x):
    return x + 1

def compute_mask(x):
    return x + 1

def call(x, mask=None):
    y = x * 2
    if mask is not None:
        y = y * 3
    valid = f(mask)
    z = y + 1
    return z * valid
"""


def about_masks(name):
    return [ast.unparse(one) for u in units(ast.parse(FUNCTIONS)) if u.name == name
            for one in u.statements]  # fmt: skip


def test_a_function_that_names_no_mask_has_no_faults():
    assert about_masks("plain") == []


def test_all_of_a_function_named_after_masks_is_about_masks():
    assert about_masks("compute_mask") == ["return x + 1"]


def test_a_statement_is_about_masks_below_a_condition_or_through_a_variable():
    assert about_masks("call")[1:] == ["y = y * 3", "valid = f(mask)", "return z * valid"]


def test_what_a_call_with_a_mask_returns_is_no_mask():
    text = "def call(x, mask):\n    y = layer(x, mask=mask)\n    return y * 2"
    assert len(units(ast.parse(text))[0].statements) == 1


def test_in_get_config_only_what_names_a_mask_is_about_masks():
    text = "def get_config(s):\n    c = {'mask_zero': s.z}\n    c['units'] = s.u\n    return c"
    assert len(units(ast.parse(text))[0].statements) == 1


def test_a_mask_of_dropout_is_none():
    assert not names_a_mask("recurrent_dropout_mask")
    assert names_a_mask("padding_mask")


def test_code_that_only_a_gpu_runs_is_left_out():
    assert elsewhere("backend/tensorflow/rnn.py", "_cudnn_lstm") == "runs on a GPU alone"
    assert not elsewhere("backend/tensorflow/rnn.py", "rnn")


FRAMEWORK = """
class Layer:
    def compute_mask(self, x):
        return [value != 0 for value in x]

    def call(self, x, mask=None):
        if mask is not None:
            x = [value if valid else 0 for value, valid in zip(x, mask)]
            y = x
            return x, y
        return x

class Sub(Layer):
    def compute_mask(self, x):
        return None

    def call(self, x, mask=None):
        return super().call(x, mask=mask)
"""


@pytest.fixture
def code(tmp_path, monkeypatch):
    """The masking code of a small framework that is imported."""
    package = tmp_path / "fakeras" / "src"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("")
    (package / "__init__.py").write_text("from fakeras.src import layer, layer_test\n")
    for file in ("layer.py", "layer_test.py"):
        (package / file).write_text(FRAMEWORK)
    monkeypatch.syspath_prepend(str(tmp_path))
    import fakeras.src  # noqa: F401

    yield Code("fakeras.src")
    for name in [name for name in sys.modules if name.startswith("fakeras")]:
        del sys.modules[name]


def layer(name="Layer"):
    return getattr(sys.modules["fakeras.src.layer"], name)()


def fault(code, words):
    return next(one for one in code.faults() if words in one.id)


def test_the_tests_of_a_framework_are_no_place_for_a_fault(code):
    assert {one.place.file for one in code.faults()} == {"layer.py"}


def test_faults_have_ids_that_no_line_is_in(code):
    ids = [one.id for one in code.faults()]
    assert "layer.py:Layer.compute_mask:comparison-1" in ids
    assert len(ids) == len(set(ids))


def test_a_planted_fault_changes_what_is_returned(code):
    before = layer().compute_mask([1, 0])
    code.plant(fault(code, "compute_mask:comparison"))
    assert (before, layer().compute_mask([1, 0])) == ([True, False], [False, True])


def test_an_answer_can_be_kept_too_long(code):
    code.plant(fault(code, "Layer.compute_mask:answer-kept"))
    answers = [layer().compute_mask(x) for x in ([1, 0], [0, 0])]
    assert answers == [[True, False]] * 2


def test_what_only_answers_none_has_no_other_answer_to_keep(code):
    assert not [one for one in code.faults() if "compute_mask:answer" in one.id and "Sub" in one.id]


def test_two_updates_can_be_in_the_wrong_order(code):
    code.plant(fault(code, "Layer.call:order"))
    assert layer().call([1, 2], mask=[True, False]) == ([1, 0], [1, 2])


def test_a_fault_leaves_the_file_as_it_is(code):
    code.plant(fault(code, "compute_mask:comparison"))
    assert (code.root / "layer.py").read_text() == FRAMEWORK


def test_a_closure_that_the_fault_no_longer_uses_stays_whole(code):
    code.plant(fault(code, "Sub.call:returns-nothing"))
    assert layer("Sub").call([1], mask=[True]) is None


def test_instrumented_code_tells_its_statements_and_does_the_same(code):
    seen = []
    code.instrument(lambda place, number: seen.append((place, number)))
    assert layer().call([1, 2]) == [1, 2]
    assert seen == [("layer.py:Layer.call", 0), ("layer.py:Layer.call", 4)]


def test_what_a_child_does_stays_in_it(code):
    def work(task):
        code.plant(fault(code, task))
        return layer().compute_mask([1, 0])

    tasks = ["compute_mask:comparison", "compute_mask:returns-nothing"]
    found = {task: answer for task, answer, _ in each(tasks, work, 2)}
    assert found == dict(zip(tasks, [[False, True], None]))
    assert layer().compute_mask([1, 0]) == [True, False]


def test_a_child_that_does_not_end_is_ended():
    def work(task):
        while True:
            pass

    assert [answer for _, answer, _ in each(["endless"], work, 1, cpu_s=1)] == [HUNG]


def test_a_child_that_waits_for_ever_is_ended():
    def work(task):
        time.sleep(60)

    assert [answer for _, answer, _ in each(["asleep"], work, 1, wall_s=1)] == [HUNG]


def test_a_child_that_dies_is_told():
    assert [answer for _, answer, _ in each(["dead"], lambda _: os._exit(1), 1)] == [DIED]


def test_an_error_in_the_work_itself_is_an_error_here():
    def work(task):
        raise KeyError("no such test")

    with pytest.raises(RuntimeError, match="no such test"):
        list(each(["one"], work, 1))


@pytest.fixture
def kept(tmp_path):
    """Opens what is kept of a measurement, where ``tests`` are the hashes of the tests."""
    for file in (*PLANTS, "tests/test_one.py", "maskspec/atlas/a.py", "maskspec/running/b.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("")
    work = tmp_path / "tests" / "test_one.py"

    def open_it(tests, code=""):
        work.write_text(code)
        return Work(tmp_path, "keras 3.15", tests.get)

    first = open_it({"lstm": "1", "gru": "1"})
    first.keep_fault("negated", [{"fact": ["lstm"]}, 1.5], ["lstm"])
    first.keep_fault("swapped", [{"fact": ["lstm", "gru"]}, 1.5], ["lstm", "gru"])
    first.keep_fault("unnoticed", [{"fact": []}, 9.5], [])
    return open_it


def test_a_measurement_that_was_broken_off_goes_on(kept):
    assert list(kept({"lstm": "1", "gru": "1"}).faults()) == ["negated", "swapped", "unnoticed"]


def test_a_fault_is_measured_again_when_a_test_that_notices_it_is_another_one(kept):
    assert list(kept({"lstm": "1", "gru": "2"}, "gru").faults()) == ["negated"]


def test_what_nothing_notices_is_measured_again_when_there_are_other_tests(kept):
    assert list(kept({"lstm": "1", "gru": "1"}, "one more").faults()) == ["negated", "swapped"]


def test_half_a_line_that_a_killed_run_left_is_dropped(kept, tmp_path):
    work = kept({"lstm": "1", "gru": "1"})
    [file] = tmp_path.glob(".power/faults-*.jsonl")
    file.write_text(file.read_text() + '["half", [{"fact"')
    assert list(work.faults()) == ["negated", "swapped", "unnoticed"]
    assert "half" not in file.read_text()


@pytest.mark.parametrize("damage", ["no JSON\n", "{}\n", '["negated", 1]\n'])
def test_a_damaged_line_is_named(kept, tmp_path, damage):
    work = kept({"lstm": "1", "gru": "1"})
    [file] = tmp_path.glob(".power/faults-*.jsonl")
    file.write_text(damage + file.read_text())
    with pytest.raises(ValueError, match=r"faults-\w+\.jsonl:1 is damaged: delete the file"):
        work.faults()


@pytest.mark.parametrize("damage", ["", "{}", '[["a test", 1]]'])
def test_damaged_tests_are_named(kept, damage):
    work = kept({})
    work.keep_tests([])
    work._tests.write_text(damage)
    with pytest.raises(ValueError, match="is damaged: delete the file"):
        work.tests()

"""Which statements of a module have to do with masks: by name, and by what stands around them.

A statement has to do with masks where it names one (an identifier or a string with "mask" in it),
where it stands below a condition or loop that does, where it uses a variable that is set from a
mask, and anywhere in a function that is named after masks.
"""

import ast
from typing import Iterator, List, NamedTuple, Set, Tuple, Type, Union

Function = Union[ast.FunctionDef, ast.AsyncFunctionDef]
# Parts of Keras in which a mask is something else, or that calls of users do not reach.
ELSEWHERE = {
    "applications": "whole models",
    "backend.py:ctc_label_dense_to_sparse": "numbers the labels of an alphabet",
    "backend/tensorflow/linalg": "chooses numbers in an algorithm",
    "backend/tensorflow/nn.py:ctc_decode": "chooses numbers in an algorithm",
    "backend/tensorflow/nn.py:ctc_loss": "numbers the blank of an alphabet",
    "backend/tensorflow/numpy": "chooses numbers in an algorithm",
    "backend/tensorflow/rnn.py:_compute_sequence_length_from_mask": "runs on a GPU alone",
    "backend/tensorflow/rnn.py:_cudnn_": "runs on a GPU alone",
    "backend/tensorflow/sparse": "chooses numbers in an algorithm",
    "datasets": "data",
    "engine/base_layer_utils.py:collect_previous_mask": "nothing calls it",
    "engine/base_layer_utils.py:mark_as_return": "nothing calls it",
    "engine/base_layer_v1": "graphs of TensorFlow 1",
    "engine/functional.py:Functional._should_compute_mask": "graphs of TensorFlow 1",
    "engine/functional.py:ModuleWrapper": "calls a module of TensorFlow that is no layer",
    "engine/partial_batch_padding_handler": "graphs of TensorFlow 1",
    "engine/training.py:Model._should_compute_mask": "graphs of TensorFlow 1",
    "engine/training_distributed_v1": "graphs of TensorFlow 1",
    "engine/training_eager_v1": "graphs of TensorFlow 1",
    "engine/training_utils_v1": "graphs of TensorFlow 1",
    "engine/training_v1": "graphs of TensorFlow 1",
    "layers/experimental/dynamic_lookup": "a token, no steps",
    "layers/locally_connected": "chooses weights of a kernel",
    "layers/normalization/batch_normalization.py:BatchNormalizationBase._dtensor_": "runs on a "
    "mesh of devices alone",
    "layers/preprocessing/hashing": "a token, no steps",
    "layers/preprocessing/image_preprocessing": "cuts objects out of images",
    "layers/preprocessing/index_lookup": "a token, no steps",
    "layers/preprocessing/integer_lookup": "a token, no steps",
    "layers/preprocessing/string_lookup": "a token, no steps",
    "layers/rnn/base_cudnn_rnn": "runs on a GPU alone",
    "layers/rnn/bidirectional.py:Bidirectional._call_fused_": "runs on a GPU alone",
    "layers/rnn/gru.py:gpu_gru": "runs on a GPU alone",
    "layers/rnn/gru_lstm_utils.py:calculate_sequence_by_mask": "runs on a GPU alone",
    "layers/rnn/gru_v1": "graphs of TensorFlow 1",
    "layers/rnn/lstm.py:gpu_lstm": "runs on a GPU alone",
    "layers/rnn/lstm_v1": "graphs of TensorFlow 1",
    "legacy": "names of Keras 2 that nothing calls",
    "losses/losses.py:circle": "chooses pairs of samples",
    "metrics/base_metric.py:SumOverBatchSizeMetricWrapper": "nothing public is made of it",
    "metrics/iou_metrics.py:_IoUBase.update_state": "chooses classes of a confusion matrix",
    "metrics/metrics_utils.py:_filter_top_k": "chooses numbers in an algorithm",
    "ops/nn.py:CTCDecode": "chooses numbers in an algorithm",
    "ops/nn.py:CTCLoss": "numbers the blank of an alphabet",
    "ops/nn.py:ctc_decode": "chooses numbers in an algorithm",
    "ops/nn.py:ctc_loss": "numbers the blank of an alphabet",
    "preprocessing/image": "cuts objects out of images",
    "quantizers": "chooses bits",
    "testing": "Keras's own tests",
    "utils/conv_utils": "chooses weights of a kernel",
    "utils/metrics_utils.py:_filter_top_k": "chooses numbers in an algorithm",
    "utils/numerical_utils.py:build_pos_neg_masks": "chooses pairs of samples",
    "visualization": "cuts objects out of images",
}
# Names in which a mask is something else.
NO_MASK = (
    "axis_mask",
    "dropout_mask",
    "dp_mask",
    "mask_token",
    "pos_mask",
    "neg_mask",
    "positive_mask",
)


class Unit(NamedTuple):
    """A function or method at the top of a module or class, and its statements about masks."""

    name: str  # as Python qualifies it: Masking.compute_mask
    node: Function
    statements: List[ast.stmt]


def elsewhere(file: str, function: str) -> str:
    """Why masks in a function are none of steps, or are out of reach; "" if they are not."""
    place = f"{file}:{function}"
    return next((why for start, why in ELSEWHERE.items() if place.startswith(start)), "")


def units(tree: ast.Module) -> List[Unit]:
    """The functions of a module that have statements about masks, in order."""
    found = []
    for name, node in _functions(tree, ""):
        statements = list(about_masks(node))
        if statements:
            found.append(Unit(name, node, statements))
    return found


def about_masks(function: Function) -> Iterator[ast.stmt]:
    """The statements of ``function`` that have to do with masks, outermost first."""
    if names_a_mask(function.name):
        yield from _all(function.body)
        return
    aliases: Set[str] = set()
    for statement in _all(function.body):
        if _names_a_mask(_unless_by_name(statement)) and function.name != "get_config":  # sets all
            aliases |= _sets(statement)
    yield from _below(function.body, aliases, False)


def _below(body: List[ast.stmt], aliases: Set[str], inside: bool) -> Iterator[ast.stmt]:
    for statement in body:
        header = _header(statement)
        is_one = inside or _names_a_mask(header) or bool(_uses(header) & aliases)
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            is_one = inside or names_a_mask(statement.name)
        elif is_one and not _is_text(statement):
            yield statement
        for inner in _bodies(statement):
            yield from _below(inner, aliases, is_one)


def _all(body: List[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        if not _is_text(statement) and not isinstance(statement, ast.FunctionDef):
            yield statement
        for inner in _bodies(statement):
            yield from _all(inner)


def nodes(statement: ast.stmt, skipped: Tuple[Type[ast.AST], ...] = ()) -> Iterator[ast.AST]:
    """The nodes of ``statement`` itself, without those of the statements in it, and without those
    of a ``skipped`` kind."""
    skipped = (ast.stmt, ast.excepthandler, *skipped)
    waiting: List[ast.AST] = [statement]
    while waiting:
        node = waiting.pop(0)
        yield node
        waiting += [n for n in ast.iter_child_nodes(node) if not isinstance(n, skipped)]


def bodies(tree: ast.AST) -> List[List[ast.stmt]]:
    """Every list of statements below ``tree``."""
    found = []
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            value = getattr(node, field, None)
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                found.append(value)
    return found


def _header(statement: ast.stmt) -> List[ast.AST]:
    return list(nodes(statement))


def _unless_by_name(statement: ast.stmt) -> List[ast.AST]:
    """Without arguments by name: what a layer returns that is called with mask= is no mask."""
    return list(nodes(statement, (ast.keyword,)))


def _names_a_mask(found: List[ast.AST]) -> bool:
    for node in found:
        words = [getattr(node, field, None) for field in ("id", "attr", "arg", "value")]
        if any(isinstance(word, str) and names_a_mask(word) for word in words):
            return True
    return False


def names_a_mask(word: str) -> bool:
    word = word.lower()
    return "mask" in word and not any(other in word for other in NO_MASK)


def _sets(statement: ast.stmt) -> Set[str]:
    """The variables that an assignment sets from a value that names a mask."""
    if not isinstance(statement, (ast.Assign, ast.AugAssign)):
        return set()
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return {
        n.id
        for target in targets
        for n in ast.walk(target)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }


def _uses(found: List[ast.AST]) -> Set[str]:
    return {n.id for n in found if isinstance(n, ast.Name)}


def _bodies(statement: ast.stmt) -> List[List[ast.stmt]]:
    found = [getattr(statement, field, []) for field in ("body", "orelse", "finalbody")]
    found += [handler.body for handler in getattr(statement, "handlers", [])]
    return [body for body in found if body]


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _functions(tree: ast.AST, within: str) -> Iterator[Tuple[str, Function]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{within}{node.name}.")
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield within + node.name, node
        elif isinstance(node, (ast.If, ast.Try, ast.With)):
            yield from _functions(node, within)

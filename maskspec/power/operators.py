"""The operators: what single faults can be planted at a node of a function's syntax tree.

The names are those of the literature on mutation testing and its tools (mutmut, cosmic-ray):
what is not named there is a common fault of code that handles masks. An operator gives, for one
node, the nodes that may stand in its place; a fault is one such edit.
"""

import ast
import copy
from typing import Callable, Dict, Iterator, List, NamedTuple, Tuple, Type

from maskspec.power.masking import names_a_mask

TWINS = (  # calls that take the same arguments and do the opposite
    ("all", "any"),
    ("reduce_all", "reduce_any"),
    ("logical_and", "logical_or"),
    ("equal", "not_equal"),
    ("zeros", "ones"),
    ("zeros_like", "ones_like"),
    ("sum", "mean"),
    ("reduce_sum", "reduce_mean"),
    ("maximum", "minimum"),
    ("max", "min"),
    ("greater", "less"),
    ("greater_equal", "less_equal"),
    ("add", "subtract"),
    ("multiply", "divide"),
)
OPPOSITE = {**dict(TWINS), **{b: a for a, b in TWINS}}
ONLY_CONVERT = {  # calls that give their first argument in another dtype, shape or sense
    "cast", "expand_dims", "squeeze", "reshape", "transpose", "tile", "repeat", "broadcast_to",
    "logical_not", "invert", "cumsum", "stop_gradient", "flip", "reverse", "swapaxes", "moveaxis",
    "swap_batch_timestep",
}  # fmt: skip
NO_MATTER = ("training", "name", "seed")  # arguments that no mask depends on
COMPARE: Dict[Type[ast.cmpop], Type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE,
    ast.GtE: ast.Gt, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
ARITHMETIC: Dict[Type[ast.operator], Type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
}  # fmt: skip


class Edit(NamedTuple):
    """What may stand in place of a node, and what that does, in a few words."""

    operator: str
    node: ast.AST
    words: str


Operator = Callable[[ast.AST], Iterator[Tuple[ast.AST, str]]]
OPERATORS: Dict[str, Operator] = {}


def operator(name: str) -> Callable[[Operator], Operator]:
    def register(function: Operator) -> Operator:
        OPERATORS[name] = function
        return function

    return register


def edits(node: ast.AST) -> Iterator[Edit]:
    """Every edit of ``node``, operator by operator."""
    for name, function in OPERATORS.items():
        for new, words in function(node):
            yield Edit(name, new, words)


@operator("condition-constant")
def _conditions(node: ast.AST) -> Iterator[Tuple[ast.AST, str]]:
    if isinstance(node, (ast.If, ast.IfExp)):
        what = named(node.test)
        if isinstance(node.test, ast.Constant):
            return
        yield with_(node, test=ast.Constant(True)), f"the condition on {what} is always met"
        yield with_(node, test=ast.Constant(False)), f"the condition on {what} is never met"
    elif isinstance(node, ast.comprehension) and node.ifs:
        yield with_(node, ifs=[]), f"the condition on {named(node.ifs[0])} is always met"


@operator("and-or")
def _and_or(node: ast.AST) -> Iterator[Tuple[ast.AST, str]]:
    if isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        was, now = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        yield with_(node, op=other), f"{now!r} in place of {was!r} between {named(node)}"


@operator("comparison")
def _comparisons(node: ast.AST) -> Iterator[Tuple[ast.AST, str]]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARE:
        new = COMPARE[type(node.ops[0])]()
        words = f"{_sign(new)!r} in place of {_sign(node.ops[0])!r} for {named(node)}"
        yield with_(node, ops=[new]), words


@operator("arithmetic")
def _arithmetic(node: ast.AST) -> Iterator[Tuple[ast.AST, str]]:
    if isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in ARITHMETIC:
        text = isinstance(node, ast.BinOp) and any(
            isinstance(side, (ast.Constant, ast.JoinedStr)) and not _is_number(side)
            for side in (node.left, node.right)
        )
        if not text:
            new = ARITHMETIC[type(node.op)]()
            words = f"{_sign(new)!r} in place of {_sign(node.op)!r} for {named(node)}"
            yield with_(node, op=new), words


@operator("unary")
def _unary(node: ast.AST) -> Iterator[Tuple[ast.AST, str]]:
    if isinstance(node, ast.UnaryOp) and not isinstance(node.operand, ast.Constant):
        yield node.operand, f"no {_sign(node.op)!r} before {named(node.operand)}"


@operator("constant")
def _constants(node: ast.AST) -> Iterator[Tuple[ast.AST, str]]:
    number = node.operand if isinstance(node, ast.UnaryOp) else node
    if not isinstance(number, ast.Constant):
        return
    if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.USub):
        return
    value = number.value
    if isinstance(value, bool):
        yield ast.Constant(not value), f"{not value} in place of {value}"
    elif isinstance(value, (int, float)):
        was = -value if isinstance(node, ast.UnaryOp) else value
        new = was + 1 if isinstance(value, int) else was / 2 if was else 1.0
        yield _number(new), f"{new} in place of {was}"


@operator("opposite-call")
def _opposites(node: ast.AST) -> Iterator[Tuple[ast.AST, str]]:
    if isinstance(node, ast.Call) and called(node) in OPPOSITE:
        new = OPPOSITE[called(node)]
        if isinstance(node.func, ast.Attribute):
            function: ast.AST = with_(node.func, attr=new)
        elif called(node) in ("all", "any", "sum", "max", "min"):
            function = ast.Name(new if new != "mean" else "max", ast.Load())
        else:
            return
        yield with_(node, func=function), f"{new!r} in place of {called(node)!r}"


@operator("call-left-out")
def _conversions(node: ast.AST) -> Iterator[Tuple[ast.AST, str]]:
    if isinstance(node, ast.Call) and called(node) in ONLY_CONVERT and node.args:
        yield node.args[0], f"{called(node)!r} of {named(node.args[0])} is left out"


@operator("argument-left-out")
def _arguments(node: ast.AST) -> Iterator[Tuple[ast.AST, str]]:
    if not isinstance(node, ast.Call):
        return
    carries = [str(keyword.arg) for keyword in node.keywords if about_masks(str(keyword.arg))]
    for at, keyword in enumerate(node.keywords):
        is_one = keyword.arg is not None and keyword.arg not in NO_MATTER
        if carries or called(node) == "__init__":  # what else such a call is given is no mask
            is_one = is_one and keyword.arg in carries
        if is_one and not isinstance(keyword.value, ast.Constant):
            rest = node.keywords[:at] + node.keywords[at + 1 :]
            words = f"{called(node)!r} is called without {keyword.arg}="
            yield with_(node, keywords=rest), words


@operator("operands-swapped")
def _swapped(node: ast.AST) -> Iterator[Tuple[ast.AST, str]]:
    if isinstance(node, ast.Call) and called(node) in ("where", "cond") and len(node.args) == 3:
        condition, one, other = node.args
        words = f"the two branches of {called(node)!r} are swapped"
        yield with_(node, args=[condition, other, one]), words


@operator("statement-left-out")
def _statements(node: ast.AST) -> Iterator[Tuple[ast.AST, str]]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield ast.Pass(), f"the call of {called(node.value)!r} is left out"
    elif isinstance(node, ast.Raise):
        yield ast.Pass(), "no error is raised"
    elif isinstance(node, ast.AugAssign):
        yield ast.Pass(), f"{named(node.target)} stays as it was"
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
        again = isinstance(target, ast.Name) and target.id in names(node.value)
        stored = isinstance(target, (ast.Attribute, ast.Subscript))
        # Attributes are also read elsewhere: without one that is set once, anything else fails.
        if again or (stored and not _is_own(target)):
            yield ast.Pass(), f"{named(target)} stays as it was"


@operator("returns-nothing")
def _returns(node: ast.AST) -> Iterator[Tuple[ast.AST, str]]:
    if isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield with_(node, value=ast.Constant(None)), "None is returned"


@operator("key-left-out")
def _keys(node: ast.AST) -> Iterator[Tuple[ast.AST, str]]:
    if isinstance(node, ast.Dict):
        for at, key in enumerate(node.keys):
            if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
                continue
            if any(map(names_a_mask, [key.value, *names(node.values[at])])):
                keys, values = node.keys[:at] + node.keys[at + 1 :], list(node.values)
                del values[at]
                yield with_(node, keys=keys, values=values), f"without the key {key.value!r}"


def about_masks(argument: str) -> bool:
    return names_a_mask(argument) or "causal" in argument


def with_(node: ast.AST, **fields: object) -> ast.AST:
    """A copy of ``node`` with other ``fields``."""
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def called(node: ast.Call) -> str:
    """The last name of what is called."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def names(node: ast.AST) -> List[str]:
    """The names, attributes, keywords and arguments in ``node``, each once, in reading order."""
    found: Dict[str, None] = {}
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            found[one.id] = None
        elif isinstance(one, ast.Attribute):
            found[one.attr] = None
        elif isinstance(one, (ast.keyword, ast.arg)) and one.arg:
            found[one.arg] = None
    return list(found)


def named(node: ast.AST) -> str:
    """What ``node`` is about, by its first names."""
    found = [name for name in names(node) if name not in ("self", "ops", "tf", "backend", "np")]
    return ", ".join(f"`{name}`" for name in found[:3]) or "a constant"


def _is_own(target: ast.AST) -> bool:
    return isinstance(target, ast.Attribute) and getattr(target.value, "id", "") == "self"


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, (int, float))


def _number(value: float) -> ast.expr:
    if value < 0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    return ast.Constant(value)


SIGNS = {
    "Eq": "==", "NotEq": "!=", "Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">=", "Is": "is",
    "IsNot": "is not", "In": "in", "NotIn": "not in", "Add": "+", "Sub": "-", "Mult": "*",
    "Div": "/", "BitAnd": "&", "BitOr": "|", "FloorDiv": "//", "Mod": "%", "Not": "not",
    "Invert": "~", "USub": "-", "UAdd": "+",
}  # fmt: skip


def _sign(op: ast.AST) -> str:
    return SIGNS[type(op).__name__]

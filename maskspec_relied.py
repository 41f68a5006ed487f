"""A plugin for pytest: the marker ``relies_on``, and ``pytest --maskspec-relied``.

It imports nothing of the package until a test relies on a claim.
"""

import ast

import pytest


def pytest_addoption(parser):
    parser.getgroup("maskspec").addoption(
        "--maskspec-relied",
        nargs="?",
        const="",
        metavar="FILE",
        help="list the claims about masking that this suite relies on, and write them to FILE",
    )


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "relies_on(claim, ...): fail where the installed Keras does not hold the claim"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    for mark in item.iter_markers("relies_on"):
        from maskspec.checking.relies import NotSo, relies_on

        try:
            relies_on(*mark.args, **mark.kwargs)
        except (NotSo, ValueError) as error:  # ValueError: there is no such claim
            raise pytest.fail.Exception(str(error), pytrace=False) from None


def pytest_collection_finish(session):
    """Note what is relied on, by markers of the collected tests and by calls in their modules."""
    if session.config.option.maskspec_relied is None:
        return
    found, paths = {}, {}
    for item in session.items:
        for mark in item.iter_markers("relies_on"):
            for claim in mark.args:
                found.setdefault(claim, set()).add(item.nodeid.partition("[")[0])
        paths[str(item.path)] = item.nodeid.partition("::")[0]
    for path, name in paths.items():
        for claim, line in _calls(path):
            found.setdefault(claim, set()).add(f"{name}:{line}")
    session.config.maskspec_found = found


def _calls(path):
    """The claims that a module names in calls of ``relies_on`` that are no markers."""
    with open(path, encoding="utf-8") as file:
        try:
            tree = ast.parse(file.read())
        except SyntaxError:
            return
    for node in ast.walk(tree):
        is_marker = isinstance(node, ast.Call) and "mark" in ast.dump(node.func)
        if not isinstance(node, ast.Call) or is_marker:
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name == "relies_on":
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value, node.lineno


def pytest_terminal_summary(terminalreporter, config):
    found = getattr(config, "maskspec_found", None)
    if found is None:
        return
    lines = [f"{claim}  # {', '.join(sorted(where))}" for claim, where in sorted(found.items())]
    terminalreporter.section("claims relied on")
    for line in lines or ["none"]:
        terminalreporter.write_line(line)
    if config.option.maskspec_relied:
        with open(config.option.maskspec_relied, "w", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))

"""The adapter: what is spelled differently from release to release, found where each has it."""

from types import ModuleType

import pytest

from maskspec.running.adapter import Keras, Namespace


@pytest.mark.parametrize(
    "implementation, module",
    [
        ("keras", {"config": {"dtype_policy": "get", "set_dtype_policy": "set"}}),
        (
            "keras",  # 3.0.0
            {"config": {}, "mixed_precision": {"dtype_policy": "get", "set_dtype_policy": "set"}},
        ),
        ("tf.keras", {"mixed_precision": {"global_policy": "get", "set_global_policy": "set"}}),
        (
            "tf.keras",  # 2.3
            {"mixed_precision": {"experimental": {"global_policy": "get", "set_policy": "set"}}},
        ),
    ],
)
def test_the_policy_is_set_where_the_release_has_it(implementation, module):
    keras = Namespace(module_of({"implementation": implementation, **module}), "keras")
    assert Keras._get_and_set_policy(keras) == ("get", "set")


def module_of(names):
    made = ModuleType("fake")
    for name, value in names.items():
        setattr(made, name, module_of(value) if isinstance(value, dict) else value)
    return made

"""Ranges: which key decides, which releases a specifier takes, what is no range."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskspec.catalogue.ranges import ALWAYS, NEVER, bounds, contains, expected_verdict, validate


@pytest.mark.parametrize("at", [("tf.keras", "2.2"), ("tf_keras", "2.21"), ("keras", "3.15.1")])
def test_always_has_every_release_and_never_none(at):
    assert contains(ALWAYS, *at, "tensorflow")
    assert not contains(NEVER, *at, "tensorflow")


def test_the_most_specific_key_decides():
    range_ = {"keras/jax": None, "keras": ">=3.4", "*": ""}
    assert not contains(range_, "keras", "3.9", "jax")
    assert not contains(range_, "keras", "3.1", "torch")
    assert contains(range_, "keras", "3.9", "torch")
    assert contains(range_, "tf_keras", "2.16", "tensorflow")


@pytest.mark.parametrize("specifier", ["<=3.14", ">3.14", "==3.14", "~=3.14", "===3.14"])
def test_forms_that_differ_between_patch_releases_are_refused(specifier):
    with pytest.raises(ValueError, match="is no version specifier of the forms"):
        validate({"keras": specifier})


def test_an_implementation_without_a_key_is_not_in_the_range():
    assert not contains({"keras": ""}, "tf.keras", "2.15", "tensorflow")


@pytest.mark.parametrize(
    "version, inside",
    [("2.3.4", False), ("2.4.0rc1", True), ("2.4", True), ("2.4.0.post1", True), ("2.10.0", True)],
)
def test_a_release_counts_by_its_base_version(version, inside):
    assert contains({"tf.keras": ">=2.4"}, "tf.keras", version, "tensorflow") is inside


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 9))
def test_a_lower_bound_compares_numbers_not_text(bound, minor, patch):
    inside = contains({"keras": f">=3.{bound}"}, "keras", f"3.{minor}.{patch}", "torch")
    assert inside == (minor >= bound)


@pytest.mark.parametrize("key", ["tensorflow", "keras/theano", "Keras", "", "jax"])
def test_an_unknown_key_is_named_with_the_known_ones(key):
    with pytest.raises(ValueError, match=r"unknown implementation .*tf\.keras, tf_keras, keras"):
        validate({key: ""})


def test_an_unreadable_specifier_is_named_with_its_key():
    with pytest.raises(ValueError, match=r"'2\.4 up' \(for 'keras'\) is no version specifier"):
        validate({"keras": "2.4 up"})


def test_a_readable_range_is_returned_as_it_is():
    range_ = {"keras/torch": ">=3.1,<3.5", "tf.keras": None, "*": ""}
    assert validate(range_) is range_


@pytest.mark.parametrize(
    "holds, exists, verdict",
    [
        ([ALWAYS], [ALWAYS], "holds"),
        ([ALWAYS, NEVER], [ALWAYS], "refuted"),
        ([ALWAYS], [ALWAYS, NEVER], "unavailable"),
        ([NEVER], [NEVER], "unavailable"),
    ],
)
def test_every_range_has_to_contain_the_release(holds, exists, verdict):
    assert expected_verdict(holds, exists, "keras", "3.1", "jax") == verdict


def test_bounds_are_the_versions_that_a_range_names():
    range_ = {"keras/jax": ">=3.1,<3.5", "tf.keras": "==2.4.*", "tf_keras": None, "*": ""}
    assert sorted(bounds(range_)) == [("keras", "3.1"), ("keras", "3.5"), ("tf.keras", "2.4")]


@pytest.mark.parametrize("version", ["3.0.0", "3.0.5", "3.11.3", "3.12.0"])
def test_alternatives_are_joined_by_or(version):
    range_ = {"keras": "<3.0.5 or >=3.12,<3.14"}
    assert contains(range_, "keras", version, "jax") == (version in ("3.0.0", "3.12.0"))
    assert sorted(bounds(range_)) == [("keras", "3.0.5"), ("keras", "3.12"), ("keras", "3.14")]
    with pytest.raises(ValueError, match="'<3.0 or 3.1' .* is no version specifier"):
        validate({"keras": "<3.0 or 3.1"})

"""The words of an error: the rule, what was received, the way out."""

import numpy as np
import pytest

from kerasdnn.core.arguments import (
    check_bool,
    check_choice,
    check_fraction,
    check_integer,
    check_interval,
    check_positive,
)


def test_a_good_value_comes_back_in_its_plain_python_type():
    assert type(check_integer("n", np.int64(3))) is int
    assert type(check_integer("n", 3.0)) is int
    assert type(check_interval("x", np.float32(0.5), "[0, 1]")) is float
    assert type(check_bool("x", np.True_)) is bool
    assert check_choice("x", "adam", ["sgd", "adam"]) == "adam"


def test_the_ends_of_an_interval_are_in_or_out_as_its_brackets_say():
    assert check_interval("x", 0, "[0, 1)") == 0.0
    assert check_interval("x", 1, "(0, 1]") == 1.0
    for value, interval in ((1, "[0, 1)"), (0, "(0, 1]"), (float("inf"), "[0, inf)")):
        with pytest.raises(ValueError, match="must be a number in"):
            check_interval("x", value, interval)


@pytest.mark.parametrize("value", [float("nan"), True, "0.5", None, [0.5], 1 + 0j])
def test_what_is_no_number_is_refused_by_every_check_of_numbers(value):
    for check in (check_integer, check_positive, check_fraction):
        with pytest.raises(ValueError, match="`x` must be"):
            check("x", value)


def test_the_message_has_the_rule_the_value_and_the_remedy():
    with pytest.raises(ValueError) as error:
        check_fraction("momentum", 1.2, "0.9 is the usual value.")
    assert str(error.value) == (
        "`momentum` must be a number in [0, 1). Received: momentum=1.2. 0.9 is the usual value."
    )


def test_a_long_value_is_cut_and_a_long_list_of_names_too():
    with pytest.raises(ValueError) as error:
        check_integer("n", list(range(10_000)))
    assert len(str(error.value)) < 300
    names = [f"name{i}" for i in range(100)]
    with pytest.raises(ValueError, match="Did you mean") as error:
        check_choice("x", "nam42", names)
    assert "'name42'" in str(error.value)
    assert "'name70'" not in str(error.value)


def test_a_name_that_is_like_none_gets_no_suggestion():
    with pytest.raises(ValueError) as error:
        check_choice("x", "zzz", ["adam", "sgd"])
    assert str(error.value) == "`x` must be one of 'adam', 'sgd'. Received: x='zzz'."

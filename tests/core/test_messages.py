"""Messages show the rule, the value really received, and the fix."""

import numpy as np

from kerasdnn.core.messages import invalid, quoted_list, to_python, unknown_name


def test_an_invalid_argument_is_shown_with_its_value():
    error = invalid("momentum", "must be in [0, 1)", 1.2, "0.9 is the usual value.")
    assert type(error) is ValueError
    assert str(error) == (
        "`momentum` must be in [0, 1). Received: momentum=1.2. 0.9 is the usual value."
    )
    assert isinstance(invalid("x", "must be a table", None, kind=TypeError), TypeError)
    assert str(invalid("x", "must not be None", None)) == "`x` must not be None. Received: x=None."


def test_a_shape_is_described_and_never_shown_as_a_value():
    error = invalid("X", "must be two-dimensional", received="an array of shape (3,)")
    assert str(error) == "`X` must be two-dimensional. Received: an array of shape (3,)."
    assert str(invalid("X", "must be given")) == "`X` must be given."


def test_at_most_200_characters_of_a_value_are_shown():
    assert len(str(invalid("n", "must be one of them", "x" * 10_000))) < 250
    assert len(quoted_list(["x" * 10_000, "y" * 10_000])) < 450


def test_an_unknown_keyword_is_named_with_its_nearest_or_with_all_names():
    valid = ("dropout", "epochs")
    assert str(unknown_name("tune()", "dropot", valid)) == (
        "tune() got an unknown keyword 'dropot'. Did you mean 'dropout'?"
    )
    assert str(unknown_name("tune()", "zzz", valid)) == (
        "tune() got an unknown keyword 'zzz'. Valid are 'dropout', 'epochs'."
    )
    assert str(unknown_name("tune()", "y", valid, "Pass it to fit.")).endswith("Pass it to fit.")


def test_values_are_quoted_as_python_values():
    assert quoted_list(np.arange(7), 2) == "0, 1 and 5 more"
    assert quoted_list(["a", "b"]) == "'a', 'b'"
    assert to_python(np.datetime64("2020-01-01", "ns")) == "2020-01-01T00:00:00.000000000"

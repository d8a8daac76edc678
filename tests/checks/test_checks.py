"""Each mistake is planted in clean data; the check must name it, and say nothing of clean data."""

import warnings

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kerasdnn import build_regressor
from kerasdnn.checks.fit import check_data, check_fit, check_rows, column_names, match_columns
from kerasdnn.checks.named_array import as_named_array
from kerasdnn.checks.output_layer import read_head
from kerasdnn.checks.values import (
    LARGEST_EXACT,
    MIN_STEPS,
    _coarse_columns,
    check_finite,
    check_float32,
)
from kerasdnn.core.messages import DataWarning

ROWS = 40
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, 3)).astype("float32")
BINARY = np.arange(ROWS) % 2
SPARSE = np.arange(ROWS) % 3
ONE_HOT = np.eye(3, dtype="float32")[SPARSE]
REAL = RNG.normal(size=ROWS)
STOP = keras.callbacks.EarlyStopping


def network(units, activation, loss, metrics=("accuracy",), features=3):
    layers = [keras.Input((features,)), keras.layers.Dense(units, activation=activation)]
    model = keras.Sequential(layers)
    model.compile("sgd", loss, metrics=list(metrics))
    return model


NETWORKS = {
    "binary": network(1, "sigmoid", "binary_crossentropy"),
    "multilabel": network(3, "sigmoid", "binary_crossentropy"),
    "sparse": network(3, "softmax", "sparse_categorical_crossentropy"),
    "categorical": network(3, "softmax", keras.losses.CategoricalCrossentropy()),
    "real": network(1, "linear", "mse"),
    "three reals": network(3, "linear", "mean_absolute_error"),
    "count": network(1, "exponential", "poisson"),
}
CLEAN = {
    "binary": BINARY,
    "multilabel": np.stack([BINARY, SPARSE == 0, SPARSE == 1], axis=1),
    "sparse": SPARSE,
    "categorical": ONE_HOT,
    "real": REAL,
    "three reals": RNG.normal(size=(ROWS, 3)),
    "count": SPARSE,
}


def with_cell(array, position, value):
    array = np.array(array, dtype="float64")
    array[position] = value
    return array


def frame(values=X, columns=("age", "income", "height"), index=None):
    return pd.DataFrame(values, columns=list(columns), index=index)


@pytest.mark.parametrize("problem", CLEAN)
def test_clean_data_passes_without_a_word(problem):
    y = CLEAN[problem]
    for labels in (y, y.astype("float32"), y.reshape(ROWS, -1), pd.DataFrame(y.reshape(ROWS, -1))):
        check_fit(NETWORKS[problem], X, labels, validation_split=0.25, sample_weight=np.ones(ROWS))


# fmt: off
ERRORS = {  # mistake: (network, arguments of fit, words of the error)
    "nan": ("binary", {"x": with_cell(X, (7, 1), np.nan), "y": BINARY},
            r"Column 1 of `x` contains NaN in 1 of 40 rows \(first: row 7\)"),
    "infinity": ("binary", {"x": with_cell(X, (7, 1), -np.inf), "y": BINARY},
                 r"Column 1 of `x` contains -inf in row 7.*drop or clip"),
    "whole column nan": ("binary", {"x": with_cell(X, np.s_[:, 2], np.nan), "y": BINARY},
                         r"Column 2 of `x` contains NaN in 40 of 40 rows.*constant column"),
    "named nan": ("binary", {"x": frame(with_cell(X, (7, 1), np.nan), index=list(range(100, 140))),
                                 "y": BINARY}, r"Column 'income'.*NaN.*row 7 \(index 107\)"),
    "nullable nan": ("binary", {"x": frame().astype("Float64").mask(np.arange(ROWS * 3)
                                    .reshape(ROWS, 3) == 16), "y": BINARY},
        r"'income'.*NaN.*row 5"),
    "overflow": ("binary", {"x": with_cell(X, (7, 1), 1e39), "y": BINARY},
                 r"Column 1 of `x` contains 1e\+39 in row 7.*overflows float32"),
    "nan in y": ("real", {"x": X, "y": with_cell(REAL, 3, np.nan)},
        r"`y` contains NaN in 1 of 40 rows.*row 3"),
    "text": ("binary", {"x": frame().assign(city="Oslo"), "y": BINARY},
        r"'city'.*'Oslo'.*DNNClass"),
    "dates": ("binary", {"x": frame().assign(age=pd.Timestamp(0)), "y": BINARY}, r"'age'.*dtype"),
    "text labels": ("binary", {"x": X, "y": np.array(["no", "yes"])[BINARY]},
        r"`y` contains 'no' in row 0 \(such values in 40 of 40"),
    "objects": ("binary", {"x": X, "y": np.array([1, "?"] * 20, dtype=object)},
        r"contains '\?' in row 1 \(such values in 20"),
    "complex": ("binary", {"x": X + 1j, "y": BINARY}, r"`x`.*complex.* is not numeric"),
    "no rows": ("binary", {"x": X[:0], "y": BINARY[:0]}, r"`x` must have rows.*\(0, 3\)"),
    "rows differ": ("binary", {"x": X, "y": BINARY[1:]}, r"same number of rows.*40 and 39"),
    "index differs": ("binary", {"x": frame(), "y": pd.Series(BINARY)[::-1]},
        r"row 0 has the labels 0 and 39"),
    "too few columns": ("binary", {"x": X[:, :2], "y": BINARY}, r"must have 3 columns.*\(40, 2\)"),
    "one name twice": ("binary", {"x": frame(columns="aba"), "y": BINARY}, r"'a' more than once"),
    "labels 1 and 2": ("binary", {"x": X, "y": BINARY + 1}, r"2 in row 1.*\(y == 2\)"),
    "labels -1 and 1": ("binary", {"x": X, "y": 2 * BINARY - 1}, r"-1 in row 0.*\(y == 1\)"),
    "one-hot for one": ("binary", {"x": X, "y": np.eye(2)[BINARY]}, r"\(40, 2\) for 1 output"),
    "one label of three": ("multilabel", {"x": X, "y": BINARY}, r"\(rows, 3\).*\(40,\) for 3"),
    "label 3 of 0..2": ("sparse", {"x": X, "y": SPARSE + 1},
        r"contains 3 in row 2 \(such values in 13 of 40 rows\).*0 to 2"),
    "label -1": ("sparse", {"x": X, "y": SPARSE - 1}, r"-1 in row 0"),
    "fraction": ("sparse", {"x": X, "y": SPARSE + 0.5}, r"0.5 in row 0.*integers"),
    "one-hot for sparse": ("sparse", {"x": X, "y": ONE_HOT}, r"class indices.*\(40, 3\).*argmax"),
    "sparse for one-hot": ("categorical", {"x": X, "y": SPARSE}, r"\(40,\).*to_categorical"),
    "sum of 2": ("categorical", {"x": X, "y": with_cell(ONE_HOT, (4, 0), 1)}, r"row 4 sums to 2"),
    "scores": ("categorical", {"x": X, "y": 3 * ONE_HOT},
        r"Column 0 of `y` contains 3.0 in row 0.*from 0 to 1"),
    "two against one": ("real", {"x": X, "y": np.stack([REAL, REAL], 1)}, r"\(40, 2\) for 1"),
    "one against three": ("three reals", {"x": X, "y": REAL[:, None]}, r"\(40, 1\) for 3"),
    "negative count": ("count", {"x": X, "y": SPARSE - 1}, r"-1 in row 0.*`poisson`.*non-negative"),
    "weight keys": ("binary", {"x": X, "y": BINARY, "class_weight": {"0": 1, "1": 2}},
                    r"key '0'.*Use {0: 1, 1: 2}"),
    "weights by word": ("binary", {"x": X, "y": BINARY, "class_weight": "balanced"},
        r"must be a dict"),
    "class weight below 0": ("binary", {"x": X, "y": BINARY, "class_weight": {0: -1, 1: 1}},
        r"-1 for"),
    "weight of class 2": ("binary", {"x": X, "y": BINARY, "class_weight": {0: 1, 1: 1, 2: 1}},
                          r"0 to 1. Received: 2"),
    "no class weighs": ("binary", {"x": X, "y": BINARY, "class_weight": {0: 0, 1: 0}},
        r"every class"),
    "class weight of a number": ("real", {"x": X, "y": REAL, "class_weight": {0: 2}},
                                 r"mean_squared_error.*sample_weight"),
    "class weight of labels": ("multilabel", {"x": X, "y": CLEAN["multilabel"],
                               "class_weight": {0: 1, 1: 1, 2: 1}}, r"several labels per row"),
    "both weights": ("binary", {"x": X, "y": BINARY, "class_weight": {0: 1, 1: 2},
                                    "sample_weight": np.ones(ROWS)}, r"not both"),
    "weights too short": ("binary", {"x": X, "y": BINARY, "sample_weight": np.ones(39)},
        r"\(39,\)"),
    "negative weight": ("binary", {
        "x": X, "y": BINARY, "sample_weight": with_cell(np.ones(ROWS), 5, -2)},
                        r"`sample_weight` contains -2.0 in row 5"),
    "nan weight": ("binary", {
        "x": X, "y": BINARY, "sample_weight": with_cell(np.ones(ROWS), 5, np.nan)},
                   r"`sample_weight` contains NaN.*row 5"),
    "all weights 0": ("binary", {"x": X, "y": BINARY, "sample_weight": np.zeros(ROWS)},
        r"all 40 rows"),
    "validation labels": ("binary", {"x": X, "y": BINARY, "validation_data": (X, BINARY + 1)},
                          r"`validation_data\[1\]` contains 2 in row 1"),
    "validation columns": ("binary", {"x": frame(), "y": BINARY, "validation_data":
                           (frame()[["income", "age", "height"]], BINARY)}, r"in the order of `x`"),
    "validation names": ("binary", {"x": frame(), "y": BINARY, "validation_data":
                         (frame(columns=["age", "income", "size"]), BINARY)}, r"Unknown: 'size'"),
    "validation nan": ("binary", {"x": X, "y": BINARY, "validation_data": (X * np.nan, BINARY)},
                       r"`validation_data\[0\]` contains NaN"),
}
WARNINGS = {
    "probabilities": ("binary", {"x": X, "y": BINARY * 0.25},
        r"contains 0.25 in row 1.*soft label"),
    "absent class": ("sparse", {"x": X, "y": BINARY}, r"Class 2 has no rows in `y`"),
    "absent column": ("categorical", {"x": X, "y": np.eye(3)[BINARY]},
        r"Class 2 has no rows in `y`"),
    "one class": ("sparse", {"x": X, "y": SPARSE * 0 + 1},
        r"one value only, 1 in all 40"),
    "one answer": ("binary", {"x": X, "y": BINARY * 0}, r"one value only, 0 in all 40"),
    "constant target": ("real", {"x": X, "y": REAL * 0 + 3}, r"3.0 in all 40 rows"),
    "constant label": ("multilabel", {"x": X, "y": np.stack([BINARY, BINARY, BINARY * 0], 1)},
                       r"Column 2 of `y` contains one value only"),
    "class without weight": ("binary", {"x": X, "y": BINARY, "class_weight": {1: 5.0}},
                             r"no weight for class 0"),
    "sorted labels": ("binary", {"x": X, "y": np.sort(BINARY), "validation_split": 0.25},
                      r"the last 10 rows\) is of one class, 1.*Shuffle first"),
    "sorted classes": ("sparse", {"x": X, "y": np.sort(SPARSE), "validation_split": 0.5},
                       r"lacks class 2"),
    "sorted numbers": ("real", {"x": X, "y": np.sort(REAL), "validation_split": 0.25},
        r"outside the range"),
    "validation of one class": ("binary", {"x": X, "y": BINARY, "validation_data": (X, BINARY * 0)},
                                r"validation_data of 40 rows\) is of one class"),
    "identifiers": ("binary", {"x": frame().assign(age=np.arange(ROWS) + 2**24), "y": BINARY},
                    r"Column 'age'.*: 16777216 and 16777217"),
    "times": ("binary", {"x": frame(X.astype("float64")).assign(age=1.7e9 + np.arange(ROWS) * 0.1),
                             "y": BINARY}, r"Column 'age'.*: 1700000000.0 and 1700000000.1"),
    "no validation": ("binary", {"x": X, "y": BINARY, "callbacks": [STOP()]},
        r"EarlyStopping.*'loss'"),
    "misspelt monitor": ("binary", {"x": X, "y": BINARY, "validation_split": 0.5,
                         "callbacks": STOP(monitor="val_acuracy")}, r"Did you mean 'val_accuracy'"),
    "misspelt checkpoint": ("binary", {"x": X, "y": BINARY, "validation_split": 0.5, "callbacks": [
        keras.callbacks.ModelCheckpoint("m.keras", monitor="acc", save_best_only=True)]},
        r"ModelCheckpoint monitors 'acc'.*'accuracy'"),
    "misspelt plateau": ("binary", {"x": X, "y": BINARY, "callbacks": [
        keras.callbacks.ReduceLROnPlateau(monitor="los")]}, r"ReduceLROnPlateau.*'loss'"),
    "the target": ("real", {"x": np.column_stack([X[:, :2], REAL]), "y": REAL},
        r"Column 2 of `x` determines `y`"),
    "the other class": ("binary", {"x": frame().assign(income=1 - BINARY), "y": BINARY},
        r"'income'"),
}
# fmt: on


@pytest.mark.parametrize("mistake", ERRORS)
def test_a_mistake_is_refused_in_words(mistake):
    problem, arguments, words = ERRORS[mistake]
    with pytest.raises(ValueError, match=words):
        check_fit(NETWORKS[problem], **arguments)


@pytest.mark.parametrize("mistake", WARNINGS)
def test_a_likely_mistake_is_warned_of(mistake):
    problem, arguments, words = WARNINGS[mistake]
    with pytest.warns(DataWarning, match=words) as caught:
        check_fit(NETWORKS[problem], **arguments)
    assert [w.category for w in caught] == [DataWarning]
    assert caught[0].filename == __file__


# fmt: off
CONTRADICTIONS = [
    (1, "softmax", "binary_crossentropy", "always 1"),
    (1, "sigmoid", "sparse_categorical_crossentropy", "one output per class"),
    (1, None, "binary_crossentropy", "activation='linear'. Use activation='sigmoid'"),
    (3, "sigmoid", "sparse_categorical_crossentropy", "Use activation='softmax'"),
    (1, "linear", "poisson", "Use activation='exponential'"),
    (1, "sigmoid", keras.losses.BinaryCrossentropy(from_logits=True), "applied twice"),
    (3, "softmax", keras.losses.SparseCategoricalCrossentropy(from_logits=True), "applied twice"),
]
# fmt: on


@pytest.mark.parametrize(("units", "activation", "loss", "words"), CONTRADICTIONS)
def test_an_output_layer_that_contradicts_the_loss_is_warned_of(units, activation, loss, words):
    y = SPARSE if units == 3 else BINARY * (loss != "sparse_categorical_crossentropy")
    with pytest.warns(DataWarning, match=words):
        check_fit(network(units, activation, loss), X, y)


@pytest.mark.parametrize(
    ("activation", "y"), [("relu", REAL), ("sigmoid", 5 + REAL), ("tanh", 9 * REAL)]
)
def test_targets_out_of_the_outputs_reach_are_warned_of(activation, y):
    with pytest.warns(DataWarning, match=f"cannot reach: activation='{activation}'"):
        check_fit(network(1, activation, "mse"), X, y)


def test_binary_cross_entropy_on_softmax_is_warned_of():
    with pytest.warns(DataWarning, match="independent label.*'categorical_crossentropy'"):
        check_fit(network(3, "softmax", "binary_crossentropy"), X, ONE_HOT)


def test_the_head_is_read_from_any_form_of_a_loss():
    logits = keras.losses.BinaryCrossentropy(from_logits=True)
    assert read_head(network(1, None, logits)).from_logits
    assert read_head(network(1, "sigmoid", keras.losses.binary_crossentropy)).kind == "zero_one"
    assert read_head(network(1, "sigmoid", "ce")).kind == "zero_one"
    assert read_head(network(3, "softmax", "ce"), (8,)).kind == "index"
    assert read_head(network(3, "softmax", "ce"), (8, 3)).kind == "one_hot"
    assert read_head(network(3, "softmax", "sparse_categorical_crossentropy")).classes == 3
    unbuilt = keras.Sequential([keras.layers.Dense(8), keras.layers.Dense(4)])
    unbuilt.compile("sgd", ["mse"])
    assert (read_head(unbuilt).units, read_head(unbuilt).kind) == (4, "number")


def test_smoothed_labels_are_class_indices_too():
    from kerasdnn import build_classifier

    smoothed = build_classifier(3, 3, label_smoothing=0.1, seed=0)
    assert (read_head(smoothed).kind, read_head(smoothed).units) == ("index", 3)
    with pytest.raises(ValueError, match="contains 3 in row 2"):
        check_fit(smoothed, X, SPARSE + 1)


class OwnLoss(keras.losses.MeanSquaredError):
    def call(self, y_true, y_pred):
        return keras.ops.mean(keras.ops.abs(y_true[:, :1] - y_pred), axis=-1)


@pytest.mark.parametrize("loss", [OwnLoss(), lambda y, p: keras.ops.mean(p - y[:, :1], axis=-1)])
def test_a_loss_of_ones_own_may_take_any_shape_but_no_nan(loss):
    own = network(1, None, loss)
    check_fit(own, X, np.stack([REAL, REAL], axis=1))
    with pytest.raises(ValueError, match=r"Column 1 of `y` contains NaN.*row 2"):
        check_fit(own, X, with_cell(np.stack([REAL, REAL], axis=1), (2, 1), np.nan))


def test_ignored_labels_are_no_mistake():
    loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=-1)
    ignoring = network(3, "softmax", loss)
    check_fit(ignoring, X, np.where(np.arange(ROWS) < 4, -1, SPARSE))
    with pytest.raises(ValueError, match="-2 in row 5"):
        check_fit(ignoring, X, np.where(np.arange(ROWS) == 5, -2, SPARSE))


def test_an_autoencoder_copies_its_features_rightly():
    check_fit(NETWORKS["three reals"], X, X)


def test_constant_columns_pass():
    check_fit(NETWORKS["binary"], X * np.float32([1, 0, 1]), BINARY)


def test_large_numbers_that_float32_holds_pass():
    check_fit(NETWORKS["binary"], X * np.float32(1e30), BINARY)
    check_fit(NETWORKS["binary"], X.astype("float64") * 1e30, BINARY)


def test_data_that_is_not_in_memory_is_checked_for_callbacks_alone():
    check_fit(NETWORKS["binary"], iter([(X, BINARY + 7)]))
    with pytest.warns(DataWarning, match="no validation data"):
        check_fit(NETWORKS["binary"], iter([(X, BINARY)]), callbacks=[STOP()])


class Reporter(keras.callbacks.Callback):
    pass


def test_a_callback_of_ones_own_may_report_the_monitored_value():
    with pytest.warns(DataWarning, match="Unless Reporter reports it"):
        check_fit(NETWORKS["binary"], X, BINARY, callbacks=[Reporter(), STOP(monitor="f1")])


def test_valid_monitors_pass():
    metrics = ["mae", keras.metrics.MeanSquaredError(name="error"), keras.losses.log_cosh]
    model = network(1, None, "mse", metrics)
    history = model.fit(X, REAL, verbose=0, validation_split=0.5).history
    monitors = [STOP(monitor=name) for name in [*history, "learning_rate"]]
    assert {"val_error", "val_log_cosh"} <= set(history)
    check_fit(model, X, REAL, validation_split=0.5, callbacks=monitors)
    every_epoch = keras.callbacks.ModelCheckpoint("m.keras")  # never looks at its monitor
    check_fit(model, X, REAL, callbacks=[every_epoch])


def test_batch_normalization_on_two_replicas_is_warned_of():
    class TwoReplicas:
        num_replicas_in_sync = 2

    layers = [
        keras.Input((3,)),
        keras.layers.BatchNormalization(name="norm"),
        keras.layers.Dense(1),
    ]
    model = keras.Sequential(layers)
    model.compile("sgd", "mse")
    check_fit(model, X, REAL)
    model._distribute_strategy = TwoReplicas()
    with pytest.warns(DataWarning, match="'norm'.*synchronized=True.*TwoReplicas"):
        check_fit(model, X, REAL)


def test_rows_to_predict_are_looked_through_too():
    assert check_rows(NETWORKS["binary"], X[:1]) is not None
    assert check_rows(NETWORKS["binary"], X[:0]).shape == (0, 3)
    with pytest.raises(ValueError, match=r"Column 1 of `x` contains NaN.*row 0"):
        check_rows(NETWORKS["binary"], with_cell(X[:1], (0, 1), np.nan))
    with pytest.raises(ValueError, match="must have 3 columns"):
        check_rows(NETWORKS["binary"], X[:1, :2])


def test_rows_to_evaluate_may_be_of_one_class():
    check_data(NETWORKS["sparse"], X[:1], SPARSE[:1], training=False)


def test_columns_are_put_in_the_order_of_fit():
    names = ["age", "income", "height"]
    shuffled = frame()[["height", "age", "income"]]
    pd.testing.assert_frame_equal(match_columns(shuffled, names), frame())
    assert match_columns(X, names) is X
    assert list(check_rows(NETWORKS["binary"], shuffled, column_names(frame()))) == names
    assert column_names(pd.DataFrame(X)) is column_names(X) is None
    assert match_columns(shuffled, None) is shuffled


def test_a_further_fit_rejects_the_same_columns_in_another_order():
    network = build_regressor(3, hidden_units=(4,), seed=0)
    y = np.arange(len(frame()), dtype="float32")
    network.fit(frame(), y, epochs=1, verbose=0)
    before = network.get_weights()
    with pytest.raises(ValueError, match=r"order of the earlier `fit`.*'age', 'income', 'height'"):
        network.fit(frame()[["height", "age", "income"]], y, epochs=1, verbose=0)
    for ours, theirs in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    network.fit(frame(), y, epochs=1, verbose=0)
    others = frame().set_axis(["weight", "age", "shoe"], axis=1)  # another table
    network.fit(others, y, epochs=1, verbose=0)
    assert network.column_names == ("weight", "age", "shoe")


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ("age income hight", "Missing: 'height'. Unknown: 'hight'"),
        ("age income", "Missing: 'height'"),
        ("age income height weight", "Unknown: 'weight'"),
        ("age income height age", "A column is duplicated"),
    ],
)
def test_other_columns_than_those_of_fit_are_listed(columns, words):
    columns = columns.split()
    with pytest.raises(ValueError, match=words):
        match_columns(frame(np.zeros((2, len(columns))), columns), ["age", "income", "height"])


numbers = st.floats(-1e30, 1e30, allow_subnormal=False)


@given(
    hnp.arrays("float64", st.tuples(st.integers(1, 6), st.integers(1, 4)), elements=numbers),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=3),
    st.sampled_from([np.nan, np.inf, -np.inf, 1e39]),
    st.booleans(),
)
def test_the_first_bad_cell_is_found_wherever_it_is(values, cells, bad, fortran):
    for row, column in cells:
        values[row % len(values), column % values.shape[1]] = bad
    table = as_named_array(np.asfortranarray(values) if fortran else values, "x")
    wrong = [tuple(cell) for cell in np.argwhere(~(np.abs(values) < 3.4e38)).tolist()]
    if not wrong:
        check_finite(table)
        return
    row, column = wrong[0]
    with pytest.raises(ValueError, match=rf"(Column {column} of )?`x` contains .*row {row}\b"):
        check_finite(table)


@given(
    hnp.arrays(
        "int64", st.tuples(st.integers(1, 30), st.just(1)), elements=st.integers(-(2**40), 2**40)
    )
)
def test_rounded_identifiers_are_found_exactly_when_float32_merges_two(values):
    distinct = {int(value) for value in values.ravel()}
    merged = len({float(np.float32(value)) for value in distinct}) < len(distinct)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = as_named_array(values, "x")
        check_float32(table, check_finite(table))
    assert bool(caught) == merged


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0, 1e3, 1.7e9, -2e12]),
    st.sampled_from([0.0, 0.1, 30.0, 1e6]),
    st.sampled_from([1, 255, 256, 257, 700]),
)
def test_the_first_rows_clear_no_column_that_all_rows_would_not(seed, offset, spread, rows):
    rng = np.random.default_rng(seed)
    values = offset + spread * rng.normal(size=(rows, 3))
    values[rng.integers(rows), 0] *= rng.choice([1, 1e3, -1e9])  # one row unlike the others
    values[:, 1] = np.round(values[:, 1])
    low, high = values.min(axis=0), values.max(axis=0)
    size = np.maximum(np.abs(low), np.abs(high))
    steps = (high - low) / np.spacing(size.astype("float32"))
    close = np.flatnonzero((steps > 0) & (steps < MIN_STEPS))
    whole = (np.floor(values) == values).all(axis=0) & (size > LARGEST_EXACT)
    assert set(close) | set(np.flatnonzero(whole)) <= set(_coarse_columns(values))


labels = st.one_of(st.integers(-2, 5).map(float), st.sampled_from([0.5, 2.999, 1e9]))


@given(st.lists(labels, min_size=1, max_size=8), st.integers(2, 4), st.booleans())
def test_class_indices_are_refused_exactly_when_one_is_no_class(values, classes, column):
    head = read_head(network_of(classes))
    bad = [i for i, value in enumerate(values) if value not in range(classes)]
    y = np.array(values).reshape((-1, 1) if column else -1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        x = np.zeros((len(values), 3))
        if not bad:
            assert check_data(network_of(classes), x, y)[0] == head
            return
        with pytest.raises(ValueError, match=rf"in row ({'|'.join(map(str, bad))}) "):
            check_data(network_of(classes), x, y)


def network_of(classes, made={}):  # noqa: B006 - a cache
    if classes not in made:
        made[classes] = network(classes, "softmax", "sparse_categorical_crossentropy")
    return made[classes]


@given(
    hnp.arrays(
        st.sampled_from(["int8", "uint8", "int32", "bool", "float16", "float32"]),
        st.tuples(st.integers(1, 10), st.just(3)),
        elements={"allow_nan": False, "allow_infinity": False},
    )
)
def test_any_finite_numbers_may_be_features(values):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "(`y` contains|Class)", DataWarning)
        warnings.filterwarnings("ignore", "Column . of `x` loses", DataWarning)  # int32 identifiers
        check_fit(NETWORKS["binary"], values, np.arange(len(values)) % 2)
        check_fit(NETWORKS["binary"], pd.DataFrame(values), np.arange(len(values)) % 2)

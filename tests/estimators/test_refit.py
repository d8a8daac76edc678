"""`refit=True` trains on all rows for the best number of epochs; `validation_split` holds out."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    PredefinedSplit,
    StratifiedShuffleSplit,
    TimeSeriesSplit,
)

from kerasdnn import DNNClassifier, DNNRegressor
from kerasdnn.estimators.presets import PRESETS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(1200, 3))  # more than a table that is sorted
Y = X[:, 0] + RNG.normal(size=1200)
QUICK = {"hidden_units": (8,), "epochs": 8, "random_state": 0, "batch_size": 100}


@pytest.mark.parametrize("preset", list(PRESETS))
def test_the_network_is_that_of_all_rows_for_the_best_number_of_epochs(preset):
    kind = DNNRegressor if preset == "realmlp" else DNNClassifier
    y = Y if kind is DNNRegressor else Y > 0
    few = {"n_members": 2} if preset == "pack" else {}
    plain = kind(preset, **QUICK, **few, bagging=False).fit(X, y)
    model = kind(preset, **QUICK, **few, refit=True).fit(X, y)
    pd.testing.assert_frame_equal(model.history_, plain.history_)
    assert model.best_epoch_ == plain.best_epoch_
    words = f"Trained again on all 1,200 rows for {model.best_epoch_} epochs."
    assert model.fit_report_ == f"{plain.fit_report_} {words}"
    assert model.encoder_.transform(X).mean(axis=0) == pytest.approx(
        kind(preset, **QUICK, validation_fraction=0).fit(X, y).encoder_.transform(X).mean(axis=0)
    )


def test_without_a_schedule_it_equals_a_fit_of_all_rows_for_so_many_epochs():
    split = [(np.arange(300, 1200), np.arange(300))]
    model = DNNClassifier("standard", **QUICK, validation_split=split, refit=True, n_members=2)
    model.fit(X, Y > 0)
    settings = {**QUICK, "epochs": model.best_epoch_, "validation_fraction": 0, "n_members": 2}
    again = DNNClassifier("standard", **settings).fit(X, Y > 0)
    first = [one.network_.layers[-1].networks[0] for one in (model, again)]
    x = model.encoder_.transform(X)
    # `again` trains its members as one function, which rounds in another order.
    outputs = [network.predict(x, verbose=0) for network in first]
    np.testing.assert_allclose(*outputs, rtol=0, atol=1e-6)


def test_a_logarithm_keeps_the_correction_of_rows_that_were_held_out():
    model = DNNRegressor("standard", **QUICK, target="log", refit=True).fit(X, np.exp(Y))
    plain = DNNRegressor("standard", **QUICK, target="log").fit(X, np.exp(Y))
    assert model.target_.bias == pytest.approx(plain.target_.bias)
    assert model.target_.center == pytest.approx(Y.mean())


def test_rows_of_validation_data_are_not_rows_of_x():
    with pytest.raises(ValueError, match="either `refit` or `validation_data`"):
        DNNRegressor("standard", refit=True).fit(X, Y, validation_data=(X, Y))
    with pytest.raises(ValueError, match="either `validation_split` or `validation_data`"):
        DNNRegressor("standard", validation_split=KFold()).fit(X, Y, validation_data=(X, Y))


def held_rows(splitter, rows=200, **given):
    """Whether each row was held out, told by the means of the encoder."""
    x = np.arange(rows)[:, None] % 7 + RNG.normal(size=(rows, 2))
    model = DNNClassifier("standard", **{**QUICK, "epochs": 1}, validation_split=splitter)
    model.fit(x, np.arange(rows) % 2, **given)
    return x, model.encoder_


@pytest.mark.parametrize(
    ("splitter", "train"),
    [
        (KFold(4), np.arange(50, 200)),
        (TimeSeriesSplit(3, test_size=40), np.arange(80)),
        (PredefinedSplit(np.where(np.arange(200) < 150, -1, 0)), np.arange(150)),
        ([(np.arange(100), np.arange(150, 200))], np.arange(100)),
        (((np.arange(0, 200, 2), np.arange(1, 200, 2)) for _ in range(3)), np.arange(0, 200, 2)),
    ],
)
def test_the_first_split_is_the_validation_set(splitter, train):
    x, encoder = held_rows(splitter)
    np.testing.assert_allclose(encoder.transform(x)[train].mean(axis=0), 0, atol=1e-5)


def test_a_splitter_gets_classes_and_groups():
    held_rows(StratifiedShuffleSplit(3, random_state=0))
    x, encoder = held_rows(GroupKFold(2), groups=np.arange(200) // 100)
    means = [np.abs(encoder.transform(x)[half].mean(axis=0)).max()
             for half in (slice(0, 100), slice(100, 200))]  # fmt: skip
    assert min(means) < 1e-5 < max(means)


@pytest.mark.parametrize(
    ("splitter", "given", "words"),
    [
        (0.2, {}, "`validation_split` must be a splitter.*validation_fraction"),
        ([], {}, "`validation_split` must yield at least one"),
        ([([0, 1], [1, 2])], {}, "Split 0 of `validation_split` has rows in both"),
        ([([0, 1], [999])], {}, "Split 0 of `validation_split` must contain row positions"),
        ([(range(9), range(9, 99))], {"sample_weight": np.arange(200) % 3}, "must not contain"),
        (KFold(2), {"groups": np.arange(200) % 2}, "GroupKFold"),
    ],
)
def test_a_split_that_cannot_be_used_is_named(splitter, given, words):
    with pytest.raises(ValueError, match=words):
        held_rows(splitter, **given)

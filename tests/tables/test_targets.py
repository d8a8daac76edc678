"""Targets: logarithms, missing values, and warnings about values that dominate the error."""

import warnings

import numpy as np
import pandas as pd
import pytest

from kerasdnn import DataWarning, DNNClassifier, DNNRegressor, load
from kerasdnn.core.rows import Rows
from kerasdnn.tables.targets.numbers import NumberTarget
from kerasdnn.tables.targets.reading import drop_missing_targets


def incomes(rows=600):
    """X and a target whose logarithm is linear in it, with noise of standard deviation 0.7."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=rows), "b": rng.normal(size=rows)})
    return X, np.exp(7 + 1.2 * X["a"] - 0.8 * X["b"] + rng.normal(0, 0.7, rows)).to_numpy()


def test_the_log_target_is_inverted_and_multiplied_by_the_mean_of_the_residuals():
    y = np.array([[1.0], [10.0], [100.0], [1000.0]])
    target = NumberTarget.of("log")(y[:, 0], None)
    target.learn(y, None)
    z = target.to_network(y)
    np.testing.assert_allclose([z.mean(), z.std()], [0, 1], atol=1e-6)
    np.testing.assert_allclose(target.from_network(z), y[:, 0], rtol=1e-5)
    target.learn_bias(np.zeros((4, 1)), y)  # predicts the geometric mean everywhere
    assert target.from_network(np.zeros((1, 1)))[0] == pytest.approx(y.mean())


@pytest.mark.parametrize(("low", "shift"), [(0.0, 1.0), (0.5, 0.0)])
def test_zeros_are_learned_as_log_of_one_plus_y(low, shift):
    y = np.array([[low], [2.0], [30.0]])
    target = NumberTarget.of("log")(y, None)
    target.learn(y, None)
    assert target.shift.tolist() == [shift]
    np.testing.assert_allclose(target.from_network(target.to_network(y)), y, atol=1e-5)


def test_the_log_target_refuses_negative_values():
    with pytest.raises(ValueError, match=r"non-negative.*target='log'.*row 1 is -2.0.*'real'"):
        DNNRegressor(target="log").fit(np.zeros((3, 1)), [1.0, -2.0, 3.0])


def test_a_regressor_of_logarithms_predicts_the_mean_and_is_saved(tmp_path):
    X, y = incomes()
    model = DNNRegressor("standard", target="log", epochs=60, random_state=0).fit(X, y)
    prediction = model.predict(X)
    assert np.corrcoef(np.log(prediction), np.log(y))[0, 1] > 0.8
    assert 1.1 < model.target_.bias[0] < 1.5  # exp(0.7^2 / 2) = 1.28
    assert prediction.mean() == pytest.approx(y.mean(), rel=0.2)
    model.save(tmp_path / "m.kerasdnn")
    np.testing.assert_array_equal(load(tmp_path / "m.kerasdnn").predict(X), prediction)


def test_a_skewed_target_is_warned_of_with_the_remedy_and_others_are_not():
    _, y = incomes()
    rng = np.random.default_rng(1)
    with pytest.warns(DataWarning, match=r"`y` has .* of 600 values far.*target='log'"):
        NumberTarget.of("real")(y, None)
    outlier = rng.normal(size=300)
    outlier[17] = -400.0
    with pytest.warns(DataWarning, match=r"1 of 300 .*-400 \(row 17.*drop or clip"):
        NumberTarget.of("real")(outlier, None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for tame in (rng.normal(size=999), rng.exponential(size=999), rng.poisson(3.0, 999)):
            NumberTarget.of("real")(tame, None)
        NumberTarget.of("log")(y, None)


@pytest.mark.parametrize("make", [np.asarray, list, pd.Series])
def test_rows_without_a_target_are_dropped_on_request(make):
    X, y = incomes(60)
    known, y = y, y.copy()
    y[[3, 8]] = np.nan
    with pytest.raises(ValueError, match=r"2 of 60 rows have a missing target.*rows 3, 8.*'drop'"):
        DNNRegressor("standard", target="log", epochs=1).fit(X, make(y))
    given = Rows(X, make(y), np.arange(60.0), groups=[*range(60)], time="a")
    with pytest.warns(DataWarning, match=r"2 of 60 rows \(rows 3, 8\), which are dropped"):
        rows = drop_missing_targets(given)
    keep = np.delete(np.arange(60), [3, 8])
    np.testing.assert_array_equal(rows.y, known[keep])
    np.testing.assert_array_equal(rows.weights, keep)
    np.testing.assert_array_equal(rows.groups, keep)
    assert rows.time == "a"
    np.testing.assert_array_equal(rows.x.column(0).values, X["a"].to_numpy()[keep])


def test_labels_without_a_value_are_dropped_on_request():
    X, _ = incomes(60)
    labels = np.where(X["a"] > 0, "yes", "no").astype(object)
    labels[5] = None
    model = DNNClassifier("standard", epochs=1, random_state=0, missing_target="drop")
    with pytest.warns(DataWarning, match="rows 5"):
        model.fit(X, labels)
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.n_rows_ == 59

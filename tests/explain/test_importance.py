"""Permutation importance: its equation, its intervals, and what it says where nothing matters."""

import numpy as np
import pandas as pd
import pytest
from _fitted import fitted, table, targets
from scipy import stats
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression
from sklearn.metrics import log_loss, r2_score

from kerasdnn import DNNClassifier, TableEncoder
from kerasdnn.core.rows import Rows
from kerasdnn.explain.importance import drawn_rows, measure


def by_hand(model, X, y, column, score, repeats, seed=0):
    """The fall of the score in each repeat, through `predict` of permuted tables."""
    falls, classes = [], hasattr(model, "classes_")
    for r, rows in enumerate(drawn_rows(np.asarray(y), classes, repeats, seed)):
        order = np.random.default_rng([seed, 1, r]).permutation(len(X))
        permuted = X.copy()
        permuted[column] = X[column].to_numpy()[order]
        falls.append(score(X.iloc[rows], y[rows]) - score(permuted.iloc[rows], y[rows]))
    return np.array(falls)


def test_the_importance_is_the_mean_fall_of_the_score():
    model, X, y = fitted("regressor"), table(), targets()["number"]
    found = model.importance(X, y, repeats=4)
    for column in ("age", "city", "when"):
        falls = by_hand(model, X, y, column, lambda X, y: r2_score(y, model.predict(X)), 4)
        np.testing.assert_allclose(found.repeats[column], falls, atol=1e-6)
        row = found.table.set_index("column").loc[column]
        assert row["importance"] == pytest.approx(falls.mean(), abs=1e-6)
        t = stats.t.ppf(1 - 0.05 / (2 * 6), 3)  # six columns vary, four repeats
        assert row["high"] - row["importance"] == pytest.approx(t * falls.std(ddof=1), abs=1e-5)
    assert found.score == pytest.approx(model.score(X, y))


def test_a_score_by_name_is_that_of_scikit_learn():
    model, X, y = fitted("realmlp"), table(), targets()["binary"]
    found = model.importance(X, y, scoring="neg_log_loss", repeats=3)

    def score(X, y):
        return -log_loss(y, model.predict_proba(X)[:, 1], labels=model.classes_)

    falls = by_hand(model, X, y, "age", score, 3)
    np.testing.assert_allclose(found.repeats["age"], falls, atol=1e-6)
    assert found.scoring == "neg_log_loss"


def test_it_agrees_with_scikit_learn_within_its_intervals():
    model, X, y = fitted("regressor"), table(), targets()["number"]
    ours = model.importance(X, y, seed=1).table.set_index("column")
    theirs = permutation_importance(model, X, y, n_repeats=5, random_state=0).importances_mean
    for name, value in zip(X, theirs, strict=True):
        assert ours.loc[name, "low"] - 1e-9 <= value <= ours.loc[name, "high"] + 1e-9


def test_a_crossed_column_is_permuted_with_its_sources():
    model, X, y = fitted("crossed"), table(), targets()["number"]
    found = model.importance(X, y, repeats=2)
    falls = by_hand(model, X, y, "city", lambda X, y: r2_score(y, model.predict(X)), 2)
    np.testing.assert_allclose(found.repeats["city"], falls, atol=1e-6)


def test_a_column_that_decides_is_clear_and_noise_is_not():
    found = fitted("regressor").importance(table(), targets()["number"])
    clear = found.table.set_index("column")["clear"]
    assert clear["age"]
    assert found.table["column"].iloc[0] == "age"
    assert not clear["constant"]
    assert "most important column is 'age'" in found.verdict
    assert "seed 0" in str(found)
    assert "30 repeats" in str(found)
    assert "<table" in found._repr_html_()


def test_no_column_matters_where_the_target_is_noise():
    rng = np.random.default_rng(1)
    X, y = table()[["age", "city", "flag"]], rng.choice(["yes", "no"], len(table()))
    model = DNNClassifier("standard", epochs=3, random_state=0).fit(X.head(80), y[:80])
    found = model.importance(X.tail(80), y[80:])
    assert not found.table["clear"].any()
    assert found.verdict.startswith("No column is clearly important")


class Line(RegressorMixin, BaseEstimator):
    """What `measure` needs of an estimator, with known coefficients instead of a network."""

    def __init__(self, encoder, coefficients):
        self.encoder_, self.coefficients = encoder, coefficients

    def fit(self, X, y):
        return self

    def _output(self, X):
        matrix = self.encoder_.transform(X)
        return (matrix @ self.coefficients)[:, None].astype("float64")

    def predict(self, X):
        return self._output(X)[:, 0]


def negative_error(model, X, y):
    return -np.mean((model.predict(X) - y) ** 2)


def test_the_interval_covers_the_true_importance_over_many_test_sets():
    """The expected rise of the squared error of a column is 2 w^2 var(x), whatever the noise."""
    rng = np.random.default_rng(0)
    encoder = TableEncoder().fit(rng.normal(size=(20_000, 2)))
    scales = np.array([s for c in encoder.states_ for _, _, s in c.parts])
    weights = np.array([1.0, 0.0])
    model, covered = Line(encoder, weights / scales), []
    for k in range(60):
        X = rng.normal(size=(80, 2))
        y = X @ weights + rng.normal(size=80)
        found = measure(model, Rows(X, y), repeats=25, scoring=negative_error, seed=k)
        row = found.table.set_index("column").loc[0]
        covered.append(row["low"] <= 2.0 <= row["high"])
        assert not found.table.set_index("column").loc[1, "clear"]
    assert np.mean(covered) >= 0.93


def test_weights_count_and_zero_repeats_are_rejected():
    model, X, y = fitted("regressor"), table(), targets()["number"]
    even = model.importance(X, y, repeats=2)
    weights = np.where(np.arange(len(X)) < 80, 1.0, 1e-9)
    assert model.importance(X, y, weights, repeats=2).score == pytest.approx(
        model.score(X.head(80), y[:80]), abs=1e-6
    )
    assert even.score != pytest.approx(model.score(X.head(80), y[:80]), abs=1e-6)
    with pytest.raises(ValueError, match="`repeats` must be an integer of at least 2"):
        model.importance(X, y, repeats=1)
    with pytest.raises(ValueError, match=r"`confidence` must be a number in \(0, 1\)"):
        model.importance(X, y, confidence=95)


def test_drawn_rows_keep_the_classes():
    y = np.array(["a"] * 5 + ["b"] * 20)
    for rows in drawn_rows(y, True, 3, 0):
        assert (y[rows] == "a").sum() == 5
    assert len({tuple(rows) for rows in drawn_rows(y, True, 3, 0)}) == 3


def test_labels_columns_and_quantiles_have_importances():
    assert len(fitted("labels").importance(table(), targets()["labels"], repeats=2).table) == 7
    assert len(fitted("columns").importance(table(), targets()["columns"], repeats=2).table) == 7
    found = fitted("quantiles").importance(table(), targets()["number"], repeats=2)
    assert found.scoring == "D2"


def test_the_picture_has_a_dot_and_an_interval_per_column():
    found = fitted("regressor").importance(table(), targets()["number"], repeats=3)
    ax = found.plot(most=4)
    assert [t.get_text() for t in ax.get_yticklabels()] == found.table["column"].head(4).tolist()
    assert len(ax.collections) == 4


def test_a_linear_model_agrees_with_its_formula_in_pandas_and_scikit_learn():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(400, 3)), columns=list("abc"))
    y = X["a"] * 2 + X["b"] + rng.normal(size=400)
    theirs = permutation_importance(
        LinearRegression().fit(X, y), X, y, n_repeats=30, random_state=0
    ).importances_mean
    encoder = TableEncoder().fit(X)
    scales = np.array([s for c in encoder.states_ for _, _, s in c.parts])
    model = Line(encoder, np.array([2.0, 1.0, 0.0]) / scales)
    ours = measure(model, Rows(X, y), scoring="r2").table.set_index("column")["importance"]
    np.testing.assert_allclose(ours[["a", "b", "c"]], theirs, atol=0.1)

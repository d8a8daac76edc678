"""Attributions: exact for a linear model, equal to a Riemann sum, and complete for every preset."""

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from _fitted import FAST, fitted, score, table, targets

from kerasdnn import DNNClassifier, DNNRegressor, load
from kerasdnn.core.readable import Readable
from kerasdnn.explain import Explanation
from kerasdnn.explain.attributions import completed, lobatto
from kerasdnn.explain.columns import fold_matrix, neutral_row, original_columns, owners


def predicted(model, X, output=None):
    """What the model says by its public methods, in the default scale of `explain`."""
    if hasattr(model, "classes_"):
        p = model.predict_proba(X)
        if len(model.classes_) == 2 and model.target_.head.kind == "class":
            return model.decision_function(X)
        p = p.max(axis=1) if output is None else p[:, list(model.classes_).index(output)]
        return np.log(p / (1 - p))
    found = model.predict(X)
    if found.ndim == 1:
        return found
    return found[:, 1 if output is None else output]


@pytest.mark.parametrize(
    ("name", "output"),
    [("realmlp", None), ("realmlp-s", None), ("realmlp-s", "low"), ("standard", None),
     ("ensemble", None), ("pack", None), ("labels", 1), ("regressor", None), ("log", None),
     ("quantiles", None), ("columns", 1), ("crossed", None)],
)  # fmt: skip
def test_each_row_adds_up_to_its_prediction_minus_the_baseline(name, output):
    model, X = fitted(name), table().head(40)
    attributions, baseline = model.explain(X, output=output)
    assert attributions.shape == X.shape
    assert list(attributions) == list(X)
    total = attributions.sum(axis=1) + baseline
    want = predicted(model, X, output)
    np.testing.assert_allclose(total, want, rtol=0, atol=1e-5)
    assert (attributions["constant"] == 0).all()
    assert attributions["age"].abs().mean() > 0
    # What is divided in proportion instead of integrated is a small part.
    size = np.abs(want - baseline).mean()
    assert attributions.attrs["remainder"] < 0.05 * size


def test_a_linear_model_has_its_products_as_attributions():
    model = DNNRegressor("standard", hidden_units=(), epochs=10, random_state=0)
    X = table()[["age", "city", "when"]]
    model.fit(X, targets()["number"])
    attributions, baseline = model.explain(X)
    encoder, layer = model.encoder_, model.network_.layers[-1]
    kernel, bias = (np.array(w) for w in layer.get_weights())
    scale, center = model.target_.scale[0], model.target_.center[0]
    begin, matrix = neutral_row(encoder), encoder.transform(X)
    expected = ((matrix - begin) * kernel[:, 0] * scale) @ fold_matrix(encoder)
    np.testing.assert_allclose(attributions, expected, rtol=1e-3, atol=1e-5 * scale)
    start = (begin @ kernel + bias)[0, 0] * scale + center
    np.testing.assert_allclose(baseline, start, rtol=1e-5)


def test_a_linear_classifier_has_the_products_of_its_logit():
    model = DNNClassifier("standard", hidden_units=(), epochs=10, random_state=0)
    X = table()[["age", "flag"]]
    model.fit(X, targets()["binary"])
    kernel = np.array(model.network_.layers[-1].get_weights()[0])
    begin, matrix = neutral_row(model.encoder_), model.encoder_.transform(X)
    expected = ((matrix - begin) * kernel[:, 0]) @ fold_matrix(model.encoder_)
    np.testing.assert_allclose(model.explain(X).attributions, expected, rtol=1e-3, atol=1e-5)


def riemann(model, X, steps=2000):
    """Integrated gradients of the logit by the midpoint rule, through the embedding layer."""
    embed, *rest = model.network_.layers
    begin = np.array(embed(neutral_row(model.encoder_)))
    found = []
    for row in model.encoder_.transform(X):
        end = np.array(embed(row[None]))
        times = (np.arange(steps) + 0.5)[:, None] / steps
        points = tf.constant(begin + times * (end - begin), "float32")
        with tf.GradientTape() as tape:
            tape.watch(points)
            z = points
            for layer in rest[:-1]:
                z = layer(z, training=False)
            logit = z @ rest[-1].kernel + rest[-1].bias
        gradient = tape.gradient(logit, points).numpy().astype("float64").mean(axis=0)
        found.append((end - begin)[0] * gradient)
    return np.array(found)


def test_the_attributions_are_those_of_a_brute_force_riemann_sum():
    model, X = fitted("standard"), table().head(6)
    assert isinstance(model.network_.layers[0], keras.layers.Layer)
    assert model.encoder_.cardinalities_  # zip is embedded
    raw = riemann(model, X)
    fold = fold_matrix(model.encoder_)
    fold = np.concatenate([fold[:-1], np.repeat(fold[-1:], 3, axis=0)])
    np.testing.assert_allclose(model.explain(X).attributions, raw @ fold, rtol=2e-3, atol=2e-3)


def test_a_kinked_network_is_integrated_to_a_few_percent_of_its_riemann_sum():
    model = DNNClassifier("standard", one_hot_limit=8, embedding_size=3, **FAST)
    model.fit(table(), targets()["binary"])
    X = table().head(4)
    fold = fold_matrix(model.encoder_)
    fold = np.concatenate([fold[:-1], np.repeat(fold[-1:], 3, axis=0)])
    expected = riemann(model, X) @ fold
    size = np.abs(expected).max()
    np.testing.assert_allclose(model.explain(X).attributions, expected, atol=0.01 * size)


def test_the_lobatto_rule_has_both_ends_and_is_exact_for_degree_nine():
    nodes, weights = lobatto(6)
    assert nodes[0] == 0
    assert nodes[-1] == 1
    for degree in range(10):
        assert (weights * nodes**degree).sum() == pytest.approx(1 / (degree + 1), abs=1e-12)
    inner = np.sqrt((7 - 2 * np.sqrt(7)) / 21)  # the known nodes of six points
    assert np.abs(2 * nodes - 1 - inner).min() < 1e-12


def test_what_is_missing_is_divided_in_proportion_to_the_sizes():
    parts = np.array([[3.0, -1.0, 0.0], [0.0, 0.0, 0.0]])
    found = completed(parts, np.array([2.4, 0.3]), np.array([True, False, True]))
    # row 0 misses 0.4: 3/4 of it to the first, 1/4 to the second; row 1 has no sizes: evenly
    np.testing.assert_allclose(found, [[3.3, -0.9, 0.0], [0.15, 0.0, 0.15]])
    np.testing.assert_array_equal(completed(parts, np.array([2.0, 1.0]))[1], 0)


def test_the_first_of_two_classes_has_the_opposite_logit_and_the_complement():
    model, X = fitted("standard"), table().head(5)
    second, first = model.explain(X), model.explain(X, output="no")
    np.testing.assert_allclose(first.attributions, -second.attributions, atol=1e-9)
    p = model.predict_proba(X)
    for output, column in (("no", 0), ("yes", 1)):
        found = model.explain(X, output=output, scale="probability")
        np.testing.assert_allclose(found.prediction, p[:, column], atol=1e-6)


def test_a_row_is_explained_by_its_class_unless_one_is_named():
    model, X = fitted("realmlp-s"), table().head(20)
    found = model.explain(X, scale="probability")
    np.testing.assert_allclose(found.prediction, model.predict_proba(X).max(axis=1), atol=1e-6)
    assert found.baseline.nunique() == len(np.unique(model.predict(X)))
    assert model.explain(X, output="low").baseline.nunique() == 1


def test_the_baseline_may_be_rows_of_a_table():
    model, X = fitted("regressor"), table()
    found = model.explain(X.head(3), baseline=X.iloc[[7]])
    np.testing.assert_allclose(found.baseline, model.predict(X.iloc[[7]])[0], rtol=1e-5)
    same = model.explain(X.iloc[[7]], baseline=X.iloc[[7]])
    assert same.attributions.abs().to_numpy().max() < 1e-5 * model.target_.scale[0]
    with pytest.raises(ValueError, match="`baseline` must have rows"):
        model.explain(X, baseline=X.head(0))


def test_rows_may_come_in_any_form_and_order_and_from_a_file(tmp_path):
    model, X = fitted("crossed"), table().head(3)
    want = model.explain(X).attributions
    pd.testing.assert_frame_equal(model.explain(X[X.columns[::-1]]).attributions, want)
    one = model.explain(X.iloc[0].to_dict()).attributions
    np.testing.assert_allclose(one.to_numpy()[0], want.to_numpy()[0], rtol=1e-4, atol=1)
    assert model.explain(X.head(0)).attributions.shape == (0, X.shape[1])
    assert list(model.explain(X.set_index(pd.Index([5, 6, 7]))).attributions.index) == [5, 6, 7]
    model.save(tmp_path / "m.kerasdnn")
    again = load(tmp_path / "m.kerasdnn").explain(X).attributions
    np.testing.assert_allclose(again, want, rtol=1e-4, atol=1)  # of 1e5
    array = DNNRegressor("standard", epochs=2, random_state=0).fit(
        np.random.default_rng(0).normal(size=(60, 3)), np.arange(60.0)
    )
    assert list(array.explain(np.ones((2, 3))).attributions) == [0, 1, 2]


def test_the_matrix_folds_back_to_the_columns_of_the_table():
    encoder = fitted("crossed").encoder_
    fold, names = fold_matrix(encoder), original_columns(encoder)
    np.testing.assert_allclose(fold.sum(axis=1), 1)
    assert len(names) == len(owners(encoder)) == len(encoder.get_feature_names_out())
    position = names.index("place")
    assert dict(zip(table(), fold[position], strict=True))["city"] == 0.5
    assert dict(zip(table(), fold[position], strict=True))["flag"] == 0.5


def test_a_row_of_which_nothing_is_known_has_means_and_no_category():
    encoder = fitted("realmlp").encoder_  # robust scaling
    row = dict(zip(encoder.get_feature_names_out(), neutral_row(encoder)[0], strict=True))
    known = encoder.transform(table())
    place = {name: i for i, name in enumerate(row)}
    assert row["age"] == 0
    assert row["zip"] == 0  # the code of an unknown category
    present = known[table()["age"].notna().to_numpy(), place["age is missing"]]
    assert row["age is missing"] == present[0]
    other = known[(table()["city"] == "Rome").to_numpy(), place["city=Oslo"]]
    assert row["city=Oslo"] == other[0]


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("realmlp", {"output": "maybe"}, "`output` must be a class.*'maybe'.*'no', 'yes'"),
        ("realmlp", {"scale": "odds"}, "`scale` must be one of 'logit', 'probability'"),
        ("regressor", {"scale": "logit"}, "`scale` needs classes"),
        ("labels", {}, "`output` must name the label"),
        ("columns", {}, "`output` must be the position of a column of y, 0 to 1"),
        ("quantiles", {"output": 0.3}, r"one of the quantiles \[0.1, 0.5, 0.9\]"),
    ],
)
def test_what_cannot_be_explained_is_said(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        fitted(name).explain(table().head(2), **arguments)


def test_an_explanation_prints_and_draws_a_row():
    found = fitted("standard").explain(table().head(8))
    assert isinstance(found, Explanation)
    assert isinstance(found, Readable)
    text = str(found)
    assert "8 rows to 7 columns" in text
    assert "log-odds of 'yes'" in text
    assert "<table" in found._repr_html_()
    ax = found.plot(row=2, most=3)
    assert len(ax.get_yticklabels()) == 3
    assert f"{found.prediction.iloc[2]:.4g}" in ax.get_title(loc="left")


def test_a_table_without_information_has_attributions_of_zero():
    X = pd.DataFrame({"a": np.ones(60), "b": "x"})
    y = score().head(60).to_numpy()
    model = DNNRegressor("standard", epochs=1, random_state=0).fit(X, y)
    found = model.explain(X.head(2))
    assert (found.attributions.to_numpy() == 0).all()
    np.testing.assert_allclose(found.baseline, model.predict(X.head(2)), atol=1e-6)

"""Embeddings of numeric columns against their equations in NumPy."""

import keras
import numpy as np
import pytest
from scipy import stats

from kerasdnn.nn.numeric_embeddings import (
    CosineEmbedding,
    PiecewiseLinearEmbedding,
    quantile_edges,
)

RNG = np.random.default_rng(0)
TRAIN = RNG.normal(size=(200, 3)).astype("float32")
TRAIN[:, 1] = RNG.integers(0, 3, size=200)  # three values: fewer bins
X = np.hstack([RNG.normal(size=(40, 3)) * 3, RNG.normal(size=(40, 2))]).astype("float32")
EDGES = quantile_edges(TRAIN, n_bins=6)


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def randomized(layer):
    """The layer with random weights, and these by name."""
    layer(X)
    rng = np.random.default_rng(1)
    for weight in layer.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))
    return layer, {weight.name: array(weight) for weight in layer.trainable_weights}


def encoding(x, edges):
    """The components of one column by their definition, (rows, bins)."""
    parts = []
    for t in range(1, len(edges)):
        c = (x - edges[t - 1]) / (edges[t] - edges[t - 1])
        c = c if t == 1 else np.maximum(c, 0)
        parts.append(c if t == len(edges) - 1 else np.minimum(c, 1))
    return np.stack(parts, axis=1)


def test_edges_are_the_distinct_quantiles_of_each_column():
    for j in range(3):
        levels = [0, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1]
        assert EDGES[j] == pytest.approx(np.unique(np.quantile(TRAIN[:, j], levels)), abs=1e-6)
    assert [len(edges) for edges in EDGES] == [7, 3, 7]
    assert quantile_edges([[2.0], [2.0], [2.0]]) == [[2.0, 3.0]]
    assert len(quantile_edges(TRAIN[:5, :1], n_bins=48)[0]) == 5  # rows - 1 bins


def test_edges_that_differ_by_rounding_are_merged():
    week = np.arange(70) % 7 / 7 * 2 * np.pi
    columns = np.stack([np.cos(week), np.sin(week), np.where(week > 3, 1e-16, 0)], axis=1)
    cosines, sines, zeros = quantile_edges(columns)
    assert len(cosines) == 4  # two days of the week each have three of them
    assert len(sines) == 7
    assert np.diff(cosines).min() > 0.1
    assert len(zeros) == 2


def test_the_encoding_is_clipped_inside_and_linear_outside_the_edges():
    found = array(PiecewiseLinearEmbedding(EDGES, size=None)(X))
    assert found.shape == (40, 3 * 6 + 2)
    for j in range(3):
        expected = np.zeros((40, 6))  # a column of fewer bins is padded with zeros
        expected[:, : len(EDGES[j]) - 1] = encoding(X[:, j], EDGES[j])
        assert found[:, 6 * j : 6 * j + 6] == pytest.approx(expected, abs=1e-5)
    assert (found[:, 18:] == X[:, 3:]).all()
    assert np.abs(X[:, :3]).max() > np.abs(TRAIN).max()  # values beyond the edges were among them


def test_one_bin_has_no_bounds():
    x = np.float32([[-5.0], [0.5], [9.0]])
    found = array(PiecewiseLinearEmbedding([[0.0, 2.0]], size=None)(x))
    assert found == pytest.approx(x / 2)


@pytest.mark.parametrize("version", ["A", "B"])
def test_the_embedding_is_linear_in_the_encoding(version):
    layer, w = randomized(PiecewiseLinearEmbedding(EDGES, 4, version, activation="relu"))
    found, parts = array(layer(X)), []
    for j in range(3):
        c = encoding(X[:, j], EDGES[j])
        z = c @ w["piecewise"][j, : c.shape[1]] + w["bias"][j]
        if version == "B":
            z = z + X[:, j : j + 1] * w["linear"][j]
        parts.append(np.maximum(z, 0))
    assert found == pytest.approx(np.hstack([*parts, X[:, 3:]]), abs=2e-4)
    assert found.shape == layer.compute_output_shape(X.shape)


def test_version_b_starts_as_a_linear_embedding():
    layer = PiecewiseLinearEmbedding(EDGES, 400, seed=3)
    found = array(layer(X))[:, :1200].reshape(40, 3, 400)
    w = {weight.name: array(weight) for weight in layer.trainable_weights}
    assert found == pytest.approx(X[:, :3, None] * w["linear"] + w["bias"], abs=1e-5)
    for name in ("linear", "bias"):
        assert np.abs(w[name]).max() == pytest.approx(0.05, abs=0.001)
    again = PiecewiseLinearEmbedding(EDGES, 400, seed=3)
    assert (array(again(X))[:, :1200] == found.reshape(40, -1)).all()


def test_bins_that_pad_a_column_get_no_gradient():
    layer, _ = randomized(PiecewiseLinearEmbedding(EDGES, 4, n_bins=8))
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = keras.ops.sum(layer(X) ** 2)
    gradient = tape.gradient(loss, layer.piecewise.value).numpy()
    assert not gradient[:, 6:].any()
    assert not gradient[1, 2:].any()
    assert gradient[0, :6].all(axis=1).any()


def test_cosine_embedding_is_its_formula_and_starts_at_zero():
    layer, w = randomized(CosineEmbedding(3, size=5))
    found, parts = array(layer(X)), []
    for j in range(3):
        x = X[:, j : j + 1].astype("float64")
        u = np.hstack([x, np.cos(2 * np.pi * (w["frequency"][j] * x + w["phase"][j]))])
        parts.append(u * w["factor"][j] + w["bias"][j])
    assert found == pytest.approx(np.hstack([*parts, X[:, 3:]]), abs=1e-4)
    assert found.shape == layer.compute_output_shape(X.shape)
    fresh = CosineEmbedding(3, size=2000, deviation=0.5, seed=0)
    assert not array(fresh(X))[:, :6000].any()
    draws = array(fresh.frequency).ravel() / 0.5
    assert np.abs(draws).max() <= 3
    assert stats.kstest(draws, stats.truncnorm(-3, 3).cdf).pvalue > 0.01


@pytest.mark.parametrize(
    "layer",
    [
        PiecewiseLinearEmbedding(EDGES, 4, "A", activation="relu", n_bins=7, seed=5),
        PiecewiseLinearEmbedding(EDGES, None),
        CosineEmbedding(3, size=4, deviation=0.3, seed=2),
    ],
)
def test_layers_are_restored_from_files(layer, tmp_path):
    network = keras.Sequential([keras.Input((5,)), layer, keras.layers.Dense(1)])
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    assert loaded.layers[0].get_config() == layer.get_config()
    assert (array(loaded(X)) == array(network(X))).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PiecewiseLinearEmbedding([[0.0, 1.0], [2.0, 2.0]]), r"edges\[1\].*\[2.0, 2.0\]"),
        (lambda: PiecewiseLinearEmbedding([]), "`edges`.*at least one column"),
        (lambda: PiecewiseLinearEmbedding(EDGES, n_bins=3), "`n_bins`.*n_bins=3.*6 bins"),
        (lambda: PiecewiseLinearEmbedding(EDGES, version="C"), "version='C'"),
        (lambda: CosineEmbedding(3, size=1), "size=1"),
        (lambda: quantile_edges([1.0, 2.0]), r"`x`.*shape \(2,\)"),
        (lambda: quantile_edges([[1.0], [np.nan]]), "`x` must be finite.*1 values"),
    ],
)
def test_invalid_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()

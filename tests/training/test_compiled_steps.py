"""Compiled functions that equal networks share, also in several threads at a time."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasdnn
from kerasdnn.training import compile_cache, evaluation

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(64, 3)).astype("float32"), RNG.normal(size=(64, 1)).astype("float32")


def trained(optimizer):
    keras.utils.set_random_seed(0)
    layers = keras.layers
    network = kerasdnn.Network(
        [keras.Input((3,)), layers.Dense(5, "relu"), layers.BatchNormalization(),
         layers.Dropout(0.2, seed=1), layers.Dense(1)], seed=2,
    )  # fmt: skip
    network.compile(optimizer=optimizer(), loss="mse", jit_compile=True)
    network.fit(X, Y, epochs=3, batch_size=16, verbose=0)
    return network


@pytest.mark.parametrize(
    "optimizer",
    [keras.optimizers.Adam, lambda: kerasdnn.optimizers.NAG(0.01, momentum=0.9)],
    ids=["adam", "nag"],
)
def test_a_thread_computes_the_same_while_others_use_the_function(optimizer):
    compile_cache.traces.clear()
    alone = trained(optimizer)
    programs = [p for trace in compile_cache.traces.values() for p in trace.programs.values()]
    assert programs
    others = {}
    for program in programs:
        captured = {id(t) for t in program.concrete.captured_inputs if t.dtype == tf.resource}
        assert captured == set(program.scratch)  # nothing else that threads would share
        assert len(program.unused) == 1
        [in_use] = program.unused
        others[program] = {id(t) for t in in_use[0] if t.dtype == tf.resource}
        program.unused.clear()
    busy = trained(optimizer)
    for ours, theirs in zip(busy.weights, alone.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert busy.history.history == alone.history.history
    for program, in_use in others.items():
        [(captured, _)] = program.unused
        assert in_use.isdisjoint(map(id, captured))  # memory of its own


@pytest.mark.parametrize("at_once", [16, 16_384], ids=["chunks", "one call"])
def test_an_evaluation_weighs_rows_as_the_equation_says(at_once, monkeypatch):
    monkeypatch.setattr(evaluation, "ROWS_AT_ONCE", at_once)
    network = kerasdnn.Network([keras.Input((3,)), keras.layers.Dense(1)], seed=0)
    network.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mae"])
    weights = RNG.uniform(0.1, 2, len(X)).astype("float32")
    found = network.evaluate(X, Y, batch_size=8, sample_weight=weights, verbose=0, return_dict=True)
    errors = (Y - network.predict(X, verbose=0))[:, 0].astype("float64")
    assert network.last_path == "compiled"
    assert found["loss"] == pytest.approx(np.mean(weights * errors**2), rel=1e-5)
    assert found["mae"] == pytest.approx(np.mean(abs(errors)), rel=1e-5)
    assert found["weighted_mae"] == pytest.approx(
        np.average(abs(errors), weights=weights), rel=1e-5
    )

"""Networks that are trained as one compiled function, against the same networks trained alone."""

import collections

import keras
import numpy as np
import pytest

import kerasdnn
from kerasdnn.nn import batch_ensemble as be
from kerasdnn.nn import realmlp_layers as rl
from kerasdnn.nn.embedding import EmbedCategories
from kerasdnn.nn.group_adam import GroupAdam
from kerasdnn.nn.numeric_embeddings import PiecewiseLinearEmbedding
from kerasdnn.nn.schedules import CosLog, FlatCos
from kerasdnn.training import compile_cache, fit_loop
from kerasdnn.training.network import Network
from kerasdnn.training.together import NotStackable, fit_together

RNG = np.random.default_rng(0)
X = np.hstack([RNG.normal(size=(120, 4)), RNG.integers(0, 3, (120, 1))]).astype("float32")
Y = (X[:, 0] + X[:, 1] > 0).astype("int32")
W = RNG.uniform(0.5, 2, size=120).astype("float32")
VALID = X[:30], Y[:30]


def plain(seed):
    return kerasdnn.build_classifier(5, 2, (6, 4), activation="tanh", seed=seed)


def realmlp(seed):
    layers = [EmbedCategories([3], 2, seed=seed), rl.PeriodicEmbedding(4, seed=seed), rl.Scale()]
    for i in range(2):
        layers += [rl.NTKDense(6, seed=seed + i), rl.ParametricActivation("selu")]
        layers += [rl.ScheduledDropout(0.2, 100, seed=seed)]
    layers.append(rl.NTKDense(1, "sigmoid", seed=seed))
    network = Network([keras.Input((5,)), *layers], seed=seed)
    optimizer = GroupAdam(CosLog(0.02, 100), 0.02, {"scale": (6.0, 36.0), "bias": (0.1, 0.0)})
    network.compile(optimizer, "binary_crossentropy", weighted_metrics=["accuracy"])
    return network


def scheduled(rate, steps, decay, dropout):
    layers = [rl.NTKDense(6, seed=1), rl.ScheduledDropout(dropout, steps, seed=2)]
    layers = [*layers, rl.NTKDense(1, "sigmoid", seed=3)]
    network = Network([keras.Input((5,)), *layers], seed=1)
    optimizer = GroupAdam(CosLog(rate, steps), decay and FlatCos(decay, steps))
    network.compile(optimizer, "binary_crossentropy", weighted_metrics=["accuracy"])
    return network


@pytest.mark.parametrize("compiled", [False, True])
def test_networks_of_other_schedules_share_a_function_and_train_as_they_do_alone(
    compiled, monkeypatch
):
    if compiled:
        monkeypatch.setattr(fit_loop, "MIN_STEPS_XLA", 0)
    settings = [(0.02, 32, 0.1, 0.2), (0.1, 64, 0.3, 0.5), (0.1, 64, 0.0, 0.5)]
    traces, weights = collections.OrderedDict(), []
    for shared in (True, False):
        for own in settings:
            if not shared:
                traces = collections.OrderedDict()
            monkeypatch.setattr(compile_cache, "traces", traces)
            network = scheduled(*own)
            network.fit(X, Y, batch_size=16, epochs=4, verbose=0)
            weights.append(network.get_weights())
            # No decay is another computation. What was an input is a number again.
            if shared:
                assert len(traces) == (2 if own == settings[2] else 1)
            assert network.optimizer.get_config()["learning_rate"]["config"]["peak"] == own[0]
    for one, alone in zip(weights[:3], weights[3:], strict=True):
        for a, b in zip(one, alone, strict=True):
            np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(weights[0], weights[1], strict=True))


def test_networks_of_other_schedules_are_not_stacked():
    networks = [scheduled(rate, 32, 0.1, 0.2) for rate in (0.02, 0.1)]
    with pytest.raises(NotStackable, match="schedules"):
        fit_together(networks, [(X, Y)] * 2, 16, 4)


def tabm(seed):
    edges = [np.quantile(X[seed:, j], [0, 0.5, 1]).tolist() for j in range(4)]
    layers = [PiecewiseLinearEmbedding(edges, 3, seed=seed)]
    layers += [be.BatchEnsembleDense(6, 4, "relu", "normal", seed=seed)]
    layers += [rl.ScheduledDropout(0.2, 100, seed=seed)]
    layers += [be.MemberDense(1, 4, seed=seed), be.MeanOfMembers("sigmoid")]
    network = Network([keras.Input((5,)), *layers], seed=seed)
    metric = be.MemberMetric(keras.metrics.BinaryAccuracy(name="accuracy"), 1)
    loss = be.MemberLoss("binary_crossentropy", 1)
    network.compile("adam", loss, weighted_metrics=[metric])
    return network


KINDS = [plain, realmlp, tabm]


def rows_of(i):
    """Other rows for each network: two have 98, the third 99."""
    chosen = np.random.default_rng(i).permutation(120)[: 98 + i // 2]
    return X[chosen], Y[chosen], W[chosen]


def close(found, expected):
    for a, b in zip(found, expected, strict=True):
        assert np.asarray(a) == pytest.approx(np.asarray(b), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("make", KINDS)
def test_networks_of_a_stack_equal_networks_trained_alone(make):
    together, alone = ([make(seed) for seed in range(3)] for _ in range(2))
    data = [rows_of(i) for i in range(3)]
    fit_together(together, data, 16, 4, [VALID] * 3)
    for network, (x, y, w), one in zip(alone, data, together, strict=True):
        network.fit(
            x, y, sample_weight=w, batch_size=16, epochs=4, validation_data=VALID, verbose=0
        )
        close(one.get_weights(), network.get_weights())
        close(
            [v.numpy() for v in one.optimizer.variables],
            [v.numpy() for v in network.optimizer.variables],
        )
        assert one.history.history.keys() == network.history.history.keys()
        for name, values in one.history.history.items():
            assert values == pytest.approx(network.history.history[name], abs=2e-4)
    assert not np.allclose(together[0].get_weights()[0], together[1].get_weights()[0])


def test_each_network_stops_by_itself_and_keeps_its_best_weights():
    together, alone = ([plain(seed) for seed in range(4)] for _ in range(2))
    for network in (*together, *alone):
        network.optimizer.learning_rate = 0.1  # they overfit soon

    def stopping(i):
        patience = 2 + 3 * i
        return [keras.callbacks.EarlyStopping(patience=patience, restore_best_weights=True)]

    fit_together(
        together, [(X[30:], Y[30:])] * 4, 30, 40, [VALID] * 4, [stopping(i) for i in range(4)]
    )
    lengths = []
    for i, network in enumerate(alone):
        network.fit(
            X[30:], Y[30:], batch_size=30, epochs=40, validation_data=VALID, verbose=0,
            callbacks=stopping(i),
        )  # fmt: skip
        lengths.append(len(network.history.epoch))
        assert together[i].history.epoch == network.history.epoch
        close(together[i].get_weights(), network.get_weights())
    assert len(set(lengths)) > 1


def test_equal_stacks_share_a_compiled_function():
    first, second = ([tabm(seed) for seed in (s, s + 1)] for s in (0, 5))
    for networks in (first, second):
        fit_together(networks, [(X, Y)] * 2, 32, 1)
    traces = set()
    for network in (*first, *second):
        [by_rows] = network.traces["train_function"].traces.values()
        traces |= {id(bound.trace) for bound in by_rows.values()}
    assert len(traces) == 1
    assert len(next(iter(by_rows.values())).trace.stacked) == 1


def test_networks_with_other_learning_rates_are_not_stacked():
    networks = [plain(0), plain(1)]
    networks[1].optimizer.learning_rate = 0.1
    with pytest.raises(NotStackable, match="learning rates"):
        fit_together(networks, [(X, Y)] * 2, 16, 2)


@pytest.mark.parametrize(
    ("networks", "parts", "reason"),
    [
        (lambda: [plain(0), realmlp(0)], [(X, Y)] * 2, "different things"),
        (lambda: [plain(0), plain(1)], [(X, Y), (X[:40], Y[:40])], "numbers of steps"),
        (
            lambda: [kerasdnn.build_classifier(5, 2, batch_norm=True, seed=s) for s in (0, 1)],
            [(X[:50], Y[:50])] * 2,
            "single rows",
        ),
    ],
)
def test_what_cannot_be_stacked_says_why_and_trains_nothing(networks, parts, reason):
    networks = networks()
    before = [network.get_weights() for network in networks]
    with pytest.raises(NotStackable, match=reason):
        fit_together(networks, parts, 16, 2)
    for network, weights in zip(networks, before, strict=True):
        close(network.get_weights(), weights)

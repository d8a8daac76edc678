"""A member of a population against the same network trained alone by `Network.fit`."""

import functools
import os

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kerasdnn import HEADS, activations
from kerasdnn.factories import build_for
from kerasdnn.hyperparameters import FIT, names
from kerasdnn.population import forward as networks
from kerasdnn.population import train_steps as programs
from kerasdnn.population.member_state import pad_and_stack
from kerasdnn.population.optimizer_rules import RULES
from kerasdnn.population.plan import plan
from kerasdnn.population.population import Population

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 6)).astype("float32")
SIGNAL = np.tanh(X @ RNG.normal(size=(6, 4))) + 0.3 * RNG.normal(size=(100, 4))
TARGETS = {  # problem, one_hot: outputs, y
    ("binary", False): (1, (SIGNAL[:, 0] > 0).astype("int32")),
    ("multiclass", False): (7, np.arange(100) % 7),
    ("multiclass", True): (3, np.eye(3, dtype="float32")[SIGNAL[:, :3].argmax(1)]),
    ("multilabel", False): (4, (SIGNAL > 0).astype("float32")),
    ("regression", False): (2, SIGNAL[:, :2].astype("float32") * 5 + 20),
    ("count", False): (1, np.floor(np.exp(SIGNAL[:, 0] + 1))),
}
Y = TARGETS["binary", False][1]


def alone(population, i, x=X, y=Y, epochs=1, batch_size=32, **fit):
    """The network of member `i`, trained by `Network.fit`."""
    member = population.members[i].given
    network = build_for(
        population.problem, **{k: v for k, v in member.items() if k not in names(FIT)}
    )
    network.fit(x, y, epochs=epochs, batch_size=batch_size, verbose=0, **fit)
    return network


def assert_same(population, i, network, rtol=1e-4):
    """Weights and optimizer state of member `i` are those of `network`."""
    ours = population.member(i)
    pairs = list(zip(ours.get_weights(), network.get_weights(), strict=True))
    pairs += [
        (np.asarray(a), np.asarray(b))
        for a, b in zip(ours.optimizer.variables, network.optimizer.variables, strict=True)
    ]
    for a, b in pairs:
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * max(1e-3, np.abs(b).max()))


members = st.fixed_dictionaries(
    {
        "hidden_units": st.lists(st.integers(1, 20), min_size=1, max_size=4),
        "activation": st.sampled_from(["relu", "tanh", "sigmoid", "leaky_relu", "elu", "softplus"]),
        "optimizer": st.sampled_from(list(RULES)),
        "learning_rate": st.floats(1e-4, 0.03),
        "l2": st.sampled_from([0.0, 1e-3]),
        "label_smoothing": st.sampled_from([0.0, 0.1]),
        "batch_norm": st.just(False),
        "seed": st.integers(0, 2**31),
    }
)


@settings(max_examples=max(2, settings.default.max_examples // 50))
@given(st.lists(members, min_size=2, max_size=3), st.integers(33, 100), st.just(False))
@example(
    [{"hidden_units": (3,) * (i % 3 + 1), "optimizer": r} for i, r in enumerate(RULES)], 70, True
)
def test_a_member_equals_the_network_trained_alone(drawn, rows, compiled):
    steps_per_epoch = -(-rows // 32)
    epochs = -(-50 // steps_per_epoch)
    population = Population(drawn, 6, problem="binary", jit_compile=compiled)
    population.fit(X[:rows], Y[:rows], epochs=epochs)
    for i in range(len(drawn)):
        network = alone(population, i, X[:rows], Y[:rows], epochs)
        assert int(network.optimizer.iterations) >= 50
        assert_same(population, i, network)


@pytest.mark.parametrize("schedule", [None, lambda epoch: 0.5 + 0.1 * epoch])
def test_adamw_and_muon_have_constants_of_their_own_in_each_network(schedule):
    ko = keras.optimizers
    optimizers = [
        ko.AdamW(0.01, weight_decay=0.3), ko.AdamW(0.003, weight_decay=0.0, beta_2=0.95),
        ko.Muon(0.02, weight_decay=0.1, exclude_layers=["output"], adam_lr_ratio=0.3),
        ko.Muon(0.005, adam_weight_decay=0.2, momentum=0.8),
    ]  # fmt: skip
    units = [(9, 5), (4,), (7,), (12, 8)]
    drawn = [
        {"hidden_units": u, "optimizer": o} for u, o in zip(units, optimizers, strict=True)
    ]  # fmt: skip
    population = Population(drawn, 6, problem="binary", seed=3)
    population.fit(X, Y, epochs=3, schedule=schedule)
    for i in range(4):
        rate = optimizers[i].get_config()["learning_rate"]
        scale = keras.callbacks.LearningRateScheduler(lambda e, _, r=rate: r * schedule(e))
        network = alone(population, i, epochs=3, callbacks=[scale] if schedule else None)
        weights = zip(population.get_weights(i), network.get_weights(), strict=True)
        for ours, theirs in weights:
            np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-4)


def test_batch_norm_is_that_of_keras():
    drawn = [{"hidden_units": u, "batch_norm": True, "optimizer": "nag"} for u in [(8, 5), (9,)]]
    drawn[1] = {**drawn[1], "activation": "sigmoid", "optimizer": "adam"}
    population = Population(drawn, 6, problem="binary", seed=5)
    history = population.fit(X, Y, epochs=13, validation_data=(X[:40], Y[:40]))
    for i in range(2):
        network = alone(population, i, epochs=13)
        assert_same(population, i, network)
        loss = history.query("member == @i and epoch == 13")["val_loss"].item()
        assert loss == pytest.approx(network.evaluate(X[:40], Y[:40], verbose=0)[0], rel=1e-4)


@pytest.mark.parametrize(("problem", "one_hot"), TARGETS)
def test_every_head_learns_and_is_judged_as_alone(problem, one_hot):
    outputs, y = TARGETS[problem, one_hot]
    drawn = [{"hidden_units": (8,), "learning_rate": 0.01}, {"hidden_units": (5, 4), "l2": 0.0}]
    if problem == "regression":
        drawn[1]["prior"] = [20.0, 20.0]
    population = Population(
        drawn, 6, problem=problem, n_outputs=outputs, one_hot=one_hot, seed=2
    )  # fmt: skip
    weight = RNG.uniform(0.5, 2, 100)
    history = population.fit(
        X[:70], y[:70], epochs=3, validation_data=(X[70:], y[70:]), sample_weight=weight[:70]
    )
    for i in range(2):
        network = alone(
            population, i, X[:70], y[:70], epochs=3, sample_weight=weight[:70],
            validation_data=(X[70:], y[70:]),
        )  # fmt: skip
        assert_same(population, i, network)
        np.testing.assert_allclose(
            population.predict(X)[i], network.predict(X), rtol=1e-4, atol=1e-6
        )
        expected = network.history.history
        ours = history[history.member == i]
        names = {"loss"} | {name for name in expected if name.startswith("val_")}
        assert set(history.columns) == names | {"member", "epoch"}
        for name in names:
            np.testing.assert_allclose(ours[name], expected[name], rtol=2e-4, err_msg=name)


def test_weighted_rows_are_judged_by_a_weighted_mean():
    weight = RNG.uniform(0, 3, 100)
    population = Population([{"hidden_units": (4,)}], 6, problem="binary", seed=0)
    train, valid = np.arange(60), np.arange(60, 100)
    history = population.fit(
        X, Y, epochs=1, sample_weight=weight, rows=train, validation_rows=valid
    )
    p, y = population.predict(X)[0, 60:, 0].astype("float64"), Y[60:]
    losses = -np.log(np.where(y == 1, p, 1 - p))
    assert history["val_loss"].item() == pytest.approx(
        np.average(losses, weights=weight[60:]), 1e-4
    )
    hits = np.average((p > 0.5) == y, weights=weight[60:])
    assert history["val_accuracy"].item() == pytest.approx(hits, 1e-5)


def test_folds_bootstrap_and_own_weights():
    rows = [np.arange(30, 94), RNG.integers(0, 100, 100), np.arange(10)]
    weights = RNG.uniform(0.1, 2, (3, 100))
    population = Population([{"hidden_units": (6,)}] * 3, 6, problem="binary", seed=1)
    population.fit(X, Y, epochs=2, rows=rows, sample_weight=weights, validation_rows=np.arange(100))
    for i in range(3):
        own = rows[i]
        network = alone(population, i, X[own], Y[own], 2, sample_weight=weights[i][own])
        assert_same(population, i, network)


def test_rows_not_named_are_trained_on():
    folds = [np.arange(0, 50), np.arange(50, 100)]
    population = Population([{"hidden_units": (6,)}] * 2, 6, problem="binary", seed=1)
    population.fit(X, Y, epochs=1, validation_rows=folds)
    assert_same(population, 0, alone(population, 0, X[50:], Y[50:]))
    assert_same(population, 1, alone(population, 1, X[:50], Y[:50]))


def test_members_with_batch_sizes_and_epochs_of_their_own():
    drawn = [{}, {"batch_size": 16}, {"batch_size": "full", "epochs": 2}]
    population = Population(
        [{"hidden_units": (5,), **d} for d in drawn], 6, problem="binary", seed=0
    )
    history = population.fit(X, Y, epochs=3, batch_size=50)
    assert history.groupby("member")["epoch"].max().tolist() == [3, 3, 2]
    for i, (batch, epochs) in enumerate([(50, 3), (16, 3), (100, 2)]):
        assert_same(population, i, alone(population, i, epochs=epochs, batch_size=batch))


WIDE_AND_NARROW = [
    {"hidden_units": (13,), "activation": "sigmoid"},
    {"hidden_units": (3, 5), "activation": "softplus"},
    {"hidden_units": (2, 9, 1), "activation": "tanh"},
]


@pytest.mark.parametrize("batch_norm", [False, True])
def test_missing_units_and_layers_have_no_gradient_and_change_nothing(batch_norm):
    drawn = [{**d, "batch_norm": batch_norm} for d in WIDE_AND_NARROW]
    population = Population(drawn, 6, problem="binary", seed=0)
    population.fit(X, Y, epochs=1)
    (stack,) = population._stacks.stacks
    real = [  # 1 where a network has a weight
        w.numpy()
        for w in stack.stack._replace(
            weights=_joined(stack, [[np.ones_like(w) for w in p.weights] for p in stack.get()])
        ).weights
    ]
    assert any((mask == 0).any() for mask in real)
    for tensors in (stack.stack.weights, *stack.stack.slots):
        for w, mask in zip(tensors, real, strict=True):
            assert (w.numpy()[mask == 0] == 0).all()

    def outputs(weights):
        x, rows = X[None, :32], np.ones((1, 32), bool)
        return networks.forward(
            stack.layout, weights, stack.stack.moving, stack.constants, x, rows, stack.steps
        )[0]

    junk = [
        tf.constant(w + (1 - mask) * RNG.normal(size=w.shape).astype("float32"))
        for w, mask in zip(stack.stack.weights, real, strict=True)
    ]
    n = len(drawn)
    expected = outputs(stack.stack.weights)[:n]
    with tf.GradientTape() as tape:
        tape.watch(junk)
        z = outputs(junk)[:n]
    np.testing.assert_allclose(z, expected, rtol=1e-6)
    for gradient, mask in zip(tape.gradient(z, junk), real, strict=True):
        assert (gradient.numpy()[mask == 0] == 0).all()
        assert (gradient.numpy()[mask == 1] != 0).any()


def _joined(stack, weights):
    return pad_and_stack(stack.shapes, [stack._align(w) for w in weights])


def test_a_member_taken_out_trains_on_like_the_member():
    drawn = [{"optimizer": name, "hidden_units": (5,)} for name in RULES]
    population = Population(drawn, 6, problem="binary", seed=0)
    population.fit(X, Y, epochs=2)
    networks = [population.member(i) for i in range(len(drawn))]
    population.fit(X, Y, epochs=4)
    for i, network in enumerate(networks):
        network.fit(X, Y, epochs=4, initial_epoch=2, verbose=0)
        assert_same(population, i, network)


SIX = [{"hidden_units": (5 + i % 2,), "dropout": 0.1 * (i % 3)} for i in range(6)]


def test_stopped_members_stand_still_and_leave_the_stack():
    kept = Population(SIX, 6, problem="binary", seed=0)
    kept.fit(X, Y, epochs=4)

    def stop(population, epoch, logs):
        for i in {1: [0], 2: [1, 2, 4]}.get(epoch, []):
            population.stop(i)

    population = Population(SIX, 6, problem="binary", seed=0)
    history = population.fit(X, Y, epochs=4, on_epoch=stop)
    assert population.status == [*["stopped"] * 3, "finished", "stopped", "finished"]
    assert history.groupby("member")["epoch"].max().tolist() == [1, 2, 2, 4, 2, 4]
    assert [s.numbers for s in population._stacks.stacks] == [[3, 5]] or sorted(
        population._stacks.stacks[0].numbers
    ) == [3, 5]
    for i in (3, 5):
        for a, b in zip(population.get_weights(i), kept.get_weights(i), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    short = Population(SIX, 6, problem="binary", seed=0)
    short.fit(X, Y, epochs=2)
    np.testing.assert_allclose(population.predict(X)[4], short.predict(X)[4], rtol=1e-5)


def test_patience_and_the_best_epoch_are_those_of_early_stopping():
    drawn = [{"hidden_units": (16,), "learning_rate": rate} for rate in (0.05, 0.1)]
    population = Population(drawn, 6, problem="binary", seed=0)
    data = (X[60:], Y[60:])
    population.fit(X[:60], Y[:60], epochs=40, validation_data=data, patience=3)
    assert set(population.status) == {"early"}
    for i in range(2):
        stopping = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
        network = alone(
            population, i, X[:60], Y[:60], 40, validation_data=data, callbacks=[stopping]
        )
        assert population.best_epochs[i] == stopping.best_epoch + 1
        assert population.best_scores[i] == pytest.approx(stopping.best, rel=1e-4)
        assert (population.history.member == i).sum() == len(network.history.history["loss"])
        best = population.predict(X, best=True)[i]
        np.testing.assert_allclose(best, network.predict(X), rtol=1e-3)
        assert np.abs(best - population.predict(X)[i]).max() > 1e-3
        np.testing.assert_array_equal(population.member(i, best=True).predict(X), network_of(
            population, i, best=True).predict(X))  # fmt: skip


def network_of(population, i, best):
    network = build_for(population.problem, **population.members[i].given)
    network.set_weights(population.get_weights(i, best))
    return network


def test_the_monitor_may_be_a_metric_of_which_more_is_better():
    population = Population(SIX[:2], 6, problem="binary", seed=0)
    population.fit(X, Y, epochs=4, validation_rows=np.arange(50), monitor="val_auc")
    curves = population.curves("val_auc")
    np.testing.assert_array_equal(population.best_epochs, curves.argmax(axis=1) + 1)
    np.testing.assert_allclose(population.best_scores, curves.max(axis=1))


def test_a_resumed_population_goes_on_to_the_bit(tmp_path):
    def stop(population, epoch, logs):
        if epoch == 2:
            population.stop(1)

    arguments = {"validation_rows": np.arange(40), "on_epoch": stop, "patience": 3}
    drawn = [*SIX, {"hidden_units": (4, 4), "batch_norm": True, "optimizer": "adagrad"}]
    whole = Population(drawn, 6, problem="binary", seed=0)
    whole.fit(X, Y, epochs=6, **arguments)
    first = Population(drawn, 6, problem="binary", seed=0)
    first.fit(X, Y, epochs=3, **arguments)
    first.save(tmp_path / "population.npz")
    second = Population.load(tmp_path / "population.npz")
    second.fit(X, Y, epochs=6, **arguments)
    assert second.status == whole.status
    assert whole.history.equals(second.history)
    for name, array in whole.state().items():
        np.testing.assert_array_equal(second.state()[name], array, err_msg=name)


def test_a_damaged_or_foreign_file_is_refused(tmp_path):
    path = tmp_path / "population.npz"
    population = Population(SIX[:1], 6, problem="binary", seed=0)
    population.save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="`path` must be a file"):
        Population.load(path)
    np.savez(path, a=np.ones(1))
    with pytest.raises(ValueError, match="`path` must be a file"):
        Population.load(path)
    with pytest.raises(ValueError, match="with the same members"):
        Population(SIX[:2], 6, problem="binary").load_state(population.state())
    assert list(tmp_path.iterdir()) == [path]


def test_a_member_moves_to_another_population():
    first = Population(SIX, 6, problem="binary", seed=0)
    first.fit(X, Y, epochs=2, validation_rows=np.arange(40))
    state = first.member_state(4)
    first.fit(X, Y, epochs=4, validation_rows=np.arange(40))
    second = Population([{**SIX[4], "seed": 4}, SIX[0]], 6, problem="binary", seed=0)
    second.load_member_state(0, state)
    history = second.fit(X, Y, epochs=4, validation_rows=np.arange(40))
    assert history.groupby("member")["epoch"].apply(list).tolist() == [[1, 2, 3, 4]] * 2
    np.testing.assert_allclose(second.curves()[0], first.curves()[4], rtol=1e-5)
    np.testing.assert_allclose(second.predict(X)[0], first.predict(X)[4], rtol=1e-4)


def test_dropout_leaves_out_its_share_and_scales_the_rest():
    h = np.ones((3, 200, 50), "float32")
    rates = np.float32([0.0, 0.2, 0.7])
    seeds, steps = np.uint32([1, 1, 2]), np.int32([5, 5, 5])
    out = networks.drop(tf.constant(h), *map(tf.constant, (rates, seeds, steps))).numpy()
    for k, rate in enumerate(rates):
        np.testing.assert_allclose(out[k][out[k] != 0], 1 / (1 - rate), rtol=1e-6)
        # A share of 10,000 has a standard deviation of at most 0.005.
        assert abs((out[k] == 0).mean() - rate) < 0.02
    units = (out[1] == 0).astype("float64")
    assert abs(np.corrcoef(units.T)[np.triu_indices(50, 1)]).mean() < 3 / np.sqrt(200)
    again = networks.drop(tf.constant(h), *map(tf.constant, (rates, seeds, steps + 1))).numpy()
    assert 0.2 < ((again[1] == 0) == (out[1] == 0)).mean() < 0.8  # 0.2^2 + 0.8^2 = 0.68
    second = (tf.constant(array[1:2]) for array in (rates, seeds, steps))
    wider = networks.drop(tf.ones((1, 200, 64)), *second)
    np.testing.assert_array_equal(wider.numpy()[0, :, :50], out[1])


def test_a_network_that_diverges_fails_alone():
    drawn = [{"hidden_units": (5,), "optimizer": "sgd"}] * 3
    drawn[1] = {**drawn[1], "learning_rate": 1e20}
    y = TARGETS["regression", False][1]
    population = Population(drawn, 6, problem="regression", n_outputs=2, seed=0)
    history = population.fit(X, y, epochs=4, validation_rows=np.arange(40))
    assert population.status == ["finished", "diverged", "finished"]
    assert history.query("member != 1").notna().all(axis=None)
    assert history.query("member == 1")["val_loss"].isna().all()
    assert np.isnan(population.best_scores[1])


def test_little_memory_divides_stacks_and_changes_nothing():
    one, many = (Population(SIX, 6, problem="binary", seed=0) for _ in range(2))
    many._stacks.memory = many._stacks.cores * 50_000
    one.fit(X, Y, epochs=2)
    many.fit(X, Y, epochs=2)
    assert len(many._stacks.stacks) > len(one._stacks.stacks)
    np.testing.assert_allclose(many.predict(X), one.predict(X), rtol=1e-5)


def test_other_numbers_and_seeds_compile_nothing_anew():
    def fit(rate, seed):
        drawn = [{**d, "learning_rate": rate, "l2": rate / 10, "dropout": rate} for d in SIX]
        population = Population(drawn, 6, problem="binary", seed=seed, jit_compile=True)
        population.fit(X, Y, epochs=2)
        return programs.train_function(population._stacks.stacks[0].layout)

    first = fit(0.01, 0)
    traced = first.experimental_get_tracing_count()
    assert fit(0.02, 9) is first
    assert first.experimental_get_tracing_count() == traced


def test_an_epoch_cut_off_leaves_all_members_where_they_were():
    population = Population(SIX, 6, problem="binary", seed=0)
    population.fit(X, Y, epochs=1)
    (stack,) = population._stacks.stacks

    def interrupted(*args):
        raise KeyboardInterrupt

    stack.evaluate = interrupted
    with pytest.raises(KeyboardInterrupt):
        population.fit(X, Y, epochs=2, validation_rows=np.arange(40), rows=np.arange(100))
    del stack.evaluate
    assert int(population.member(0).optimizer.iterations) == 4
    population.fit(X, Y, epochs=2)
    assert_same(population, 0, alone(population, 0, epochs=2))


def test_a_population_is_reproducible_and_members_without_a_seed_differ():
    drawn = [{"hidden_units": (4,)}] * 2
    a, b = (Population(drawn, 6, problem="binary", seed=3) for _ in range(2))
    a.fit(X, Y, epochs=1)
    b.fit(X, Y, epochs=1)
    np.testing.assert_array_equal(a.predict(X), b.predict(X))
    assert np.abs(a.predict(X)[0] - a.predict(X)[1]).max() > 1e-3
    assert [m.seed for m in a.members] == [3, 4]


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ({"units": 3}, "Member 0: .*'units'"),
        ({"hidden_units": ()}, "`hidden_units`"),
        ({"activation": "rellu"}, "Did you mean 'relu'"),
        ({"activation": keras.activations.relu}, "must be a name to be stacked"),
        ({"optimizer": "lion"}, "must follow one of the rules"),
        ({"learning_rate": 0.0}, "`learning_rate` must be a positive, finite number"),
        ({"learning_rate": lambda: 0.1}, "`learning_rate` must be a number to be stacked"),
        ({"optimizer": "adam", "momentum": 0.5}, "`momentum` is a hyperparameter of"),
        ({"dropout": 1.0}, "`dropout` must be a number in"),
        ({"batch_size": 0}, "`batch_size` must be an integer"),
        ({"seed": -1}, "`seed`"),
        (3, "must be a dict"),
    ],
)
def test_a_member_that_is_none_is_refused(member, words):
    with pytest.raises(ValueError, match=words):
        Population([member], 6, problem="binary")


def test_members_and_problem_are_checked():
    with pytest.raises(ValueError, match="at least one network"):
        Population([], 6, problem="binary")
    with pytest.raises(ValueError, match="must be a list of dicts"):
        Population({"hidden_units": (3,)}, 6, problem="binary")
    with pytest.raises(ValueError, match="problem"):
        Population([{}], 6, problem="ternary")
    with pytest.raises(ValueError, match="label_smoothing"):
        Population([{"label_smoothing": 0.1}], 6, problem="regression")
    with pytest.raises(ValueError, match="n_outputs"):
        Population([{}], 6, problem="multiclass")
    with pytest.raises(ValueError, match="memory_limit"):
        Population([{}], 6, problem="binary", memory_limit=0)


@pytest.fixture(scope="module")
def two():
    return Population([{"hidden_units": (3,)}] * 2, 6, problem="binary", seed=0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"X": X[:, :5]}, "6 columns"),
        ({"X": np.where(X > 2, np.nan, X)}, "row 13"),
        ({"y": Y + 1}, "0"),
        ({"y": Y[:50]}, "same number of rows"),
        ({"rows": [100]}, "must be from 0 to 99"),
        ({"rows": np.ones(100, bool)}, "flatnonzero"),
        ({"rows": [[1, 2]] * 3}, "one per member, here 2"),
        ({"rows": [[1, 2], []]}, "at least one"),
        ({"validation_rows": [1], "validation_data": (X, Y)}, "not both"),
        ({"validation_rows": np.arange(100)}, "must leave rows for training"),
        ({"validation_data": (X[:, :5], Y)}, r"validation_data\[0\]"),
        ({"validation_data": X}, "must be \\(X, y\\)"),
        ({"sample_weight": -np.ones(100)}, "`sample_weight` contains -1.0"),
        ({"sample_weight": np.ones((3, 100))}, "members, rows"),
        ({"monitor": "val_loss"}, "needs a validation set"),
        ({"monitor": "val_los", "validation_rows": [1]}, "Did you mean 'val_loss'"),
        ({"epochs": 0}, "`epochs`"),
        ({"patience": -1}, "`patience`"),
        ({"batch_size": "half"}, "`batch_size`"),
    ],
)
def test_fit_refuses_what_could_only_go_wrong(two, arguments, words):
    with pytest.raises(ValueError, match=words):
        two.fit(**{"X": X, "y": Y, **arguments})


def test_members_are_asked_for_by_their_number(two):
    for ask in (two.member, two.stop, two.get_weights, two.member_state):
        with pytest.raises(ValueError, match="must be a number from 0 to 1"):
            ask(2)
    with pytest.raises(ValueError, match="6 columns"):
        two.predict(X[:, :4])


def test_members_are_divided_by_width_where_padding_costs_more_than_compiling():
    drawn = [{"hidden_units": (16 if i % 2 else 256,) * 2, "seed": i} for i in range(20)]
    population = Population(drawn, 6, problem="binary")
    members, batches = dict(enumerate(population.members)), dict.fromkeys(range(20), 32)

    def planned(epochs, cores):
        found = plan(members, population.problem, batches, 1_000, epochs, cores, memory=1e9)
        assert sorted(i for numbers in found for i in numbers) == list(range(20))
        return sorted(len(numbers) for numbers in found)

    assert planned(epochs=1, cores=1) == [20]
    assert planned(epochs=1_000, cores=1) == [10, 10]  # narrow, wide
    assert planned(epochs=1, cores=2) == [10, 10]  # alike
    found = plan(members, population.problem, batches, 1_000, 1_000, 1, memory=1e9)
    assert {len({drawn[i]["hidden_units"] for i in numbers}) for numbers in found} == {1}


def test_members_of_other_batch_sizes_or_with_batch_norm_are_not_stacked_together():
    drawn = [{"batch_size": 8}, {"batch_size": 16}, {"batch_norm": True}, {}]
    population = Population(
        [{"hidden_units": (4,), **d} for d in drawn], 6, problem="binary", seed=0
    )
    population.fit(X, Y, batch_size=16)
    assert sorted(stack.numbers for stack in population._stacks.stacks) == [[0], [1, 3], [2]]


def test_a_rule_may_come_as_an_instance_or_a_config(tmp_path):
    adam = keras.optimizers.Adam(0.02, beta_1=0.5)
    drawn = [
        {"hidden_units": (np.int64(4),), "optimizer": o, "l2": np.float32(1e-3)}
        for o in (adam, keras.optimizers.serialize(adam))
    ]
    population = Population(drawn, 6, problem="binary", seed=0)
    population.save(tmp_path / "population.npz")  # JSON: no instance is left
    population = Population.load(tmp_path / "population.npz")
    population.fit(X, Y, epochs=2)
    for i in range(2):
        assert population.member(i).optimizer.beta_1 == 0.5
        assert_same(population, i, alone(population, i, epochs=2))


@pytest.mark.skipif(os.environ.get("HYPOTHESIS_PROFILE") != "nightly", reason="takes a minute")
@pytest.mark.parametrize("compiled", [False, True])
def test_every_activation_is_stacked_exactly(compiled):
    # Keras's "threshold" needs arguments, so that no network can be built with its name.
    names = set(activations.BY_NAME) - set(activations.SUMS_TO_ONE) - {"threshold"}
    drawn = [{"hidden_units": (4 + i % 3, 3), "activation": a} for i, a in enumerate(sorted(names))]
    population = Population(drawn, 6, problem="binary", seed=0, jit_compile=compiled)
    population.fit(X, Y, epochs=4)
    for i in range(len(drawn)):
        assert_same(population, i, alone(population, i, epochs=4))


@pytest.mark.parametrize("patience", [0, 1, 2])
def test_patience_of_any_length_is_that_of_keras(patience):
    """Scores of a validation set of one row go up and down, which ends training early."""
    population = Population([{"hidden_units": (8,), "learning_rate": 0.1}], 6, problem="binary",
                            seed=0)  # fmt: skip
    data = (X[60:61], Y[60:61])
    population.fit(X[:60], Y[:60], epochs=20, validation_data=data, patience=patience)
    stopping = keras.callbacks.EarlyStopping(patience=patience)
    network = alone(population, 0, X[:60], Y[:60], 20, validation_data=data, callbacks=[stopping])
    assert len(population.history) == len(network.history.history["loss"])
    with pytest.raises(ValueError, match="`patience` must be an integer of at least 0"):
        population.fit(X, Y, patience=-1)


@pytest.mark.parametrize("one_hot", [False, True])
def test_a_member_of_two_classes_is_what_the_population_trained(one_hot):
    y = np.eye(2)[Y.astype(int)] if one_hot else Y
    population = Population(SIX[:2], 6, problem="multiclass", n_outputs=2, one_hot=one_hot, seed=0)
    population.fit(X, y, epochs=2, validation_rows=np.arange(20))
    found = population.member(1).predict(X)
    assert found.shape == (len(X), 1 + one_hot)
    np.testing.assert_allclose(population.predict(X)[1], found, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("problem", "metric", "own_rows"),
    [("regression", keras.metrics.MeanAbsolutePercentageError, False),
     ("multiclass", keras.metrics.SparseCategoricalCrossentropy, True)],
)  # fmt: skip
def test_a_metric_added_to_a_head_is_reported_and_less_of_an_error_is_better(
    problem, metric, own_rows, monkeypatch
):
    monkeypatch.setitem(HEADS[problem].metrics, "added", functools.partial(metric))
    n_outputs, y = TARGETS[problem, False]
    judged = [np.arange(20), np.arange(30)] if own_rows else np.arange(20)
    population = Population(SIX[:2], 6, problem=problem, n_outputs=n_outputs, seed=0)
    population.fit(X, y, epochs=3, validation_rows=judged, monitor="val_added")
    rows = judged[1] if own_rows else judged
    expected = metric()
    expected.update_state(y[rows], population.predict(X[rows])[1])
    curve = population.curves("val_added")[1]
    assert curve[-1] == pytest.approx(float(expected.result()), rel=1e-4)
    assert population.best_epochs[1] == curve.argmin() + 1


def test_rows_of_one_class_have_no_area():
    population = Population(SIX[:1], 6, problem="binary", seed=0)
    history = population.fit(X, Y, validation_data=(X[Y == 0], Y[Y == 0]))
    assert history[["val_auc", "val_pr_auc"]].isna().all(axis=None)
    assert history["val_accuracy"].notna().all()


@pytest.mark.parametrize("judged", [None, np.arange(40)])
def test_weights_that_are_ruined_are_seen_though_relu_makes_0_of_nan(judged):
    population = Population([{"hidden_units": (4,)}] * 2, 6, problem="binary", seed=0)
    state = population.member_state(1)
    state["weights"][0] = np.nan
    population.load_member_state(1, state)
    population.fit(X, Y, epochs=2, validation_rows=judged)
    assert population.status == ["finished", "diverged"]
    assert population.best_epochs.tolist()[1] == 0


def test_a_flipped_bit_in_a_file_is_an_error(tmp_path):
    path = tmp_path / "population.npz"
    Population(SIX[:1], 6, problem="binary", seed=0).save(path)
    content = path.read_bytes()
    with np.load(path) as plain:  # by NumPy, too
        assert "weights" in plain.files
    for bit in np.random.default_rng(0).integers(0, 8 * (len(content) - 80), 40):
        path.write_bytes(flipped(content, bit))
        with pytest.raises(ValueError, match="checksum"):
            Population.load(path)


def flipped(content, bit):
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_a_best_member_has_finite_weights_or_is_refused():
    population = Population([{"hidden_units": (4,)}], 6, problem="binary", seed=0)
    state = population.member_state(0)
    state["weights"][:] = np.nan
    population.load_member_state(0, state)
    population.fit(X, Y)
    with pytest.raises(ValueError, match="diverged before any"):
        population.member(0, best=True)


def test_columns_of_a_population_are_matched_by_name():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(40, 3)), columns=["a", "b", "c"])
    population = Population([{"hidden_units": (4,)}] * 2, 3, problem="regression", seed=0)
    population.fit(X, np.sin(X.sum(axis=1)), epochs=2)
    expected = population.predict(X)
    np.testing.assert_array_equal(population.predict(X[["c", "a", "b"]]), expected)
    member = population.member(1)
    np.testing.assert_allclose(member.predict(X[["c", "a", "b"]]), expected[1], 1e-5, 1e-7)
    np.testing.assert_allclose(population.predict(X.to_numpy().tolist()), expected, 1e-5, 1e-7)
    with pytest.raises(ValueError, match="Missing: 'c'"):
        population.predict(X.rename(columns={"c": "d"}))
    with pytest.raises(ValueError, match=r"`X` must .* order of the earlier `fit`.*'a', 'b', 'c'"):
        population.fit(X[["c", "a", "b"]], np.sin(X.sum(axis=1)), epochs=1)
    np.testing.assert_array_equal(population.predict(X), expected)


def test_lists_are_checked_like_arrays():
    population = Population([{"hidden_units": (4,)}], 2, problem="regression", seed=0)
    for X, y, words in (
        ([[1.0, float("nan")]] * 4, [1.0] * 4, "contains NaN"),
        ([[1.0, 2.0]] * 4, ["a"] * 4, "not numeric"),
    ):
        with pytest.raises(ValueError, match=words):
            population.fit(X, y)
    with pytest.raises(ValueError, match="contains NaN"):
        population.predict([[1.0, float("nan")]])

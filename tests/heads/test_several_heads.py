"""Several heads in one network: formula, gradients, Keras's functional model, population, files."""

import keras
import numpy as np
import pytest
from scipy.special import expit, log_softmax, softmax

import kerasdnn
from kerasdnn import Population, build_multi_output
from kerasdnn.factories import build_for
from kerasdnn.heads.mixed import read_heads
from kerasdnn.heads.problem_types import make_problem
from kerasdnn.nn import MixedActivation, MixedLoss

RNG = np.random.default_rng(0)
ROWS = 120
X = RNG.normal(size=(ROWS, 4)).astype("float32")
CHURN = (X[:, 0] + RNG.normal(size=ROWS) > 0).astype("float32")
PLAN = np.digitize(X[:, 1], [-0.5, 0.5]).astype("float32")
SPEND = (2 * X[:, 2] + RNG.normal(size=ROWS)).astype("float32")
Y = np.column_stack([CHURN, PLAN, SPEND])
HEADS = {"churn": "binary", "plan": ("multiclass", 3), "spend": "regression"}
WEIGHTS = {"plan": 2.0, "spend": 0.25}
NETWORK = {"hidden_units": (6,), "loss_weights": WEIGHTS, "optimizer": "sgd", "seed": 0}
FIT = {"epochs": 2, "batch_size": 40, "shuffle": False, "verbose": 0}


@pytest.fixture(scope="module")
def network():
    return build_multi_output(4, HEADS, **NETWORK)


def test_loss_and_gradient_are_those_of_the_formula():
    z = RNG.normal(size=(ROWS, 5)).astype("float32")
    activation = MixedActivation([("sigmoid", 1), ("softmax", 3), ("linear", 1)])
    loss = MixedLoss(
        ["binary_crossentropy", "sparse_categorical_crossentropy", "mean_squared_error"],
        [1, 3, 1], [1.0, 2.0, 0.25],
    )  # fmt: skip
    p, classes = expit(z[:, 0]), PLAN.astype(int)
    churn = -CHURN * np.log(p) - (1 - CHURN) * np.log(1 - p)
    plan = -log_softmax(z[:, 1:4], axis=1)[np.arange(ROWS), classes]
    spend = (SPEND - z[:, 4]) ** 2
    rows = loss.call(Y, activation(keras.ops.convert_to_tensor(z)))
    np.testing.assert_allclose(rows, churn + 2 * plan + 0.25 * spend, rtol=1e-4)

    import tensorflow as tf

    logits = tf.Variable(z)
    with tf.GradientTape() as tape:
        value = loss(Y, activation(logits))
    expected = np.column_stack([
        p - CHURN, 2 * (softmax(z[:, 1:4], axis=1) - np.eye(3)[classes]), 0.5 * (z[:, 4] - SPEND),
    ])  # fmt: skip
    np.testing.assert_allclose(tape.gradient(value, logits), expected / ROWS, atol=1e-6)


def test_training_equals_a_functional_model_of_keras_with_loss_weights(network):
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(6, "relu")(inputs)
    outputs = {
        "churn": keras.layers.Dense(1, "sigmoid", name="churn")(hidden),
        "plan": keras.layers.Dense(3, "softmax", name="plan")(hidden),
        "spend": keras.layers.Dense(1, name="spend")(hidden),
    }
    model = keras.Model(inputs, outputs)
    kernel, bias = network.layers[-1].get_weights()
    for name, at in (("churn", [0]), ("plan", [1, 2, 3]), ("spend", [4])):
        model.get_layer(name).set_weights([kernel[:, at], bias[at]])
    model.layers[1].set_weights(network.layers[0].get_weights())
    losses = {
        "churn": "binary_crossentropy", "plan": "sparse_categorical_crossentropy",
        "spend": "mean_squared_error",
    }  # fmt: skip
    model.compile(keras.optimizers.SGD(0.01), losses, loss_weights={"churn": 1.0, **WEIGHTS})
    theirs = model.fit(X, {"churn": CHURN, "plan": PLAN, "spend": SPEND}, **FIT).history

    ours = network.fit(X, Y, **FIT)
    assert network.last_path == "compiled"
    np.testing.assert_allclose(ours.history["loss"], theirs["loss"], rtol=1e-5)
    for name in losses:
        np.testing.assert_allclose(
            ours.history[f"{name}_loss"][-1], theirs[f"{name}_loss"][-1], rtol=1e-4
        )
    p = model.predict(X, verbose=0)
    found = np.concatenate([p[name] for name in losses], axis=1)
    np.testing.assert_allclose(network.predict(X, verbose=0), found, atol=1e-6)
    plan = p["plan"].argmax(axis=1) == PLAN
    assert network.evaluate(X, Y, verbose=0, return_dict=True)["plan_accuracy"] == pytest.approx(
        plan.mean()
    )


def test_a_population_trains_the_network_of_the_factory():
    problem = make_problem(read_heads(HEADS, WEIGHTS), 4, 3)
    member = {"hidden_units": (6,), "optimizer": "sgd", "seed": 3}
    population = Population([member], 4, problem=problem.head, n_outputs=3)
    population.fit(X, Y, epochs=2, batch_size=40, validation_data=(X, Y))
    alone = build_for(problem, **member)
    history = alone.fit(X, Y, epochs=2, batch_size=40, verbose=0, validation_data=(X, Y)).history
    np.testing.assert_allclose(population.predict(X)[0], alone.predict(X, verbose=0), atol=1e-5)
    found = population.history.iloc[-1]
    for name in ("loss", "plan_accuracy", "spend_mae"):
        np.testing.assert_allclose(found[f"val_{name}"], history[f"val_{name}"][-1], rtol=1e-4)
    with pytest.raises(ValueError, match="heads are not a row"):
        population.save("never_written")


def test_a_file_opens_and_trains_on_the_compiled_path(network, tmp_path):
    network.save(tmp_path / "heads.keras")
    loaded = kerasdnn.load(tmp_path / "heads.keras")
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), network.predict(X, verbose=0))
    loaded.fit(X, Y, **FIT)
    assert loaded.last_path == "compiled"


def test_targets_that_do_not_fit_a_head_are_rejected_by_their_column(network):
    cases = [(Y[:, :2], r"shape \(rows, 3\).*\(120, 2\)"), (Y + [0, 3, 0], r"y\[:, 1\].*0 to 2"),
             (Y - [1, 0, 0], r"y\[:, 0\].*must be 0 or 1")]  # fmt: skip
    for y, words in cases:
        with pytest.raises(ValueError, match=words):
            network.fit(X, y, verbose=0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"heads": {"a": "binary"}}, "at least two"),
        ({"heads": {"a": "binary", "b": "multiclass"}}, "'b'.*number of classes"),
        ({"heads": {"a": "binary", "b": ("multiclass", 2)}}, "'b'.*3"),
        ({"heads": {"a": "binary", "b": "ordinal"}}, "'b'.*ordinal"),
        ({"heads": HEADS, "loss_weights": {"chrun": 1}}, "'churn'"),
        ({"heads": HEADS, "loss_weights": {"churn": -1}}, "positive"),
    ],
)
def test_arguments_of_heads_are_checked(arguments, words):
    with pytest.raises(ValueError, match=words):
        build_multi_output(4, **arguments)

"""Output activations, losses and their gradients against a textbook's formulas in NumPy."""

import copy
import pickle

import keras
import numpy as np
import pytest
from keras import ops

import kerasdnn
from kerasdnn.heads.head import Head, Metric
from kerasdnn.heads.loss import make_loss
from kerasdnn.heads.metrics import better, make_metrics
from kerasdnn.heads.numbers import head_of_target
from kerasdnn.heads.priors import output_bias
from kerasdnn.heads.problem_types import HEADS, ONE_HOT, head_of, make_problem
from kerasdnn.nn.losses import SmoothedSparseCategoricalCrossentropy

ROWS, K, SMOOTHING = 6, 3, 0.2
RNG = np.random.default_rng(0)
Z = RNG.normal(0, 2, (ROWS, K))  # what goes into the output activation
CLASSES = RNG.integers(0, K, ROWS)
TARGETS = {
    "regression": RNG.normal(size=(ROWS, K)),
    "count": RNG.poisson(2.0, (ROWS, K)).astype("float64"),
    "huber": RNG.normal(size=(ROWS, K)),
    "log_cosh": RNG.normal(size=(ROWS, K)),
    "positive": RNG.gamma(2.0, 3.0, (ROWS, K)),
    "binary": RNG.integers(0, 2, (ROWS, 1)).astype("float64"),
    "multiclass": CLASSES,
    "one-hot": np.eye(K)[CLASSES],
    "multilabel": RNG.integers(0, 2, (ROWS, K)).astype("float64"),
}
NAMES = list(TARGETS)


def head(name):
    return head_of("multiclass", one_hot=True) if name == "one-hot" else head_of(name)


def logits(name):
    return Z[:, :1] if name == "binary" else Z


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    return np.exp(z) / np.exp(z).sum(1, keepdims=True)


def textbook(name, z, smoothing=0.0):
    """Output, loss, and the loss's gradient with respect to z; both are means over rows."""
    y = np.eye(K)[TARGETS[name]] if name == "multiclass" else TARGETS[name]
    if name in ("multiclass", "one-hot"):
        y = y * (1 - smoothing) + smoothing / K
        p = softmax(z)
        return p, -(y * np.log(p)).sum(1).mean(), (p - y) / ROWS
    if name in ("binary", "multilabel"):
        y = y * (1 - smoothing) + smoothing / 2
        p = sigmoid(z)
        loss = (-y * np.log(p) - (1 - y) * np.log(1 - p)).mean()
        return p, loss, (p - y) / y.size
    if name == "count":
        p = np.exp(z)
        return p, (p - y * np.log(p)).mean(), (p - y) / y.size
    error = z - y
    if name == "huber":
        small, size = np.abs(error) <= 1, np.abs(error)
        loss = np.where(small, error**2 / 2, size - 0.5).mean()
        return z, loss, np.where(small, error, np.sign(error)) / y.size
    if name == "log_cosh":
        return z, np.log(np.cosh(error)).mean(), np.tanh(error) / y.size
    if name == "positive":
        p = np.exp(z)
        return p, 2 * (y / p - 1 - np.log(y / p)).mean(), 2 * (1 - y / p) / y.size
    return z, ((z - y) ** 2).mean(), 2 * (z - y) / y.size


def keras_says(name, z, smoothing=0.0):
    """The same three from the head of the table, by automatic differentiation."""
    activation = keras.activations.get(head(name).activation)
    loss = make_loss(head(name), smoothing)
    y, z = TARGETS[name].astype("float32"), z.astype("float32")
    if keras.backend.backend() == "jax":
        import jax

        value, slope = jax.value_and_grad(lambda z: loss(y, activation(z)))(z)
        return np.asarray(activation(z)), float(value), np.asarray(slope)
    import tensorflow as tf

    z = tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = loss(y, activation(z))
    return activation(z).numpy(), float(value), tape.gradient(value, z).numpy()


@pytest.mark.parametrize("name", NAMES)
def test_output_loss_and_gradient_agree_with_the_formulas(name):
    found, expected = (f(name, logits(name)) for f in (keras_says, textbook))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["binary", "multiclass", "one-hot", "multilabel"])
def test_smoothed_labels_give_the_formula_with_smoothed_labels(name):
    found, expected = (f(name, logits(name), SMOOTHING) for f in (keras_says, textbook))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    assert abs(found[1] - textbook(name, logits(name))[1]) > 1e-3  # and it is not the plain loss


def test_without_the_half_the_gradient_of_the_squared_error_is_twice_the_textbooks():
    """(output - y)^2 / 2 has the gradient output - y; without the half it is twice that."""
    y, z = TARGETS["regression"], Z
    half = 0.5 * ((z - y) ** 2).mean()
    _, loss, slope = keras_says("regression", z)
    assert loss == pytest.approx(2 * half, rel=1e-5)
    np.testing.assert_allclose(slope, 2 * (z - y) / y.size, rtol=1e-4)
    # So a step of gradient descent equals the textbook's at half the learning rate.
    np.testing.assert_allclose(z - 0.05 * slope, z - 0.1 * (z - y) / y.size, rtol=1e-5)


def test_smoothed_class_indices_lose_what_keras_loses_on_smoothed_one_hot_rows():
    p = softmax(Z).astype("float32")
    theirs = keras.losses.CategoricalCrossentropy(label_smoothing=SMOOTHING)
    weight = np.float32([1, 0, 2, 1, 1, 3])
    for y in (CLASSES, CLASSES[:, None], CLASSES.astype("float32")):
        ours = SmoothedSparseCategoricalCrossentropy(SMOOTHING)
        expected = theirs(np.eye(K)[CLASSES], p, weight)
        np.testing.assert_allclose(ours(y, p, weight), expected, rtol=1e-6)


def test_the_smoothed_loss_comes_back_from_its_config():
    before = SmoothedSparseCategoricalCrossentropy(0.3, reduction="sum")
    after = keras.losses.deserialize(keras.losses.serialize(before))
    assert after.label_smoothing == 0.3
    assert after.reduction == "sum"
    with pytest.raises(ValueError, match=r"`label_smoothing` must be a number in \[0, 1\)"):
        SmoothedSparseCategoricalCrossentropy(1.0)


def test_losses_and_metrics_are_keras_own_so_that_a_file_needs_nothing_else():
    for row in (*HEADS.values(), ONE_HOT):
        things = [make_loss(row), *make_metrics(row, 10)]
        if row.name == "positive":  # Keras has no Gamma deviance
            assert isinstance(things.pop(0), kerasdnn.nn.GammaDeviance)
        ours = "kerasdnn." if row.distribution or row.ordered else "keras."  # as their layers are
        assert all(type(thing).__module__.startswith(("keras.", ours)) for thing in things)


def test_metrics_have_the_same_names_every_time():
    for _ in range(2):
        names = {key: [m.name for m in make_metrics(row, 6)] for key, row in HEADS.items()}
    assert names == {
        "regression": ["mae", "rmse", "r2"],
        "huber": ["mae", "rmse", "r2"],
        "log_cosh": ["mae", "rmse", "r2"],
        "normal": ["mae", "rmse"],
        "positive": ["mae", "rmse", "r2"],
        "count": ["mae", "rmse", "r2"],
        "negative_binomial": ["mae", "rmse"],
        "binary": ["accuracy", "precision", "recall", "auc", "pr_auc"],
        "multiclass": ["accuracy", "top_5_accuracy"],
        "ordinal": ["accuracy", "class_distance"],
        "multilabel": ["binary_accuracy", "auc"],
    }
    assert [m.name for m in make_metrics(HEADS["multiclass"], 5)] == ["accuracy"]
    for _ in range(2):
        (positives,) = make_metrics(HEADS["binary"], 2, ["TruePositives"])
    assert positives.name == "TruePositives"


def measured(name, n, y, y_pred):
    metrics = make_metrics(HEADS[name] if name != "one-hot" else ONE_HOT, n)
    for metric in metrics:
        metric.update_state(np.float32(y), np.float32(y_pred))
    return {metric.name: float(metric.result()) for metric in metrics}


def test_metrics_agree_with_scikit_learn():
    from sklearn import metrics as sk

    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, (4000, 3))
    p = sigmoid(2 * y - 1 + rng.normal(0, 1, y.shape))
    found = measured("binary", 2, y[:, :1], p[:, :1])
    one, probability = y[:, 0], p[:, 0]
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(one, probability > 0.5))
    assert found["precision"] == pytest.approx(sk.precision_score(one, probability > 0.5))
    assert found["recall"] == pytest.approx(sk.recall_score(one, probability > 0.5))
    # Keras puts the probabilities into 200 bins.
    assert found["auc"] == pytest.approx(sk.roc_auc_score(one, probability), abs=2e-3)
    assert found["pr_auc"] == pytest.approx(sk.average_precision_score(one, probability), abs=5e-3)

    found = measured("multilabel", 3, y, p)
    assert found["binary_accuracy"] == pytest.approx(np.mean((p > 0.5) == y))
    assert found["auc"] == pytest.approx(sk.roc_auc_score(y, p), abs=2e-3)  # mean over labels

    classes, scores = rng.integers(0, 8, 500), softmax(rng.normal(size=(500, 8)))
    accuracy = sk.accuracy_score(classes, scores.argmax(1))
    top = sk.top_k_accuracy_score(classes, scores, k=5)
    for name, target in (("multiclass", classes), ("one-hot", np.eye(8)[classes])):
        assert measured(name, 8, target, scores) == pytest.approx(
            {"accuracy": accuracy, "top_5_accuracy": top}
        )

    y = rng.normal(size=(500, 2))
    y_pred = y + 0.5 * rng.normal(size=y.shape)
    assert measured("regression", 2, y, y_pred) == pytest.approx(
        {
            "mae": sk.mean_absolute_error(y, y_pred),
            "rmse": sk.root_mean_squared_error(y.ravel(), y_pred.ravel()),
            "r2": sk.r2_score(y, y_pred),
        },
        rel=1e-4,
    )


# fmt: off
PRIORS = [
    ("binary",     0.2,             2, [0.2]),
    ("binary",     [0.8, 0.2],      2, [0.2]),
    ("binary",     [400, 100],      2, [0.2]),
    ("multiclass", [0.5, 0.3, 0.2], 3, [0.5, 0.3, 0.2]),
    ("multiclass", [50, 30, 20],    3, [0.5, 0.3, 0.2]),
    ("multilabel", [0.1, 0.9],      2, [0.1, 0.9]),
    ("regression", -3.5,            1, [-3.5]),
    ("regression", [1.0, -2.0],     2, [1.0, -2.0]),
    ("count",      2.5,             1, [2.5]),
    ("positive",   [2.5, 1e3],      2, [2.5, 1e3]),
    ("huber",      -3.5,            1, [-3.5]),
]
# fmt: on


@pytest.mark.parametrize(("problem", "prior", "n", "guess"), PRIORS)
def test_the_output_bias_alone_gives_the_prior(problem, prior, n, guess):
    activation = keras.activations.get(HEADS[problem].activation)
    bias = np.float32([output_bias(problem, prior, n)])
    np.testing.assert_allclose(ops.convert_to_numpy(activation(bias))[0], guess, rtol=1e-5)


# fmt: off
WRONG_PRIORS = [
    ("binary",     1.0,          2, "the fraction of ones, in (0, 1), or the two classes'"),
    ("binary",     [0.2] * 3,    2, "Received: prior=[0.2, 0.2, 0.2]"),
    ("binary",     "half",       2, "Received: prior='half'"),
    ("multiclass", [1, 2],       3, "`prior` must be the 3 classes' frequencies or counts"),
    ("multiclass", [1, 0, 2],    3, "Leave it out if y does not contain every class."),
    ("multiclass", [1, -1, 2],   3, "each above 0"),
    ("multilabel", [0.5, 1.0],   2, "the fraction of ones of each of the 2 labels, in (0, 1)"),
    ("regression", float("nan"), 1, "Received: prior=nan"),
    ("regression", [1, 2],       1, "the mean of each of the 1 target columns"),
    ("count",      0.0,          1, "above 0. Received: prior=0.0"),
]
# fmt: on


@pytest.mark.parametrize(("problem", "prior", "n", "words"), WRONG_PRIORS)
def test_a_wrong_prior_is_an_error_that_says_what_it_must_be(problem, prior, n, words):
    with pytest.raises(ValueError) as error:
        output_bias(problem, prior, n)
    assert words in str(error.value)


def test_an_unknown_problem_is_an_error_with_the_nearest_name():
    with pytest.raises(ValueError, match=r"problem='binay'\. Did you mean 'binary'"):
        head_of("binay")


def test_a_row_of_the_table_reads_as_a_line():
    assert str(HEADS["binary"]).startswith("1 x sigmoid, binary_crossentropy, y: 0 or 1, metrics:")


# fmt: off
PROBLEMS = [  # problem, n_outputs, one_hot: name, n_outputs, units
    (("regression", 2, False), ("regression", 2, 2)),
    (("count", 1, True),       ("count", 1, 1)),
    (("binary", 1, False),     ("binary", 1, 1)),
    (("binary", 2, False),     ("binary", 1, 1)),
    (("multiclass", 2, False), ("binary", 1, 1)),
    (("multiclass", 2, True),  ("multiclass", 2, 2)),
    (("multiclass", 5, False), ("multiclass", 5, 5)),
    (("multilabel", 3, False), ("multilabel", 3, 3)),
]
# fmt: on


@pytest.mark.parametrize(("given", "expected"), PROBLEMS)
def test_a_problem_has_the_output_layer_of_its_type(given, expected):
    name, n_outputs, one_hot = given
    for described in (name, HEADS[name]):
        problem = make_problem(described, 4, n_outputs, one_hot)
        assert (problem.name, problem.n_outputs, problem.units) == expected
        assert problem.one_hot == (one_hot and name == "multiclass")


def test_a_problem_of_other_sizes_is_an_error():
    with pytest.raises(ValueError, match="`n_outputs` must be 1 for a binary problem"):
        make_problem("binary", 4, 3)
    with pytest.raises(ValueError, match="n_outputs=1"):
        make_problem("multiclass", 4, 1)
    with pytest.raises(ValueError, match=r"target='reel'\. Did you mean 'real'"):
        head_of_target("reel")


def test_a_row_is_pickled_and_copied_as_its_key():
    for row in (*HEADS.values(), ONE_HOT):
        assert pickle.loads(pickle.dumps(row)) is row
        assert copy.deepcopy(row) is row


def test_metrics_know_which_values_are_better():
    assert [better(name, HEADS["regression"]) for name in ("loss", "mae", "rmse", "r2")] == [
        "min", "min", "min", "max",
    ]  # fmt: skip
    assert {better(name, HEADS["binary"]) for name in HEADS["binary"].metrics} == {"max"}


def test_only_the_losses_of_classes_take_label_smoothing():
    smoothed = {name: row.smoothed is not None for name, row in HEADS.items()}
    assert smoothed == {
        "regression": False, "huber": False, "log_cosh": False, "positive": False,
        "count": False, "normal": False, "negative_binomial": False,
        "binary": True, "multiclass": True, "multilabel": True, "ordinal": True,
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"label_smoothing=0\.1"):
        make_loss(HEADS["count"], 0.1)


@pytest.mark.parametrize("name", ["binary", "multiclass", "multilabel", "one-hot", "positive"])
def test_the_loss_of_logits_is_the_loss_of_the_output(name):
    row = head(name)
    y = np.eye(K)[CLASSES] if name in ("multiclass", "one-hot") else TARGETS[name]
    found = row.logits_loss(y.astype("float32"), logits(name).astype("float32"))
    assert np.mean(ops.convert_to_numpy(found)) == pytest.approx(
        textbook(name, logits(name))[1], rel=1e-5
    )


@pytest.mark.parametrize(
    "metric", [keras.metrics.MeanAbsoluteError(), "mae", Metric(keras.metrics.MeanAbsoluteError)]
)
def test_a_metric_that_is_made_already_or_named_like_the_loss_is_refused(metric):
    name = "loss" if isinstance(metric, Metric) else "mae"
    with pytest.raises(ValueError, match=r"must be what makes a Keras metric|other than that of"):
        Head("n", "linear", "huber", {name: metric}, "n floats")


def test_a_metric_is_minimized_or_maximized():
    with pytest.raises(ValueError, match="`direction` must be one of 'min', 'max'"):
        Metric(keras.metrics.MeanAbsoluteError, "up")

"""A Network and a `keras.Sequential` of equal weights, driven through the same random operations.

After every operation they must agree: in weights and in what the operation returned, or in that it
raises an error. Several pairs are alive at a time, because networks share compiled functions.
Layers, losses, metrics and optimizers are everything Keras exports that accepts dense input, found
by trying, mixed with classes and functions as users write them.
"""

import copy
import functools
import inspect
import os
import pickle
import tempfile
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from keras import callbacks as kc
from keras import ops

from kerasdnn import Network, load

WIDTH = 4
FACTOR = 1.0  # which a function of the user reads


def rows(n, seed=0):
    rng = np.random.default_rng([n, seed])
    x = rng.random((n, WIDTH)).astype("float32")
    return x, np.eye(WIDTH, dtype="float32")[rng.integers(0, WIDTH, n)]


def exported(module, base, arguments, accepts):
    """Name to a function that makes an object, for all that a module exports and that `accepts`."""
    found = {}
    for name, cls in sorted(vars(module).items()):
        if not (inspect.isclass(cls) and issubclass(cls, base)) or cls is base:
            continue
        for given in arguments:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    accepted = accepts(cls(**{k: v() for k, v in given.items()}))
                except Exception:
                    continue
            if accepted:
                named = {} if base is keras.layers.Layer else always(name=name.lower())
                make = lambda cls=cls, given=given | named: cls(
                    **{k: v() for k, v in given.items()}
                )
                found[name] = make
                break
    return found


def always(**arguments):
    return {name: lambda value=value: value for name, value in arguments.items()}


def keeps_width(layer):
    x = rows(6)[0]
    out = np.asarray(layer(x, training=True) if layer._call_has_training_arg else layer(x))
    return out.shape == x.shape and out.dtype == "float32" and np.isfinite(out).all()


def scores(metric):
    x, y = rows(6)
    metric.update_state(y, x, sample_weight=np.ones(6))
    return np.isfinite(np.asarray(metric.result())).all()


LAYERS = exported(
    keras.layers,
    keras.layers.Layer,
    [
        {},
        always(units=WIDTH, seed=1),
        always(units=WIDTH),
        always(rate=0.3, seed=1),
        always(stddev=0.1, seed=1),
        always(activation="tanh"),
        always(groups=2),
        always(scale=2.0),
        always(target_shape=(WIDTH,)),
        always(dims=(1,)),
        always(equation="ab,bc->ac", output_shape=WIDTH),
        {"layer": lambda: keras.layers.Dense(WIDTH)},
    ],
    keeps_width,
)
LOSSES = exported(
    keras.losses,
    keras.losses.Loss,
    [{}],
    lambda loss: np.isfinite(float(loss(*reversed(rows(6))))),
)
METRICS = exported(
    keras.metrics,
    keras.metrics.Metric,
    [
        {},
        always(num_classes=WIDTH),
        always(recall=0.5),
        always(precision=0.5),
        always(sensitivity=0.5),
        always(specificity=0.5),
    ],
    scores,
)
OPTIMIZERS = exported(
    keras.optimizers, keras.optimizers.Optimizer, [always(learning_rate=0.02)], lambda _: True
)


class Centered(keras.layers.Layer):
    """Looks at the whole batch, and counts its calls."""

    def build(self, shape):
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x):
        self.calls.assign_add(1.0)
        return x - ops.mean(x, axis=0)


class Shrinks(keras.regularizers.Regularizer):
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, w):
        return self.factor * ops.sum(ops.square(w))


class Decay(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.05 / (1.0 + ops.cast(step, "float32"))


def normalization(shift):
    layer = keras.layers.Normalization()
    layer.adapt(rows(20)[0] + np.float32(shift))
    return layer


dense = functools.partial(keras.layers.Dense, WIDTH)
USER_LAYERS = {
    "centered": Centered,
    "lambda": lambda: keras.layers.Lambda(lambda x: x * FACTOR),
    "own activation": lambda: dense(activation=lambda x: ops.tanh(FACTOR * x)),
    "own regularizer": lambda: dense(kernel_regularizer=Shrinks(FACTOR)),
    "regularized": lambda: dense("relu", kernel_regularizer="l1l2", activity_regularizer="l2"),
    "constrained": lambda: dense(kernel_constraint=keras.constraints.MaxNorm(0.5)),
    "normalization 0": lambda: normalization(0),
    "normalization 9": lambda: normalization(9),
    "softmax of the batch": lambda: keras.layers.Softmax(axis=0),
    "leaky": lambda: dense(activation=keras.layers.LeakyReLU(0.3)),
    "batch norm": keras.layers.BatchNormalization,
    "dropout": lambda: keras.layers.Dropout(0.4, seed=3),
    "tanh": lambda: dense("tanh"),
}
USER_LOSSES = {
    "mean": lambda: lambda y, p: ops.mean(ops.square(y - p)),
    "root": lambda: lambda y, p: ops.sqrt(ops.mean(ops.square(y - p))),
    "factor": lambda: lambda y, p: FACTOR * ops.square(y - p),
    "sum": lambda: keras.losses.MeanSquaredError(reduction="sum"),
    "smoothed": lambda: keras.losses.BinaryCrossentropy(label_smoothing=0.1),
    "by columns": lambda: keras.losses.CategoricalCrossentropy(axis=0),
    "mse": lambda: "mse",
}
USER_METRICS = {
    "worst": lambda: lambda y, p: ops.max(ops.abs(y - p)),
    "adjusted": lambda: keras.metrics.R2Score(num_regressors=1),
    "dice": lambda: keras.losses.dice,
    "accuracy": lambda: "accuracy",
}
SCHEDULE = keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)
USER_OPTIMIZERS = {
    "own schedule": lambda: keras.optimizers.SGD(Decay()),
    "schedule": lambda: keras.optimizers.Adam(SCHEDULE),
    "clipped": lambda: keras.optimizers.SGD(0.1, momentum=0.9, clipnorm=0.1),
    "scaled": lambda: keras.optimizers.SGD(0.1, loss_scale_factor=8.0),
    "accumulating": lambda: keras.optimizers.SGD(0.1, gradient_accumulation_steps=2),
    "averaging": lambda: keras.optimizers.SGD(0.1, use_ema=True, ema_overwrite_frequency=2),
    "sgd": lambda: keras.optimizers.SGD(0.1),
}


class Cyclic(kc.Callback):
    """Sets the learning rate before every batch."""

    steps = 0

    def on_train_batch_begin(self, batch, logs=None):
        if not callable(self.model.optimizer._learning_rate):
            self.model.optimizer.learning_rate = 0.01 * (1 + self.steps % 5)
        self.steps += 1


class Stop(kc.Callback):
    """Stops the training where it is told to."""

    def __init__(self, where):
        super().__init__()
        setattr(self, where, self.stop)

    def stop(self, *_, **__):
        self.model.stop_training = True


class Freeze(kc.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.layers[0].trainable = not self.model.layers[0].trainable


class Watch(kc.Callback):
    """Notes what every hook sees."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append((batch, float(logs["loss"])))

    def on_test_batch_end(self, batch, logs=None):
        self.seen.append((-batch, float(logs["loss"])))


CALLBACKS = {
    "none": list,
    "cyclic": lambda: [Cyclic()],
    "stop at a batch": lambda: [Stop("on_train_batch_end")],
    "stop at an epoch": lambda: [Stop("on_epoch_begin")],
    "stop at once": lambda: [Stop("on_train_begin")],
    "freeze": lambda: [Freeze()],
    "watch": lambda: [Watch()],
    "keras": lambda: [
        kc.EarlyStopping("loss", patience=0, restore_best_weights=True),
        kc.ReduceLROnPlateau("loss", patience=0),
        kc.TerminateOnNaN(),
    ],
    "rate": lambda: [kc.LearningRateScheduler(lambda epoch, rate: 0.5 * rate)],
    "lambda": lambda: [kc.LambdaCallback(on_epoch_end=lambda epoch, logs: None)],
}
HAS_SCHEDULE = {"own schedule", "schedule"}


def through_a_file(model):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return load(path) if isinstance(model, Network) else keras.saving.load_model(path)


def cloned(model):
    clone = type(model)(keras.models.clone_model(model).layers)
    clone.set_weights(model.get_weights())
    return clone


COPIES = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "deepcopy": copy.deepcopy,
    "file": through_a_file,
    "clone": cloned,
}
OWN_CODE = {
    "centered", "lambda", "own activation", "own regularizer", "mean", "root", "factor", "worst",
    "own schedule",
}  # fmt: skip


def listed(part):
    return [part] if isinstance(part, str) else part


class Pair:
    """The same model twice."""

    def __init__(self, chosen, seed):
        self.chosen = chosen
        self.ours, self.stock = (self.build(kind, seed) for kind in (Network, keras.Sequential))
        for variable, other in zip(self.stock.variables, self.ours.variables, strict=True):
            variable.assign(other)
        self.compile()

    def build(self, kind, seed):
        keras.utils.set_random_seed(seed)
        make = {**LAYERS, **USER_LAYERS}
        layers = [make[name]() for name in self.chosen["layers"]]
        return kind([keras.Input((WIDTH,)), *layers, dense("sigmoid")])

    def compile(self):
        for model in (self.ours, self.stock):
            make = lambda table, name: table[name]()
            model.compile(
                make(OPTIMIZERS | USER_OPTIMIZERS, self.chosen["optimizer"]),
                make(LOSSES | USER_LOSSES, self.chosen["loss"]),
                metrics=[make(METRICS | USER_METRICS, name) for name in self.chosen["metrics"]],
                **({"jit_compile": False} if model is self.stock else {}),
            )


def outcome(operation, model):
    """What an operation returns, or that it is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return operation(model), None
        except Exception as error:
            return None, error


def assert_close(ours, stock, what, tolerance=2e-3):
    ours, stock = np.asarray(ours, "float64"), np.asarray(stock, "float64")
    assert ours.shape == stock.shape, f"{what}: {ours.shape}, stock Keras has {stock.shape}"
    # As float32 rounds: relative to the largest number there is.
    largest = np.nanmax(np.abs(stock), initial=1e-3, where=np.isfinite(stock))
    np.testing.assert_allclose(ours, stock, rtol=tolerance, atol=tolerance * largest, err_msg=what)


chosen = st.fixed_dictionaries(
    {
        "layers": st.lists(
            st.sampled_from(sorted(USER_LAYERS)) | st.sampled_from(sorted(LAYERS)), max_size=2
        ),
        "loss": st.sampled_from(sorted(USER_LOSSES)) | st.sampled_from(sorted(LOSSES)),
        "metrics": st.lists(
            st.sampled_from(sorted(USER_METRICS)) | st.sampled_from(sorted(METRICS)),
            max_size=2, unique=True,
        ),
        "optimizer": st.sampled_from(sorted(USER_OPTIMIZERS))
        | st.sampled_from(sorted(set(OPTIMIZERS) - {"LossScaleOptimizer"})),
    }
)  # fmt: skip
ROWS = st.sampled_from([1, 7, 20, 32, 45, 64])
WHICH = st.integers(0, 2)


class LikeKeras(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        keras.backend.clear_session()
        global FACTOR
        FACTOR = 1.0
        self.pairs = []

    @initialize(chosen=chosen)
    def first(self, chosen):
        self.pairs.append(Pair(chosen, seed=1))

    @precondition(lambda self: len(self.pairs) < 3)
    @rule(chosen=chosen, same=st.booleans(), factor=st.sampled_from([0.5, 1.0, 2.0]))
    def another(self, chosen, same, factor):
        """A further pair, of the structure of the last one perhaps, or a global that changed."""
        global FACTOR
        FACTOR = factor
        known = self.pairs[-1].chosen if same and self.pairs else chosen
        self.pairs.append(Pair(known, seed=len(self.pairs) + 2))

    def do(self, which, operation):
        """The operation on both models of a pair, and a comparison of all that it left."""
        if not self.pairs:
            return
        pair = self.pairs[which % len(self.pairs)]
        (expected, refused), (found, error) = (
            outcome(operation, model) for model in (pair.stock, pair.ours)
        )
        if refused is not None:
            assert error is not None, f"stock Keras refuses: {refused!r}; a Network does not"
            self.pairs.remove(pair)  # what it was doing is half done
            return
        if error is not None:
            raise AssertionError(f"stock Keras does not refuse: {pair.chosen}") from error
        names = found.keys() if isinstance(found, dict) else ()
        if isinstance(expected, dict):
            assert names == expected.keys()
            for name in names:
                assert_close(found[name], expected[name], f"{name} of {pair.chosen}")
        elif expected is not None:
            assert_close(found, expected, f"result of {pair.chosen}")
        if pair.chosen["optimizer"] == "Lion":
            return  # which steps by signs: of a gradient near 0, that of a rounding error
        for ours, stock in zip(pair.ours.variables, pair.stock.variables, strict=True):
            assert_close(ours, stock, f"{stock.path} of {pair.chosen}")

    @rule(
        which=WHICH, n=ROWS, batch=st.sampled_from([None, 5, 16]), epochs=st.integers(1, 2),
        callbacks=st.sampled_from(sorted(CALLBACKS)), weighted=st.booleans(),
        validated=st.booleans(), seed=st.integers(0, 3),
    )  # fmt: skip
    def fit(self, which, n, batch, epochs, callbacks, weighted, validated, seed):
        def fit(model):
            if callbacks == "rate" and callable(model.optimizer._learning_rate):
                return {}
            used = CALLBACKS[callbacks]()
            x, y = rows(n, seed)
            weight = np.linspace(0.5, 2.0, n) if weighted else None
            history = model.fit(
                x, y, batch_size=batch, epochs=epochs, callbacks=used, sample_weight=weight,
                validation_data=rows(9) if validated else None, shuffle=False, verbose=0,
            ).history  # fmt: skip
            seen = {str(i): w for c in used if isinstance(c, Watch) for i, w in enumerate(c.seen)}
            return {k: v for k, v in history.items() if k != "learning_rate"} | seen

        self.do(which, fit)

    @rule(which=WHICH, n=ROWS, batch=st.sampled_from([None, 5]))
    def predict(self, which, n, batch):
        self.do(which, lambda model: model.predict(rows(n, 5)[0], batch, verbose=0))

    @rule(which=WHICH, n=ROWS, batch=st.sampled_from([None, 5]))
    def evaluate(self, which, n, batch):
        self.do(which, lambda m: m.evaluate(*rows(n, 6), batch, verbose=0, return_dict=True))

    @rule(which=WHICH, layer=st.integers(0, 2), trainable=st.booleans())
    def freeze(self, which, layer, trainable):
        self.do(which, lambda m: setattr(m.layers[layer % len(m.layers)], "trainable", trainable))

    @rule(which=WHICH)
    def activation(self, which):
        self.do(which, lambda m: setattr(m.layers[-1], "activation", keras.activations.softmax))

    @rule(which=WHICH)
    def rate(self, which):
        self.do(which, lambda m: setattr(m.optimizer, "learning_rate", 0.03))

    @rule(which=WHICH)
    def schedule(self, which):
        self.do(which, lambda m: setattr(m.optimizer, "learning_rate", SCHEDULE))

    @rule(which=WHICH)
    def set_weights(self, which):
        self.do(which, lambda m: m.set_weights([0.5 * w for w in m.get_weights()]))

    @rule(which=WHICH, shift=st.sampled_from([1.0, 5.0]))
    def adapt(self, which, shift):
        def adapt(model):
            for layer in model.layers:
                if isinstance(layer, keras.layers.Normalization):
                    layer.adapt(rows(20)[0] * np.float32(shift))

        self.do(which, adapt)

    @rule(which=WHICH)
    def add(self, which):
        def add(model):
            keras.utils.set_random_seed(5)
            model.add(dense("sigmoid"))

        self.do(which, add)

    @rule(which=WHICH)
    def pop(self, which):
        self.do(which, lambda m: m.pop() and None if len(m.layers) > 1 else None)

    @rule(which=WHICH)
    def quantize(self, which):
        self.do(which, lambda m: m.quantize("int8"))

    @rule(which=WHICH)
    def forget_the_training_function(self, which):
        self.do(which, lambda m: setattr(m, "train_function", None))

    @rule(which=WHICH, how=st.sampled_from(sorted(COPIES)))
    def copy(self, which, how):
        """The models are replaced by copies, which go on."""
        if not self.pairs:
            return
        pair = self.pairs[which % len(self.pairs)]
        (stock, refused), (ours, error) = (
            outcome(COPIES[how], model) for model in (pair.stock, pair.ours)
        )
        own_code = any(name in OWN_CODE for part in pair.chosen.values() for name in listed(part))
        if refused is not None or (error is not None and how == "file" and own_code):
            self.pairs.remove(pair)  # Keras cannot copy it, or `load` does not run code of a user
            return
        if error is not None:
            raise AssertionError(f"stock Keras copies {pair.chosen} by {how}") from error
        pair.ours, pair.stock = ours, stock
        if how == "clone":
            pair.compile()
        self.do(self.pairs.index(pair), lambda model: None)

    @rule(which=WHICH)
    def compile(self, which):
        if self.pairs:
            self.pairs[which % len(self.pairs)].compile()


class LikeKerasToo(LikeKeras):
    """The same with other random numbers, so that two processes share the work."""


NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
TestLikeKeras, TestLikeKerasToo = LikeKeras.TestCase, LikeKerasToo.TestCase
TestLikeKeras.settings = TestLikeKerasToo.settings = settings(
    max_examples=10_000 if NIGHTLY else 45,
    stateful_step_count=5,
    deadline=None,
    derandomize=not NIGHTLY,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_what_keras_exports_is_found():
    for found, least in ((LAYERS, 20), (LOSSES, 18), (METRICS, 30), (OPTIMIZERS, 13)):
        assert len(found) >= least, sorted(found)
    assert not {"Dense", "Dropout", "Normalization", "SpectralNormalization"} - set(LAYERS)


@pytest.mark.parametrize("name", sorted(CALLBACKS))
def test_every_callback_sees_what_it_sees_in_stock_keras(name):
    machine = LikeKeras()
    machine.first({"layers": ["tanh"], "loss": "mse", "metrics": [], "optimizer": "sgd"})
    machine.fit(0, 45, 5, 2, name, False, True, 0)
    machine.fit(0, 45, 5, 2, name, False, True, 0)

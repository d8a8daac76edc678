"""One row per hyperparameter: its name, default, check, meaning, and which entry points accept it.

Factories, estimators, presets, searches and populations read these rows, and so does the
documentation. A new hyperparameter is a new row, its place in the signatures that
`tests/test_hyperparameters.py` compares with `names`, and the code that uses it.
"""

import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Flag, auto
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from .core.arguments import (
    MOMENTUM_REMEDY,
    check_bool,
    check_choice,
    check_fraction,
    check_integer,
    check_interval,
    check_positive,
    is_number,
)
from .core.messages import invalid, unknown_name

SCHEDULES = ("constant", "cosine", "one_cycle", "exponential", "flat_cos", "coslog4")


class Later:
    """The functions of a module of this package, each of which imports it when it is called.

    The command shows these rows, and checks most values, without Keras.
    """

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, function: str) -> Callable[..., Any]:
        if function.startswith("__"):
            raise AttributeError(function)
        return lambda *args, **kwargs: getattr(
            import_module(f".{self._name}", __package__), function
        )(*args, **kwargs)


activations, optimizers = Later("activations"), Later("optimizers")
loss_names, mixed, numbers = (Later(f"heads.{name}") for name in ("loss_names", "mixed", "numbers"))
quantiles = Later("nn.quantiles")


class Entry(Flag):
    """A public entry point that accepts hyperparameters."""

    CLASSIFIER = auto()  # build_classifier
    MULTILABEL = auto()  # build_multilabel_classifier
    REGRESSOR = auto()  # build_regressor
    MULTI_OUTPUT = auto()  # build_multi_output
    NETWORK = auto()  # factories.build_for, for any problem type
    DNN_CLASSIFIER = auto()
    DNN_REGRESSOR = auto()
    DNN_MULTI_OUTPUT = auto()
    SEARCH = auto()  # tune, compare, hypermodel, and what a search space may return
    MEMBER = auto()  # a network of a Population
    FIT = auto()  # an argument of `fit`, not of the network
    PRESET = auto()  # set by presets alone


CLASSIFIER, MULTILABEL, REGRESSOR = Entry.CLASSIFIER, Entry.MULTILABEL, Entry.REGRESSOR
MULTI_OUTPUT, NETWORK = Entry.MULTI_OUTPUT, Entry.NETWORK
DNN_CLASSIFIER, DNN_REGRESSOR = Entry.DNN_CLASSIFIER, Entry.DNN_REGRESSOR
DNN_MULTI_OUTPUT = Entry.DNN_MULTI_OUTPUT
SEARCH, MEMBER, FIT, PRESET = Entry.SEARCH, Entry.MEMBER, Entry.FIT, Entry.PRESET
FACTORY = CLASSIFIER | MULTILABEL | REGRESSOR | MULTI_OUTPUT | NETWORK
ESTIMATOR = DNN_CLASSIFIER | DNN_REGRESSOR | DNN_MULTI_OUTPUT
SEVERAL = MULTI_OUTPUT | DNN_MULTI_OUTPUT  # several heads in one network
MANY = SEARCH | MEMBER  # entry points that train many networks
ALL = FACTORY | ESTIMATOR | MANY
ANY = ALL | FIT | PRESET


class Range:
    """A value of a preset that is drawn for each of many networks; its text says from what."""

    def draw(self, rng: Any) -> Any:
        """Draw one value, of a plain Python type, by a `numpy.random.Generator`."""
        raise NotImplementedError

    def largest(self) -> Any:
        """The value with which a network takes most time and memory."""
        raise NotImplementedError


@dataclass(frozen=True)
class Row:
    """One hyperparameter.

    Attributes:
        name: the argument's name, the same everywhere.
        default: the value where none is given; of an estimator, the preset "standard" has it.
        accepted_by: the entry points that accept it.
        text: type, range and meaning, for docstrings.
        check: `check(name, value)` returns the value in its plain type or raises a ValueError;
            None where only the problem type or the data can tell.
        none: what None means where no preset says so.
        refused: why other entry points reject it, and what to do instead.
        in_estimators: what else holds for estimators.
    """

    name: str
    default: Any
    accepted_by: Entry
    text: str
    check: Callable[[str, Any], Any] | None = None
    none: str = ""
    refused: Mapping[Entry, str] = field(default_factory=dict)
    in_estimators: str = ""


def check_bagging(name: str, value: Any) -> str | bool:
    """`bagging` as one of its names, or False."""
    if isinstance(value, (bool, np.bool_)) and not value:
        return False
    return check_choice(name, value, ("folds", "bootstrap"))


def check_hidden_units(name: str, value: Any) -> tuple[int, ...]:
    """`hidden_units` as a tuple of ints."""
    remedy = "For two layers of 64 and 32 units write hidden_units=(64, 32), for one (64,), for a "
    remedy += "linear model ()."
    rule = "must be a sequence of integers of at least 1, one per hidden layer"
    if isinstance(value, (str, bytes, dict)) or not hasattr(value, "__iter__"):
        raise invalid(name, rule, value, remedy)
    units = tuple(value)
    if not all(is_number(u) and u == u // 1 and u >= 1 for u in units):
        raise invalid(name, rule, value, remedy)
    return tuple(int(u) for u in units)


def check_activation(name: str, value: Any) -> Any:
    activations.get(value)
    return value


def check_optimizer(name: str, value: Any) -> Any:
    """A known name; anything else is checked by `optimizers.check` where it is used."""
    if isinstance(value, str):
        optimizers.check_name(name, value)
    return value


def check_initializer(name: str, value: Any) -> Any:
    """The name of a Keras initializer that draws numbers or is constant, or an initializer."""
    import keras

    try:
        made = keras.initializers.get(value)
    except (ValueError, TypeError):
        made = None
    if not isinstance(made, keras.initializers.Initializer):
        rule = "must be the name of a Keras initializer, or a Keras initializer"
        raise invalid(name, rule, value, "Such as 'he_normal'.")
    return value


def check_ordered(name: str, value: Any) -> Any:
    """True, False, or the labels in order, which are compared with those of y later."""
    if isinstance(value, (str, bytes, dict)) or not hasattr(value, "__iter__"):
        return check_bool(name, value)
    labels = list(value)
    if len(labels) < 2 or len(set(labels)) < len(labels):
        rule = "must be True, False, or a sequence of different labels, at least two"
        raise invalid(name, rule, value, "Such as ('low', 'medium', 'high').")
    return value


def check_target(name: str, value: Any) -> Any:
    """What `target=` of an estimator may be; a factory rejects "log", which y is encoded by."""
    if not (isinstance(value, str) and value == "log"):
        numbers.head_of_target(value, others=["log"])
    return value


def check_heads(name: str, value: Any) -> Any:
    """A dict from column to problem type; `MixedTarget` checks the columns against y."""
    if not isinstance(value, Mapping):
        remedy = "Such as {'churn': 'class', 'spend': 'regression'}."
        raise invalid(name, "must be a dict from column of y to problem type", value, remedy)
    for column, kind in value.items():
        if kind != "log":
            mixed.head_named(column, kind)
    return value


def check_columns(name: str, value: Any) -> Any:
    """A dict; `TableEncoder` checks its names and kinds against the table."""
    if value is not None and not isinstance(value, Mapping):
        raise invalid(
            name, "must be a dict from column to kind", value, "Such as {'zip': 'category'}."
        )
    return value


def check_categorical(name: str, value: Any) -> Any:
    """A list of columns; `TableEncoder` checks them against the table."""
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        raise invalid(name, "must be a list of columns", value, "Such as ['zip'].")
    return value


def check_labels(name: str, value: Any) -> Any:
    """A sequence of labels; `targets.read_vocabulary` checks them against y."""
    if isinstance(value, (str, bytes, dict)) or not hasattr(value, "__iter__"):
        remedy = "Such as ['no', 'yes']."
        raise invalid(name, "must be a sequence of at least two labels", value, remedy)
    return value


def check_splitter(name: str, value: Any) -> Any:
    """A splitter or an iterable; `tables/splits.py` checks what it yields."""
    if isinstance(value, (str, bytes, dict)) or not (
        hasattr(value, "split") or hasattr(value, "__iter__")
    ):
        remedy = "validation_fraction takes a number."
        raise invalid(name, "must be a splitter or an iterable of index pairs", value, remedy)
    return value


def check_monitor(name: str, value: Any) -> Any:
    """A name or a function; `stopping/scores.py` finds which."""
    if not isinstance(value, str) and not callable(value):
        rule = "must be the name of a metric or a scorer, or a function of (estimator, X, y)"
        raise invalid(name, rule, value, "Such as 'accuracy'.")
    return value


def check_callbacks(name: str, value: Any) -> Any:
    if not isinstance(value, (list, tuple)) or not all(hasattr(v, "set_model") for v in value):
        remedy = "Such as [keras.callbacks.TerminateOnNaN()]."
        raise invalid(name, "must be a list of Keras callbacks", value, remedy)
    return value


def check_verbose(name: str, value: Any) -> Any:
    if isinstance(value, bool) or (isinstance(value, str) and value == "auto"):
        return value
    return check_integer(name, value, 0)


def check_rate(name: str, value: Any) -> Any:
    return optimizers.rate(value)


def integer_or(**words: str) -> Callable[[str, Any], Any]:
    """A check for a positive integer or one of `words`, which map to their meaning."""
    remedy = ", ".join(f"{word!r} {meaning}" for word, meaning in words.items()) + "."

    def check(name, value):
        return (
            value
            if isinstance(value, str) and value in words
            else check_integer(name, value, 1, remedy)
        )

    return check


FULL, AUTO = "means all rows in one step", "chooses a size by the number of rows"
BY_PRESET = 'It belongs to the presets "compact" and "realmlp" of the estimators.'
TO_FIT = "Pass it to `fit`."

# fmt: off
ROWS = (
    Row("preset", None, ESTIMATOR,
        'str, the named set of hyperparameters to start from: "compact" (the average of two small '
        'networks after RealMLP, designed to work well without tuning), "realmlp" (RealMLP of '
        '"Better by Default", 2024), "realmlp-s" (its simplified variant), "tabm" (TabM, 2025, '
        'many networks that share their kernels), "pack" (the average of eight different '
        'networks, each of which validates on a fold of its own) or "standard" (the plain network '
        "of the `build_*` functions).",
        none='"compact", or "standard" if a hyperparameter is given that only "standard" has: '
             "`kernel_initializer`, `optimizer`, `momentum`, `clipnorm`, `l2`, `l1`, "
             "`batch_norm`, `layer_norm`, `residual` or `wide`"),
    Row("hidden_units", (64, 32), ALL,
        "sequence of int, each at least 1: units of each hidden layer, first to last. `(64, 32)` "
        "is `[Dense(64), Dense(32)]` before the output layer; `()` is the linear model, an output "
        "layer alone.", check_hidden_units,
        in_estimators="In the RealMLP presets `()` is linear in the embedded columns."),
    Row("heads", None, DNN_MULTI_OUTPUT,
        'dict from a column of y to its problem type: "class", "regression", or a target of '
        '`DNNRegressor` such as "huber", "count", "positive" or "log". Columns that are left out '
        "are inferred.", check_heads,
        none="text, booleans, 0 and 1, and the integers 0..K-1 are classes, other columns numbers"),
    Row("loss_weights", None, SEVERAL,
        "dict from the name of a head to a positive float: the factor of its loss in the sum that "
        "is minimized, as in Keras. Heads that are left out have 1.", mixed.check_loss_weights,
        none="every head has 1", in_estimators="Numbers are in standard deviations there."),
    Row("target", "real", REGRESSOR | DNN_REGRESSOR,
        '"real" for any finite numbers (mean squared error), "huber" and "log_cosh" for the same '
        'with outliers (losses that grow linearly far from 0), "positive" for positive numbers '
        '(Gamma deviance, log link: errors relative to y), "count" for non-negative integers '
        "(Poisson loss; the output is the expected count), \"normal\" (one column, of which the "
        "mean and the standard deviation are learned), \"negative_binomial\" (one column of "
        "counts with a learned mean and dispersion), a custom `Head`, or the name of a row for "
        "numbers that was added to `HEADS`.", check_target,
        in_estimators='"log" is for non-negative numbers of several orders of magnitude: the '
                      "network is trained on their logarithm and predicts the mean."),
    Row("loss", None, ALL & ~SEVERAL,
        "str, Keras loss, or function of y and the prediction that returns a number per row: "
        'minimized instead of the loss of the problem type, such as "mean_absolute_error". For '
        'rare classes "focal" (well predicted rows count less) or "asymmetric" (well predicted '
        "negatives count less). A loss of one-hot labels gets them; a custom one of "
        "several classes gets their indices. Loading a file with a custom loss takes "
        "`kerasdnn.load(path, custom_objects=...)`.", loss_names.check_loss,
        none="the loss of the problem type",
        refused={SEVERAL: "Each head has the loss of its problem type, such as "
                          "heads={'spend': 'huber'}."},
        in_estimators="A regressor's loss is of y in standard deviations, except where it depends "
                      "on units, as percentages do. `label_smoothing` is 0 unless it is also "
                      "given."),
    Row("quantiles", None, REGRESSOR | DNN_REGRESSOR,
        "sequence of increasing float in (0, 1), such as `(0.1, 0.5, 0.9)`: predict these "
        "quantiles of one column (pinball loss) instead of its mean. The output has shape `(rows, "
        "quantiles)`, and its quantiles never cross.", quantiles.check_quantiles,
        none="the mean is predicted"),
    Row("activation", "relu", ALL,
        'str, function or Keras layer: activation of the hidden layers. "relu", "sigmoid", "tanh", '
        '"leaky_relu" (slope 0.01), "mish" or any other name of Keras; a layer is copied for each '
        "hidden layer.", check_activation),
    Row("kernel_initializer", "glorot_uniform", ALL,
        "str or Keras initializer: draws the initial kernel of every Dense layer, the output layer "
        "included. Its own seed is replaced by one drawn from that of the network.",
        check_initializer),
    Row("optimizer", "adam", ALL,
        'str, Keras optimizer or its config: "sgd", "momentum", "nag", "adagrad", "rmsprop", '
        '"adam" or any other name of Keras.', check_optimizer),
    Row("learning_rate", None, ALL,
        "positive float, schedule or callable: length of a step. An optimizer instance or config "
        "brings its own.", check_rate,
        none='0.01 for "sgd", "momentum", "nag" and "adagrad", 0.001 for "rmsprop" and "adam", and '
             "the default of Keras for other names",
        in_estimators="The RealMLP presets need a float. Those that have 0.2 for numbers have 0.05 "
                      "for counts, positive numbers and distributions."),
    Row("schedule", "constant", ALL,
        'str, how the learning rate changes over the training: "constant", "cosine" (half a cosine '
        'down to 0), "one_cycle" (up in the first 30% of the steps, then down to 0), "exponential" '
        '(down to 1%), "flat_cos" (constant for one half, then down to 0) or "coslog4" (four '
        "cosine waves). `learning_rate` is its peak. It spans the epochs of each `fit`.",
        partial(check_choice, valid=SCHEDULES),
        in_estimators="It spans `epochs`, also where early stopping ends the training before."),
    Row("warmup", None, ALL,
        "float in [0, 1): fraction of the steps in which the learning rate increases to its peak, "
        "before the schedule starts.",
        partial(check_fraction, remedy="0.1 is a usual value."),
        none='0.3 for "one_cycle", 0 for other schedules'),
    Row("momentum", None, ALL,
        'float in [0, 1): fraction of the velocity kept in each step, for "momentum", "nag" and '
        '"sgd" only.', partial(check_fraction, remedy=MOMENTUM_REMEDY),
        none='0.9 for "momentum" and "nag", 0 for "sgd"'),
    Row("learning_rate_factors", None, ALL,
        "sequence of non-negative float, one per hidden layer and one for the output layer, or "
        "dict from the name of a layer to its factor: the learning rate of each layer is "
        "`learning_rate` times its factor. 0 keeps a layer as it is. The first number also holds "
        "for what precedes the first hidden layer, such as embeddings.",
        optimizers.check_factors, none="1 for every layer"),
    Row("clipnorm", None, ALL,
        "positive float: gradients of a weight tensor whose Euclidean norm is larger are scaled to "
        "this norm.", check_positive, none="gradients are not clipped"),
    Row("dropout", 0.0, ALL,
        "float in [0, 1): fraction of each hidden layer's outputs set to 0 during training.",
        partial(check_fraction, remedy="It is the fraction of outputs left out; 0 for none."),
        in_estimators='In "realmlp" it decays to 0 during training.'),
    Row("l2", 0.0, ALL,
        "non-negative float: adds `l2 * sum(kernel ** 2)` of every Dense layer to the loss, the "
        "output layer included, biases excluded.", partial(check_interval, interval="[0, inf)")),
    Row("l1", 0.0, ALL,
        "non-negative float: adds `l1 * sum(abs(kernel))` likewise.",
        partial(check_interval, interval="[0, inf)")),
    Row("batch_norm", False, ALL,
        "bool: put batch normalization between each hidden Dense layer and its activation. These "
        "Dense layers then have no bias, because batch normalization adds one.", check_bool),
    Row("layer_norm", False, ALL,
        "bool: put layer normalization between each hidden Dense layer and its activation. It "
        "excludes `batch_norm`.", check_bool),
    Row("residual", False, ALL,
        "bool: add the input of each hidden layer to its output. Where their widths differ, a "
        "matrix without bias adapts the input.", check_bool),
    Row("wide", False, ALL,
        "bool: add a linear function of the columns to the outputs, before their activation (wide "
        "& deep).", check_bool, in_estimators="It includes the vectors of embedded columns."),
    Row("ordered", False, CLASSIFIER,
        "bool: the classes 0..n_classes-1 are ordered, from lowest to highest; one score and "
        "thresholds decide between them (proportional odds).", check_bool,
        refused={SEARCH | MEMBER | NETWORK: "Pass problem='ordinal'.",
                 MULTILABEL: "Labels have no order."}),
    Row("ordered", False, DNN_CLASSIFIER,
        "True if the labels are ordered (numbers, or a pandas Categorical with ordered=True), or a "
        'sequence of all labels from lowest to highest, such as `("low", "medium", "high")`: one '
        "score and thresholds decide between them (proportional odds), and `classes_` has that "
        "order.", check_ordered,
        refused={REGRESSOR | DNN_REGRESSOR: "Numbers are ordered."}),
    Row("one_hot_labels", False, CLASSIFIER,
        "bool: y has shape `(rows, n_classes)` with a single 1 in each row; the output is "
        "`n_classes` probabilities, also for two classes.", check_bool,
        refused={SEARCH: "The shape of `y` decides it.", ESTIMATOR: "Pass labels `(rows,)`.",
                 MEMBER: "Pass one_hot=True to `Population`."}),
    Row("label_smoothing", 0.0, CLASSIFIER | MULTILABEL | NETWORK | DNN_CLASSIFIER | MANY,
        "float in [0, 1), s: a label y becomes `y (1 - s) + s / 2` for binary labels; of K classes "
        "the true one becomes `1 - s + s / K` and the others `s / K`.",
        partial(check_fraction, remedy="0.1 is a usual value."),
        refused={REGRESSOR | DNN_REGRESSOR | SEVERAL: "Only class labels can be smoothed."}),
    Row("prior", None, FACTORY & ~MULTI_OUTPUT | MANY,
        "float or sequence of float, what is known before any row is seen: class frequencies or "
        "counts (for two classes also the fraction of ones), the fraction of ones of each label, "
        "or the mean of each target column (positive for counts). The output bias starts there.",
        none="a bias of 0",
        refused={ESTIMATOR: "Estimators encode the target themselves; `class_weight` weights "
                            "classes.",
                 MULTI_OUTPUT: "Several heads start at a bias of 0."}),
    Row("metrics", None, FACTORY | ESTIMATOR,
        "list of str, Keras metrics or functions, reported next to the loss; [] for none.",
        none="the metrics of the problem type",
        refused={MANY: "The metrics of the problem type are always recorded."},
        in_estimators="The RealMLP presets record only the first one by default."),
    Row("seed", None, FACTORY | MANY,
        "int in [0, 2**32): fixes the initial weights, the dropout and the order of rows; the same "
        "seed gives the same network.", partial(check_integer, at_least=0, at_most=2**32 - 1),
        none="a random seed; `network.seed` holds it",
        refused={ESTIMATOR: "Pass `random_state`."}),
    Row("name", None, FACTORY, "str, name of the Keras model.", none="a name chosen by Keras",
        refused={MANY: "Networks are numbered.", ESTIMATOR: "Estimators have no name."}),
    Row("batch_size", 32, MANY | FIT, 'int, rows per step, or "full" for one step per epoch.',
        integer_or(full=FULL), refused={FACTORY: TO_FIT}),
    Row("batch_size", 32, ESTIMATOR,
        'int, rows per step, "full" for one step per epoch, or "auto": from 64 (up to 1,024 rows) '
        "to 1,024 (over 100,000 rows).", integer_or(full=FULL, auto=AUTO)),
    Row("epochs", 50, MANY | FIT, "int, at least 1: how often training goes through all rows.",
        check_integer, refused={FACTORY: TO_FIT}),
    Row("epochs", 200, ESTIMATOR,
        "int, at least 1: maximum number of passes over the rows. The schedules of the RealMLP "
        "presets end with the last of them. With compact, realmlp or pack, a regressor of a small "
        "table that is validated has more epochs, for at least 400 steps, unless `epochs` or "
        "`batch_size` is given.",
        check_integer),
    Row("validation_fraction", 0.2, ESTIMATOR,
        "float in [0, 1): fraction of the rows, drawn by class, held out to evaluate each epoch; 0 "
        "for none. Tables under 50 rows are used for training completely.", check_fraction,
        refused={FACTORY: "Pass validation_split to `fit`."}),
    Row("validation_split", None, ESTIMATOR,
        "scikit-learn splitter, or iterable of (training rows, validation rows): its first split "
        "is the validation set instead of `validation_fraction`, also of small tables.",
        check_splitter, none="`validation_fraction` of the rows is drawn",
        refused={FACTORY: "Pass validation_split to `fit`.", SEARCH: "Pass `cv`."}),
    Row("early_stopping", True, ESTIMATOR,
        "bool: stop after `patience` epochs without an improvement on the validation set. The "
        "weights of the best epoch are restored either way.", check_bool),
    Row("patience", 20, ESTIMATOR,
        "int, at least 1, epochs without an improvement before early stopping. Setting it turns "
        "`early_stopping` on unless that is False.", check_integer,
        in_estimators="Of the RealMLP presets, it grows in proportion to `epochs` where these are "
                      "more than the preset's."),
    Row("time_limit", None, ESTIMATOR,
        "positive float, seconds that `fit` may take; the best epoch so far is kept. The first "
        "epochs are measured. If not all fit in the time, networks are left out (but one) that "
        "would leave each less than half of its epochs; then the RealMLP presets, whose schedules "
        "end with the last epoch, train again from the start for as many epochs as fit, and others "
        "stop. One epoch is always trained. `fit_report_` reports what was done.", check_positive,
        none="no limit", refused={FACTORY: "Pass `epochs` to `fit`.",
                                  SEARCH: "Pass `time_budget`."}),
    Row("refit", False, ESTIMATOR,
        "bool: train again on all rows, those of the validation set included, from the same "
        "initial weights and for as many epochs as the best epoch has. `history_` stays that of "
        "the first training.", check_bool,
        refused={FACTORY: "Train on all rows.", MANY: "The best network is trained on all rows."}),
    Row("warm_start", False, ESTIMATOR,
        "bool: `fit` of a fitted estimator begins with its weights, and keeps its encoder, classes "
        "and units of y; schedules and optimizer begin again.", check_bool,
        refused={FACTORY: "`fit` of a network always continues.",
                 MANY: "Trials begin with new weights."}),
    Row("class_weight", None, DNN_CLASSIFIER,
        '"balanced" (all classes have the same total weight) or dict from label to non-negative '
        "weight; labels that are left out have weight 1.", none="every row has weight 1",
        refused={DNN_REGRESSOR: "A regressor has no classes; pass sample_weight to `fit`.",
                 FACTORY: TO_FIT}),
    Row("classes", None, DNN_CLASSIFIER,
        "sequence of labels in any order: the label vocabulary. A class without rows keeps its "
        "column of `predict_proba`, and a label of y that is not among them is an error.",
        check_labels, none="the labels of y",
        refused={DNN_REGRESSOR: "A regressor has no classes."}),
    Row("calibrate", True, DNN_CLASSIFIER,
        'True or "temperature" (divide the log-odds by one number, `temperature_`, which changes '
        'no predicted class), "isotonic" (a non-decreasing function per class, for hundreds of '
        "validation rows) or False: calibrate the probabilities on the validation rows, after "
        "training. Without validation rows they are those of the network. The method "
        "`calibrate(X, y)` takes other held-out rows.",
        refused={DNN_REGRESSOR: "A regressor has intervals, `predict_interval`.",
                 FACTORY | MANY: "Only estimators calibrate; see `DNNClassifier`."}),
    Row("threshold", None, DNN_CLASSIFIER,
        "float in (0, 1), name of a scorer of scikit-learn, scorer, or dict: the probability of "
        "the second of two classes above which it is predicted. A scorer, such as "
        '"f1" or "balanced_accuracy", chooses the best one on the validation rows, with the second '
        'class as the positive one; costs such as `{"false_positive": 1, "false_negative": 5}` '
        '(also "true_positive" and "true_negative") the one with the lowest expected cost. '
        "`threshold_` contains it.",
        none="0.5",
        refused={DNN_REGRESSOR: "Only two classes have a threshold.",
                 FACTORY | MANY: "Only estimators predict classes; see `DNNClassifier`."}),
    Row("scaling", "standard", ESTIMATOR,
        '"standard" (mean 0, standard deviation 1) or "robust" (median, quartiles, smooth '
        "clipping): scaling of numeric columns, see `TableEncoder`.",
        partial(check_choice, valid=("standard", "robust"))),
    Row("one_hot_limit", 32, ESTIMATOR,
        "int, maximum number of categories of a one-hot encoded column; a column with more is "
        "embedded.", partial(check_integer, at_least=0)),
    Row("categorical", None, ESTIMATOR,
        "list of column names (positions for arrays): numeric columns to treat as categories.",
        check_categorical,
        none="only text, boolean and categorical columns are categories"),
    Row("columns", None, ESTIMATOR,
        'dict from a column to its kind ("number", "date", "time", "boolean", "category", "text", '
        '"hash", "drop", a date format such as "%d/%m/%Y"), or from a new name to a list of '
        "columns to cross, see `TableEncoder`.", check_columns, none="kinds are inferred"),
    Row("missing_target", "error", ESTIMATOR,
        '"error" raises a ValueError that names the rows whose target is missing, "drop" leaves '
        "them out of the training.", partial(check_choice, valid=("error", "drop"))),
    Row("embedding_size", 8, ESTIMATOR,
        "int, at least 1: length of the vector that represents a category of an embedded column.",
        check_integer),
    Row("numeric_embedding", None, ESTIMATOR,
        'str, "periodic" or "piecewise": embed numeric columns, see `PeriodicEmbedding` and '
        "`PiecewiseLinearEmbedding`.",
        partial(check_choice, valid=("periodic", "piecewise")), none="no embedding",
        refused={FACTORY | MANY: BY_PRESET}),
    Row("weight_decay", 0.0, ESTIMATOR,
        "non-negative float: decoupled weight decay of `GroupAdam`.",
        partial(check_interval, interval="[0, inf)"),
        refused={FACTORY | MANY: BY_PRESET + " Pass `l2`, or an optimizer such as "
                                 "keras.optimizers.AdamW(weight_decay=0.01)."}),
    Row("monitor", "loss", ESTIMATOR,
        '"loss", a metric of the problem type ("accuracy", "auc", "mae", ...), the name of a '
        'scikit-learn scorer ("average_precision", "neg_log_loss", ...), or a scorer, a function '
        "of (estimator, X, y) to a number that is to be large: selects the best epoch on the "
        "validation set; among equal epochs the last, of equal losses the first.", check_monitor,
        refused={FACTORY: "Pass a callback to `fit`.", MANY: "Pass `objective`."}),
    Row("n_members", 1, ESTIMATOR,
        "int, at least 1: number of networks trained from different seeds and averaged. They are "
        "trained at the same time, one per core, on a GPU as one compiled function; in turn where "
        "`callbacks`, `verbose`, `time_limit`, a scorer or a function of your own takes part. "
        "`history_` and `best_epoch_` are those of the first.", check_integer,
        in_estimators="With `bagging` None means 5, in \"pack\" 8.",
        refused={FACTORY | MANY: "Only estimators average networks."}),
    Row("bagging", None, ESTIMATOR,
        'str or False, the rows of each of the `n_members`: "folds" (each validates its epochs on '
        "one fold and trains on the others, so that every row is trained on; `oof_predict_` and "
        '`oof_score_` then tell how new rows are predicted) or "bootstrap" (each trains on rows '
        "drawn with replacement and validates on those that were not drawn). False: all members "
        "share one validation set.", check_bagging,
        none='False, but "folds" in preset "pack" if nothing is given that excludes it (validation '
             "rows, `validation_split`, `time`, `time_limit`, `refit`, `warm_start`), and with "
             "at least 50 rows",
        refused={FACTORY | MANY: "Only estimators average networks."}),
    Row("k", 16, ESTIMATOR,
        "int, at least 1: number of members that share the kernels of one network, see "
        "`BatchEnsembleDense`. Fewer train faster: the time grows with k.", check_integer,
        refused={FACTORY | MANY: 'It belongs to the preset "tabm" of the estimators.'}),
    Row("callbacks", None, ESTIMATOR, "list of Keras callbacks.", check_callbacks,
        none="no callbacks", refused={FACTORY: TO_FIT}),
    Row("random_state", None, ESTIMATOR,
        "int or `numpy.random.RandomState`: fixes the weights, the validation set and the order of "
        "rows.", none="different values in every fit", refused={FACTORY | MANY: "Pass `seed`."}),
    Row("verbose", 0, ESTIMATOR, "int: 0 silent, 1 progress bar, 2 one line per epoch.",
        check_verbose, refused={FACTORY: TO_FIT}),
    Row("beta_2", 0.95, PRESET, "float in [0, 1), of Adam.", check_fraction),
    Row("front_scale", True, PRESET, "bool: a learned factor per input column.", check_bool),
    Row("parametric", True, PRESET,
        "bool: a learned mix of the activation and the identity per unit.", check_bool),
    Row("data_start", True, PRESET, "bool: initial weights from the training rows.", check_bool),
    Row("sharing", "full", PRESET,
        '"full" (an input scale, an output scale and a bias per member in each hidden layer) or '
        '"mini" (one input scale per member).', partial(check_choice, valid=("full", "mini"))),
    Row("n_bins", 48, PRESET, "int, bins per column of a piecewise-linear embedding.",
        check_integer),
    Row("numeric_size", 8, PRESET, "int, length of a piecewise-linear embedding.", check_integer),
    Row("clip", True, PRESET,
        "bool: keep the predictions of a regression within the range of the training target.",
        check_bool),
)
# fmt: on


NO_PRESETS: Mapping[str, Mapping[str, Any]] = {}


def names(entry: Entry) -> tuple[str, ...]:
    """Names of the hyperparameters that `entry`, or any part of it, accepts."""
    return tuple(dict.fromkeys(row.name for row in ROWS if row.accepted_by & entry))


def find(name: str, entry: Entry) -> Row | None:
    """The row of a hyperparameter that `entry` accepts, or None."""
    return next((row for row in ROWS if row.name == name and row.accepted_by & entry), None)


def default(name: str, entry: Entry = ANY) -> Any:
    """The default of a hyperparameter; of an estimator, the one of the preset "standard"."""
    row = find(name, entry)
    if row is None:
        raise KeyError(name)
    return row.default


def check(
    settings: Mapping[str, Any], entry: Entry, where: str = "A network", valid: Iterable[str] = ()
) -> dict[str, Any]:
    """Check hyperparameters by name and value.

    Args:
        settings: name to value. None is accepted where it is the default, and by all entry points
            but the factories, where it stands for the default.
        entry: which entry point they are given to.
        where: str, the function that was called, such as "tune()", for the message.
        valid: more names that this entry point accepts, whose values are not checked here.

    Returns:
        `settings` with each value in its plain Python type.

    Raises:
        ValueError: an unknown name (the message says why and names the nearest valid one), or a
            value out of its range.
    """
    checked = {}
    for name, value in settings.items():
        check_name(name, entry, where, valid)
        row = find(name, entry)
        required = entry & FACTORY and row and row.default is not None
        given = value is not None and not isinstance(value, Range)
        if row and row.check and (required or given):
            value = row.check(name, value)
        checked[name] = value
    return checked


def check_name(name: str, entry: Entry, where: str, valid: Iterable[str] = ()) -> None:
    """Raise a ValueError with the reason or the nearest name if `entry` rejects a name."""
    if not find(name, entry) and name not in valid:
        raise unknown_name(where, name, [*names(entry), *valid], why_refused(name, entry))


def why_refused(name: str, entry: Entry) -> str:
    """Why `entry` rejects a hyperparameter that others accept, or ""."""
    reasons = (
        reason
        for row in ROWS
        if row.name == name
        for refusing, reason in row.refused.items()
        if refusing & entry
    )
    return next(reasons, "")


def document(entry: Entry, presets: Mapping[str, Mapping[str, Any]] = NO_PRESETS) -> str:
    """Describe all hyperparameters of an entry point, one Google-style entry each.

    Args:
        entry: the entry point.
        presets: name to hyperparameters, which say what None means in an estimator.
    """
    found = []
    for row in (row for row in ROWS if row.accepted_by & entry):
        text = f"{row.name}: {row.text} {meaning_of_default(row, presets)}"
        text += f" {row.in_estimators}" * bool(row.in_estimators and presets)
        found += textwrap.wrap(text, 88, subsequent_indent="    ", break_on_hyphens=False)
    return "\n".join(found)


def meaning_of_default(row: Row, presets: Mapping[str, Mapping[str, Any]]) -> str:
    values: dict[str, list[str]] = {}  # a value, as text, to the presets that have it
    for name, preset in presets.items():
        if row.name in preset:
            value = preset[row.name]
            values.setdefault("" if value is None else quoted(value), []).append(quoted(name))
    if not values:
        return (
            f"None means {row.none}." if row.default is None else f"Default: {quoted(row.default)}."
        )
    lacking = [quoted(name) for name in presets if row.name not in presets[name]]
    parts = [f"{value} for {listed(those)}" for value, those in values.items() if value]
    if "" in values:
        parts.append(f"for {listed(values[''])}, {row.none}" if parts else row.none)
    elif len(parts) == 1 and not lacking:
        parts = [*values]
    rejected = f" {listed(lacking)} reject{'s' * (len(lacking) == 1)} it." if lacking else ""
    return f"None means {'; '.join(parts)}.{rejected}"


def listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def documented(entry: Entry, presets: Mapping[str, Mapping[str, Any]] = NO_PRESETS) -> Callable:
    """A decorator that puts `document(entry, presets)` where a docstring has `{arguments}`."""

    def fill(thing):
        for line in (thing.__doc__ or "").splitlines():
            if line.strip() == "{arguments}":
                text = textwrap.indent(document(entry, presets), line[: line.index("{")])
                thing.__doc__ = thing.__doc__.replace(line, text)
        return thing

    return fill

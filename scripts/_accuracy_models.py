"""The models of `bench_accuracy.py`: presets of kerasdnn, some changed, and peers.

A peer is a scikit-learn estimator as it comes, behind what it needs to read the table.
"""

import ast
import dataclasses
import math
import time
import warnings
from pathlib import Path

PRESETS_FILE = Path(__file__).resolve().parent.parent / "kerasdnn" / "estimators/presets.py"
PEERS = ("linear", "sk_mlp", "hgb")  # as peers.csv calls them


def preset_names():
    """The presets' names, read from the source: importing it would import TensorFlow."""
    for node in ast.parse(PRESETS_FILE.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "PRESETS":
            return [key.value for key in node.value.keys]
    raise SystemExit(f"There is no table PRESETS in {PRESETS_FILE}.")


def metric_of(task):
    return "nrmse" if task == "regression" else "error"


def fit_and_judge(model, data, seed, part, changes, members=None):
    """Train on the train part. Returns `(value on part, seconds of fit)`."""
    make = make_peer if model in PEERS else make_network
    estimator = make(model, data, seed, changes, members)
    given = {} if model in PEERS else {"validation_data": data.part("valid")}
    with warnings.catch_warnings():
        # Constant columns, no convergence: here it is the accuracy that is asked for.
        warnings.simplefilter("ignore")
        began = time.perf_counter()
        estimator.fit(*data.part("train"), **given)
        seconds = time.perf_counter() - began
        X, y = data.part(part)
        return judge(data.task, y, estimator.predict(X)), seconds


def judge(task, truth, answers):
    """The error, 1 - accuracy; of a regression nRMSE = sqrt(1 - R2)."""
    from sklearn.metrics import accuracy_score, r2_score

    if task == "regression":
        return math.sqrt(1 - r2_score(truth, answers))
    return 1 - accuracy_score(truth, answers)


def make_network(model, data, seed, changes, members):
    import kerasdnn

    kind = kerasdnn.DNNRegressor if data.task == "regression" else kerasdnn.DNNClassifier
    known = kind().get_params()
    arguments = change_preset(model, changes, known)
    if members is not None and "n_members" in known:
        arguments["n_members"] = members
    return kind(model, random_state=seed, **arguments)


def change_preset(model, changes, known):
    """Put `changes` into the preset itself; returns those that only the estimator knows.

    A preset has hyperparameters that are no argument of an estimator, and an ablation wants them.
    """
    from kerasdnn.estimators.presets import PRESETS

    preset = PRESETS[model]
    own = {name: value for name, value in changes.items() if name in preset.hyperparameters}
    other = {name: value for name, value in changes.items() if name not in own}
    for name in other:
        if name not in known:
            raise SystemExit(
                f"--set {name}: the preset {model!r} has no such hyperparameter. "
                f"It has {', '.join(sorted(preset.hyperparameters))}."
            )
    PRESETS[model] = dataclasses.replace(
        preset,
        hyperparameters=preset.hyperparameters | own,
        of_numbers=preset.of_numbers | own,
    )
    return other


def make_peer(model, data, seed, changes, members):
    from sklearn import ensemble, linear_model, neural_network
    from sklearn.pipeline import make_pipeline

    numbers = data.task == "regression"
    if model == "hgb":
        kind = "HistGradientBoostingRegressor" if numbers else "HistGradientBoostingClassifier"
        places = list(range(len(data.categorical)))
        peer = getattr(ensemble, kind)(categorical_features=places, random_state=seed)
        return make_pipeline(codes(data), peer)
    if model == "linear":
        linear = linear_model.LinearRegression, linear_model.LogisticRegression
        peer = linear[0]() if numbers else linear[1](max_iter=1000)
    else:
        peer = getattr(neural_network, "MLPRegressor" if numbers else "MLPClassifier")
        peer = peer(random_state=seed)
    return make_pipeline(dense(data), peer)


def dense(data):
    """Numbers imputed with the median and scaled, categories one-hot."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_column_transformer((words, data.categorical), (numbers, data.numeric))


def codes(data):
    """Categories as codes, first; numbers as they are: trees take gaps."""
    import numpy as np
    from sklearn.compose import make_column_transformer
    from sklearn.preprocessing import OrdinalEncoder

    words = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=254
    )
    return make_column_transformer((words, data.categorical), ("passthrough", data.numeric))

"""The models of `bench_accuracy.py`: presets of kerasdnn, some changed, and peers."""

import ast
import dataclasses
import math
import time
import warnings
from pathlib import Path

from _accuracy_peers import LIBRARIES, PEERS, LibraryPeer, make_peer

PRESETS_FILE = Path(__file__).resolve().parent.parent / "kerasdnn" / "estimators/presets.py"


def preset_names():
    """The presets' names, read from the source: importing it would import TensorFlow."""
    for node in ast.parse(PRESETS_FILE.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "PRESETS":
            return [key.value for key in node.value.keys]
    raise SystemExit(f"There is no table PRESETS in {PRESETS_FILE}.")


def metric_of(task):
    return "nrmse" if task == "regression" else "error"


def fit_and_judge(model, data, seed, part, changes, members=None):
    """Train on the train part; a table without a valid part leaves the holding out to the model.

    Returns:
        dict of the columns `value` and `log_loss` (None for a regression), on `part`, and
        `fit_seconds`.
    """
    if model in LIBRARIES:
        estimator = LibraryPeer(model, data, seed)
    elif model in PEERS:
        estimator = make_peer(model, data, seed)
    else:
        estimator = make_network(model, data, seed, changes, members)
    given = {}
    if model not in PEERS and "valid" in data.rows:
        given["validation_data"] = data.part("valid")
    with warnings.catch_warnings():
        # Constant columns, no convergence: here it is the accuracy that is asked for.
        warnings.simplefilter("ignore")
        began = time.perf_counter()
        estimator.fit(*data.part("train"), **given)
        seconds = time.perf_counter() - began
        X, y = data.part(part)
        value = judge(data.task, y, estimator.predict(X))
        loss = None if data.task == "regression" else log_loss_of(estimator, X, y)
    return {"value": value, "log_loss": loss, "fit_seconds": round(seconds, 3)}


def judge(task, truth, answers):
    """The error, 1 - accuracy; of a regression nRMSE = sqrt(1 - R2)."""
    from sklearn.metrics import accuracy_score, r2_score

    if task == "regression":
        return math.sqrt(1 - r2_score(truth, answers))
    return 1 - accuracy_score(truth, answers)


def log_loss_of(classifier, X, y):
    from sklearn.metrics import log_loss

    return log_loss(y, classifier.predict_proba(X), labels=classifier.classes_)


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

"""What train, predict, evaluate, export, inspect, refit and serve do."""

import contextlib
import sys
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..core.messages import quoted_list
from ..core.rows import Rows
from ..estimators.estimators import DNNClassifier, DNNRegressor
from ..estimators.files.archive import load
from ..records.card import write_card
from ..records.refitting import record_of
from ..records.refitting import refit as train_again
from ..records.text import score_text, text_of
from ..serving.predictions import predictions
from ..tables.files import find_column
from . import in_parts, streams
from . import options as hyperparameter_options
from .main import UsageError
from .problems import infer_problem, split_target
from .progress import TrainingProgress
from .results import note, show, to_json


def read(given: Namespace) -> pd.DataFrame:
    return streams.read(given.data, given.sep, given.decimal, given.encoding, given.input_format)


@contextlib.contextmanager
def prints_to_stderr():
    """Within it, what the library prints goes to stderr: stdout is for the result."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def rows_of(table: pd.DataFrame, given: Namespace) -> tuple[Rows, list[str]]:
    """Features, target, weights, groups and time of a table, and sentences about them.

    Rows without a value of the target are left out.
    """
    target = find_column(table, given.target)
    missing = table[target].isna()
    notes = []
    if missing.any():
        notes.append(f"{missing.sum():,} rows without a value of {target!r} are left out.")
        table = table[~missing].reset_index(drop=True)
    if not len(table):
        raise ValueError(f"No row has a value of the target {target!r}.")
    parts = {"weights": given.weights, "groups": given.groups, "time": given.time}
    labels = {key: find_column(table, name) for key, name in parts.items() if name is not None}
    dropped = [find_column(table, name) for name in given.drop]
    X = table.drop(columns=[target, *labels.values(), *dropped])
    if X.shape[1] == 0:
        raise ValueError("The table has no column besides the target, so nothing to learn from.")
    found = {key: table[label] for key, label in labels.items()}
    return Rows(X, table[target], **found), notes


def data_of(given: Namespace) -> tuple[Rows, pd.Series, list[str]]:
    """The rows to train on, values of the target to infer the problem from, and sentences."""
    if in_parts.is_in_parts(given):
        return in_parts.rows_of(given)
    rows, notes = rows_of(read(given), given)
    return rows, rows.y, notes


def make_estimator(given: Namespace, problem: str) -> Any:
    """The estimator of a problem with the hyperparameters of the command line.

    Raises:
        UsageError: a hyperparameter that the estimator or its preset does not accept.
    """
    entry, settings = hyperparameter_options.entry_of(problem), given.settings
    hyperparameter_options.check_accepted(settings, entry)
    kind = DNNRegressor if problem == "regression" else DNNClassifier
    estimator = kind(**settings, random_state=given.seed)
    try:
        estimator._hyperparameters()
    except ValueError as error:
        raise UsageError(str(error)) from error
    return estimator


def fit(estimator: Any, rows: Rows, quiet: bool = False) -> None:
    """Fit with a line of progress on stderr, which is not kept as an argument of the estimator."""
    with prints_to_stderr():
        if not quiet:
            estimator.set_params(callbacks=[TrainingProgress()])
        try:
            estimator.fit(rows.x, rows.y, rows.weights, groups=rows.groups, time=rows.time)
        finally:
            estimator.set_params(callbacks=None)


def check_folder(path: Path) -> None:
    """Raise before a long training if its result cannot be written."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder. Pass the name of a file.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {path.parent}.")


def train(given: Namespace) -> None:
    """Train a model on a table and save it."""
    check_folder(given.out)
    rows, labels, notes = data_of(given)
    problem, why = (given.problem, "set by --problem") if given.problem else infer_problem(labels)
    estimator = make_estimator(given, problem)
    for sentence in [*notes, f"Problem type: {problem} ({why})."]:
        note(sentence)
    if given.report is not None:
        return train_with_report(given, estimator, rows, problem, notes)
    fit(estimator, rows, given.quiet)
    estimator.save(given.out)
    record = estimator.record_
    result = {"model": str(given.out), "problem": problem, "rows": record["data"]["rows"],
              "columns": len(record["data"]["columns"]), "scores": record["scores"],
              "training": record["training"], "seconds": record["timings"]["seconds"]}  # fmt: skip
    scores = [f"{name}: {score_text(score)}" for name, score in record["scores"].items()]
    lines = [
        f"Trained on {result['rows']:,} rows and {result['columns']} columns in "
        f"{result['seconds']:.1f} s; best epoch {record['training']['best_epoch']} of "
        f"{record['training']['epochs']}.",
        *(["On the validation rows:", *(f"  {score}" for score in scores)] if scores else []),
        f"Model: {given.out}",
    ]
    show(result, given.json, "\n".join(lines))
    return None


def train_with_report(given, estimator, rows, problem, notes):
    from .report import Report, report_training

    if rows.weights is not None or rows.groups is not None or rows.time is not None:
        raise UsageError("--report holds out random rows, without --weights, --groups and --time")
    X, y, _ = split_target(rows.x.assign(**{str(rows.y.name): rows.y}), rows.y.name)
    to = sys.stderr if given.json else None
    report = Report(given.report, f"Table: {given.data}, target {y.name}", *notes, to=to)
    if not given.quiet:
        estimator.set_params(callbacks=[TrainingProgress()])
    table = report_training(
        report, estimator, X, y, problem, path=given.out, seed=given.seed,
        test_fraction=given.test_fraction,
    )  # fmt: skip
    if given.json:
        scores = table.to_dict("records")
        print(to_json({"model": str(given.out), "report": str(given.report), "scores": scores}))


def known_columns(model, X, besides=(), tell=note):
    """X without the columns that the model does not know, which `tell` lists in a sentence."""
    known = getattr(model, "feature_names_in_", None)
    if known is None:
        return X
    extra = [name for name in X if name not in set(known)]
    told = [str(name) for name in extra if name not in besides]
    if told:
        tell(f"Columns that the model does not know are ignored: {', '.join(told)}")
    if len(extra) == X.shape[1]:
        raise ValueError(
            f"The table has none of the columns of the model: {quoted_list(known, 20)}."
        )
    return X.drop(columns=extra)


def load_estimator(path: Path) -> Any:
    """A fitted estimator; raises a ValueError for a file that holds a network alone."""
    model = load(path)
    if not hasattr(model, "encoder_"):
        raise ValueError(
            f"{path} holds a network without an encoder of tables. Save a DNNClassifier or a "
            "DNNRegressor."
        )
    return model


def predict(given: Namespace) -> None:
    """Apply a model to the rows of a table."""
    form = "jsonl" if given.json and given.out == streams.STDIO else given.format
    streams.check_output(given.out, form)
    model = load_estimator(given.model)
    if in_parts.is_in_parts(given):
        return in_parts.predict(given, model)
    table = read(given)
    kept = [find_column(table, name) for name in given.keep]
    found = predictions(model, known_columns(model, table, kept))
    found = pd.concat([table[kept].reset_index(drop=True), found], axis=1)
    streams.write(found, given.out, form)
    if given.out != streams.STDIO:
        result = {"rows": len(found), "columns": [str(c) for c in found], "out": given.out}
        show(result, given.json, f"{len(found):,} predictions are in {given.out}")
    return None


def evaluate(given: Namespace) -> None:
    """Compute loss and metrics of a model on a table."""
    model = load_estimator(given.model)
    if in_parts.is_in_parts(given):
        rows, found = in_parts.evaluate(given, model, target_of(model, given))
    else:
        rows, found = evaluate_table(given, model)
    scores = {k: v for k, v in found.items() if not k.startswith("baseline_")}
    lines = [(k, v, found.get(f"baseline_{k}", np.nan)) for k, v in scores.items()]
    shown = pd.DataFrame(lines, columns=["", "model", "constant baseline"])
    result = {"rows": rows, "scores": scores,
              "baseline": {name: baseline for name, _, baseline in lines}}  # fmt: skip
    text = shown.to_string(index=False, float_format=lambda value: f"{value:.5g}")
    show(result, given.json, f"{rows:,} rows\n{text}")


def evaluate_table(given, model):
    """The number of rows that have a value of the target, and loss and metrics."""
    table = read(given)
    target = find_column(table, target_of(model, given))
    known = table[target].notna()
    if not known.all():
        note(f"{(~known).sum():,} rows without a value of {target!r} are left out.")
        table = table[known].reset_index(drop=True)
    weights = None if given.weights is None else find_column(table, given.weights)
    besides = [target] + ([] if weights is None else [weights])
    X = known_columns(model, table.drop(columns=target), besides)
    return len(table), model.evaluate(X, table[target], None if weights is None else table[weights])


def target_of(model, given):
    """The column to predict: --target, else the one of the training."""
    record = getattr(model, "record_", None) or {"data": {"target": {"name": None}}}
    name = given.target if given.target is not None else record["data"]["target"]["name"]
    if name is None or isinstance(name, list):
        raise UsageError("the model does not record its target: pass --target COLUMN")
    return str(name)


def export(given: Namespace) -> None:
    """Write a model to a folder that runs without kerasdnn."""
    with contextlib.redirect_stdout(sys.stderr):  # what an export prints is no part of a result
        manifest = load(given.model).export(given.out, format=given.format)
    proof = manifest["proof"]
    show(manifest, given.json, f"Exported to {given.out}. Proof: {to_json(proof)}")


def inspect(given: Namespace) -> None:
    """Print the record of a model, or write its model card."""
    model = load_estimator(given.model)
    if given.card:
        record = record_of(model)
        for path in given.card:
            write_card(record, path)
        if not given.json:
            print("\n".join(f"Model card: {path}" for path in given.card))
            return
    if model.record_ is None:  # a file of an earlier version
        note("The model has no record: it was saved by an earlier version.")
        found = {
            "estimator": type(model).__name__,
            "rows": int(model.n_rows_),
            "best_epoch": int(model.best_epoch_),
            "columns": [str(name) for name in model.encoder_.columns_["column"]],
            "hyperparameters": {k: str(v) for k, v in model.hyperparameters_.items()},
        }
        show(found, given.json, "\n".join(f"{key}: {value}" for key, value in found.items()))
        return
    show(model.record_, given.json, text_of(model.record_))


def refit(given: Namespace) -> int:
    """Train a model again and report whether the result is bit-identical."""
    if given.out is not None:
        check_folder(given.out)
    model = load_estimator(given.model)
    data = record_of(model)["data"]
    table = read(given)
    target = find_column(table, target_of(model, given))
    names = {key: data.get(key, {}).get("name") for key in ("weights", "groups", "time")}
    if unnamed := [key for key, name in names.items() if name is None and key in data]:
        raise ValueError(
            f"The {unnamed[0]} of the training were passed as an array, not as a named column: "
            "call kerasdnn.records.refitting.refit with them."
        )
    labels = {key: find_column(table, str(n)) for key, n in names.items() if n is not None}
    wanted = [str(column["name"]) for column in data["columns"]]
    table = table[table[target].notna()].reset_index(drop=True)
    X = table[[name for name in table if str(name) in wanted]]
    if lacking := [name for name in wanted if name not in [str(c) for c in X]]:
        raise ValueError(f"The table lacks columns of the training: {quoted_list(lacking)}.")
    weights, groups, time_ = (
        table[labels[key]] if key in labels else None for key in ("weights", "groups", "time")
    )
    began = time.perf_counter()
    if not given.quiet:
        note("Training again ...")
    with prints_to_stderr():
        found = train_again(model, X, table[target], weights, groups=groups, time=time_)
    if given.out is not None:
        found.model.save(given.out)
    result = found.to_dict() | {"seconds": round(time.perf_counter() - began, 3)}
    show(result, given.json, "\n".join(found.lines()))
    return 0 if found.identical else 1


def serve(given: Namespace) -> None:
    """Answer requests for predictions over HTTP."""
    from ..serving.server import Limits, run

    limits = Limits(given.max_rows, given.max_bytes, given.timeout)
    run(given.model, given.host, given.port, limits, quiet=given.quiet)

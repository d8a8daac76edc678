"""What `bench_accuracy.py` found: the file of results, and statistics of a table of errors.

A table of errors is a DataFrame with a row per table of data and a column per model; lower is
better, NaN where a model was not run.
"""

import json
import os
import uuid
from pathlib import Path

import numpy as np
import pandas as pd

KEY = ["model", "table", "seed", "part", "settings"]
COLUMNS = [*KEY[:4], "metric", "value", "log_loss", "fit_seconds", "settings"]
DIGITS = 5
SHIFT = 0.01  # an error of 0 would decide a geometric mean alone


def settings_of(changes, **others):
    """How a model was changed, as the text that stands in the column `settings`."""
    given = changes | {name: value for name, value in others.items() if value}
    return json.dumps(given, sort_keys=True, default=repr)


def read_results(path):
    """The rows of a file of results, the last of each fit; none where there is no file."""
    if not Path(path).exists():
        return pd.DataFrame(columns=COLUMNS)
    return pd.read_csv(path).drop_duplicates(KEY, keep="last")


def add_result(path, row):
    """Add a row to the file, which is read again: another run may have added to it meanwhile."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    before = read_results(path)
    new = pd.DataFrame([row])[COLUMNS]
    rows = new if before.empty else pd.concat([before, new])
    beside = path.with_name(f".{uuid.uuid4().hex}.{path.name}")
    try:
        rows.to_csv(beside, index=False)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def read_peers(folder, tables):
    """The rows of peers.csv, which hold test results, as rows of results."""
    peers = pd.read_csv(Path(folder) / "peers.csv")
    peers = peers[peers["set"].isin(tables)]
    numbers = peers["task"] == "regression"
    return pd.DataFrame(
        {
            "model": peers["model"],
            "table": peers["set"],
            "seed": peers["seed"],
            "part": "test",
            "metric": np.where(numbers, "nrmse", "error"),
            "value": np.where(numbers, np.sqrt(1 - peers["r2"]), 1 - peers["accuracy"]),
            "log_loss": np.where(numbers, np.nan, peers["logloss"]),
            "fit_seconds": peers["fit_seconds"],
            "settings": settings_of({}),
        }
    ).dropna(subset="value")


def mean_errors(rows, tables, column="value"):
    """The table of errors: means over seeds, rounded as peers.csv is so that ties are ties.

    `column` is "value" or "log_loss", which regressions do not have.
    """
    rows = rows.assign(**{column: rows[column].astype(float).round(DIGITS)})
    means = rows.pivot_table(index="table", columns="model", values=column, sort=False)
    return means.reindex(tables).round(DIGITS)


def shifted_ratio(values, peer):
    """The shifted geometric mean of errors relative to a peer's, over tables that both have."""
    values, peer = np.asarray(values, float), np.asarray(peer, float)
    logs = np.log(values + SHIFT) - np.log(peer + SHIFT)
    logs = logs[np.isfinite(logs)]
    return float(np.exp(logs.mean())) if len(logs) else float("nan")


def wins(errors):
    """Share of tables on which the row's model beats the column's; a tie is half a win."""
    names = list(errors)
    return pd.DataFrame([[beats(errors[a], errors[b]) for b in names] for a in names], names, names)


def beats(ours, theirs):
    both = (ours - theirs).dropna()
    return float(((both < 0) + 0.5 * (both == 0)).mean()) if len(both) else float("nan")


def average_ranks(errors):
    """Mean rank of each model with all tables, 1 the best; equal errors share their ranks."""
    return errors.dropna(axis=1).rank(axis=1).mean()

"""Small tables with columns of every kind, and estimators fitted on them once per session."""

from functools import cache

import numpy as np
import pandas as pd

from kerasdnn import DNNClassifier, DNNRegressor

ROWS = 160


@cache
def table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 10, ROWS),
            "city": rng.choice(["Oslo", "Bonn", "Rome"], ROWS),
            "flag": rng.choice(["a", "b"], ROWS),
            "zip": [f"z{i}" for i in rng.integers(0, 30, ROWS)],
            "when": pd.date_range("2024-01-01", periods=ROWS),
            "constant": 1,
            "note": [" ".join(rng.choice(NOTES, 3)) for _ in range(ROWS)],
        }
    )
    frame.loc[::9, "age"] = np.nan
    return frame


NOTES = ["great product", "bad service", "late delivery again", "friendly staff", "never again"]


@cache
def score():
    frame = table()
    return 0.1 * (frame["age"].fillna(40) - 40) + (frame["city"] == "Oslo")


def targets():
    z = score()
    return {
        "binary": np.where(z > 0.3, "yes", "no"),
        "three": np.where(z > 0.8, "high", np.where(z > 0, "middle", "low")),
        "labels": np.column_stack([z > 0.3, z > 0.8]).astype(int),
        "number": z.to_numpy() * 1e5,
        "log": np.exp(z.to_numpy()),
        "columns": np.column_stack([z, -2 * z]),
    }


FAST = {"epochs": 4, "random_state": 0, "columns": {"note": "text"}}
MODELS = {
    "realmlp": lambda: DNNClassifier(**FAST).fit(table(), targets()["binary"]),
    "realmlp-s": lambda: DNNClassifier("realmlp-s", **FAST).fit(table(), targets()["three"]),
    "standard": lambda: DNNClassifier(
        "standard", one_hot_limit=8, embedding_size=3, activation="tanh", **FAST
    ).fit(table(), targets()["binary"]),
    "pack": lambda: DNNClassifier("pack", n_members=2, **FAST).fit(table(), targets()["binary"]),
    "ensemble": lambda: DNNClassifier(n_members=2, hidden_units=(16,), **FAST).fit(
        table(), targets()["binary"]
    ),
    "labels": lambda: DNNClassifier(hidden_units=(16,), **FAST).fit(table(), targets()["labels"]),
    "regressor": lambda: DNNRegressor(hidden_units=(32, 32), **FAST).fit(
        table(), targets()["number"]
    ),
    "log": lambda: DNNRegressor(target="log", hidden_units=(16,), **FAST).fit(
        table(), targets()["log"]
    ),
    "quantiles": lambda: DNNRegressor(quantiles=(0.1, 0.5, 0.9), hidden_units=(16,), **FAST).fit(
        table(), targets()["number"]
    ),
    "columns": lambda: DNNRegressor(hidden_units=(16,), **FAST).fit(table(), targets()["columns"]),
    "crossed": lambda: DNNRegressor(
        "standard", **FAST | {"columns": {"note": "text", "place": ["city", "flag"]}}
    ).fit(table(), targets()["number"]),
}


@cache
def fitted(name):
    return MODELS[name]()

"""The tables of `bench_accuracy.py`: read from a folder or from scikit-learn, split, with holes."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

SHIPPED = ("breast_cancer", "digits", "wine", "diabetes")  # inside scikit-learn: no download
PARTS = ("train", "valid", "test")
SEED = 0  # of splits and holes: all models and seeds see the same rows and the same gaps


@dataclass(frozen=True)
class Data:
    """A table to learn from.

    Attributes:
        task: "binary", "multiclass" or "regression".
        numeric, categorical: names of the columns of X.
        rows: dict of part to positions of its rows.
    """

    name: str
    task: str
    X: pd.DataFrame
    y: pd.Series
    numeric: list
    categorical: list
    rows: dict

    def part(self, name):
        """`(X, y)` of the rows of one part."""
        rows = self.rows[name]
        return self.X.iloc[rows].reset_index(drop=True), self.y.iloc[rows].reset_index(drop=True)


def pooled(data):
    """The same table with the rows of train and valid as the train part, without a valid part."""
    train = np.concatenate([data.rows["train"], data.rows["valid"]])
    return replace(data, rows={"train": train, "test": data.rows["test"]})


def names_in(folder):
    """The tables of a folder, or of scikit-learn where it is None."""
    return list(SHIPPED if folder is None else read_meta(folder))


def read_meta(folder):
    return json.loads((Path(folder) / "meta.json").read_text("utf-8"))


def read_table(name, folder=None):
    """The `Data` of one of `names_in(folder)`."""
    return shipped(name) if folder is None else stored(name, Path(folder))


def stored(name, folder):
    about, frame = read_meta(folder)[name], pd.read_parquet(folder / f"{name}.parquet")
    with np.load(folder / f"{name}.split.npz") as split:
        rows = {part: split[part] for part in PARTS}
    numeric, categorical = about["numeric"], about["categorical"]
    X, y = frame[[*numeric, *categorical]], frame[about["target"]]
    return Data(name, about["task"], X, y, numeric, categorical, rows)


def shipped(name):
    from sklearn import datasets

    X, y = getattr(datasets, f"load_{name}")(return_X_y=True, as_frame=True)
    classes = y.nunique()
    task = "regression" if name == "diabetes" else "binary" if classes == 2 else "multiclass"
    rows = split_rows(len(y), None if task == "regression" else y)
    return Data(name, task, X, y, list(X), [], rows)


def split_rows(count, labels=None):
    """60 / 20 / 20 of the rows as a dict of part to positions; by class where there are labels."""
    from sklearn.model_selection import train_test_split

    def halve(rows, size):
        by = None if labels is None else np.asarray(labels)[rows]
        return train_test_split(rows, test_size=size, random_state=SEED, stratify=by)

    rest, test = halve(np.arange(count), 0.2)
    train, valid = halve(rest, 0.25)
    return dict(zip(PARTS, (train, valid, test), strict=True))


def with_holes(data, share):
    """The same table with `share` of its numeric cells missing, drawn over all of its rows."""
    if not share or not data.numeric:
        return data
    numbers = data.X[data.numeric].to_numpy("float64", copy=True)
    rng = np.random.default_rng(SEED)
    numbers.flat[rng.choice(numbers.size, round(share * numbers.size), replace=False)] = np.nan
    X = data.X.copy()
    X[data.numeric] = numbers
    return replace(data, X=X)

"""Tables and fitted models for the tests of exports."""

import warnings

import numpy as np
import pandas as pd

import kerasdnn

N = 300
LABELS = np.stack([np.arange(N) % 2, np.arange(N) % 3 == 0], axis=1).astype(int)


def mixed_table(n=N, seed=0):
    rng = np.random.default_rng(seed)
    money = [f"{v:,.2f} €".translate(str.maketrans(",.", ".,")) for v in rng.lognormal(8, 1, n)]
    words = [
        "the",
        "big",
        "red",
        "dog",
        "runs",
        "over",
        "fast",
        "green",
        "cars",
        "near",
        "old",
        "houses",
        "and",
        "rivers",
    ]
    return pd.DataFrame(
        {
            "age": np.where(rng.random(n) < 0.1, np.nan, rng.integers(18, 80, n)),
            "income": money,
            "city": rng.choice(["Oslo", "Bonn", "Seoul", None], n),
            "zip": rng.choice([f"z{i}" for i in range(40)], n),
            "since": pd.date_range("2020-01-01", periods=n, freq="7h"),
            "seen": pd.date_range("2021-01-01", periods=n, freq="5h", tz="UTC"),
            "born": pd.Series(pd.date_range("1960-01-01", periods=n, freq="9D")).dt.strftime(
                "%d.%m.%Y"
            ),
            "member": rng.choice([True, False], n),
            "smokes": rng.choice(["yes", "no"], n),
            "note": [" ".join(rng.choice(words, 7)) + f" {i}" for i in range(n)],
            "code": rng.choice([1, 2, 3, 5], n),
            "at": [f"{h:02d}:{m:02d}" for h, m in zip(rng.integers(0, 24, n),
                                                      rng.integers(0, 60, n), strict=True)],
            "took": pd.to_timedelta(rng.integers(60, 9_000, n), unit="s"),
            "same": 1,
        }
    )  # fmt: skip


def fitted(estimator, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kerasdnn.DataWarning)
        return estimator.fit(X, y)

"""A training that will not fit in memory is announced, with what to change."""

import warnings

import numpy as np
import pytest

from kerasdnn import DataWarning, DNNRegressor
from kerasdnn.training import size
from kerasdnn.training.size import Size, available_memory, warn_of_size

SETTINGS = {"hidden_units": (64, 32), "n_members": 2, "batch_size": 32, "epochs": 10}


def test_the_estimate_follows_its_equations():
    found = Size.of(1_000, 250, 20, 1, SETTINGS)
    weights = 21 * 64 + 65 * 32 + 33 * 1
    assert found.table == 2 * 4 * 1_250 * 20
    assert found.networks == 2 * 4 * 4 * weights
    assert found.activations == 3 * 4 * 32 * (20 + 64 + 32 + 1)
    assert found.seconds == pytest.approx(2 * 10 * 32 * (15e-6 + 6 * weights * 32 / 3e10))


@pytest.mark.parametrize(("change", "rows", "remedy"), [
    ({}, 10**9, "fit(\"table.parquet\", y=\"column\")"),
    ({"n_members": 10**6}, 1_000, "fewer members"),
    ({"batch_size": "full", "hidden_units": (4096,)}, 10**6, "smaller `batch_size`"),
])  # fmt: skip
def test_the_remedy_is_that_of_the_largest_part(change, rows, remedy):
    with pytest.warns(DataWarning, match="will probably not fit in memory") as told:
        warn_of_size(Size.of(rows, 0, 20, 1, SETTINGS | change), available=2**30)
    assert remedy in str(told[0].message)
    assert "1.0 GiB are available" in str(told[0].message)


def test_what_fits_is_not_mentioned_and_the_memory_is_measured():
    assert 2**24 < available_memory() < 2**50
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_size(Size.of(1_000, 0, 20, 1, SETTINGS))


def test_an_estimator_warns_before_it_encodes(monkeypatch):
    monkeypatch.setattr(size, "available_memory", lambda: 1_000)
    X = np.random.default_rng(0).normal(size=(60, 4))
    with pytest.warns(DataWarning, match="48 rows|60 rows"):
        DNNRegressor("standard", epochs=1, random_state=0).fit(X[:, :3], X[:, 3])


def test_amounts_are_readable():
    assert size.amount(3 * 2**20) == "3 MiB"
    assert size.amount(5 * 2**30) == "5.0 GiB"
    assert [size.duration(s) for s in (3, 600, 36_000)] == ["3 seconds", "10 minutes", "10 hours"]

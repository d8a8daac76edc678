"""groups=, time= and any cv= in every public entry point: nothing leaks between the parts."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold, KFold, TimeSeriesSplit

from kerasdnn import DNNClassifier, DNNRegressor, PopulationTuner, compare, hypermodel, tune
from kerasdnn.estimators import fit as estimator_fit
from kerasdnn.search import comparison

RNG = np.random.default_rng(0)
ROWS = 80
X = RNG.normal(size=(ROWS, 2)).astype("float32")
Y = (X[:, 0] > 0).astype(int)
WHO = RNG.permutation(np.repeat(np.arange(16), 5))
DAY = pd.Timestamp("2024-01-01") + pd.to_timedelta(RNG.permutation(ROWS), unit="D")
NUMBERS = pd.DataFrame(X, columns=["a", "b"]).assign(who=WHO)
TABLE = pd.DataFrame(X, columns=["a", "b"]).assign(
    city=RNG.choice(["Oslo", "Rome"], ROWS), who=[f"w{w}" for w in WHO], day=DAY
)
LABELS = np.where(Y == 1, "yes", "no")
QUICK = {"hidden_units": (3,), "epochs": 1, "verbose": 0}
SEARCH = QUICK | {"max_trials": 1, "seed": 0, "space": lambda hp: {"dropout": 0.1}}


@pytest.mark.parametrize("cv", [None, 3, GroupKFold(4)])
@pytest.mark.parametrize("groups", ["who", WHO])
def test_a_search_keeps_groups_apart(cv, groups):
    found = tune(NUMBERS, Y, groups=groups, cv=cv, **SEARCH)
    for train, held in found.tuner.data.pairs:
        assert not set(WHO[train]) & set(WHO[held])
    named = isinstance(groups, str)
    assert found.tuner.data.rows.x.shape[1] == (2 if named else 3)
    features = NUMBERS[["a", "b"]] if named else NUMBERS
    assert len(found.best_network().predict(features, verbose=0)) == ROWS


@pytest.mark.parametrize("cv", [None, 3, TimeSeriesSplit(4)])
def test_a_search_is_validated_on_later_rows(cv):
    found = tune(X, Y, time=DAY, cv=cv, **SEARCH)
    days = DAY.to_numpy()
    assert all(days[train].max() < days[held].min() for train, held in found.tuner.data.pairs)


@pytest.mark.parametrize("preset", ["standard", "realmlp"])
def test_a_search_over_a_table_neither_leaks_groups_nor_learns_from_their_column(preset):
    model = DNNClassifier(preset, hidden_units=(3,), epochs=1)
    search = {"max_trials": 1, "seed": 0, "verbose": 0, "space": lambda hp: {"dropout": 0.1}}
    found = model.tune(TABLE, LABELS, groups="who", cv=GroupKFold(3), **search)
    assert len(found.trials.filter(like="score_fold").columns) == 3
    if preset == "standard":
        for train, held in found.tuner.data.pairs:
            assert not set(WHO[train]) & set(WHO[held])
    best = found.best_estimator()
    assert not [name for name in best.encoder_.get_feature_names_out() if "who" in name]
    without = TABLE.drop(columns="who")
    np.testing.assert_array_equal(best.predict(TABLE), best.predict(without))


def pairs_of_fit(monkeypatch, estimator, *data, **labels):
    """The first rows of a table that `fit` trains and validates on, read from their column "id"."""
    seen, fit_rows = [], estimator_fit.fit_rows

    def spy(estimator, rows, validation, *rest):
        place = rows.x.names.index("id")
        seen.extend(part.x.column(place).values.astype(int) for part in (rows, validation))
        return fit_rows(estimator, rows, validation, *rest)

    monkeypatch.setattr(estimator_fit, "fit_rows", spy)
    return estimator.fit(*data, **labels), seen


@pytest.mark.parametrize("weights", [None, np.arange(ROWS) % 3])  # rows dropped and repeated
def test_fit_keeps_groups_apart(monkeypatch, weights):
    table = TABLE.assign(id=np.arange(ROWS) * 2.0)
    model, (train, held) = pairs_of_fit(
        monkeypatch, DNNClassifier("standard", random_state=0, **QUICK), table, LABELS, weights,
        groups="who",
    )  # fmt: skip
    assert not set(WHO[train // 2]) & set(WHO[held // 2])
    assert not [name for name in model.encoder_.get_feature_names_out() if "who" in name]
    np.testing.assert_array_equal(model.predict(table), model.predict(table.drop(columns="who")))
    assert model.predict(table.assign(who=1.5)).shape == (ROWS,)  # whatever it holds


def test_fit_validates_on_the_latest_rows(monkeypatch):
    table = TABLE.assign(id=np.arange(ROWS) * 2.0)
    model, (train, held) = pairs_of_fit(
        monkeypatch, DNNRegressor("standard", random_state=0, **QUICK), table, X[:, 0] + X[:, 1],
        time="day",
    )  # fmt: skip
    assert DAY[train // 2].max() < DAY[held // 2].min()
    assert len(held) == ROWS // 5
    assert not [name for name in model.encoder_.get_feature_names_out() if "day" in name]
    asked, _ = pairs_of_fit(
        monkeypatch, DNNRegressor("standard", random_state=0, **QUICK), table, X[:, 0],
        time=table["day"],
    )  # fmt: skip
    assert [name for name in asked.encoder_.get_feature_names_out() if "day" in name]


@pytest.mark.parametrize(
    "labels", [{"groups": "who"}, {"groups": WHO, "cv": 4}, {"time": DAY}, {"cv": KFold(4)}]
)
def test_a_comparison_splits_as_it_is_told(monkeypatch, labels):
    seen, train = [], comparison.train

    def spy(members, data, folds, **settings):
        seen.append((data, folds))
        return train(members, data, folds, **settings)

    monkeypatch.setattr(comparison, "train", spy)
    found = compare(NUMBERS, Y, {"dropout": [0.0, 0.2]}, seeds=4, **QUICK, **labels)
    assert len(found.runs) == 8
    ((data, folds),) = seen
    assert sorted(set(folds)) == [0, 1, 2, 3]
    for used, held in data.pairs:
        if "groups" in labels:
            assert not set(WHO[used]) & set(WHO[held])
        if "time" in labels:
            assert DAY[used].max() < DAY[held].min()
    assert data.columns == (
        ("a", "b") if labels.get("groups") is not WHO and "groups" in labels else ("a", "b", "who")
    )


def test_index_pairs_of_a_table_mean_the_rows_that_were_passed():
    weights = np.ones(ROWS)
    weights[:10] = 0  # which a table drops
    pairs = [(np.arange(5, 60), np.arange(60, ROWS)), (np.arange(40, ROWS), np.arange(0, 40))]
    found = tune(TABLE, LABELS, sample_weight=weights, cv=pairs, **SEARCH)
    (train, held), (_, second) = found.tuner.data.pairs
    assert train.tolist() == list(range(50))
    assert held.tolist() == list(range(50, 70))
    assert second.tolist() == list(range(30))


def test_a_tuner_of_keras_tuner_takes_groups(tmp_path):
    import keras_tuner

    oracle = keras_tuner.oracles.RandomSearchOracle("val_loss", max_trials=1, seed=0)
    model = hypermodel("binary", 2, hidden_units=(3,))
    tuner = PopulationTuner(oracle, model, directory=tmp_path)
    tuner.search(NUMBERS, Y, epochs=1, groups="who", cv=3, verbose=0)
    assert all(not set(WHO[a]) & set(WHO[b]) for a, b in tuner.data.pairs)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tune(X, Y, groups=WHO, time=DAY), "either `groups` or `time`"),
        (lambda: tune(X, Y, groups=WHO, validation_data=(X, Y)), "either `groups` or `validation"),
        (lambda: tune(NUMBERS, Y, groups="whom"), "`groups` must name a column.*groups='whom'"),
        (lambda: tune(TABLE, LABELS, time="city"), "`time` must contain numbers or dates"),
        (lambda: DNNClassifier().fit(TABLE, LABELS, groups="whom"), "`groups` must name a column"),
        (lambda: DNNClassifier().fit(TABLE, LABELS, groups=WHO[1:]), "same number of rows"),
        (lambda: compare(X, Y, {"l2": [0, 1]}, cv=2, validation_data=(X, Y)), "either `cv`"),
        (lambda: tune(X, Y, cv=KFold(3), groups=WHO), "has a group in both"),
    ],
)
def test_what_cannot_be_meant_is_rejected(call, message):
    with pytest.raises(ValueError, match=message):
        call()

"""Members on folds and on bootstrap samples, and what they predict for rows they did not see."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import KFold

import kerasdnn
from kerasdnn import DNNClassifier, DNNRegressor
from kerasdnn.core.rows import Rows
from kerasdnn.estimators import ensemble, training

RNG = np.random.default_rng(0)
N = 203
TABLE = pd.DataFrame({"a": RNG.normal(size=N), "b": RNG.normal(size=N),
                      "c": RNG.choice(["x", "y"], N)})  # fmt: skip
NUMBERS = TABLE.a * 10 + (TABLE.c == "x") * 5 + RNG.normal(size=N)
CLASSES = np.where(TABLE.a + RNG.normal(size=N) / 2 > 0, "yes", "no")
QUICK = {"preset": "standard", "hidden_units": (8,), "epochs": 15, "random_state": 0,
         "learning_rate": 0.02}  # fmt: skip


def members_of(model):
    return model.network_.layers[-1].networks


def test_folds_divide_the_rows_and_keep_classes_and_groups():
    strata, groups = (CLASSES == "yes").astype(int), np.arange(N) // 7
    rng = np.random.default_rng(0)
    pairs = ensemble.split_members("folds", Rows(TABLE, strata), strata, 4, rng)
    assert (np.sort(np.concatenate([held for _, held in pairs])) == np.arange(N)).all()
    for train, held in pairs:
        assert not np.intersect1d(train, held).size
        assert strata[held].mean() == pytest.approx(strata.mean(), abs=0.02)
    rows = Rows(TABLE, strata, groups=groups)
    for train, held in ensemble.split_members("folds", rows, strata, 4, rng):
        assert not np.intersect1d(groups[train], groups[held]).size


def test_bootstrap_samples_have_as_many_rows_and_leave_a_third_out():
    rng = np.random.default_rng(0)
    rows = Rows(np.zeros((5_000, 1)), np.zeros(5_000))
    for drawn, left in ensemble.split_members("bootstrap", rows, None, 3, rng):
        assert len(drawn) == 5_000
        assert len(left) / 5_000 == pytest.approx(np.exp(-1), abs=0.02)  # (1 - 1/n)^n
        assert not np.intersect1d(drawn, left).size


@pytest.mark.parametrize(
    ("batch", "sizes", "expected"),
    [(100, [800, 801], 101), (64, [640, 640], 64), ("full", [9, 8], 9)],
)
def test_folds_that_differ_by_a_row_take_equally_many_steps(batch, sizes, expected):
    assert ensemble.equal_steps(batch, sizes) == expected


@pytest.mark.parametrize("preset", ["standard", "realmlp", "tabm"])
def test_out_of_fold_predictions_are_those_of_the_member_that_did_not_see_the_row(preset):
    few = {"tabm": {"k": 3}}.get(preset, {})
    model = DNNClassifier(**{**QUICK, "preset": preset, "epochs": 3}, **few, bagging="folds",
                          n_members=3).fit(TABLE, CLASSES)  # fmt: skip
    assert (
        all("together" in str(n) for n in [model.network_.last_path]) or len(members_of(model)) == 3
    )
    matrix = model.encoder_.transform(TABLE)
    of_members = np.stack([np.array(network(matrix))[:, 0] for network in members_of(model)])
    p = model.oof_predict_proba_[:, 1]
    log_odds = np.log(p) - np.log1p(-p)
    found = 1 / (1 + np.exp(-log_odds * model.temperature_))
    # Each row's probability is that of one member, and each member has about a third of the rows.
    nearest = np.abs(of_members - found).argmin(axis=0)
    assert np.abs(of_members[nearest, np.arange(N)] - found).max() < 1e-5
    assert set(np.bincount(nearest, minlength=3)) <= {66, 67, 68, 69}
    assert (model.oof_predict_ == np.where(p > 0.5, "yes", "no")).all()
    assert model.oof_score_ == pytest.approx(accuracy_score(CLASSES, model.oof_predict_))
    assert model.hyperparameters_["n_members"] == 3


def test_numbers_are_predicted_out_of_fold_in_their_units_and_the_score_is_kept(tmp_path):
    weights = RNG.uniform(0.5, 2, size=N)
    model = DNNRegressor(**QUICK, bagging="folds").fit(TABLE, NUMBERS, weights)
    assert len(members_of(model)) == 5
    assert model.oof_predict_.shape == (N,)
    assert model.oof_score_ == pytest.approx(
        r2_score(NUMBERS, model.oof_predict_, sample_weight=weights)
    )
    assert 0.8 < model.oof_score_ < model.score(TABLE, NUMBERS)
    model.save(tmp_path / "model.kerasdnn")
    again = kerasdnn.load(tmp_path / "model.kerasdnn")
    assert again.oof_score_ == model.oof_score_
    assert again.predict(TABLE) == pytest.approx(model.predict(TABLE))
    assert not hasattr(model.set_params(bagging=None, epochs=1).fit(TABLE, NUMBERS), "oof_score_")


def test_a_bootstrap_leaves_rows_that_every_member_has_seen():
    model = DNNClassifier(**QUICK, bagging="bootstrap", n_members=3).fit(TABLE, CLASSES)
    seen = np.isnan(model.oof_predict_proba_[:, 0])
    assert seen.mean() == pytest.approx((1 - np.exp(-1)) ** 3, abs=0.1)
    assert all((value is None) == all_saw for value, all_saw in zip(model.oof_predict_, seen,
                                                                    strict=True))  # fmt: skip
    assert model.oof_score_ == pytest.approx(
        accuracy_score(CLASSES[~seen], model.oof_predict_[~seen].astype(str))
    )


def test_rows_without_weight_are_left_out_and_repeated_weights_stay_in_one_fold():
    weights = np.where(np.arange(N) % 2, 2, 1)
    weights[:3] = 0
    model = DNNRegressor(**QUICK, bagging="folds", n_members=2).fit(TABLE, NUMBERS, weights)
    assert model.oof_predict_.shape == (N - 3,)
    assert np.corrcoef(model.oof_predict_, NUMBERS[3:])[0, 1] > 0.9


@pytest.mark.parametrize("preset", ["standard", "realmlp", "tabm"])
def test_members_are_trained_together_and_equal_members_trained_one_by_one(preset, monkeypatch):
    few = {"k": 3} if preset == "tabm" else {}
    settings = {**QUICK, "preset": preset, "epochs": 3, "n_members": 3, **few}
    calls = []
    whole = ensemble.fit_together
    monkeypatch.setattr(training, "together_pays", lambda: True)  # as on a GPU
    monkeypatch.setattr(ensemble, "fit_together", lambda *a: calls.append(1) or whole(*a))
    together = DNNClassifier(**settings).fit(TABLE, CLASSES)
    assert calls == [1]

    def refuse(*_):
        raise ensemble.NotStackable

    monkeypatch.setattr(ensemble, "fit_together", refuse)
    alone = DNNClassifier(**settings).fit(TABLE, CLASSES)
    assert together.predict_proba(TABLE) == pytest.approx(alone.predict_proba(TABLE), abs=2e-4)
    assert together.best_epoch_ == alone.best_epoch_


def test_probabilities_threshold_and_intervals_are_learned_from_rows_out_of_fold():
    model = DNNClassifier(**QUICK, bagging="folds", n_members=3, threshold="f1")
    model.fit(TABLE, CLASSES)
    assert (model.oof_predict_ == "yes").mean() == pytest.approx(
        (model.oof_predict_proba_[:, 1] > model.threshold_).mean()
    )
    model.set_params(threshold=None, calibrate=False).fit(TABLE, CLASSES)
    assert model.temperature_ == 1
    model = DNNRegressor(**QUICK, bagging="folds", n_members=3).fit(TABLE, NUMBERS)
    low, high = model.predict_interval(TABLE, coverage=0.8).T
    errors = np.abs(NUMBERS - model.oof_predict_)  # at epochs that the rows have selected
    assert 0.78 <= (errors <= (high - low) / 2 + 1e-6).mean() <= 0.9


def test_epochs_of_folds_are_compared_by_a_scorer_too():
    settings = QUICK | {"epochs": 3, "monitor": "average_precision"}
    model = DNNClassifier(**settings, bagging="folds", n_members=2).fit(TABLE, CLASSES)
    assert "val_average_precision" in model.history_
    assert model.oof_predict_proba_.shape == (N, 2)


def test_some_rows_have_no_folds_for_partial_fit():
    with pytest.raises(ValueError, match="`bagging` must be None for `partial_fit`"):
        DNNRegressor(**QUICK, bagging="folds").partial_fit(TABLE, NUMBERS)


@pytest.mark.parametrize(
    ("settings", "fit", "message"),
    [
        ({"bagging": "fold"}, {}, "bagging='fold'.*'folds'"),
        ({"bagging": "folds", "n_members": 1}, {}, "`n_members`.*n_members=1"),
        ({"bagging": "folds", "n_members": 500}, {}, "`n_members` must be at most 203"),
        ({"bagging": "folds"}, {"time": np.arange(N)}, "`bagging`.*`time`"),
        ({"bagging": "bootstrap"}, {"groups": np.arange(N)}, "`bagging`.*groups"),
        (
            {"bagging": "folds"},
            {"validation_data": (TABLE, CLASSES)},
            "`bagging`.*`validation_data`",
        ),
        ({"bagging": "folds", "refit": True}, {}, "`bagging`.*`refit`"),
        ({"bagging": "folds", "warm_start": True}, {}, "`bagging`.*`warm_start`"),
        ({"bagging": "folds", "time_limit": 60}, {}, "`bagging`.*`time_limit`"),
        ({"bagging": "folds", "validation_split": KFold(3)}, {}, "`bagging`.*`validation_split`"),
    ],
)
def test_what_excludes_bagging_is_named(settings, fit, message):
    with pytest.raises(ValueError, match=message):
        DNNClassifier(**QUICK, **settings).fit(TABLE, CLASSES, **fit)

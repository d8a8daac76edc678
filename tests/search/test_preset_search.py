"""tune() around a preset: a trial is a fit, resume, failures, what is refused."""

import keras_tuner
import numpy as np
import pandas as pd
import pytest

from kerasdnn import DNNClassifier, DNNRegressor
from kerasdnn.estimators.presets import PRESETS
from kerasdnn.search.spaces import preset_space

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame({"a": RNG.normal(size=80), "city": RNG.choice(["Oslo", "Rome"], 80)})
FRAME.loc[3, "a"] = np.nan
Y = np.where(
    FRAME["a"].fillna(0) * (FRAME["city"] == "Oslo") + 0.1 * RNG.normal(size=80) > 0, "yes", "no"
)
VALID = FRAME.tail(20), Y[-20:]


def space(hp):
    return {
        "hidden_units": (hp.Choice("units", [4, 6]),),
        "learning_rate": hp.Float("learning_rate", 0.01, 0.3, sampling="log"),
    }


def search(estimator=None, **kwargs):
    arguments = {"space": space, "max_trials": 2, "epochs": 4, "seed": 0, "verbose": 0}
    estimator = estimator or DNNClassifier("realmlp", embedding_size=2)
    return estimator.tune(FRAME, Y, **{**arguments, **kwargs})


@pytest.mark.parametrize("objective", ["val_loss", "val_accuracy"])
def test_a_trial_is_what_a_fit_with_its_hyperparameters_is(objective):
    found = search(validation_data=VALID, objective=objective, epochs=12)
    best = min if objective == "val_loss" else max
    if best is min:  # the last epoch of a trial cannot pass for its best
        assert (found.trials["epochs"] < 12).any()
    for rank, (_, row) in enumerate(found.ranking.iterrows()):
        model = DNNClassifier(**found.hyperparameters(rank), **found.training(rank))
        assert (model.preset, model.embedding_size, model.epochs) == ("realmlp", 2, 12)
        model.fit(FRAME, Y, validation_data=VALID)
        assert model.best_epoch_ == row["epochs"]
        scores = model.history_[objective]
        assert row["score"] == pytest.approx(scores[model.best_epoch_]) == best(scores)
        curve = found.epochs.query("trial == @row.trial")[objective]
        assert curve.tolist() == pytest.approx(scores.tolist())


@pytest.mark.parametrize(
    ("preset", "numbers", "steep"),
    [("realmlp", False, False), ("realmlp-s", True, False), ("compact", True, True)],
)
def test_a_search_without_a_space_starts_from_the_preset(preset, numbers, steep):
    hp = keras_tuner.HyperParameters()
    own = PRESETS[preset].values(numbers, steep)
    chosen = preset_space(preset, numbers, steep)(hp)
    assert chosen == {name: own[name] for name in chosen}
    rate = next(one for one in hp.space if one.name == "learning_rate")
    assert (rate.min_value, rate.max_value) == (own["learning_rate"] / 3, own["learning_rate"] * 3)
    assert (rate.sampling, len(hp.space)) == ("log", 6)


def test_the_best_network_is_a_fitted_estimator_of_the_preset():
    found = search(DNNClassifier("realmlp-s"))
    model = found.best_network()
    assert model.preset == "realmlp-s"
    assert model.hidden_units == found.best_hyperparameters["hidden_units"]
    assert set(model.predict(FRAME)) <= {"yes", "no"}
    assert found.best_score == found.trials["score"].min()


def test_losses_are_of_labels_that_are_not_smoothed():
    assert search().best_hyperparameters["label_smoothing"] == 0
    by_accuracy = search(objective="val_accuracy", max_trials=1)
    assert "label_smoothing" not in by_accuracy.best_hyperparameters  # the preset's
    assert by_accuracy.best_network().hyperparameters_["label_smoothing"] == 0.1


def test_a_score_of_folds_is_their_mean():
    found = DNNRegressor("realmlp").tune(
        FRAME, RNG.normal(size=80), cv=3, space=space, max_trials=1, epochs=2, seed=0, verbose=0
    )
    folds = found.trials[["score_fold_0", "score_fold_1", "score_fold_2"]].to_numpy()[0]
    assert found.trials["score"][0] == pytest.approx(folds.mean())
    assert len(found.epochs) == 3 * 2


def test_a_search_that_is_resumed_finds_what_one_in_one_go_does(tmp_path):
    search(max_trials=1, directory=tmp_path)
    resumed, whole = search(max_trials=3, directory=tmp_path), search(max_trials=3)
    columns = ["hidden_units", "learning_rate", "score", "epochs"]
    pd.testing.assert_frame_equal(resumed.trials[columns], whole.trials[columns])
    with pytest.raises(ValueError, match="another `estimator`"):
        search(DNNClassifier("realmlp", dropout=0.5), directory=tmp_path)
    with pytest.raises(ValueError, match="another `epochs`"):
        search(epochs=5, directory=tmp_path)
    with pytest.raises(ValueError, match="another `data`"):
        search(validation_fraction=0.5, directory=tmp_path)


def test_hyperband_gives_trials_more_epochs_by_and_by():
    found = search(oracle="hyperband", max_trials=None, epochs=3)
    counts = found.epochs.groupby("trial").size()
    assert set(counts) == {2, 3} or set(counts) == {1, 3}


def test_a_trial_that_fails_says_why_and_the_others_go_on():
    def half(hp):
        return {"dropout": hp.Choice("dropout", [0.1, 2.0]), "hidden_units": (4,)}

    found = search(space=half, oracle="grid")
    assert found.trials["status"].tolist() == ["completed", "failed"]
    assert "`dropout` must be" in found.trials["message"][1]


@pytest.mark.filterwarnings("ignore:The loss became")
def test_a_network_that_diverges_is_a_trial_that_failed():
    def wild(hp):
        return {"learning_rate": hp.Choice("rate", [0.01, 1e30]), "hidden_units": (4,)}

    found = search(space=wild, oracle="grid", batch_size=8)
    assert found.trials["status"].tolist() == ["completed", "failed"]
    assert "diverged" in found.trials["message"][1]


def test_a_trial_whose_score_is_not_finite_failed():
    numbers = np.full(20, 1e30)  # whose squares float32 does not hold
    with pytest.raises(RuntimeError, match="objective was not finite"):
        DNNRegressor("realmlp").tune(
            FRAME, RNG.normal(size=80), validation_data=(VALID[0], numbers), space=space,
            max_trials=3, epochs=1, seed=0, verbose=0,
        )  # fmt: skip


def test_a_search_whose_first_trials_all_fail_ends():
    def bad(hp):
        return {"learning_rate": hp.Choice("rate", [-1.0, -2.0, -3.0, -4.0])}

    with pytest.raises(RuntimeError, match=r"first 3 trials failed:\n.*`learning_rate` must be"):
        search(space=bad, oracle="grid", max_trials=4)


def test_the_time_budget_ends_a_search_that_can_go_on(tmp_path):
    assert len(search(time_budget=1e-9, directory=tmp_path).trials) == 0
    assert len(search(directory=tmp_path).trials) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"objective": "val_rocauc"}, "`objective` must be one of 'val_loss', 'val_accuracy'"),
        ({"n_jobs": 0}, "`n_jobs` must not be 0"),
        ({"oracle": "randon"}, "`oracle` must be one of.*Did you mean 'random'"),
        ({"max_trials": 0}, "`max_trials` must be"),
        ({"space": lambda hp: {"l2": 0.1}}, "`l2` is not a hyperparameter that `space"),
        ({"space": lambda hp: 3}, "must return a dict"),
        ({"l2": 0.1}, "`l2` is not a hyperparameter.*preset='standard'"),
    ],
)
def test_what_the_preset_does_not_know_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        search(**arguments)

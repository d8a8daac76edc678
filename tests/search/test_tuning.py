"""tune() and PopulationTuner: results, resume after kills, tables, pictures."""

import json
import multiprocessing
import os
import signal
import time
import warnings

import keras
import keras_tuner
import numpy as np
import pandas as pd
import pytest

from kerasdnn import (
    DataWarning,
    DNNClassifier,
    DNNRegressor,
    Network,
    PopulationTuner,
    build_classifier,
    hypermodel,
    tune,
)
from kerasdnn.search.engine import batch_run, trial_batch
from kerasdnn.search.engine.project import Progress

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3)).astype("float32")
Y = (X[:, 0] * X[:, 1] + 0.2 * RNG.normal(size=90) > 0).astype(int)


NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
KILLED = ["random", "grid", "bayesian", "hyperband"] if NIGHTLY else ["hyperband"]
KILLS = 20 if NIGHTLY else 1


def space(hp):
    return {
        "hidden_units": (hp.Choice("units", [3, 5]),) * hp.Int("layers", 1, 2),
        "optimizer": hp.Choice("optimizer", ["nag", "adam"]),
        "learning_rate": hp.Float("learning_rate", 1e-3, 0.3, sampling="log"),
    }


def grid(hp):
    return {
        "hidden_units": (hp.Choice("units", [3, 4, 5]),),
        "learning_rate": hp.Choice("learning_rate", [0.01, 0.1]),
    }


def search(oracle="random", **kwargs):
    arguments = {
        "space": grid if oracle == "grid" else space, "oracle": oracle, "max_trials": 6,
        "epochs": 4, "seed": 1, "wave": 3, "verbose": 0,
    }  # fmt: skip
    return tune(X, kwargs.pop("y", Y), **{**arguments, **kwargs})


@pytest.fixture(scope="module")
def result():
    return search(max_trials=8, wave=8)


def test_a_trial_has_its_row_with_all_that_can_be_pasted(result):
    columns = ["trial", "hidden_units", "optimizer", "learning_rate", "score"]
    assert list(result.trials)[:5] == columns
    assert len(result.trials) == 8
    assert result.trials["status"].eq("completed").all()
    assert (result.trials["seconds"] > 0).all()
    assert result.best_score == result.trials["score"].min()
    network = build_classifier(n_features=3, **result.best_hyperparameters)
    assert network.seed == 1
    assert set(result.best_training) == {"batch_size", "epochs"}


def test_the_score_is_the_best_epoch_of_the_curve(result):
    for _, row in result.trials.iterrows():
        curve = result.epochs.query("trial == @row.trial")["val_loss"].to_numpy()
        assert len(curve) == 4
        assert row["score"] == curve.min()
        assert row["epochs"] == curve.argmin() + 1


def test_the_best_network_is_fit_with_the_best_hyperparameters_on_all_rows(result):
    again = build_classifier(n_features=3, **result.best_hyperparameters)
    again.fit(X, Y, verbose=0, **result.best_training)
    network = result.best_network()
    np.testing.assert_array_equal(network.predict(X, verbose=0), again.predict(X, verbose=0))
    assert network is result.best_network()


def test_keras_tuners_own_words_work(result, capsys):
    tuner = result.tuner
    assert isinstance(tuner, keras_tuner.Tuner)
    tuner.results_summary(1)
    assert "Score: " in capsys.readouterr().out
    values = tuner.get_best_hyperparameters(2)[0].values
    assert values["learning_rate"] == result.best_hyperparameters["learning_rate"]
    model, _second = tuner.get_best_models(2)
    assert model.predict(X, verbose=0).shape == (90, 1)


def test_a_trained_trial_predicts_with_the_weights_of_its_best_epoch(result):
    row = result.ranking.iloc[0]
    train, valid = result.tuner.data.pairs[0]
    alone = build_classifier(n_features=3, **result.best_hyperparameters)
    alone.fit(X[train], Y[train], batch_size=32, epochs=int(row["epochs"]), verbose=0)
    model = result.tuner.get_best_models()[0]
    np.testing.assert_allclose(
        model.predict(X[valid], verbose=0), alone.predict(X[valid], verbose=0), rtol=1e-3, atol=1e-5
    )


def test_importance_is_a_share_of_one_and_pictures_are_drawn(result):
    importance = result.importance
    assert importance.sum() == pytest.approx(1)
    assert importance.is_monotonic_decreasing
    assert set(importance.index) <= {"depth", "width", "optimizer", "learning_rate"}
    assert result.plot_history().get_xlabel() == "trial"
    assert len(result.plot_importance().patches) == len(importance)
    assert "learning_rate" in [t.get_text() for t in result.plot_parallel().get_xticklabels()]
    assert len(result.plot_scores().axes) >= 3


def test_importance_finds_the_one_hyperparameter_that_matters(result):
    from dataclasses import replace

    trials = pd.DataFrame({
        "dropout": RNG.uniform(size=60), "learning_rate": RNG.uniform(size=60), "score": 0.0,
    })  # fmt: skip
    trials["score"] = (trials["learning_rate"] - 0.5) ** 2
    found = replace(result, trials=trials, names=["dropout", "learning_rate"]).importance
    assert found.index[0] == "learning_rate"
    assert found.iloc[0] > 0.9


@pytest.mark.parametrize("oracle", ["random", "grid", "bayesian", "hyperband"])
def test_a_search_cut_by_its_time_resumes_to_the_same_numbers(oracle, tmp_path):
    whole = search(oracle)
    cut = search(oracle, directory=tmp_path, time_budget=1e-6)
    assert not len(cut.trials) or cut.trials["status"].ne("completed").any() or oracle == "grid"
    for _ in range(3):
        cut = search(oracle, directory=tmp_path, time_budget=0.3)
    again = search(oracle, directory=tmp_path)
    columns = [c for c in whole.trials if c != "seconds"]
    pd.testing.assert_frame_equal(again.trials[columns], whole.trials[columns])


def killed_search(directory, oracle):
    search(oracle, directory=directory)


@pytest.mark.parametrize("oracle", KILLED)
def test_a_killed_search_resumes_to_the_same_numbers(oracle, tmp_path):
    whole = search(oracle)
    context = multiprocessing.get_context("spawn")
    for kill in range(KILLS):
        folder = tmp_path / str(kill)
        process = context.Process(target=killed_search, args=(folder, oracle))
        process.start()
        while process.is_alive() and not (folder / "search" / "oracle.json").exists():
            time.sleep(0.01)
        time.sleep(float(np.random.default_rng(kill).uniform(0, 3)))
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
        process.join()
        again = search(oracle, directory=folder)
        columns = [c for c in whole.trials if c != "seconds"]
        pd.testing.assert_frame_equal(again.trials[columns], whole.trials[columns])


def test_hyperband_gives_the_better_half_more_epochs_and_continues_their_training(tmp_path):
    found = search("hyperband", max_trials=None, epochs=4, directory=tmp_path)
    trials = found.trials.set_index("trial")
    epochs = found.epochs.groupby("trial")["epoch"].max()
    assert set(epochs) == {2, 4} or set(epochs) == {1, 2, 4} or set(epochs) == {1, 4}
    oracle = found.tuner.oracle
    continued = [t for t in oracle.trials.values() if "tuner/trial_id" in t.hyperparameters.values]
    assert continued
    for trial in continued:
        before = trial.hyperparameters.values["tuner/trial_id"]
        first, whole = (found.tuner.curves(i)[0] for i in (before, trial.trial_id))
        np.testing.assert_array_equal(whole[: len(first)], first)
        assert trials.loc[trial.trial_id, "hidden_units"] in [(3,), (5,), (3, 3), (5, 5)]


def test_folds_are_scored_each_and_their_mean_is_the_score(monkeypatch):
    def good_or_bad(hp):
        rate = hp.Choice("learning_rate", [1e-7, 0.02, 0.05])
        return {"hidden_units": (8,), "activation": "tanh", "learning_rate": rate}

    def searched():
        y = (X[:, 0] > 0).astype(int)
        return tune(X, y, space=good_or_bad, oracle="grid", cv=8, epochs=30, seed=1, verbose=0)

    monkeypatch.setattr(batch_run, "STAGE_WORK", 0)
    found = searched()
    complete = found.trials.query("status == 'completed'")
    folds = complete[[f"score_fold_{k}" for k in range(8)]]
    np.testing.assert_allclose(folds.mean(axis=1), complete["score"])
    dropped = found.trials.query("status == 'dropped'")
    assert dropped["learning_rate"].tolist() == [1e-7]
    assert dropped["score_fold_7"].isna().all()
    monkeypatch.undo()  # so small a table trains all folds at once, to the same scores
    scores = searched().trials.loc[complete.index, "score"]
    np.testing.assert_allclose(scores, complete["score"], rtol=1e-5)


def test_weights_count_in_the_objective_too():
    weights = np.where(Y == 1, 5.0, 1.0)
    by_row = search(sample_weight=weights, max_trials=2)
    by_class = search(class_weight={0: 1, 1: 5}, max_trials=2)
    plain = search(max_trials=2)
    np.testing.assert_array_equal(by_row.trials["score"], by_class.trials["score"])
    assert (by_row.trials["score"] != plain.trials["score"]).all()


def test_l2_and_label_smoothing_do_not_shift_the_score():
    def strong(hp):
        return {"hidden_units": (3,), "learning_rate": 1e-9, "l2": hp.Choice("l2", [0.0, 1.0])}

    found = search("grid", space=strong, max_trials=2)
    assert found.trials["l2"].tolist() == [0.0, 1.0]
    np.testing.assert_allclose(*found.trials["score"], rtol=1e-4)


def test_networks_that_cannot_be_stacked_are_trained_one_by_one():
    def lion(hp):
        return {"hidden_units": (3,), "optimizer": "lion",
                "learning_rate": hp.Choice("learning_rate", [0.001, 0.01])}  # fmt: skip

    with pytest.warns(DataWarning, match="2 of 2 networks cannot"):
        assert search("grid", space=lion, max_trials=2).trials["score"].notna().all()


def test_a_diverging_trial_fails_alone_and_says_so():
    def wild(hp):
        return {"hidden_units": (3,), "optimizer": "sgd", "activation": "relu",
                "learning_rate": hp.Choice("learning_rate", [0.01, 1e30])}  # fmt: skip

    y = X[:, 0] * 1e3
    found = tune(X, y, space=wild, oracle="grid", max_trials=2, epochs=3, seed=0, verbose=0)
    assert found.trials["status"].tolist() == ["completed", "failed"]
    assert "diverged" in found.trials["message"][1]
    assert len(found.ranking) == 1


def test_a_table_of_text_and_gaps_is_encoded_and_the_best_is_an_estimator():
    frame = pd.DataFrame({"a": X[:, 0], "city": RNG.choice(["Oslo", "Rome"], 90)})
    frame.loc[4, "a"] = np.nan
    labels = np.where(Y == 1, "yes", "no")
    found = DNNClassifier(hidden_units=(4,)).tune(
        frame, labels, space=lambda hp: {"dropout": hp.Choice("dropout", [0.0, 0.1])},
        max_trials=2, epochs=6, seed=0, verbose=0,
    )  # fmt: skip
    model = found.best_estimator()
    assert isinstance(model, DNNClassifier)
    assert model.hidden_units == (4,)
    assert model.classes_.tolist() == ["no", "yes"]
    assert found.best_hyperparameters["random_state"] == 0
    again = DNNClassifier(**found.best_hyperparameters)
    assert (again.preset, again.dropout) == ("standard", model.dropout)


def test_a_regression_of_a_table_is_searched_in_standard_deviations():
    frame = pd.DataFrame({"a": X[:, 0], "b": list("xyz" * 30)})
    found = tune(frame, 1e6 + 1e3 * X[:, 0], max_trials=2, epochs=8, seed=0, verbose=0)
    model = found.best_estimator()
    assert isinstance(model, DNNRegressor)
    assert found.best_score < 2
    assert abs(model.predict(frame).mean() - 1e6) < 1e3


def test_another_search_in_the_same_directory_is_refused(tmp_path):
    search(max_trials=2, directory=tmp_path)
    with pytest.raises(ValueError, match=r"another `epochs` \(4 before\).*resume=False"):
        search(max_trials=2, epochs=5, directory=tmp_path)
    with pytest.raises(ValueError, match="another `data`"):
        search(max_trials=2, validation_fraction=0.5, directory=tmp_path)
    assert len(search(max_trials=2, epochs=5, directory=tmp_path, resume=False).trials) == 2


@pytest.mark.parametrize("name", ["oracle.json", "search.json", "wave_0.npz", "tuner0.json"])
def test_a_damaged_state_file_is_named(name, tmp_path):
    search(max_trials=2, directory=tmp_path)
    path = tmp_path / "search" / name
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(ValueError, match=f"{name} cannot be read"):
        search(max_trials=2, directory=tmp_path)


@pytest.mark.parametrize("oracle", ["random", "hyperband"])
def test_zero_is_a_seed(oracle):
    first, second = (search(oracle, max_trials=2, epochs=2, seed=0) for _ in range(2))
    pd.testing.assert_frame_equal(
        first.trials.drop(columns="seconds"), second.trials.drop(columns="seconds")
    )


def test_the_seed_of_a_resumed_search_is_the_one_it_began_with(tmp_path):
    first = search(max_trials=2, seed=None, directory=tmp_path)
    second = search(max_trials=2, seed=None, directory=tmp_path)
    assert first.best_hyperparameters["seed"] == second.best_hyperparameters["seed"]
    assert json.loads((tmp_path / "search/search.json").read_text())["seed"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"oracle": "randm"}, "Did you mean 'random'"),
        ({"objective": "val_auk"}, "Did you mean 'val_auc'"),
        ({"objective": "loss"}, "Did you mean 'val_loss'"),
        ({"max_trials": 0}, "`max_trials` must be an integer of at least 1"),
        ({"epochs": 0}, "`epochs` must be an integer"),
        ({"time_budget": 0}, "`time_budget` must be a positive, finite number"),
        ({"cv": 3, "validation_data": (X, Y)}, "either `cv` or `validation_data`"),
        ({"n_jobs": 2}, "`n_jobs` must be None or 1 where trials are trained together"),
        ({"workers": 2}, "n_jobs=2"),
        ({"chief": "a:1"}, "`chief` is not an argument of tune.. any more.*backend='dask'"),
        ({"learning_rat": 0.1}, "unknown keyword 'learning_rat'.*Did you mean 'learning_rate'"),
        ({"max_trial": 3}, "Did you mean 'max_trials'"),
    ],
)
def test_arguments_are_checked_before_anything_is_trained(arguments, message):
    with pytest.raises(ValueError, match=message):
        search(**arguments)


def test_the_tuner_takes_oracles_of_keras_tuner(tmp_path):
    oracle = keras_tuner.oracles.RandomSearchOracle("val_accuracy", max_trials=3, seed=0)
    tuner = PopulationTuner(oracle, hypermodel("binary", 3, space=space), directory=tmp_path)
    tuner.search(X, Y, epochs=2, validation_data=(X, Y), verbose=0)
    scores = [trial.score for trial in tuner.oracle.get_best_trials(3)]
    assert scores == sorted(scores, reverse=True)
    again = PopulationTuner(
        keras_tuner.oracles.RandomSearchOracle("val_accuracy", max_trials=3, seed=0),
        hypermodel("binary", 3, space=space), directory=tmp_path,
    )  # fmt: skip
    assert [t.score for t in again.oracle.get_best_trials(3)] == scores
    with pytest.raises(ValueError, match=r"made by `kerasdnn\.hypermodel`"):
        PopulationTuner(oracle, lambda hp: None)


def test_progress_is_one_line_with_trials_score_and_time(capsys):
    search(max_trials=3, verbose=1)
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("trials 3/3 | best val_loss 0.")


def test_tensorboard_gets_a_run_per_trial(tmp_path):
    search(max_trials=2, tensorboard=tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["trial_0", "trial_1"]
    assert all(list(p.glob("events.*")) for p in tmp_path.iterdir())


def test_what_the_caller_fixes_is_that_of_every_trial():
    found = tune(X, Y, hidden_units=(6, 6), optimizer="adam", max_trials=3, epochs=1, seed=0,
                 verbose=0)  # fmt: skip
    assert not {"hidden_units", "optimizer"} & {*found.trials}
    assert found.best_hyperparameters["hidden_units"] == (6, 6)
    assert found.best_network().layers[0].units == 6
    made = tune(X, Y, hidden_units=(6,), optimizer=keras.optimizers.Adam(0.01), max_trials=2,
                epochs=1, seed=0, verbose=0)  # fmt: skip
    assert float(made.best_network().optimizer.learning_rate) == pytest.approx(0.01)


def test_what_an_estimator_was_given_is_that_of_every_trial():
    frame = pd.DataFrame(X, columns=list("abc"))
    plain = DNNClassifier(hidden_units=(6,), epochs=2, batch_size=16, random_state=4)
    found = plain.tune(frame, Y, max_trials=2, verbose=0)
    assert found.best_hyperparameters["hidden_units"] == (6,)
    assert found.best_hyperparameters["random_state"] == 4
    assert found.training()["batch_size"] == 16
    assert found.epochs["epoch"].max() == 2
    around = DNNClassifier("realmlp", hidden_units=(5,)).tune(
        frame, Y, weight_decay=0.01, max_trials=1, epochs=1, seed=0, verbose=0
    )
    best = around.best_hyperparameters
    assert (best["hidden_units"], best["weight_decay"]) == ((5,), 0.01)
    # A hyperparameter that only RealMLP has means a search around that.
    other = DNNClassifier(weight_decay=0.01, hidden_units=(5,)).tune(
        frame, Y, max_trials=1, epochs=1, seed=0, verbose=0
    )
    assert other.preset == "compact"


def test_resume_false_deletes_a_search_and_nothing_else(tmp_path):
    foreign = tmp_path / "a" / "search" / "thesis.txt"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("the only copy")
    for resume in (True, False):
        with pytest.raises(ValueError, match="`directory` must contain a search of kerasdnn"):
            search(directory=tmp_path / "a", resume=resume)
    assert [p.name for p in foreign.parent.iterdir()] == ["thesis.txt"]
    search(max_trials=2, directory=tmp_path / "b")
    note = tmp_path / "b" / "search" / "note.json"
    note.write_text("{}")
    again = search(max_trials=1, directory=tmp_path / "b", resume=False)
    assert len(again.trials) == 1
    assert note.exists()


def test_a_flipped_bit_in_a_search_is_an_error_or_changes_nothing(tmp_path):
    def table(folder):
        try:
            found = search(max_trials=4, directory=folder)
        except ValueError as error:
            return str(error)
        weights = [
            found.tuner.load_model(t).get_weights() for t in found.tuner.oracle.trials.values()
        ]
        return found.trials.to_json() + found.epochs.to_json() + repr(weights)

    expected = table(tmp_path)
    rng, told = np.random.default_rng(0), 0
    for path in [p for p in tmp_path.rglob("*") if p.is_file()]:
        content = path.read_bytes()
        for bit in rng.integers(0, 8 * len(content), 4):
            changed = bytearray(content)
            changed[bit // 8] ^= 1 << bit % 8
            path.write_bytes(bytes(changed))
            answer = table(tmp_path)
            assert answer == expected or path.name in answer
            told += answer != expected
            path.write_bytes(content)
    assert told > 10


def test_one_network_that_cannot_be_stacked_leaves_the_others_together(monkeypatch):
    made, make = [], trial_batch.Population

    def counted(members, *arguments, **settings):
        made.append(len(members))
        return make(members, *arguments, **settings)

    monkeypatch.setattr(trial_batch, "Population", counted)

    def mixed(hp):
        return {"hidden_units": (3,), "optimizer": hp.Choice("optimizer", ["adam", "lion", "nag"])}

    with pytest.warns(DataWarning, match="1 of 3 networks cannot.*of the rules that") as told:
        found = search("grid", space=mixed, max_trials=3)
    assert made == [2]
    assert sum(w.category is DataWarning for w in told) == 1
    stacked = search(
        "grid",
        space=lambda hp: {
            "hidden_units": (3,),
            "optimizer": hp.Choice("optimizer", ["adam", "nag"]),
        },
        max_trials=2,
    )
    scores = found.trials["score"]
    np.testing.assert_allclose(scores[[0, 2]], stacked.trials["score"], rtol=1e-5)
    assert np.isfinite(scores).all()


def test_a_mixed_batch_of_trials_that_is_interrupted_resumes_to_the_same_numbers(
    tmp_path, monkeypatch
):
    def mixed(hp):
        return {"hidden_units": (3,), "optimizer": hp.Choice("optimizer", ["adam", "lion"])}

    def interrupt(progress, tuner):
        if tuner.running and tuner.running.batch.epoch >= 3:
            raise KeyboardInterrupt

    arguments = {"space": mixed, "max_trials": 2, "epochs": 6}
    monkeypatch.setattr(batch_run, "SECONDS_BETWEEN_CHECKPOINTS", 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        whole = search("grid", **arguments)
        with monkeypatch.context() as patch:
            patch.setattr(Progress, "__call__", interrupt)
            with pytest.raises(KeyboardInterrupt):
                search("grid", **arguments, directory=tmp_path)
        assert (tmp_path / "search" / "wave.npz").exists()
        resumed = search("grid", **arguments, directory=tmp_path)
    pd.testing.assert_frame_equal(whole.epochs, resumed.epochs)


def test_folds_without_a_class_are_left_out_of_the_mean_and_told():
    y = (np.arange(90) < 3).astype(int)
    with pytest.warns(DataWarning, match="2 of 5 splits lack one"):
        found = search(max_trials=1, objective="val_auc", cv=5, y=y)
    folds = found.trials.filter(like="score_fold")
    assert folds.shape[1] == 3
    assert found.trials["score"][0] == pytest.approx(folds.iloc[0].mean())


def test_a_column_of_many_categories_is_embedded_as_in_fit():
    frame = pd.DataFrame({"a": X[:, 0], "word": [f"w{i % 4}" for i in range(90)]})
    with pytest.warns(
        DataWarning, match="Column 'word' of `X` has 4 categories.*at most 2.*one by one"
    ):
        found = DNNClassifier(one_hot_limit=2, hidden_units=(3,)).tune(
            frame, Y, max_trials=2, epochs=2, seed=0, verbose=0
        )
    model = found.best_estimator()
    assert model.encoder_.cardinalities_ == [5]  # 4 and one for those never seen
    assert not {"l2", "label_smoothing"} & {*found.trials}
    assert found.trials["score"].notna().all()


@pytest.mark.parametrize("dtype", ["int64", "Int64", "category"])
def test_labels_are_classes_whatever_type_keeps_them(dtype):
    frame = pd.DataFrame({"a": X[:, 0], "b": list("xyz" * 30)})
    y = pd.Series(X.argmax(1)).astype(dtype)
    found = tune(frame, y, hidden_units=(3,), max_trials=1, epochs=1, seed=0, verbose=0)
    assert isinstance(found.best_estimator(), DNNClassifier)


def test_a_best_network_that_diverges_on_all_rows_is_not_returned():
    y = X[:, 0].astype("float64")
    y[RNG.permutation(90)[:45]] *= 1e18
    found = tune(X[:, :1], y, hidden_units=(2,), optimizer="sgd", learning_rate=1e-30,
                 max_trials=1, epochs=1, seed=0, verbose=0, space=lambda hp: {})  # fmt: skip
    found.defaults["learning_rate"] = 1e30
    with pytest.warns(DataWarning), pytest.raises(ValueError, match=r"[Tt]raining diverged"):
        found.best_network()


def plain_model(hp):
    network = Network(
        [
            keras.Input((3,)),
            keras.layers.Dense(hp.Choice("units", [2, 3]), "relu"),
            keras.layers.Dense(1, "sigmoid"),
        ]
    )
    network.compile("adam", "binary_crossentropy")
    return network


NAMED = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=["a", "b", "c"])
SIGN = (NAMED["a"] > 0).astype(int)
TURNED = SIGN.sample(frac=1, random_state=0)


@pytest.mark.parametrize("build", [None, plain_model])
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"y": TURNED}, "same order"),
        ({"y": np.ma.MaskedArray(SIGN, mask=SIGN.index == 3)}, "contains NaN"),
        ({"sample_weight": pd.Series(1.0, index=TURNED.index)}, "same order"),
        ({"X": NAMED.to_numpy(), "sample_weight": TURNED * 1.0}, "same order"),
        ({"sample_weight": [-1.0] * 60}, "`sample_weight` contains -1.0"),
        ({"sample_weight": ["1"] * 60}, "`sample_weight` contains '1'"),
        ({"sample_weight": np.zeros(60)}, "`sample_weight` is zero in all 60 rows"),
        ({"validation_data": (NAMED, TURNED)}, "same order"),
        ({"validation_data": (NAMED, SIGN[:9])}, "same number of rows"),
        ({"validation_data": (NAMED, SIGN, np.full(60, np.nan))}, "contains NaN"),
        ({"validation_data": (NAMED[["a", "b"]], SIGN)}, "Missing: 'c'"),
        ({"validation_data": 5}, "must be"),
    ],
)
def test_a_search_refuses_the_rows_that_fit_refuses(build, changed, message):
    given = {"X": NAMED, "y": SIGN, "build": build, "max_trials": 1, "epochs": 1, "seed": 0}
    with pytest.raises(ValueError, match=message):
        tune(**given | changed)


@pytest.mark.parametrize("build", [None, plain_model])
def test_a_search_takes_numpys_integers_and_columns_in_another_order(build):
    turned = NAMED[["c", "a", "b"]]
    scores = [
        tune(
            NAMED, SIGN, build=build, max_trials=np.int64(2), epochs=np.int32(2), seed=np.int64(0),
            batch_size=np.int64(16), validation_data=(judged, SIGN),
        )
        for judged in (NAMED, turned)
    ]  # fmt: skip
    assert scores[0].best_score == scores[1].best_score
    if build is None:
        network = scores[0].best_network()
        np.testing.assert_array_equal(network.predict(turned), network.predict(NAMED))


def test_a_search_leaves_alone_what_is_no_search(tmp_path):
    for name in ("file", "link", "hidden"):
        (tmp_path / name).mkdir()
    (tmp_path / "file/search").write_text("mine")
    (tmp_path / "link/search").symlink_to(tmp_path / "nowhere")
    given = {"max_trials": 1, "epochs": 1, "seed": 0, "resume": False}
    for place in ("file", "link", "file/search"):
        with pytest.raises(ValueError, match="must contain a search of kerasdnn"):
            tune(NAMED, SIGN, directory=tmp_path / place, **given)
    (tmp_path / "hidden/search").mkdir()
    own = tmp_path / "hidden/search/.settings.json"
    own.write_text("mine")
    tune(NAMED, SIGN, directory=tmp_path / "hidden", **given)
    assert own.read_text() == "mine"

"""Oracles in waves: the same trials as keras-tuner's, whole files, and waves that resume."""

import itertools
import json

import keras_tuner
import numpy as np
import pytest
from keras_tuner import oracles as stock

from kerasdnn.search.engine import oracles
from kerasdnn.search.engine.oracles import spread_minima


def space(hp):
    hp.Choice("a", [1, 2, 3])
    kind = hp.Choice("kind", ["x", "y"])
    with hp.conditional_scope("kind", ["y"]):
        if kind == "y":
            hp.Boolean("flag")
    hp.Float("rate", 0.01, 1.0, sampling="log", step=10)


def score(trial):
    values = trial.hyperparameters.values
    return (values["a"] - 2) ** 2 + np.log10(values["rate"]) ** 2 + (values["kind"] == "x")


KINDS = {
    "random": lambda: oracles.RandomOracle("val_loss", max_trials=17, seed=5),
    "grid": lambda: oracles.GridOracle("val_loss", seed=5),
    "bayesian": lambda: oracles.BayesianOracle("val_loss", max_trials=17, seed=5),
    "hyperband": lambda: oracles.HyperbandOracle("val_loss", max_epochs=4, factor=2, seed=5),
}


def ready(oracle, folder):
    oracle._set_project_dir(str(folder), "search")
    oracle.verbose = 0
    hp = oracle.get_space()
    for kind in ("x", "y"):
        hp.values["kind"] = kind
        space(hp)
    oracle.update_space(hp)
    return oracle


def finish(oracle, size=5, waves=100):
    for _ in range(waves):
        trials = oracle.ask("tuner0", size)
        if not trials:
            break
        oracle.tell({t.trial_id: ({"val_loss": score(t)}, 1) for t in trials})
    return oracle


def table(oracle):
    return [(i, t.hyperparameters.values, t.score, t.status) for i, t in oracle.trials.items()]


@pytest.mark.parametrize("kind", KINDS)
def test_a_search_cut_off_at_any_point_of_a_wave_ends_like_the_whole_one(kind, tmp_path):
    whole = finish(ready(KINDS[kind](), tmp_path / "whole"))
    folder = tmp_path / "cut"
    for waves in range(3):  # cut after a wave is told, and after one is asked for
        oracle = ready(KINDS[kind](), folder)
        if waves:
            oracle.reload()
        finish(oracle, waves=1)
        asked = [t.trial_id for t in oracle.ask("tuner0", 5)]
        again = ready(KINDS[kind](), folder)
        again.reload()
        assert [t.trial_id for t in again.ask("tuner0", 5)] == asked
    assert table(finish(again)) == table(whole)


def test_the_random_oracle_draws_what_keras_tuner_draws(tmp_path):
    ours = finish(ready(oracles.RandomOracle("val_loss", max_trials=9, seed=7), tmp_path / "a"))
    theirs = ready(stock.RandomSearchOracle("val_loss", max_trials=9, seed=7), tmp_path / "b")
    drawn = [theirs.create_trial(f"tuner{i}").hyperparameters.values for i in range(9)]
    assert [t.hyperparameters.values for t in ours.trials.values()] == drawn


def test_the_grid_visits_every_combination_once_with_conditions_kept(tmp_path):
    oracle = finish(ready(oracles.GridOracle("val_loss"), tmp_path), size=4)
    found = [tuple(sorted(t.hyperparameters.values.items())) for t in oracle.trials.values()]
    kinds = [{"kind": "x"}, {"kind": "y", "flag": False}, {"kind": "y", "flag": True}]
    expected = [
        tuple(sorted({"a": a, "rate": rate, **kind}.items()))
        for a, kind, rate in itertools.product([1, 2, 3], kinds, [0.01, 0.1, 1.0])
    ]  # 3 * 3 * 3 = 27
    assert sorted(found) == sorted(expected)
    assert len(found) == 27


def test_a_bayesian_wave_has_no_trial_twice_and_beats_random_on_a_bowl(tmp_path):
    def bowl(trial):
        v = trial.hyperparameters.values
        return sum((v[name] - 0.3) ** 2 for name in "pqr")

    best = {}
    for name, kind in (("bayesian", oracles.BayesianOracle), ("random", oracles.RandomOracle)):
        oracle = kind("val_loss", max_trials=40, seed=1)  # keras-tuner draws one for 0
        oracle._set_project_dir(str(tmp_path), name)
        oracle.verbose = 0
        hp = oracle.get_space()
        for p in "pqr":
            hp.Float(p, 0, 1)
        oracle.update_space(hp)
        while trials := oracle.ask("tuner0", 8):
            assert len({str(t.hyperparameters.values) for t in trials}) == len(trials)
            oracle.tell({t.trial_id: ({"val_loss": bowl(t)}, 1) for t in trials})
        best[name] = oracle.get_best_trials()[0].score
        assert len(oracle.trials) == 40
    assert best["bayesian"] < best["random"] / 5


def test_spread_minima_agree_with_conditioning_the_gaussian_anew():
    rng = np.random.default_rng(0)
    points = rng.uniform(size=(30, 2))
    squared = ((points[:, None] - points[None]) ** 2).sum(-1)
    mean, covariance = rng.normal(size=30), np.exp(-squared / 0.1)
    noise, beta, expected = 0.01, 2.0, []
    for _ in range(12):
        known = covariance[np.ix_(expected, expected)] + noise * np.eye(len(expected))
        cross = covariance[:, expected]
        variance = np.diag(covariance) - np.einsum(
            "ij,ji->i", cross, np.linalg.solve(known, cross.T) if expected else cross.T
        )
        bound = mean - beta * np.sqrt(variance)
        bound[expected] = np.inf
        expected.append(int(np.argmin(bound)))
    found = list(itertools.islice(spread_minima(mean, covariance, beta, noise), 12))
    assert found == expected


@pytest.mark.parametrize("kind", ["random", "bayesian"])
def test_a_stock_oracle_is_given_batches_and_keeps_its_seed(kind, tmp_path):
    plain = {"random": stock.RandomSearchOracle, "bayesian": stock.BayesianOptimizationOracle}
    given = oracles.as_batch_oracle(plain[kind]("val_loss", max_trials=17, seed=5))
    assert isinstance(given, (oracles.RandomOracle, oracles.BayesianOracle))
    assert table(finish(ready(given, tmp_path / "given"))) == table(
        finish(ready(KINDS[kind](), tmp_path / "own"))
    )


def test_an_oracle_of_the_users_own_is_given_batches(tmp_path):
    class Mine(keras_tuner.Oracle):
        def populate_space(self, trial_id):
            return {"status": "RUNNING", "values": self._random_values()}

    oracle = oracles.as_batch_oracle(Mine("val_loss", max_trials=6, seed=0))
    assert isinstance(oracle, Mine)
    assert len(finish(ready(oracle, tmp_path)).trials) == 6


def test_a_trial_that_fails_keeps_its_reason_and_the_search_goes_on(tmp_path):
    oracle = ready(KINDS["random"](), tmp_path)
    for trial in oracle.ask("tuner0", 5):
        oracle.tell({trial.trial_id: "the loss became NaN in epoch 2"})
    assert {t.message for t in oracle.trials.values()} == {"the loss became NaN in epoch 2"}
    assert len(finish(oracle).trials) == 17


@pytest.mark.parametrize("name", ["oracle.json", "trial_03/trial.json"])
def test_a_damaged_state_file_is_named(name, tmp_path):
    finish(ready(KINDS["random"](), tmp_path))
    path = tmp_path / "search" / name
    path.write_text(path.read_text()[:50])
    with pytest.raises(ValueError, match=f"{name} cannot be read.*resume=False"):
        ready(KINDS["random"](), tmp_path).reload()


def test_a_kill_between_the_files_of_a_wave_leaves_the_wave_before(tmp_path, monkeypatch):
    oracle = finish(ready(KINDS["random"](), tmp_path), waves=1)

    def killed(*_):
        raise KeyboardInterrupt

    trials = oracle.ask("tuner0", 5)
    monkeypatch.setattr(oracle, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        oracle.tell({t.trial_id: ({"val_loss": score(t)}, 1) for t in trials})
    again = ready(KINDS["random"](), tmp_path)
    again.reload()
    ongoing = again.ask("tuner0", 5)
    assert [t.trial_id for t in ongoing] == [t.trial_id for t in trials]
    assert {(t.status, t.score) for t in ongoing} == {("RUNNING", None)}


def test_state_files_are_those_of_keras_tuner(tmp_path):
    oracle = finish(ready(KINDS["random"](), tmp_path))
    state = json.loads((tmp_path / "search" / "oracle.json").read_text())
    assert state["end_order"] == list(oracle.trials)
    theirs = stock.RandomSearchOracle("val_loss", max_trials=17, seed=5)
    theirs._set_project_dir(str(tmp_path), "search")
    theirs.reload()
    assert [t.score for t in theirs.get_best_trials(3)] == [
        t.score for t in oracle.get_best_trials(3)
    ]

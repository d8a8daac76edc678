"""What a search, a comparison and a population say about themselves when they are printed."""

import numpy as np
import pandas as pd
import pytest

from kerasdnn import Population
from kerasdnn.search import Comparison, SearchResult
from kerasdnn.search.comparisons.result import summarize


def search_result(scores):
    trials = pd.DataFrame(
        {
            "trial": [f"{i}" for i in range(len(scores))],
            "learning_rate": 10.0 ** -np.arange(1, len(scores) + 1),
            "score": scores,
            "epochs": 7,
            "seconds": 0.5,
            "status": ["completed" if s == s else "failed" for s in scores],
            "message": "",
        }
    )
    return SearchResult(
        trials, pd.DataFrame(), "val_loss", True, None, 12.3, ["learning_rate"], {"seed": 4}
    )


def test_a_search_names_its_best_trial_its_seed_and_how_many_failed():
    found = search_result([0.5, 0.25, np.nan])
    text = str(found)
    assert found.verdict == (
        "The best val_loss is 0.25 after 7 epochs, in trial 1 with learning_rate=0.01."
    )
    assert found.verdict in text
    assert "3 trials (2 completed, 1 failed) in 12.3 seconds" in text
    assert "Seed 4." in text
    assert "smaller is better" in text
    page = found._repr_html_()
    assert "<table" in page
    assert "http" not in page
    assert search_result([np.nan]).verdict == "No trial has a score."


def comparison(scores, names=("nag", "adam", "sgd")):
    """A `Comparison` of made-up scores `(options, runs)`, the smallest mean best."""
    names = list(names)[: len(scores)]
    table = pd.DataFrame({"optimizer": names}).assign(**summarize(scores, 1, 0.25))
    table = table.sort_values("mean", ignore_index=True)
    runs = pd.DataFrame({"optimizer": np.repeat(names, scores.shape[1]), "score": scores.ravel()})
    return Comparison(table, runs, [], "val_loss", True, ["optimizer"], 1.0, 100, 0, 0.25)


NOISE = np.random.default_rng(0).normal(scale=0.01, size=(3, 12))


@pytest.mark.parametrize(
    ("means", "verdict"),
    [
        ((1.0, 2.0), "'nag' (0.9971) is clearly better than 'adam'"),
        ((1.0, 1.0), "No clear difference over 12 runs between"),
        ((1.0, 2.0, 3.0), "clearly better than all 2 others over 12 runs"),
        ((1.0, 1.0, 3.0), "is clearly better than 'sgd' over 12 runs, and not clearly better than"),
        ((1.0, 1.0, 1.0), "No clear difference over 12 runs; the best mean has"),
    ],
)
def test_the_verdict_of_a_comparison_follows_the_corrected_tests(means, verdict):
    scores = np.array(means)[:, None] + NOISE[: len(means)]
    found = comparison(scores)
    start = verdict.replace("(0.9971)", f"({scores[0].mean():.4g})")
    assert start in found.verdict
    assert found.verdict in str(found)
    assert "100 rows, 12 runs each, first seed 0" in str(found)


def test_runs_that_diverged_and_single_runs_are_said():
    scores = np.array([[1.0, 1.1], [2.0, np.nan]])
    assert "There is nothing to compare 'nag' with" in comparison(scores).verdict
    assert "Not compared, as runs diverged: 'adam'" in comparison(scores).verdict
    one = comparison(np.array([[1.0], [2.0]]))
    assert one.verdict == "One run cannot tell a difference from chance."


def test_a_population_names_its_best_member_and_shows_the_settings():
    members = [{"hidden_units": (4,), "learning_rate": rate, "seed": 0} for rate in (0.1, 1e-5)]
    population = Population(members, n_features=2, problem="binary")
    assert "2 networks: 2 training." in str(population)
    x = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
    population.fit(x, (x[:, 0] > 0).astype("int32"), epochs=3, validation_data=(x, x[:, 0] > 0))
    best = int(np.argmin(population.best_scores))
    text = str(population)
    assert f"The best val_loss is {population.best_scores[best]:.4g}, of member {best}" in text
    assert "2 networks: 2 finished." in text
    assert "learning_rate" in text
    assert "<table" in population._repr_html_()

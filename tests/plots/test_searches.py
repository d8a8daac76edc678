"""Pictures of a search, drawn from trials made up; and the line of progress."""

import io

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from kerasdnn import plots
from kerasdnn.plots.searches import jitter
from kerasdnn.search.engine.project import Line, duration

RNG = np.random.default_rng(0)
TRIALS = pd.DataFrame(
    {
        "hidden_units": [(16,), (32, 32)] * 10,
        "optimizer": ["nag", "adam"] * 10,
        "learning_rate": np.logspace(-4, -1, 20),
        "dropout": np.linspace(0, 0.4, 20),
        "l2": 0.01,
    }
)
SCORES = RNG.uniform(0.1, 0.3, 20)


def test_the_history_draws_every_trial_the_best_so_far_and_failures():
    scores = SCORES.copy()
    scores[3] = np.nan
    ax = plots.search_history(scores, ylabel="val_loss")
    dots, best, failed = ax.lines
    np.testing.assert_array_equal(dots.get_ydata(), scores)
    np.testing.assert_array_equal(best.get_ydata(), np.fmin.accumulate(scores))
    assert failed.get_xdata().tolist() == [4]
    larger = plots.search_history(SCORES, ylabel="val_accuracy", minimize=False).lines[1]
    np.testing.assert_array_equal(larger.get_ydata(), np.maximum.accumulate(SCORES))
    alias = plots.search_history(SCORES, ylabel="val_accuracy", minimise=False).lines[1]
    np.testing.assert_array_equal(larger.get_ydata(), alias.get_ydata())


@pytest.mark.parametrize(("minimize", "edge"), [(True, 0.98), (False, 0.02)])
def test_failed_trials_are_drawn_at_the_edge_of_the_worst_scores(minimize, edge):
    ax = plots.search_history([0.5, np.nan, 0.3], ylabel="score", minimize=minimize)
    assert ax.lines[-1].get_ydata().tolist() == [edge]


def test_one_hopeless_trial_does_not_flatten_all_others():
    scores = SCORES.copy()
    scores[5] = 1e6
    assert plots.search_history(scores, ylabel="val_loss").get_ylim()[1] < 1


def test_parallel_coordinates_leave_out_what_does_not_vary_and_draw_the_best_last():
    ax = plots.parallel_coordinates(TRIALS, SCORES, label="val_loss")
    names = [tick.get_text() for tick in ax.get_xticklabels()]
    assert names == ["hidden_units", "optimizer", "learning_rate", "dropout"]
    threads = [line for line in ax.lines if len(line.get_xdata()) == len(names)]
    assert len(threads) == 20
    best = TRIALS.iloc[SCORES.argmin()]
    assert threads[-1].get_ydata()[2] == np.interp(np.log(best["learning_rate"]), *LOG_ENDS)


LOG_ENDS = (np.log([1e-4, 1e-1]), [0, 1])


def test_scores_stand_against_every_hyperparameter_on_a_scale_that_fits_it():
    figure = plots.scores_against(TRIALS, SCORES, ylabel="val_loss")
    axes = {ax.get_xlabel(): ax for ax in figure.axes if ax.get_visible()}
    assert set(axes) == {"hidden_units", "optimizer", "learning_rate", "dropout"}
    assert axes["learning_rate"].get_xscale() == "log"
    assert axes["dropout"].get_xscale() == "linear"
    assert [t.get_text() for t in axes["optimizer"].get_xticklabels()] == ["adam", "nag"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_line_writes_over_itself_on_a_terminal_and_once_in_a_log():
    for stream, expected in (
        (Terminal(), "\rtrials 10\rtrials 2 \n"),
        (io.StringIO(), "trials 2\n"),
    ):
        line = Line(1, stream)
        line.show("trials 10")
        line.show("trials 2")
        line.close()
        assert stream.getvalue() == expected


def test_time_left_is_told_in_units_that_fit():
    assert [duration(s) for s in (9.6, 300, 7200)] == ["10 s", "5 min", "2.0 h"]


def test_the_sideways_place_of_a_dot_is_independent_of_its_score():
    words = ["relu", "tanh"] * 40
    trials = pd.DataFrame({"activation": words}).sample(frac=1, random_state=0)
    for frame in (trials, trials.reset_index(drop=True)):  # by its number, or sorted by score
        ax = plots.score_against(
            frame["activation"], np.linspace(0, 1, 80), xlabel="activation", ylabel="val_loss"
        )
        x, y = ax.lines[0].get_data()
        for place in (0, 1):
            near = np.abs(x - place) < 0.2
            assert near.sum() == 40
            assert abs(np.corrcoef(x[near], y[near])[0, 1]) < 0.4


def test_neighboring_trials_are_not_spread_by_a_fixed_step():
    """Multiples of a step would draw straight lines where trials are numbered by their score."""
    steps = np.diff(jitter(np.arange(200)))
    assert len(np.unique(steps.round(6))) == 199
    assert abs(stats.pearsonr(jitter(np.arange(200))[:-1], jitter(np.arange(200))[1:])[0]) < 0.2
    assert stats.kstest(jitter(np.arange(200)), stats.uniform(-1, 2).cdf).pvalue > 0.05
    np.testing.assert_array_equal(jitter(np.arange(5)), jitter(np.arange(200))[:5])


def test_the_number_of_a_trial_moves_its_dot_the_same_way_in_every_order():
    trials = pd.DataFrame({"activation": ["relu", "tanh"] * 10})
    places = []
    for frame in (trials, trials.sample(frac=1, random_state=1)):
        ax = plots.score_against(frame["activation"], frame.index, xlabel="a", ylabel="b")
        x, number = ax.lines[0].get_data()
        places.append(x[np.argsort(number)])
    np.testing.assert_array_equal(*places)


def test_a_number_with_few_values_has_a_tick_at_each():
    sizes = pd.Series([16, 256, 32, 64, 128, 16])
    ax = plots.score_against(sizes, np.arange(6.0), xlabel="batch_size", ylabel="val_loss")
    assert [t.get_text() for t in ax.get_xticklabels()] == ["16", "32", "64", "128", "256"]
    rates = pd.Series([0.001, 0.1, 0.01])
    ax = plots.score_against(rates, np.arange(3.0), xlabel="learning_rate", ylabel="val_loss")
    assert ax.get_xscale() == "log"
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0.001", "0.01", "0.1"]
    assert not [t for t in ax.get_xticklabels(minor=True) if t.get_text()]


def test_parallel_coordinates_color_the_ten_best_trials():
    ax = plots.parallel_coordinates(TRIALS, SCORES, label="val_loss")
    lines = [line for line in ax.lines if len(line.get_xdata()) == 4]
    assert [line.get_color() == "#CCCCCC" for line in lines] == [True] * 10 + [False] * 10


def test_words_stand_in_their_own_order_with_room_for_all():
    widths = pd.Series([(128,), (16,), (8, 8)])
    ax = plots.score_against(widths, np.ones(3), xlabel="hidden_units", ylabel="val_loss")
    assert [t.get_text() for t in ax.get_xticklabels()] == ["(8, 8)", "(16,)", "(128,)"]
    assert ax.get_xlim() == (-0.5, 2.5)

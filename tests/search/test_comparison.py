"""compare(): the same splits and seeds for all, and a table that says what is chance."""

import keras
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from kerasdnn import HEADS, DataWarning, build_classifier, compare
from kerasdnn.core.rows import Rows
from kerasdnn.search.comparison import cross, summarize
from kerasdnn.search.data import read_data
from kerasdnn.search.objective import score

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3)).astype("float32")
Y = (X[:, 0] + 0.3 * RNG.normal(size=80) > 0).astype(int)
OPTIONS = {"optimizer": ["nag", "sgd"], "learning_rate": [0.1, 0.001]}


@pytest.fixture(scope="module")
def result():
    return compare(X, Y, OPTIONS, seeds=3, epochs=3, hidden_units=(4,), verbose=0)


def test_every_combination_is_run_with_every_seed(result):
    assert len(result.runs) == 2 * 2 * 3
    counts = result.runs.groupby(["optimizer", "learning_rate"])["run"].apply(list)
    assert all(runs == [0, 1, 2] for runs in counts)
    assert result.runs["score"].notna().all()


def test_a_run_is_what_fit_gives_with_its_seed_on_its_rows(result):
    data = read_data(Rows(X, Y)).split(validation_fraction=0.25, seed=0, repeats=3)
    train, valid = data.pairs[1]
    network = build_classifier(3, hidden_units=(4,), optimizer="nag", learning_rate=0.1, seed=1)
    network.fit(X[train], Y[train], batch_size=32, epochs=3, verbose=0)
    expected = score("val_loss", HEADS["binary"], Y[valid], network.predict(X[valid], verbose=0))
    runs = result.runs.query("optimizer == 'nag' and learning_rate == 0.1 and run == 1")
    assert runs["score"].item() == pytest.approx(expected, rel=1e-4)


def test_the_table_is_sorted_and_its_numbers_are_those_of_the_runs(result):
    table = result.table
    assert table["mean"].is_monotonic_increasing
    assert result.best == {"optimizer": "nag", "learning_rate": 0.1}
    scores = result.runs.pivot_table(
        index="run", columns=["optimizer", "learning_rate"], values="score"
    )
    row = table.iloc[2]
    own = scores[row["optimizer"], row["learning_rate"]]
    t = stats.t.ppf(0.975, 2)
    assert row["mean"] == pytest.approx(own.mean())
    assert row["high"] - row["mean"] == pytest.approx(t * own.std() / np.sqrt(3))
    best = scores["nag", 0.1]
    assert row["difference"] == pytest.approx((own - best).mean())


def test_the_best_is_not_tested_and_a_run_that_diverged_leaves_no_lucky_mean():
    scores = np.array([[1.0, 1.1, 0.9], [0.5, 0.6, np.nan], [2.0, 2.2, 1.9]])
    columns = summarize(scores, sign=1, test_share=0.0)
    assert np.isnan(columns["mean"][1])
    assert columns["diverged"].tolist() == [0, 1, 0]
    assert np.isnan(columns["p_value"][0])
    assert columns["p_value"][2] < 0.05


def test_larger_is_better_for_accuracy():
    found = compare(
        X, Y, {"learning_rate": [0.3, 1e-5]}, seeds=2, epochs=3, objective="val_accuracy",
        optimizer="nag", hidden_units=(4,), validation_data=(X, Y), judge="best", verbose=0,
    )  # fmt: skip
    assert not found.minimize
    assert found.best == {"learning_rate": 0.3}
    assert (found.table["mean"] <= 1).all()


def test_pictures_name_the_combinations(result):
    labels = [text.get_text() for text in result.plot().get_yticklabels()]
    assert labels[0] == "nag, 0.1"
    assert len(labels) == 4
    lines = result.plot_curves(most=2).get_legend_handles_labels()[1]
    assert lines == labels[:2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "adam"}, r"options\['optimizer'\].* must be a list of values"),
        ({"optimiser": ["adam"]}, "unknown keyword 'optimiser'.*Did you mean 'optimizer'"),
        ({"seed": [1, 2]}, "nor the seed"),
        ({"hidden_units": [(4,)]}, "must not name what is fixed"),
        ([{"dropout": 0.1}, {"dropout": 0.1}], "same combination twice"),
        ([], "dict from names"),
    ],
)
def test_options_that_make_no_comparison_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        compare(X, Y, options, seeds=2, epochs=1, hidden_units=(4,), verbose=0)


def test_a_list_of_options_need_not_be_a_cross():
    names, combinations = cross([{"optimizer": "sgd"}, {"optimizer": "nag", "momentum": 0.5}])
    assert names == ["optimizer", "momentum"]
    assert len(combinations) == 2


def test_runs_without_a_row_of_one_class_to_judge_by_are_left_out():
    labels = (np.arange(len(Y)) < 2).astype(int)
    with pytest.raises(ValueError, match=r"both classes, of which 1 of 1 splits"):
        compare(X, labels, {"optimizer": ["nag", "adam"]}, seeds=2, epochs=1, hidden_units=(3,),
                objective="val_auc", validation_data=(X[5:], labels[5:]), verbose=0)  # fmt: skip


def test_a_function_among_activations_is_trained_alone_and_told():
    with pytest.warns(DataWarning, match="2 of 4 networks cannot"):
        found = compare(
            X, Y, {"activation": ["relu", keras.activations.elu]}, seeds=2, epochs=1,
            hidden_units=(3,), verbose=0,
        )  # fmt: skip
    both = compare(
        X, Y, {"activation": ["relu", "elu"]}, seeds=2, epochs=1, hidden_units=(3,), verbose=0
    )
    np.testing.assert_allclose(
        found.runs["score"].astype(float), both.runs["score"].astype(float), rtol=1e-4
    )


def people(rows=120):
    rng = np.random.default_rng(0)
    age = rng.integers(18, 80, rows).astype("float64")
    X = pd.DataFrame(
        {"age": np.where(age > 75, np.nan, age), "city": rng.choice(["Oslo", "Bonn"], rows)}
    )
    return X, np.where((age > 50) ^ (X["city"] == "Oslo"), "yes", "no")


@pytest.mark.parametrize("problem", ["classes", "numbers"])
def test_tables_of_any_columns_are_compared_on(problem):
    X, y = people()
    y = y if problem == "classes" else X["age"].fillna(77).to_numpy() * 1000
    found = compare(
        X, y, {"learning_rate": [1e-5, 0.01]}, seeds=4, epochs=30, hidden_units=(8,), verbose=0
    )
    assert found.table["learning_rate"].iloc[0] == 0.01
    assert found.runs["score"].notna().all()
    assert found.table["mean"].max() < 3  # in standard deviations of y, or a cross-entropy


def test_a_column_of_thousands_of_categories_keeps_the_frequent_ones():
    X, y = people(1_500)
    X["street"] = [f"street {i // 2}" if i < 1_200 else "main" for i in range(len(X))]
    X.loc[:899, "street"] = [f"lane {i}" for i in range(900)]
    X["other"] = [f"shop {i % 1_100}" for i in range(len(X))]
    options = {"activation": ["relu", "tanh"]}
    with pytest.warns(DataWarning, match=r"'other' of `X` has 1,100 categories. The 999 most"):
        found = compare(X, y, options, seeds=2, epochs=1, hidden_units=(4,), verbose=0)
    assert found.runs["score"].notna().all()


def test_groups_named_by_a_column_of_a_table_stay_together():
    X, y = people()
    X["customer"] = np.arange(len(X)) // 6
    found = compare(
        X, y, {"activation": ["relu", "tanh"]}, seeds=2, epochs=1, groups="customer", verbose=0
    )
    assert found.runs["score"].notna().all()

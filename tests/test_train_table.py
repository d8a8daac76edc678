"""The table recipe: what it reads from a file and a target, its pictures, and a run to the end."""

import argparse
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.dummy import DummyRegressor

from kerasdnn import plots
from kerasdnn.tables.files import read_table

sys.path.insert(0, str(Path(__file__).parents[1] / "recipes"))

import _common
import _mixed_table
import predict_table
import train_table
import tune_classifier

from kerasdnn.command import baselines as baseline_models
from kerasdnn.command import problems
from kerasdnn.command import report as reports

RNG = np.random.default_rng(0)
ROWS = 160


def houses(rows=ROWS):
    """Rooms, a district, a date with gaps, and a price that depends on them."""
    rooms = RNG.integers(1, 7, rows)
    district = RNG.choice(["Nord", "Süd", "Hafen"], rows)
    built = pd.Series(
        pd.Timestamp("1960-01-01") + pd.to_timedelta(RNG.integers(0, 20000, rows), "D")
    )
    price = 50.5 * rooms + 100 * (district == "Hafen") + RNG.normal(size=rows)
    table = pd.DataFrame({"rooms": rooms, "district": district, "built": built, "price": price})
    table.loc[::17, "built"] = pd.NaT
    table.loc[::13, "district"] = None
    table["dear"] = np.where(table["price"] > 200, "yes", "no")
    return table


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    path = tmp_path_factory.mktemp("houses") / "houses.csv"
    houses().to_csv(path, index=False)
    return path


# fmt: off
TARGETS = [
    (["yes", "no"] * 40,              "binary",     "2 different values"),
    ([True, False] * 40,              "binary",     "2 different values"),
    ([0, 1] * 40,                     "binary",     "2 different integers"),
    (["a", "b", "c", "d"] * 20,       "multiclass", "4 different values"),
    ([1.0, 2.0, 3.0, 4.0] * 20,       "multiclass", "4 different integers"),
    (list(range(80)),                 "regression", "80 different integers"),
    ([0.5, 1.0] * 40,                 "regression", "fractions"),
]
# fmt: on


@pytest.mark.parametrize(("values", "problem", "why"), TARGETS)
def test_the_problem_is_told_from_the_target(values, problem, why):
    assert problems.infer_problem(pd.Series(values))[0] == problem
    assert why in problems.infer_problem(pd.Series(values))[1]


@given(st.lists(st.floats(-1e6, 1e6), min_size=60, max_size=60))
def test_numbers_with_a_fraction_are_a_quantity_and_never_refused(values):
    values = pd.Series([*values, 0.5])
    assert problems.infer_problem(values)[0] == "regression"


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (pd.Series([f"name {i}" for i in range(80)], name="who"), "'who' has 80 different values"),
        (pd.Series(pd.date_range("2020", periods=80), name="day"), "'day' contains dates"),
        (pd.Series(["yes"] * 3, name="bought"), "'bought' is constant: it is always 'yes'"),
    ],
)
def test_names_and_dates_are_no_target(y, words):
    with pytest.raises(ValueError, match=words):
        problems.infer_problem(y)


def test_dates_are_read_as_dates_and_codes_as_text(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("day,code,when\n2020-02-01,2020-A,2020-02-01 10:00\n,B,2021-01-01 11:30\n")
    table = read_table(path)
    assert [dtype.kind for dtype in table.dtypes[["day", "when"]]] == ["M", "M"]
    assert table["code"].tolist() == ["2020-A", "B"]


def test_rows_without_a_target_are_dropped_and_counted():
    table = houses().assign(price=lambda t: t["price"].where(t.index >= 9))
    X, y, dropped = problems.split_target(table, "price")
    assert len(X) == len(y) == ROWS - 9
    assert dropped == ["9 rows without a value of 'price' are dropped."]


UNFIT = [
    (houses().head(20), "price", "at least 50 rows.*20 rows"),
    (houses()[["price"]], "price", "0 other columns"),
    (houses().assign(price=3), "price", "'price' is constant: it is always"),
]


@pytest.mark.parametrize(("table", "target", "words"), UNFIT)
def test_a_table_that_cannot_be_learned_is_refused(table, target, words):
    with pytest.raises(ValueError, match=words):
        problems.split_target(table, target)


def test_a_rare_class_is_refused():
    y = pd.Series(["a"] * 40 + ["b"] * 40 + ["c"], name="kind")
    with pytest.raises(ValueError, match="'c' in 'kind' has 1"):
        problems.check_classes(y, "multiclass")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--csv", "x.csv"], "requires --target"),
        (["--csv", "no.csv", "--target", "a"], "there is no file no.csv"),
        (["--target", "a"], "requires --csv"),
    ],
)
def test_a_wrong_option_ends_with_a_clear_line(options, words, capsys):
    with pytest.raises(SystemExit, match="2"):
        train_table.main(options)
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("name", _mixed_table.SHIPPED)
def test_the_shipped_tables_have_their_target_and_text_columns(name):
    table, target = _mixed_table.shipped(name)
    X, y, _ = problems.split_target(table, target)
    assert f"{len(table):,}" in _mixed_table.SHIPPED[name][1]
    assert any(X[column].dtype.kind in "OUT" for column in X)
    assert problems.infer_problem(y)[0] == _mixed_table.SHIPPED[name][2]


@pytest.mark.parametrize("problem", ["binary", "regression"])
def test_the_baselines_take_text_dates_and_missing_values(problem):
    table = houses()
    X, y = table[["rooms", "district", "built"]], table["dear" if problem == "binary" else "price"]
    models = baseline_models.baselines(problem, 0)
    reports.train(models, X[:120], y[:120])
    for name, model in models.items():
        found = baseline_models.scores(problem, model, X[120:], y[120:])
        losses = baseline_models.row_losses(problem, model, X[120:], y[120:])
        mean = found["log loss" if problem == "binary" else "mean absolute error"]
        assert losses.mean() == pytest.approx(mean, rel=1e-6), name
        model.predict(X[120:].assign(district="Insel"))  # a category never seen


def test_findings_call_a_gap_clear_exactly_when_its_interval_leaves_zero_out():
    base = RNG.normal(1, 0.1, 400)
    losses = {"near": base + RNG.normal(0, 1, 400), "far": base + 1, reports.NETWORK: base}
    columns = ["column", "rise", "half_width"]
    important = pd.DataFrame([("age", 0.25, 0.1), ("size", 0.0, 0.1)], columns=columns)
    lines = reports.findings(losses, "log loss", important, (5, 128))
    near, far = (next(line for line in lines if name in line) for name in ("of near", "of far"))
    assert ("not significant" in near, "not significant" in far) == (True, False)
    assert "1 lower than" in far
    assert any("'age'" in line and "0.25, 95% CI ±0.1" in line for line in lines)
    assert lines[-1] == "Best epoch: 5 of 128 (weights restored)."
    important["half_width"] = 0.3
    lines = reports.findings(losses, "log loss", important, (5, 128))
    assert "No feature is clearly important." in lines


def test_the_importance_of_a_column_is_the_rise_of_the_loss_and_leaves_the_table_alone(tmp_path):
    class Sum:
        def predict(self, X):
            return X["a"].to_numpy() + 0 * X["b"].to_numpy()

    table = pd.DataFrame({"a": np.arange(300.0), "b": np.arange(300.0)})
    before = table.copy()
    report = _common.Report(argparse.Namespace(out=tmp_path, quick=True), "t", "CPU")
    found = reports.importances(report, Sum(), "regression", table, table["a"], 3, 0)
    assert found["column"].tolist() == ["a", "b"]
    assert found["rise"].tolist() == pytest.approx([100, 0], abs=10)  # mean |i - j| is n / 3
    assert found["half_width"][0] < 15
    pd.testing.assert_frame_equal(table, before)


class Broken:
    def fit(self, X, y):
        raise RuntimeError("singular\nmatrix")


def test_a_baseline_that_fails_becomes_a_row_with_the_reason(monkeypatch):
    y = RNG.normal(size=60)
    X = pd.DataFrame({"a": RNG.normal(size=60)})
    good = baseline_models.baselines("regression", 0)["mean predictor"]
    models = {"broken": Broken(), "mean predictor": good, reports.NETWORK: DummyRegressor()}
    seconds, failures, _ = reports.train(models, X, y)
    assert failures == {"broken": "failed: singular matrix"}
    table = reports.score_table(models, "regression", X, y, seconds, failures)
    assert table["model"].tolist() == ["broken", "mean predictor", reports.NETWORK]
    assert table["note"].tolist() == ["failed: singular matrix", "", ""]
    assert table["R2"].isna().tolist() == [True, False, False]
    assert list(models) == ["mean predictor", reports.NETWORK]


def test_a_baseline_that_fails_in_a_tuning_recipe_is_a_row_too(tmp_path, monkeypatch):
    all_baselines = baseline_models.baselines
    monkeypatch.setattr(
        baseline_models, "baselines", lambda *a: {"broken": Broken(), **all_baselines(*a)}
    )
    tune_classifier.main(["--quick", "--table", "penguins", "--out", str(tmp_path)])
    table = pd.read_csv(tmp_path / "scores.csv").set_index("model")
    assert table.loc["broken", "note"] == "failed: singular matrix"
    assert table.loc["majority class", "accuracy"] < table.loc["network, tuned", "accuracy"]


def test_curves_are_those_of_scikit_learn():
    y = np.arange(200) % 2
    score = y + RNG.normal(size=200)
    false, true, _ = metrics.roc_curve(y, score)
    ax = plots.roc_curves(y, {"net": score})
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), np.stack([false, true], axis=1))
    assert f"AUC {metrics.roc_auc_score(y, score):.3f}" in ax.get_legend().get_texts()[0].get_text()
    precision, recall, _ = metrics.precision_recall_curve(y, score)
    ax = plots.precision_recall_curves(y, {"net": score})
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), np.stack([recall, precision], axis=1))


def test_a_calibrated_probability_lies_on_the_diagonal():
    probability = RNG.uniform(size=20_000)
    y = (RNG.uniform(size=20_000) < probability).astype(int)
    said, seen = plots.calibration_curves(y, {"net": probability}).lines[0].get_xydata().T
    assert len(said) == 10
    np.testing.assert_allclose(seen, said, atol=0.05)


def test_a_confusion_matrix_shows_fractions_and_counts_of_each_true_class():
    y = np.array(["cat"] * 4 + ["dog"] * 2)
    predicted = np.array(["cat", "cat", "cat", "dog", "dog", "dog"])
    ax = plots.confusion_matrix(y, predicted)
    assert [text.get_text() for text in ax.texts] == [
        "0.75\n(3)",
        "0.25\n(1)",
        "0.00\n(0)",
        "1.00\n(2)",
    ]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["cat (4)", "dog (2)"]


def test_residuals_are_truth_minus_prediction():
    y, predicted = RNG.normal(size=50), RNG.normal(size=50)
    dots = plots.residuals(y, predicted).collections[0].get_offsets()
    np.testing.assert_allclose(dots, np.stack([predicted, y - predicted], axis=1))
    dots = plots.predicted_against_true(y, predicted).collections[0].get_offsets()
    np.testing.assert_allclose(dots, np.stack([y, predicted], axis=1))


@pytest.mark.parametrize("target", ["price", "dear"])
def test_a_model_is_trained_reported_saved_and_applied(csv, tmp_path, target, capsys):
    table = train_table.main(
        ["--csv", str(csv), "--target", target, "--quick", "--out", str(tmp_path)]
    )
    assert reports.NETWORK in set(table["model"])
    page = (tmp_path / "index.html").read_text()
    assert not re.search(r'(src|href)="(?!data:)', page)  # nothing beside the file
    for heading in ("test set of 40 rows", "Warnings before training", "Columns", "Findings"):
        assert heading in page
    answers = predict_table.main(
        [str(tmp_path / "model.kerasdnn"), str(csv), "--out", str(tmp_path / "answers.csv")]
    )
    assert "are ignored: " in capsys.readouterr().out  # the target is not a feature
    assert len(answers) == ROWS
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "answers.csv"), answers, check_dtype=False)


def test_predicting_with_no_model_ends_with_a_clear_line(csv, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        predict_table.main([str(tmp_path / "none.kerasdnn"), str(csv)])
    error = capsys.readouterr().err
    assert "none.kerasdnn" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("fault", ["an empty column", "an infinite number"])
def test_a_column_that_baselines_cannot_take_ends_in_a_report_or_in_one_line(
    fault, tmp_path, capsys
):
    table = houses()
    table["odd"] = None if fault == "an empty column" else [np.inf, *np.arange(ROWS - 1.0)]
    table.to_csv(tmp_path / "odd.csv", index=False)
    options = ["--csv", str(tmp_path / "odd.csv"), "--target", "price", "--quick", "--preset",
               "standard", "--out", str(tmp_path / "out")]  # fmt: skip
    if fault == "an empty column":
        assert reports.NETWORK in set(train_table.main(options)["model"])
        return
    with pytest.raises(SystemExit, match="2"):
        train_table.main(options)
    assert "odd" in capsys.readouterr().err.splitlines()[-1]

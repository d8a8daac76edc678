"""compare() of estimators: the same folds for all, preparation that is said, and a verdict."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from kerasdnn import DataWarning, DNNClassifier, DNNMultiOutput, DNNRegressor, compare
from kerasdnn.core.rows import Rows
from kerasdnn.search.comparisons.models import plain_columns, seeded
from kerasdnn.tables.splits import split

RNG = np.random.default_rng(0)
ROWS = 120


def people():
    X = pd.DataFrame(
        {
            "age": np.where(np.arange(ROWS) % 11, RNG.normal(40, 10, ROWS), np.nan),
            "city": RNG.choice(["Oslo", "Bonn", None], ROWS),
            "when": pd.date_range("2024-01-01", periods=ROWS, tz="UTC"),
            "kind": pd.Categorical(RNG.choice(["a", "b"], ROWS)),
        }
    )
    return X, np.where(X["age"].fillna(40) + 5 * (X["city"] == "Oslo") > 42, "yes", "no")


X, Y = people()
NUMBERS = RNG.normal(size=(ROWS, 3))
LINE = NUMBERS @ [1.0, 2.0, 0.0] + 0.1 * RNG.normal(size=ROWS)


@pytest.fixture(scope="module")
def result():
    models = {
        "ours": DNNClassifier("standard", epochs=3),
        "trees": HistGradientBoostingClassifier(max_iter=5),
        "logistic": LogisticRegression(),
        "majority": DummyClassifier(),
    }
    return compare(models, X, Y, cv=3, verbose=0)


def test_ours_and_those_of_scikit_learn_are_scored_on_the_same_folds_of_a_table(result):
    assert sorted(result.table["model"]) == ["logistic", "majority", "ours", "trees"]
    assert result.runs.groupby("model")["run"].apply(list).map(tuple).nunique() == 1
    assert result.runs["score"].between(0, 1).all()
    assert result.objective == "accuracy"
    assert not result.minimize
    assert result.rows == ROWS
    assert (result.runs["fit_seconds"] > 0).all()
    majority = result.table.set_index("model").loc["majority", "mean"]
    assert majority == pytest.approx(max(np.mean(Y == "yes"), np.mean(Y == "no")), abs=0.01)


def test_a_model_that_cannot_take_the_table_gets_it_prepared_and_is_named(result):
    assert result.notes == [
        "'trees' gets categories as codes and dates as days.",
        "'logistic' gets the table encoded by TableEncoder.",
        "'majority' gets the table encoded by TableEncoder.",
    ]
    assert result.notes[0] in str(result)


def test_it_prints_a_verdict_and_a_table_and_draws(result):
    text = str(result)
    assert text.startswith("Comparison of 4 models over 3 folds")
    assert result.verdict in text
    assert "Nadeau and Bengio" in text
    assert "first seed 0" in text
    assert "http" not in result._repr_html_()
    ax = result.plot()
    assert [t.get_text() for t in ax.get_yticklabels()] == result.table["model"].tolist()
    gray = [line for line in ax.lines if line.get_color() == "#999999"]
    assert [len(line.get_xdata()) for line in gray] == [3] * 4
    assert len(result.plot_differences().get_yticklabels()) == 3
    with pytest.raises(ValueError, match="no training curves"):
        result.plot_curves()


def test_scores_and_tests_are_those_of_scikit_learn_and_of_the_formula():
    models = {"line": LinearRegression(), "flat": DummyRegressor(), "ridge": Ridge(50)}
    folds = list(KFold(5, shuffle=True, random_state=3).split(NUMBERS))
    found = compare(NUMBERS, LINE, models, cv=folds, scoring="neg_mean_absolute_error", verbose=0)
    assert found.table["model"].tolist() == ["line", "ridge", "flat"]
    errors = {}
    for name, model in models.items():
        errors[name] = np.array([
            -np.abs(model.fit(NUMBERS[a], LINE[a]).predict(NUMBERS[b]) - LINE[b]).mean()
            for a, b in folds
        ])  # fmt: skip
        own = found.runs.loc[found.runs["model"] == name, "score"]
        np.testing.assert_allclose(own, errors[name])
    d = errors["ridge"] - errors["line"]
    width = np.sqrt((1 / 5 + 24 / 96) * d.var(ddof=1))  # Nadeau and Bengio: 24 test, 96 train
    row = found.table.set_index("model").loc["ridge"]
    assert row["difference"] == pytest.approx(d.mean())
    assert row["difference_high"] - d.mean() == pytest.approx(stats.t.ppf(0.975, 4) * width)
    raw = 2 * stats.t.sf(abs(d.mean()) / width, 4)
    assert raw <= row["p_value"] <= 2 * raw + 1e-12  # Holm, of two tests
    assert "'line' (" in found.verdict
    assert "clearly better than all 2 others over 5 folds" in found.verdict


def test_equal_models_are_not_clearly_different():
    models = {"a": Ridge(1.0), "b": Ridge(1.1)}
    noise = np.random.default_rng(5).normal(size=ROWS)
    found = compare(models, NUMBERS, noise, verbose=0)
    assert found.verdict.startswith("No clear difference over 10 folds between 'a'") or (
        found.verdict.startswith("No clear difference over 10 folds between 'b'")
    )
    assert "p = " in found.verdict
    assert found.notes == []


def test_fits_in_processes_give_the_same_table():
    models = {"line": LinearRegression(), "flat": DummyRegressor(), "net": DNNRegressor(epochs=1)}
    here, there = (compare(models, NUMBERS, LINE, cv=2, n_jobs=n, verbose=0) for n in (None, 2))
    pd.testing.assert_frame_equal(
        there.runs.drop(columns="fit_seconds"), here.runs.drop(columns="fit_seconds"), rtol=1e-5
    )
    assert there.verdict == here.verdict


def test_a_preset_by_name_and_a_pipeline_are_models():
    pipe = make_pipeline(StandardScaler(), Ridge())
    found = compare(
        {"net": "standard", "pipe": pipe}, NUMBERS[:60], LINE[:60], cv=2, verbose=0
    )  # fmt: skip
    assert set(found.table["model"]) == {"net", "pipe"}
    assert found.objective == "R2"


def test_groups_stay_together_and_their_column_is_no_feature():
    class Spy(DummyClassifier):
        seen = []

        def fit(self, X, y, sample_weight=None):
            Spy.seen.append(X)
            return super().fit(X, y)

    table = pd.DataFrame(NUMBERS, columns=list("abc")).assign(customer=np.arange(ROWS) // 10)
    compare({"a": Spy(), "b": DummyClassifier()}, table, Y, cv=3, groups="customer", verbose=0)
    assert len(Spy.seen) == 3
    for seen in Spy.seen:
        assert list(seen) == ["a", "b", "c"]
        customers = set(table.loc[seen.index, "customer"])
        assert not customers & set(table.drop(seen.index)["customer"])


def test_weights_reach_models_in_pipelines_and_are_rejected_where_they_would_be_ignored():
    weights = np.where(LINE > 0, 1.0, 0.01)
    models = {"pipe": make_pipeline(StandardScaler(), LinearRegression()), "line": Ridge(1e-9)}
    found = compare(models, NUMBERS, LINE, cv=3, sample_weight=weights, verbose=0)
    pipe, line = (found.table.set_index("model").loc[name, "mean"] for name in models)
    assert pipe == pytest.approx(line, abs=1e-6)

    class Deaf(DummyRegressor):
        def fit(self, X, y):
            return super().fit(X, y)

    with pytest.raises(ValueError, match="`sample_weight` is not accepted by Deaf"):
        compare({"a": Deaf(), "b": Ridge()}, NUMBERS, LINE, sample_weight=weights, verbose=0)


@pytest.mark.parametrize(
    ("models", "arguments", "message"),
    [
        ({"a": Ridge()}, {}, "at least two models"),
        ({"a": Ridge(), "b": SVC()}, {}, "'a' is a regressor, 'b' is a classifier"),
        ({"a": Ridge(), "b": "realmpl"}, {}, "name of a preset.*'realmpl'"),
        ({"a": Ridge(), "b": Ridge()}, {"epochs": 3}, "`epochs` is not for a comparison of est"),
        ({"a": Ridge(), "b": Ridge()}, {"objective": "val_mae"}, "Use `scoring`"),
        ({"a": Ridge(), "b": Ridge()}, {"dropout": 0.1}, "`dropout` is not for"),
        ({"a": Ridge(), "b": Ridge()}, {"n_jobs": 0}, "`n_jobs` must not be 0"),
        ({"a": Ridge(), "b": LinearRegression(n_jobs="x")}, {}, "Model 'b' failed in fold 0"),
    ],
)
def test_what_cannot_be_compared_is_said(models, arguments, message):
    with pytest.raises(ValueError, match=message):
        compare(models, NUMBERS, LINE, verbose=0, **arguments)


def test_scoring_and_processes_belong_to_estimators():
    with pytest.raises(ValueError, match="`n_jobs` must be None or 1 for hyperparameters"):
        compare(NUMBERS, LINE, {"optimizer": ["nag", "sgd"]}, n_jobs=2)
    with pytest.raises(ValueError, match="`scoring` is for estimators"):
        compare(NUMBERS, LINE, {"optimizer": ["nag", "sgd"]}, scoring="r2", verbose=0)


def test_open_seeds_are_set_and_given_ones_stay():
    assert seeded(DNNClassifier(), 5).random_state == 5
    assert seeded(DNNClassifier(random_state=1), 5).random_state == 1
    assert seeded(make_pipeline(StandardScaler(), SVC()), 5)[-1].random_state == 5


def test_columns_for_trees_are_numbers_or_text():
    plain = plain_columns(X)
    assert plain["when"].iloc[1] - plain["when"].iloc[0] == 1
    assert set(plain["city"]) == {"Oslo", "Bonn", "(missing)"}
    assert plain["age"].isna().sum() == X["age"].isna().sum()


def test_estimators_of_several_columns_are_compared_by_their_score():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"age": rng.normal(40, 9, 90), "city": rng.choice(["Oslo", "Rome"], 90)})
    y = pd.DataFrame({"churn": np.where(X["age"] < 40, "yes", "no"), "spend": rng.normal(X["age"])})
    ours = DNNMultiOutput("standard", hidden_units=(4,), epochs=2, random_state=0)
    found = compare({"ours": ours, "preset": "standard"}, X, y, cv=2, verbose=0)
    assert found.objective == "mean of accuracy and R2"
    runs = found.runs[found.runs["model"] == "ours"]
    strata = np.zeros(90, "int64")
    [(train, held), _] = split(Rows(X, y), strata, cv=2, seed=0)
    alone = clone(ours).fit(X.iloc[train], y.iloc[train])
    expected = alone.score(X.iloc[held], y.iloc[held])
    assert runs["score"].iloc[0] == pytest.approx(expected, abs=1e-5)
    with pytest.raises(ValueError, match=r"'ours' is an estimator of several columns, 'b' is a cl"):
        compare({"ours": ours, "b": DNNClassifier()}, X, y)
    with pytest.raises(ValueError, match=r"`scoring` must be a function.*'accuracy'"):
        compare({"ours": ours, "b": ours}, X, y, scoring="accuracy")


def test_a_matter_is_told_once_for_all_folds_and_models():
    table = X.assign(copied=Y, place=np.arange(ROWS))
    ours = DNNClassifier("standard", hidden_units=(2,), epochs=1, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        compare({"a": ours, "b": ours}, table, Y, cv=KFold(2), verbose=0)
    told = [str(w.message) for w in caught if w.category is DataWarning]
    for words in ("'copied' of `X` determines", "'place' of `X` numbers the rows"):
        assert sum(words in message for message in told) == 1, told

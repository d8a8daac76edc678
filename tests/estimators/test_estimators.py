import copy
import datetime
import os
import pickle
import re
import subprocess
import sys

import joblib
import keras
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
import sklearn.exceptions
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import VotingClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from kerasdnn import (
    DataWarning,
    Diagnostics,
    DNNClassifier,
    DNNRegressor,
    Network,
    build_classifier,
)

QUICK = {
    "preset": "standard",
    "hidden_units": (16,),
    "epochs": 30,
    "learning_rate": 0.02,
    "random_state": 0,
}


# Both presets and both kinds; the nightly run also checks the defaults of the regressor.
CHECKED = [DNNClassifier(), DNNRegressor("standard")]
NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
CHECKED += [DNNRegressor()] if NIGHTLY else []


@parametrize_with_checks(CHECKED)
def test_scikit_learns_checks_pass(estimator, check):
    if getattr(check, "keywords", {}) == {"readonly_memmap": True} and not NIGHTLY:
        pytest.skip("another check is of read-only memory, too, in float32")
    check(estimator)


def test_the_check_that_needs_scipys_switch_passes_too():
    code = (
        "from sklearn.utils.estimator_checks import estimator_checks_generator as checks\n"
        "from kerasdnn import DNNClassifier, DNNRegressor\n"
        "for kind in (DNNClassifier, DNNRegressor):\n"
        "    for estimator, check in checks(kind(epochs=1)):\n"
        "        if getattr(check.func, 'func', check.func).__name__ == 'check_array_api_input':\n"
        "            check(estimator)\n"
        "            print('passed')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["passed", "passed"]


def test_no_check_is_excused():
    for estimator in (DNNClassifier(), DNNRegressor()):
        tags = get_tags(estimator)
        assert not tags.non_deterministic
        assert not tags._skip_test
        assert not tags.no_validation
        assert not (tags.classifier_tags or tags.regressor_tags).poor_score


def people(rows=300, seed=0):
    """A mixed table with gaps, and a label that its columns tell."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 10, rows),
            "city": rng.choice(["Oslo", "Rome", None], rows),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), "D"),
            "member": rng.random(rows) < 0.5,
            "street": [f"street {k}" for k in rng.integers(0, 40, rows)],
        }
    )
    frame.loc[::7, "age"] = np.nan
    score = frame["age"].fillna(40) / 10 - 4 + 2 * frame["member"] - (frame["city"] == "Rome")
    label = np.select([score > 1.2, score > 0.2], ["high", "middle"], "low")
    return frame, pd.Series(label, name="level")


@pytest.fixture(scope="module")
def table():
    return people()


@pytest.fixture(scope="module")
def model(table):
    return DNNClassifier(**QUICK, embedding_size=2, one_hot_limit=10).fit(*table)


def test_a_mixed_table_with_gaps_is_learned(model, table):
    X, y = table
    assert model.score(X, y) > 0.85
    assert model.classes_.tolist() == ["high", "low", "middle"]
    assert model.n_features_in_ == 5
    assert model.feature_names_in_.tolist() == list(X.columns)
    p = model.predict_proba(X)
    assert p.shape == (300, 3)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(X), model.classes_[p.argmax(axis=1)])
    np.testing.assert_allclose(model.decision_function(X), np.log(p), atol=1e-6)


def test_the_network_is_a_plain_one_behind_embeddings(model):
    assert isinstance(model.network_, Network)
    assert [type(layer).__name__ for layer in model.network_.layers][:2] == [
        "EmbedCategories",
        "Dense",
    ]
    assert model.network_.last_path == "compiled"
    assert model.hyperparameters_["hidden_units"] == (16,)
    assert model.hyperparameters_["activation"] == "relu"  # the preset's


def test_the_history_has_a_row_for_each_epoch(model):
    assert model.history_.index.tolist() == list(range(1, 31))
    assert set(model.history_) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert model.best_epoch_ == model.history_["val_loss"].idxmin()


def test_the_best_epoch_is_restored(table):
    X, y = table
    held_out = people(100, seed=1)
    model = DNNClassifier(**QUICK | {"epochs": 60}, early_stopping=False, calibrate=False)
    model.fit(X, y, validation_data=held_out)
    assert len(model.history_) == 60
    assert model.best_epoch_ < 60
    np.testing.assert_allclose(
        model.evaluate(*held_out)["loss"], model.history_["val_loss"].min(), rtol=1e-4
    )
    stopped = DNNClassifier(**QUICK | {"epochs": 60}, patience=3)
    stopped.fit(X, y, validation_data=held_out)
    assert len(stopped.history_) == stopped.best_epoch_ + 3


def test_one_row_has_the_prediction_that_it_has_in_the_table(model, table):
    X, _ = table
    p = model.predict_proba(X)
    for row in (0, 1, 2, 150):
        np.testing.assert_array_equal(model.predict_proba(X.iloc[[row]])[0], p[row])
        np.testing.assert_array_equal(model.predict_proba(X.iloc[row].to_dict())[0], p[row])


def test_the_output_that_scikit_learn_is_set_to_changes_no_prediction(model, table):
    expected = model.predict_proba(table[0])
    with sklearn.config_context(transform_output="pandas"):
        np.testing.assert_array_equal(model.predict_proba(table[0]), expected)


def test_no_rows_give_no_predictions(model, table):
    assert model.predict(table[0].iloc[:0]).shape == (0,)
    assert model.predict_proba(table[0].iloc[:0]).shape == (0, 3)


def test_columns_in_another_order_are_put_right(model, table):
    X, _ = table
    np.testing.assert_array_equal(model.predict_proba(X[X.columns[::-1]]), model.predict_proba(X))


def test_evaluate_agrees_with_scikit_learn_and_shows_the_baseline(model, table):
    X, y = table
    weights = np.random.default_rng(0).random(300)
    found = model.evaluate(X, y, sample_weight=weights)
    p = model.predict_proba(X)
    assert found["loss"] == pytest.approx(log_loss(y, p, sample_weight=weights), rel=1e-4)
    assert found["accuracy"] == pytest.approx(
        accuracy_score(y, model.predict(X), sample_weight=weights)
    )
    share = model.target_.baseline
    guess = np.tile(share, (300, 1))
    assert found["baseline_loss"] == pytest.approx(
        log_loss(y, guess, sample_weight=weights), rel=1e-4
    )
    commonest = np.full(300, model.classes_[share.argmax()])
    assert found["baseline_accuracy"] == pytest.approx(
        accuracy_score(y, commonest, sample_weight=weights)
    )
    assert list(found) == ["loss", "accuracy", "baseline_loss", "baseline_accuracy"]


def test_a_regressor_answers_in_the_units_of_its_target():
    X, y = load_diabetes(return_X_y=True)
    model = DNNRegressor(**QUICK).fit(X, 1e6 + 1e3 * y)
    assert model.score(X, 1e6 + 1e3 * y) > 0.4
    found = model.evaluate(X, 1e6 + 1e3 * y)
    prediction = model.predict(X)
    assert found["mae"] == pytest.approx(mean_absolute_error(1e6 + 1e3 * y, prediction), rel=1e-4)
    assert found["r2"] == pytest.approx(r2_score(1e6 + 1e3 * y, prediction), abs=1e-3)
    assert abs(found["baseline_r2"]) < 0.05
    small = DNNRegressor(**QUICK).fit(X, y)
    np.testing.assert_allclose(1e6 + 1e3 * small.predict(X), prediction, rtol=1e-3)


def test_several_targets_of_different_size():
    X, y = load_diabetes(return_X_y=True)
    both = np.column_stack([y, 1e-3 * y])
    model = DNNRegressor(**QUICK).fit(X, both)
    assert model.predict(X).shape == both.shape
    assert r2_score(both, model.predict(X), multioutput="raw_values").min() > 0.4


def test_counts_are_predicted_as_rates():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    y = rng.poisson(np.exp(1 + 0.5 * X[:, 0]))
    model = DNNRegressor(target="count", **QUICK).fit(X, y)
    rate = model.predict(X)
    assert (rate > 0).all()
    assert np.corrcoef(np.log(rate), X[:, 0])[0, 1] > 0.9
    assert model.predict([[1e30, 0.0]]) <= np.finfo("float32").max
    with pytest.raises(ValueError, match=r"non-negative integers.*row 3 is -1.0.*'real'"):
        DNNRegressor(target="count").fit(X[:6], [1, 2, 3, -1, 2, 0])


def test_several_labels_per_row():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = pd.DataFrame(X > 0, columns=["red", "green", "blue"]).astype(int)
    model = DNNClassifier(**QUICK).fit(X, y)
    assert model.classes_.tolist() == ["red", "green", "blue"]
    assert model.score(X, y) > 0.8
    np.testing.assert_array_equal(model.predict(X), (model.predict_proba(X) > 0.5).astype(int))
    np.testing.assert_array_equal(model.predict(X), (model.decision_function(X) > 0).astype(int))
    assert {"loss", "binary_accuracy", "baseline_auc"} <= set(model.evaluate(X, y))


def test_labels_of_any_kind_come_back():
    X = np.random.default_rng(0).normal(size=(60, 2))
    high = X[:, 0] > 0
    labels = {
        "object": np.where(high, "ja", "nej").astype(object),
        "bool": high,
        "int64": np.where(high, 7, -3),
        "Int64": pd.array(np.where(high, 7, -3), "Int64"),
        "category": pd.Categorical(np.where(high, "ja", "nej")),
        "list": np.where(high, "ja", "nej").tolist(),
    }
    for kind, y in labels.items():
        given = y if kind == "list" else pd.Series(y)
        model = DNNClassifier(**QUICK | {"epochs": 20}).fit(X, given)
        assert set(model.predict(X).tolist()) == set(np.asarray(y).tolist())
        assert model.score(X, np.asarray(y).tolist()) > 0.8


def test_a_frame_of_one_column_is_a_target_and_keeps_its_type():
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = pd.DataFrame({"high": (X[:, 0] > 0).astype(int)})
    with pytest.warns(sklearn.exceptions.DataConversionWarning, match="column-vector"):
        model = DNNClassifier(**QUICK | {"epochs": 1}).fit(X, y)
    assert model.classes_.dtype == "int64"
    assert DNNRegressor(**QUICK | {"epochs": 1}).fit(X, y).predict(X).shape == (60, 1)


def test_a_polars_table_is_as_good_as_one_of_pandas(model, table):
    pl = pytest.importorskip("polars")
    X, y = table
    other = clone(model).fit(pl.from_pandas(X), pl.from_pandas(y))
    np.testing.assert_array_equal(other.predict(pl.from_pandas(X)), model.predict(X))
    assert other.feature_names_in_.tolist() == list(X.columns)


def test_a_weight_is_the_row_that_many_times():
    X, y = people(60)
    weights = np.random.default_rng(0).integers(0, 4, 60)
    heavy = DNNClassifier(**QUICK).fit(X, y, sample_weight=weights)
    again = X.loc[X.index.repeat(weights)].reset_index(drop=True)
    repeated = DNNClassifier(**QUICK).fit(again, y.repeat(weights).reset_index(drop=True))
    np.testing.assert_array_equal(heavy.predict_proba(X), repeated.predict_proba(X))


def test_weights_count_in_metrics_and_in_the_choice_of_the_epoch(table):
    X, y = table
    held_out, judged = people(100, seed=1)
    weights = np.where(judged == "low", 1.0, 1e-6)
    model = DNNClassifier(**QUICK).fit(X, y, validation_data=(held_out, judged, weights))
    low = (judged == "low").to_numpy()
    best = model.history_.loc[model.best_epoch_]
    assert best["val_accuracy"] == pytest.approx(
        accuracy_score(judged[low], model.predict(held_out[low])), abs=1e-3
    )


def test_weights_count_in_a_table_too_large_to_be_merged():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 1))
    y = np.where(rng.random(1500) < 0.5, "a", "b")
    share = DNNClassifier(**QUICK | {"epochs": 15}, batch_size=128)
    weights = np.where(y == "a", 3.0, 1.0)
    p = share.fit(X, y, sample_weight=weights).predict_proba(X)[:, 0].mean()
    assert p == pytest.approx(np.average(y == "a", weights=weights), abs=0.05)
    left_out = np.where(np.arange(1500) < 700, 0.0, 1.0)
    dropped = clone(share).fit(X, y, sample_weight=left_out).predict_proba(X)
    gone = clone(share).fit(X[700:], y[700:]).predict_proba(X)
    np.testing.assert_array_equal(dropped, gone)


def test_class_weights_by_label_and_balanced():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 1))
    y = np.where(X[:, 0] + rng.normal(size=400) > 1.8, "rare", "common")
    recall = {
        str(weight): (DNNClassifier(**QUICK, class_weight=weight).fit(X, y).predict(X) == "rare")[
            y == "rare"
        ].mean()
        for weight in (None, "balanced", {"rare": 20.0})
    }
    assert recall["None"] + 0.2 < recall["balanced"] <= recall["{'rare': 20.0}"] + 0.1


@pytest.mark.parametrize(
    ("arguments", "fit", "message"),
    [
        ({"preset": "standart"}, {}, "`preset` must be one of.*Did you mean 'standard'"),
        ({"preset": "realmlp", "l2": 0.1}, {}, "`l2` is not .*preset 'realmlp'.*Received: l2=0.1"),
        ({"epochs": 0}, {}, "`epochs` must be an integer"),
        ({"validation_fraction": 1}, {}, "`validation_fraction` must be"),
        ({"early_stopping": 5}, {}, "`early_stopping` must be True or False"),
        ({"scaling": "minmax"}, {}, "`scaling` must be one of 'standard', 'robust'"),
        ({"class_weight": {"tall": 2}}, {}, "Keys of `class_weight`.*'tall'.*'high', 'low'"),
        ({"class_weight": {"low": -1}}, {}, "Weights in `class_weight`.*-1 for class 'low'"),
        ({"class_weight": "even"}, {}, "`class_weight` must be 'balanced' or a dict"),
        ({}, {"y": ["low"] * 300}, "at least two classes.*one class, 'low'"),
        ({}, {"y": np.linspace(0, 1, 300)}, "Unknown label type: continuous.*row 1 is 0.003"),
        ({}, {"y": ["a", 1] * 150}, "labels must be of one type.*int, str"),
        ({}, {"y": ["a", None] * 150}, "Input y contains NaN: 150 of 300 rows.*rows 1, 3, 5"),
        ({}, {"y": ["a", "b"] * 140}, "same number of rows. Received: 300 and 280"),
        ({}, {"sample_weight": np.zeros(300)}, "`sample_weight` is zero in all"),
        ({}, {"sample_weight": -np.ones(300)}, "-1.0 in row 0"),
        ({}, {"sample_weight": np.ones(299)}, r"shape \(300,\)"),
        ({}, {"validation_data": 3}, "`validation_data` must be"),
        (
            {},
            {"validation_data": people(9)[:1] + (["tall"] * 9,)},
            r"\[1\]` must contain classes.*tall",
        ),
    ],
)
def test_bad_arguments_are_refused(table, arguments, fit, message):
    X, y = table
    with pytest.raises(ValueError, match=message):
        DNNClassifier(**{**QUICK, **arguments}).fit(**{"X": X, "y": y, **fit})


def test_rows_of_x_and_y_in_another_order_are_refused(table):
    X, y = table
    with pytest.raises(ValueError, match="rows in the same order"):
        DNNClassifier().fit(X, y.sort_values())


def test_a_regressor_refuses_labels(table):
    X, y = table
    with pytest.raises(ValueError, match=r"`y` must contain numbers.*`DNNClassifier`"):
        DNNRegressor().fit(X, y)


def test_numbers_that_are_no_classes_are_warned_of():
    X = np.random.default_rng(0).normal(size=(60, 2))
    with pytest.warns(DataWarning, match="60 different numbers in 60 rows.*`DNNRegressor`"):
        DNNClassifier(**QUICK | {"epochs": 1}).fit(X, np.arange(60))


def test_a_feature_that_is_the_target_is_warned_of(table):
    X, y = table
    X = X.assign(code=y.map({"low": "l", "middle": "m", "high": "h"}))
    with pytest.warns(DataWarning, match="Column 'code' of `X` determines `y`") as caught:
        DNNClassifier(**QUICK | {"epochs": 1}).fit(X, y)
    assert [w.category for w in caught].count(DataWarning) == 1


def test_the_same_seed_gives_the_same_model(model, table):
    X, y = table
    again = clone(model).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    other = clone(model).set_params(random_state=1).fit(X, y)
    assert (other.predict_proba(X) != model.predict_proba(X)).any()


def test_the_held_out_rows_are_stratified_and_drawn_at_random():
    from kerasdnn.tables.splits import holdout_mask

    strata = np.repeat([0, 1, 2, 3], [500, 50, 10, 1])
    chosen = [holdout_mask(strata, 0.2, np.random.default_rng(seed)) for seed in range(30)]
    for taken in chosen:
        counts = np.bincount(strata[taken], minlength=4)
        assert abs(counts[:3] - [100, 10, 2]).max() <= 1
        assert counts[3] == 0
    share = np.mean(chosen, axis=0)[:500]
    assert 0.15 < share.mean() < 0.25
    assert share.max() < 0.6


@pytest.mark.parametrize("way", ["pickle", "deepcopy", "joblib"])
def test_copies_predict_the_same_and_train_on(model, table, tmp_path, way):
    X, _ = table
    if way == "joblib":
        joblib.dump(model, tmp_path / "model.joblib")
        after = joblib.load(tmp_path / "model.joblib")
    else:
        after = copy.deepcopy(model) if way == "deepcopy" else pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(after.predict_proba(X), model.predict_proba(X))
    assert after.get_params() == model.get_params()
    assert after.network_.seed == model.network_.seed
    steps = model.network_.optimizer.iterations
    assert int(after.network_.optimizer.iterations) == int(steps) > 0


def bent(x):
    return keras.ops.maximum(x, 0.1 * x)


def test_functions_of_ones_own_go_through_pickle_and_not_into_a_file(tmp_path):
    model = DNNClassifier(**QUICK | {"epochs": 2}, activation=bent).fit(X_IRIS, Y_IRIS)
    after = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(after.predict_proba(X_IRIS), model.predict_proba(X_IRIS))
    with (
        pytest.warns(DataWarning, match="`activation`"),
        pytest.raises(
            ValueError,
            match=r"cannot be saved.*'function'.*pickle or joblib",
        ),
    ):
        model.save(tmp_path / "model.kerasdnn")
    assert not list(tmp_path.iterdir())


def test_clone_keeps_the_arguments_and_forgets_the_training(model):
    twin = clone(model)
    assert twin.get_params() == model.get_params()
    assert not hasattr(twin, "network_")


def test_callbacks_hear_of_every_epoch(table):
    heard = []
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: heard.append(epoch))
    DNNClassifier(**QUICK | {"epochs": 3}, callbacks=[callback]).fit(*table)
    assert heard == [0, 1, 2]


X_IRIS, Y_IRIS = load_iris(return_X_y=True)


def test_inside_a_pipeline_with_frames(table):
    X, y = table
    columns = make_column_transformer(
        (StandardScaler(), ["age"]), remainder="passthrough", verbose_feature_names_out=False
    )
    pipeline = make_pipeline(columns.set_output(transform="pandas"), DNNClassifier(**QUICK))
    assert pipeline.fit(X, y).score(X, y) > 0.8
    assert pipeline[-1].feature_names_in_.tolist() == list(X.columns)


def test_inside_a_grid_search():
    search = GridSearchCV(DNNClassifier(**QUICK), {"hidden_units": [(4,), (8,)]}, cv=2)
    search.fit(X_IRIS, Y_IRIS)
    assert search.best_score_ > 0.8


def test_inside_cross_validation_with_weights_routed():
    with sklearn.config_context(enable_metadata_routing=True):
        model = DNNClassifier(**QUICK).set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        weights = np.where(Y_IRIS == 0, 0.0, 1.0)
        found = cross_validate(
            model, X_IRIS, Y_IRIS, cv=2, params={"sample_weight": weights}, return_estimator=True
        )
    assert all(fitted.classes_.tolist() == [1, 2] for fitted in found["estimator"])
    assert found["test_score"].min() > 0.8
    assert cross_val_score(DNNRegressor(**QUICK), X_IRIS, Y_IRIS, cv=2).shape == (2,)


def test_inside_other_meta_estimators():
    calibrated = CalibratedClassifierCV(DNNClassifier(**QUICK), cv=2).fit(X_IRIS, Y_IRIS)
    assert calibrated.score(X_IRIS, Y_IRIS) > 0.85
    vote = VotingClassifier(
        [("dnn", DNNClassifier(**QUICK)), ("line", LogisticRegression(max_iter=500))], voting="soft"
    )
    assert vote.fit(X_IRIS, Y_IRIS).score(X_IRIS, Y_IRIS) > 0.9


def test_permutation_importance_finds_the_column_that_matters(model, table):
    found = permutation_importance(model, *table, n_repeats=2, random_state=0)
    assert table[0].columns[found.importances_mean.argmax()] in ("age", "member")


SMALL = {"preset": "standard", "hidden_units": (4,), "epochs": 2, "random_state": 0}
ROWS = pd.DataFrame(np.random.default_rng(0).normal(size=(100, 2)), columns=["a", "b"])
LABELS = pd.Series(np.arange(100) % 2)


def test_equal_rows_change_neither_the_steps_nor_the_share_to_validate_on():
    few = pd.DataFrame({"sex": ["f", "m"] * 400, "new": [True, True, False, False] * 200})
    many = few.assign(v=np.random.default_rng(0).normal(size=800))
    y = few["sex"].eq("f") ^ few["new"]
    found = [DNNClassifier(**SMALL).fit(X, y) for X in (few, many)]
    iterations = [int(model.network_.optimizer.iterations) for model in found]
    assert iterations == [2 * 21] * 2  # epochs * ceil(641 rows / 32): 159 of 800 are held out
    weighted = DNNClassifier(**SMALL).fit(few[:100], y[:100], sample_weight=[2] * 100)
    assert int(weighted.network_.optimizer.iterations) == 2 * 6  # of ceil(161 of 200 rows / 32)
    assert weighted.n_rows_ == 100


@pytest.mark.parametrize("how", ["permuted", "half"])
@pytest.mark.parametrize("what", ["y", "sample_weight", "validation y", "validation weight"])
def test_an_index_that_differs_from_that_of_x_is_refused(how, what):
    order = np.random.default_rng(0).permutation(100)

    def other(series):
        return series.iloc[order] if how == "permuted" else series.set_axis(np.arange(50, 150))

    arguments = {
        "y": {"y": other(LABELS)},
        "sample_weight": {"y": LABELS, "sample_weight": other(LABELS + 1)},
        "validation y": {"y": LABELS, "validation_data": (ROWS, other(LABELS))},
        "validation weight": {
            "y": LABELS,
            "validation_data": (ROWS, LABELS, other(LABELS + 1)),
        },
    }[what]
    words = "in the same order" if how == "permuted" else "the same index. Received: 50 of 100"
    with pytest.raises(ValueError, match=words):
        DNNClassifier(**SMALL).fit(ROWS, **arguments)
    network = build_classifier(2, hidden_units=(2,), seed=0)
    with pytest.raises(ValueError, match=words):
        network.fit(ROWS, **arguments, verbose=0)


def test_an_index_that_says_nothing_of_x_is_accepted():
    names = [f"row {i}" for i in range(100)]
    zone = pd.date_range("2020", periods=100, tz="UTC")
    DNNClassifier(**SMALL).fit(ROWS, LABELS.set_axis(names))
    DNNClassifier(**SMALL).fit(ROWS.set_axis(zone), LABELS.set_axis(zone.tz_convert("Asia/Seoul")))


@pytest.mark.parametrize(
    "weights",
    [
        pd.date_range("2020", periods=100),
        pd.to_timedelta(np.arange(100), "h"),
        ["1.5"] * 100,
        ["2"] * 99 + [1.0],
        np.ones(100, "complex64"),
        np.ma.masked_array(np.ones(100), mask=np.arange(100) < 5),
        pd.Series([datetime.date(2020, 1, 1)] * 100),
        "balanced",
        2.0,
    ],
)
def test_weights_that_are_no_numbers_are_refused(weights):
    with pytest.raises(ValueError, match=r"`sample_weight` (must|contains)"):
        DNNClassifier(**SMALL).fit(ROWS, LABELS, sample_weight=weights)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (pd.Series(pd.to_timedelta(np.arange(100), "h")), "duration.*total_seconds"),
        (list(pd.to_timedelta(np.arange(100), "h")), "duration.*total_seconds"),
        (pd.DataFrame({"p": pd.to_timedelta(np.arange(100), "h"), "q": 1.0}), "total_seconds"),
        (pd.date_range("2020", periods=100), "Subtract a date"),
        ([np.inf] + [1.0] * 99, "finite"),
    ],
)
def test_targets_that_are_no_numbers_are_refused_with_the_way_out(y, words):
    with pytest.raises(ValueError, match=words):
        DNNRegressor(**SMALL).fit(ROWS, y)


def test_labels_are_exact_or_refused():
    for labels in ([2**53, 2**53 + 1], [1, 2**63]):
        model = DNNClassifier(**SMALL).fit(ROWS, labels * 50)
        assert model.classes_.tolist() == labels
    refused = {
        "64 bits.*100000000000000000000": [10**20, 7],
        "64 bits, or in 53 bits": [2**53 + 1, 0.5],
        "finite.*row 0 is inf": [np.inf, 1.0],
    }
    for words, labels in refused.items():
        with pytest.raises(ValueError, match=words):
            DNNClassifier(**SMALL).fit(ROWS, labels * 50)


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        (ROWS, pd.get_dummies(pd.Series(list("abcd") * 25)), "a single 1 in its 4 columns"),
        (ROWS, ["yes", "no", "yes ", "no"] * 25, "only in case or blanks.*'yes', 'yes '"),
        (ROWS.assign(n=np.arange(100) + 1), LABELS, "Column 'n' of `X` numbers the rows, from 1"),
        (ROWS.assign(n=np.arange(100)[::-1]), LABELS, "Column 'n' of `X` numbers the rows"),
        (ROWS.assign(copy=LABELS), LABELS, "Column 'copy' of `X` determines `y`"),
        (
            ROWS,
            np.column_stack([LABELS, LABELS * 0, np.arange(100) % 3 > 0]),
            "Label 1 of `y` is 0",
        ),
    ],
)
def test_what_is_probably_a_mistake_is_told_once(X, y, words):
    with pytest.warns(DataWarning) as caught:
        DNNClassifier(**SMALL).fit(X, y)
    told = [str(w.message) for w in caught if w.category is DataWarning]
    assert len(told) == 1
    assert re.search(words, told[0])


@pytest.mark.filterwarnings("error::kerasdnn.DataWarning")
def test_unseen_categories_are_told_once_for_each_fit_of_an_estimator():
    X = ROWS.assign(code=[f"c{k % 40}" for k in range(100)])
    model = DNNClassifier(**SMALL).fit(X, LABELS)
    for ask in (lambda: model.predict(X.assign(code="new")),
                lambda: model.evaluate(X.assign(code="new"), LABELS)):  # fmt: skip
        with pytest.warns(DataWarning, match="Column 'code'.*'new'") as caught:
            ask()
        assert len(caught) == 1
        ask()  # a warning would be an error
        model.fit(X, LABELS)
    with pytest.warns(DataWarning, match="Column 'code'.*'new'"):
        model.fit(X, LABELS, validation_data=(X.assign(code="new"), LABELS))


@pytest.mark.parametrize("members", [1, 2])
def test_an_optimizer_serves_any_number_of_fits(members):
    class Scaled(keras.optimizers.Adam):
        def __init__(self, factor=1.0, **kwargs):  # which its config does not know
            super().__init__(**kwargs)
            self.factor = factor

        def update_step(self, gradient, variable, learning_rate):
            super().update_step(gradient, variable, learning_rate * self.factor)

    decay = keras.optimizers.schedules.CosineDecay(0.1, 100)
    for optimizer in (keras.optimizers.SGD(decay), Scaled(5.0, learning_rate=0.01)):
        model = DNNClassifier(**SMALL, optimizer=optimizer, n_members=members)
        first = model.fit(ROWS, LABELS).predict_proba(ROWS)
        np.testing.assert_array_equal(model.fit(ROWS, LABELS).predict_proba(ROWS), first)
        assert not optimizer.built
    slow = DNNClassifier(**SMALL, optimizer=Scaled(0.0)).fit(ROWS, LABELS)
    assert slow.history_["loss"].nunique() == 1


def test_callbacks_keep_the_network_and_are_cloned_without_it():
    class Losses(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.losses = []

        def on_epoch_end(self, epoch, logs=None):
            self.losses.append(logs["loss"])

    callback = Losses()
    model = DNNClassifier(**SMALL, callbacks=[callback]).fit(ROWS, LABELS)
    assert len(callback.losses) == 2
    assert callback.model is model.network_
    twin = clone(model)
    assert twin.callbacks[0].model is None
    assert callback.model is model.network_
    assert twin.fit(ROWS, LABELS).callbacks[0].losses == callback.losses


def test_diagnostics_of_an_estimator_tell_its_health_after_the_fit():
    X, y = np.random.default_rng(0).normal(size=(80, 3)), np.arange(80) % 2
    model = DNNClassifier(**SMALL, callbacks=[Diagnostics(X.astype("float32"), y)]).fit(X, y)
    assert len(model.callbacks[0].health().layers) == len(
        pickle.loads(pickle.dumps(model)).callbacks[0].health().layers
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda y: y.astype(object),
        lambda y: pd.Series(y, dtype="boolean"),
        lambda y: pl.Series(y.astype(str)),
        lambda y: pa.array(y.astype(str)),
        lambda y: pa.array(y.astype(str)).dictionary_encode(),
        lambda y: pd.Series(y.astype(int), dtype="Int64"),
    ],
)
def test_what_labels_are_fitted_on_they_are_scored_by(make):
    y = np.arange(60) % 2 == 0
    X = np.column_stack([y, np.arange(60)]).astype("float64")
    model = DNNClassifier(**SMALL).fit(X, make(y))
    right = np.asarray(model.predict(X)).astype(str) == np.array(model.classes_)[y * 1].astype(str)
    assert model.score(X, make(y)) == right.mean()


def test_score_refuses_rows_that_are_not_those_of_the_table():
    y = pd.Series(np.arange(60) % 2)
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)))
    for model in (DNNClassifier(**SMALL), DNNRegressor(**SMALL)):
        model.fit(X, y)
        with pytest.raises(ValueError, match="same order"):
            model.score(X, y[::-1])
        with pytest.raises(ValueError, match="same index"):
            model.score(X, y, sample_weight=pd.Series(1.0, index=range(1, 61)))
        assert model.score(X, y, sample_weight=[1] * 59 + [0]) == pytest.approx(
            model.score(X[:-1], y[:-1])
        )


@pytest.mark.parametrize("levels", [(2, 5), (1, 2, 5)])
def test_an_index_of_other_levels_is_another_index(levels):
    X = pd.DataFrame({"a": np.arange(10.0)}, index=pd.MultiIndex.from_product([range(5), range(2)]))
    y = pd.Series(np.arange(10) % 2, index=pd.MultiIndex.from_product(map(range, levels)))
    if len(levels) == 2:  # of as many levels, in another order
        with pytest.raises(ValueError, match="same index"):
            DNNClassifier(**SMALL).fit(X, y)
    else:
        DNNClassifier(**SMALL).fit(X, y)
    DNNClassifier(**SMALL).fit(X, y.reset_index(drop=True))


def test_rows_of_a_dict_of_series_and_of_weights_beside_an_array_belong_together():
    y = pd.Series(np.arange(60) % 2)
    a, b = pd.Series(np.arange(60.0)), pd.Series(np.arange(60.0) ** 2)
    model = DNNClassifier(**SMALL)
    model.fit({"a": a, "b": b}, y)
    with pytest.raises(ValueError, match=r"`X\['a'\]` and `X\['b'\]` must have their rows"):
        model.fit({"a": a, "b": b[::-1]}, y)
    with pytest.raises(ValueError, match="`X` and `y` must have their rows"):
        model.fit({"a": a, "b": b}, y[::-1])
    with pytest.raises(ValueError, match="`y` and `sample_weight` must have their rows"):
        model.fit(np.c_[a, b], y, sample_weight=pd.Series(1.0, index=range(59, -1, -1)))


def test_a_gap_in_arrows_weights_or_labels_is_a_gap():
    X, y = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2
    gap = pa.array([None, *range(1, 60)])
    with pytest.raises(ValueError, match=r"`sample_weight` contains NaN.*row 0"):
        DNNClassifier(**SMALL).fit(X, y, sample_weight=gap)
    with pytest.raises(ValueError, match="have a missing target"):
        DNNRegressor(**SMALL).fit(X, gap)


def test_dates_and_durations_are_shown_as_such():
    X = np.random.default_rng(0).normal(size=(60, 2))
    times = pd.Series(pd.to_timedelta(np.arange(60), unit="s"))
    for y, shown in ((times, "'0 nano"), (times + pd.Timestamp("2020-02-03"), "'2020-02-03T")):
        with pytest.raises(ValueError, match=f"must contain numbers. Received: d[a-z]+ {shown}"):
            DNNRegressor(**SMALL).fit(X, y.astype(y.dtype.str.replace("us", "ns")))


def test_a_network_whose_weights_are_nan_is_not_asked():
    model = DNNClassifier(**SMALL).fit(ROWS, LABELS)
    model.network_.set_weights([weight * np.nan for weight in model.network_.get_weights()])
    for ask in (model.predict, model.predict_proba, model.decision_function):
        with pytest.raises(ValueError, match="finite weights"):
            ask(ROWS)


def test_a_series_is_a_row_to_predict_and_no_table_to_fit():
    model = DNNClassifier(**SMALL).fit(ROWS, LABELS)
    np.testing.assert_array_equal(model.predict_proba(ROWS.iloc[3]), model.predict_proba(ROWS)[[3]])
    with pytest.raises(ValueError, match=r"must be a table. Received: a Series"):
        model.fit(ROWS["a"], LABELS)


def test_a_structured_array_is_a_table_of_its_fields():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=60), "city": ["Oslo", "Bonn", "Rome"] * 20})
    y = (frame["a"] > 0).to_numpy()
    model = DNNClassifier(**QUICK).fit(frame.to_records(index=False), y)
    assert list(model.feature_names_in_) == ["a", "city"]
    for rows in (frame, frame.iloc[:1]):
        expected = DNNClassifier(**QUICK).fit(frame, y).predict_proba(rows)
        np.testing.assert_allclose(
            model.predict_proba(rows.to_records(index=False)), expected, 1e-5, 1e-7
        )


def test_an_integer_of_any_size_is_an_error_that_names_it():
    X, y = np.random.default_rng(0).normal(size=(20, 2)), np.arange(20.0)
    model = DNNRegressor(**QUICK).fit(pd.DataFrame(X, columns=["a", "b"]), y)
    huge = 10**400
    for call, words in (
        (lambda: model.predict({"a": huge, "b": 1.0}), "Column 'a'"),
        (lambda: model.predict(pd.DataFrame({"a": [huge], "b": [1.0]})), "too large"),
        (lambda: model.fit(X, [huge, *y[1:].tolist()]), "`y` must contain finite numbers"),
        (lambda: model.fit(X, y, sample_weight=[huge] * 20), "sample_weight"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_a_constant_target_is_told_in_its_own_units():
    X = np.random.default_rng(0).normal(size=(40, 2))
    with pytest.warns(DataWarning) as caught:
        DNNRegressor(**QUICK).fit(X, np.full(40, 7.5))
    [words] = [str(w.message) for w in caught if "one value only" in str(w.message)]
    assert "7.5 in all 40 rows" in words


def test_a_global_wish_for_dataframes_leaves_training_as_it_is():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=60), "city": ["Oslo", "Bonn", "Rome"] * 20})
    y = (X["a"] > 0).to_numpy()
    expected = DNNClassifier(**QUICK).fit(X, y).predict_proba(X)
    with sklearn.config_context(transform_output="pandas"):
        model = DNNClassifier(**QUICK).fit(X, y)
        np.testing.assert_array_equal(model.predict_proba(X), expected)
        np.testing.assert_allclose(model.predict_proba(X.head(1)), expected[:1], 1e-5)
        assert isinstance(model.encoder_.transform(X), pd.DataFrame)
    np.testing.assert_array_equal(model.predict_log_proba(X), np.log(expected))

"""The pictures of an estimator, and scikit-learn's partial dependence on tables."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from _fitted import fitted, table, targets
from sklearn.exceptions import NotFittedError
from sklearn.inspection import PartialDependenceDisplay, partial_dependence

from kerasdnn import DNNClassifier

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")  # scikit-learn's displays leave their figures there


def test_the_history_shows_both_losses_and_the_epoch_that_was_kept():
    model = fitted("standard")
    ax = model.plot_history(title="training")
    labels = ax.get_legend_handles_labels()[1]
    assert labels == ["training rows", "validation rows", f"epoch kept: {model.best_epoch_}"]
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), model.history_["val_loss"])
    with pytest.raises(NotFittedError):
        DNNClassifier().plot_history()


def test_the_confusion_of_classes_is_drawn():
    model, y = fitted("realmlp-s"), targets()["three"]
    ax = model.plot_confusion(table(), y)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["high", "low", "middle"]
    right = (model.predict(table())[y == "low"] == "low").mean()
    assert f"{right:.2f}" in {t.get_text().split("\n")[0] for t in ax.texts}
    with pytest.raises(ValueError, match=r"plot_confusion\(\) needs .* one class per row"):
        fitted("regressor").plot_confusion(table(), targets()["number"])


def test_the_calibration_of_a_class_is_drawn():
    model, y = fitted("realmlp"), targets()["binary"]
    ax = model.plot_calibration(table(), y)
    assert ax.get_title(loc="left") == "Calibration of 'yes'"
    brier = np.mean((model.predict_proba(table())[:, 1] - (y == "yes")) ** 2)
    assert f"Brier score {brier:.3f}" in ax.get_legend_handles_labels()[1][0]
    three = fitted("realmlp-s")
    assert three.plot_calibration(table(), targets()["three"], label="low").has_data()
    with pytest.raises(ValueError, match=r"`label` must be a class or a label.*'high', 'low'"):
        three.plot_calibration(table(), targets()["three"])
    label = fitted("labels").classes_.tolist()[1]
    assert fitted("labels").plot_calibration(table(), targets()["labels"], label=label).has_data()


@pytest.mark.parametrize("name", ["regressor", "quantiles"])
def test_residuals_are_truth_minus_prediction(name):
    model, y = fitted(name), targets()["number"]
    predicted = model.predict(table())
    predicted = predicted if predicted.ndim == 1 else predicted[:, 1]
    dots = model.plot_residuals(table(), y).collections[0].get_offsets()
    np.testing.assert_allclose(dots, np.column_stack([predicted, y - predicted]), rtol=1e-6)


def test_residuals_of_several_columns_are_not_one_picture():
    with pytest.raises(ValueError, match="`y` must have one column"):
        fitted("columns").plot_residuals(table(), targets()["columns"])


def test_partial_dependence_of_scikit_learn_takes_tables_with_categories_and_gaps():
    model, X = fitted("realmlp"), table().head(40)
    shown = PartialDependenceDisplay.from_estimator(
        model, X, ["age", "city"], categorical_features=["city", "flag", "zip", "note"],
        kind="average", grid_resolution=5,
    )  # fmt: skip
    assert shown.axes_.size >= 2
    ice = PartialDependenceDisplay.from_estimator(
        model, X, ["age"], kind="both", categorical_features=["city"], grid_resolution=4
    )
    assert ice.lines_.shape[-1] == len(X) + 1


def test_partial_dependence_is_the_mean_prediction_with_the_column_set():
    model, X = fitted("regressor"), table().head(30)
    found = partial_dependence(
        model, X, ["city"], categorical_features=["city"], kind="average", method="brute"
    )
    for value, mean in zip(found["grid_values"][0], found["average"][0], strict=True):
        assert mean == pytest.approx(model.predict(X.assign(city=value)).mean(), rel=1e-6)

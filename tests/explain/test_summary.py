"""What a fitted estimator says about itself."""

import pytest
from _fitted import fitted
from sklearn.exceptions import NotFittedError

from kerasdnn import DNNRegressor


def test_a_classifier_names_its_classes_rows_epochs_and_columns():
    model = fitted("standard")
    text = str(model.summary())
    assert "DNNClassifier, preset 'standard': predicts 2 classes ('no', 'yes')" in text
    assert "160 rows and 7 columns" in text
    assert f"Epoch {model.best_epoch_} of 4 was kept" in text
    assert "random_state=0" in text
    assert "EmbedCategories" in text
    assert f"{model.network_.count_params():,} weights" in text
    columns = model.summary().columns.set_index("column")
    assert columns.loc["zip", "encoding"] == "embedded"


@pytest.mark.parametrize(
    ("name", "words"),
    [("quantiles", "the quantiles 0.1, 0.5, 0.9 of y"), ("columns", "2 columns of numbers"),
     ("ensemble", "2 members averaged"), ("regressor", "in standard deviations of y"),
     ("labels", "2 labels")],
)  # fmt: skip
def test_every_problem_has_its_words(name, words):
    summary = fitted(name).summary()
    assert words in str(summary)
    page = summary._repr_html_()
    assert page.count("<table") == 2
    assert "http" not in page
    assert len(summary.layers) == len(fitted(name).network_.layers)


def test_an_estimator_has_to_be_fitted():
    with pytest.raises(NotFittedError):
        DNNRegressor().summary()

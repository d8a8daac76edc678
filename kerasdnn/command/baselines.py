"""Baselines for tables of any columns: a constant, a linear model and gradient boosting."""

import numpy as np
import pandas as pd

CONSTANT = ("mean predictor", "majority class")  # names of the baselines that ignore X


def baselines(problem, seed):
    """Dict of name to a scikit-learn model that takes the same table as the network."""
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LinearRegression, LogisticRegression

    if problem == "regression":
        return {
            "mean predictor": DummyRegressor(),
            "linear regression": _linear(LinearRegression()),
            "gradient boosting": _boosting(HistGradientBoostingRegressor(random_state=seed)),
        }
    return {
        "majority class": DummyClassifier(strategy="prior"),
        "logistic regression": _linear(LogisticRegression(max_iter=2000)),
        "gradient boosting": _boosting(HistGradientBoostingClassifier(random_state=seed)),
    }


def attempt(function):
    """`(result, "")` of a function, or `(None, "failed: reason")`: a baseline ends no recipe."""
    try:
        return function(), ""
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        return None, f"failed: {reason[:120]}"


def to_plain(X):
    """Numbers as float, dates as days, everything else as text."""
    columns = {}
    for name, column in X.items():
        if pd.api.types.is_datetime64_any_dtype(column):
            columns[name] = (column - pd.Timestamp(0)) / pd.Timedelta(days=1)
        elif pd.api.types.is_numeric_dtype(column):
            columns[name] = column.astype("float64")
        else:
            columns[name] = column.astype(object).where(column.notna(), "(missing)").astype(str)
    return pd.DataFrame(columns, index=X.index)


def _by_kind(numbers, texts):
    from sklearn.compose import make_column_selector, make_column_transformer

    return make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (texts, make_column_selector(dtype_exclude="number")),
    )


def _linear(model):
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    texts = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5)
    return make_pipeline(FunctionTransformer(to_plain), _by_kind(numbers, texts), model)


def _boosting(model):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    return make_pipeline(FunctionTransformer(to_plain), _by_kind("passthrough", codes), model)


def scores(problem, model, X, y):
    """The test metrics of a fitted model, by name."""
    from sklearn import metrics

    if problem == "regression":
        predicted = np.asarray(model.predict(X), float).reshape(len(y))
        return {
            "mean absolute error": metrics.mean_absolute_error(y, predicted),
            "root mean squared error": metrics.root_mean_squared_error(y, predicted),
            "R2": metrics.r2_score(y, predicted),
        }
    probability = np.asarray(model.predict_proba(X), "float64")
    classes = model.classes_
    found = {
        "accuracy": metrics.accuracy_score(y, model.predict(X)),
        "log loss": metrics.log_loss(y, probability, labels=classes),
    }
    if problem == "binary":
        found["ROC-AUC"] = metrics.roc_auc_score(y == classes[1], probability[:, 1])
    else:
        found["balanced accuracy"] = metrics.balanced_accuracy_score(y, model.predict(X))
    return found


def loss_name(problem):
    """The name of the mean of `row_losses`."""
    return "mean absolute error" if problem == "regression" else "log loss"


def row_losses(problem, model, X, y):
    """The loss of each row: absolute error in a regression, log loss in a classification."""
    if problem == "regression":
        return np.abs(np.asarray(model.predict(X), float).reshape(len(y)) - np.asarray(y, float))
    probability = np.asarray(model.predict_proba(X), "float64")
    column = np.searchsorted(model.classes_, np.asarray(y))
    return -np.log(np.maximum(probability[np.arange(len(y)), column], 1e-15))

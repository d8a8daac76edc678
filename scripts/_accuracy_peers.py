"""The peers of `bench_accuracy.py`, as `peers.csv` calls them.

Those of scikit-learn are estimators as they come, behind what they need to read the table. Those of
`LIBRARIES` also read the valid part, for early stopping or the best epoch. They need a package that
kerasdnn does not: `pip install lightgbm catboost pytabkit`.
"""

import importlib
import os

PEERS = ("linear", "sk_mlp", "hgb")
LIBRARIES = {
    "lgbm_es": "lightgbm", "catboost": "catboost", "realmlp_td_s": "pytabkit",
    "realmlp_td": "pytabkit", "tabm_d": "pytabkit",
}  # fmt: skip
PYTABKIT = {"realmlp_td_s": "RealMLP_TD_S", "realmlp_td": "RealMLP_TD", "tabm_d": "TabM_D"}


def missing(models):
    """The packages that peers among `models` need and that are not installed."""
    needed = {LIBRARIES[model] for model in models if model in LIBRARIES}
    return sorted(name for name in needed if importlib.util.find_spec(name) is None)


def make_peer(model, data, seed):
    """An estimator of scikit-learn with what it needs to read the table."""
    from sklearn import ensemble, linear_model, neural_network
    from sklearn.pipeline import make_pipeline

    numbers = data.task == "regression"
    if model == "hgb":
        kind = "HistGradientBoostingRegressor" if numbers else "HistGradientBoostingClassifier"
        places = list(range(len(data.categorical)))
        peer = getattr(ensemble, kind)(categorical_features=places, random_state=seed)
        return make_pipeline(codes(data), peer)
    if model == "linear":
        linear = linear_model.LinearRegression, linear_model.LogisticRegression
        peer = linear[0]() if numbers else linear[1](max_iter=1000)
    else:
        peer = getattr(neural_network, "MLPRegressor" if numbers else "MLPClassifier")
        peer = peer(random_state=seed)
    return make_pipeline(dense(data), peer)


def dense(data):
    """Numbers imputed with the median and scaled, categories one-hot."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_column_transformer((words, data.categorical), (numbers, data.numeric))


def codes(data):
    """Categories as codes, first; numbers as they are: trees take gaps."""
    import numpy as np
    from sklearn.compose import make_column_transformer
    from sklearn.preprocessing import OrdinalEncoder

    words = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=254
    )
    return make_column_transformer((words, data.categorical), ("passthrough", data.numeric))


class LibraryPeer:
    """A peer with defaults that reads the valid part, too, on as many threads as there are cores.

    Args:
        model: key of `LIBRARIES`.
        data: table of `_accuracy_tables.py`.
        seed: int.
    """

    def __init__(self, model, data, seed):
        self.model, self.data, self.seed = model, data, seed
        self.numbers = data.task == "regression"

    def fit(self, X, y, validation_data=None):
        """Train on X and y; `validation_data` is `(X, y)` of the valid part.

        None holds out a fifth of the rows, as pytabkit does by itself.
        """
        threads = len(os.sched_getaffinity(0))
        library = LIBRARIES[self.model]
        learn = getattr(self, library)
        if validation_data is None and library != "pytabkit":
            X, y, *validation_data = self.hold_out(X, y)
        self.medians = X[self.data.numeric].median()
        self.known = {c: sorted(set(X[c].astype(str))) for c in self.data.categorical}
        valid, valid_y = validation_data or (None, None)
        valid = valid if valid is None else self.prepare(valid)
        self.fitted = learn(self.prepare(X), y, valid, valid_y, threads)

    def hold_out(self, X, y):
        """X and y without a fifth of the rows, and that fifth."""
        from sklearn.model_selection import train_test_split

        by = None if self.numbers else y
        X, held, y, held_y = train_test_split(
            X, y, test_size=0.2, random_state=self.seed, stratify=by
        )
        return X, y, held, held_y

    def prepare(self, X):
        """Categories of pandas, or text for CatBoost; pytabkit takes no missing numbers."""
        import pandas as pd

        X = X.copy()
        for column, words in self.known.items():
            text = X[column].astype(str)
            X[column] = text if self.model == "catboost" else pd.Categorical(text, words)
        if self.model in PYTABKIT:
            numbers = X[self.data.numeric].astype("float64")
            X[self.data.numeric] = numbers.fillna(self.medians)
        return X

    def lightgbm(self, X, y, valid, valid_y, threads):
        import lightgbm

        kind = lightgbm.LGBMRegressor if self.numbers else lightgbm.LGBMClassifier
        fitted = kind(n_estimators=2000, random_state=self.seed, verbose=-1, n_jobs=threads)
        stop = lightgbm.early_stopping(50, verbose=False)
        return fitted.fit(X, y, eval_set=[(valid, valid_y)], callbacks=[stop])

    def catboost(self, X, y, valid, valid_y, threads):
        import catboost

        kind = catboost.CatBoostRegressor if self.numbers else catboost.CatBoostClassifier
        fitted = kind(
            random_seed=self.seed, thread_count=threads, verbose=False, allow_writing_files=False,
            cat_features=list(self.data.categorical), early_stopping_rounds=50,
        )  # fmt: skip
        return fitted.fit(X, y, eval_set=(valid, valid_y))

    def pytabkit(self, X, y, valid, valid_y, threads):
        import pytabkit
        import torch

        torch.set_num_threads(threads)
        torch.set_flush_denormal(True)  # denormal numbers made a run four times slower
        kind = PYTABKIT[self.model] + ("_Regressor" if self.numbers else "_Classifier")
        fitted = getattr(pytabkit, kind)(
            device="cpu", random_state=self.seed, n_threads=threads, verbosity=0
        )
        names = list(self.data.categorical)
        held = {} if valid is None else {"X_val": valid, "y_val": valid_y.to_numpy()}
        fitted.fit(X, y.to_numpy(), **held, cat_col_names=names)
        return fitted

    def predict(self, X):
        return self.fitted.predict(self.prepare(X)).ravel()

    @property
    def classes_(self):
        return self.fitted.classes_

    def predict_proba(self, X):
        return self.fitted.predict_proba(self.prepare(X))

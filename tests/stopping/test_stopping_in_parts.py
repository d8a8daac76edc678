"""Tables that are read in parts, and files of estimators, with scorers and limits."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import fbeta_score, make_scorer, roc_auc_score
from sklearn.model_selection import KFold

from kerasdnn import DataWarning, DNNClassifier, load

RNG = np.random.default_rng(0)
TABLE = pd.DataFrame(RNG.normal(size=(300, 3)), columns=list("abc"))
TABLE["y"] = np.where(TABLE["a"] + RNG.normal(size=300) > 0, "yes", "no")
QUICK = {"preset": "standard", "hidden_units": (4,), "epochs": 3, "random_state": 0}


def test_parts_are_scored_as_a_table_in_memory_is(tmp_path):
    TABLE.to_parquet(tmp_path / "table.parquet")
    held = TABLE.sample(80, random_state=1)
    model = DNNClassifier(**QUICK, monitor="roc_auc", time_limit=1000)
    model.fit(tmp_path / "table.parquet", "y", validation_data=(held[list("abc")], held["y"]))
    value = roc_auc_score(held["y"] == "yes", model.predict_proba(held[list("abc")])[:, 1])
    assert model.history_["val_roc_auc"][model.best_epoch_] == pytest.approx(value, abs=1e-6)
    assert model.fit_report_ == (
        f"Kept epoch {model.best_epoch_} of 3, the best by val_roc_auc."
    )  # fmt: skip


@pytest.mark.parametrize("argument", [{"refit": True}, {"validation_split": KFold()}])
def test_what_parts_do_not_support_is_named(argument, tmp_path):
    TABLE.to_parquet(tmp_path / "table.parquet")
    with pytest.raises(ValueError, match=f"`{next(iter(argument))}` is not supported"):
        DNNClassifier(**QUICK, **argument).fit(tmp_path / "table.parquet", "y")


def test_a_file_keeps_names_and_drops_objects_with_a_warning(tmp_path):
    x, y = TABLE[list("abc")], TABLE["y"]
    scorer = make_scorer(fbeta_score, beta=2, pos_label="yes")
    model = DNNClassifier(**QUICK, monitor=scorer, validation_split=KFold(3), classes=("no", "yes"))
    model.fit(x, y)
    with pytest.warns(DataWarning, match="`monitor`, `validation_split`"):
        model.save(tmp_path / "model.kerasdnn")
    again = load(tmp_path / "model.kerasdnn")
    assert (again.monitor, again.classes) == (None, ("no", "yes"))
    assert again.fit_report_ == model.fit_report_
    np.testing.assert_array_equal(again.predict_proba(x), model.predict_proba(x))

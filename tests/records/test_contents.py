"""What a record holds: hashes of data, split, seeds and versions; files with and without one."""

import json
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

import kerasdnn
from kerasdnn import DNNClassifier, DNNRegressor, load
from kerasdnn.records.card import html_card, markdown_card, write_card
from kerasdnn.records.contents import hash_of_column, validation_rows
from kerasdnn.records.refitting import check_arguments, differences, refit
from kerasdnn.records.text import text_of
from kerasdnn.tables.frame import read_frame

FROZEN = Path(__file__).parents[1] / "data" / "frozen"
RNG = np.random.default_rng(0)
SETTINGS = {"preset": "standard", "hidden_units": (8,), "epochs": 3, "random_state": 5}


def table(rows=120):
    frame = pd.DataFrame(
        {
            "age": RNG.normal(40, 10, rows),
            "city": RNG.choice(["Oslo", "Bonn", "Seoul"], rows),
            "since": pd.date_range("2020-01-01", periods=rows),
        }
    )
    frame.loc[::9, "age"] = None
    y = np.where(frame["age"].fillna(40) + RNG.normal(0, 4, rows) > 40, "yes", "no")
    return frame, pd.Series(y, name="bought")


X, Y = table()


@pytest.fixture(scope="module")
def model():
    return DNNClassifier(**SETTINGS).fit(X, Y)


def hashes(record):
    return {column["name"]: column["sha256"] for column in record["data"]["columns"]}


def hash_of(values):
    return hash_of_column(read_frame(pd.DataFrame({"a": values})).column(0))


def test_a_record_is_json_and_names_what_was_trained_with(model):
    record = model.record_
    assert json.loads(json.dumps(record)) == record
    assert record["hyperparameters"]["hidden_units"] == [8]
    assert record["hyperparameters"]["optimizer"] == "adam"  # resolved, not given
    assert "optimizer" not in record["arguments"]
    assert record["seeds"]["random_state"] == 5
    assert record["seeds"]["network"] == model.network_.seed
    assert record["versions"]["kerasdnn"] == kerasdnn.__version__
    assert record["data"]["target"]["name"] == "bought"
    assert record["data"]["columns"][0]["missing"] == X["age"].isna().sum()
    accuracy = record["scores"]["accuracy"]
    assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]
    assert record["scores"]["loss"]["value"] == pytest.approx(
        model.history_["val_loss"].min(), rel=1e-4
    )


def test_the_validation_rows_are_those_that_the_scores_are_of(model):
    held = validation_rows(model.record_)
    assert len(held) == model.record_["split"]["validation"]
    raw = DNNClassifier(**SETTINGS, calibrate=False).fit(X, Y)  # as the scores are
    found = raw.evaluate(X.iloc[held], Y.iloc[held])
    assert found["loss"] == pytest.approx(model.record_["scores"]["loss"]["value"], rel=1e-4)
    assert found["accuracy"] == pytest.approx(model.record_["scores"]["accuracy"]["value"])


def test_places_are_those_of_the_table_in_spite_of_weights_and_groups():
    weights, groups = np.arange(120) % 3, np.arange(120) // 10  # 0 leaves a row out
    fitted = DNNClassifier(**SETTINGS).fit(X, Y, weights, groups=groups)
    held = validation_rows(fitted.record_)
    assert len(held)
    assert (weights[held] > 0).all()
    kept = np.setdiff1d(np.flatnonzero(weights), held)
    assert not set(groups[held]) & set(groups[kept])
    assert fitted.record_["split"]["how"] == "groups"
    assert {"weights", "groups"} <= set(fitted.record_["data"])


def test_a_hash_depends_on_the_values_and_not_on_their_container():
    assert hash_of([1, 2, 3]) == hash_of(np.array([1.0, 2.0, 3.0]))
    assert hash_of([1.0, None]) == hash_of(pd.array([1.0, None], dtype="Float64"))
    assert hash_of(["a", "b", None]) == hash_of(pd.Categorical(["a", "b", None]))
    assert hash_of([0.0, 1.0]) == hash_of([-0.0, 1.0])
    assert hash_of([2**60, 1]) != hash_of([2**60 + 1, 1])  # one float64
    different = [[1, 2, 3], [1, 3, 2], [1, 2, 4], ["1", "2", "3"], [1, 2, None], [1, 2]]
    different += [["ab", "c"], ["a", "bc"], ["a", None], ["a", "None"]]
    assert len({hash_of(values) for values in different}) == len(different)


def test_data_that_are_read_in_parts_are_named_but_not_hashed(tmp_path):
    X.assign(bought=Y).to_parquet(tmp_path / "people.parquet")
    fitted = DNNClassifier(**SETTINGS).fit(tmp_path / "people.parquet", "bought")
    record = fitted.record_
    assert record["data"]["rows"] == 120
    assert record["data"]["target"]["name"] == "bought"
    assert hashes(record) == dict.fromkeys(X, "")
    assert record["split"]["training"] + record["split"]["validation"] == 120
    assert "not hashed" in text_of(record)
    assert refit(fitted, tmp_path / "people.parquet", "bought").identical


def test_a_file_keeps_the_record(model, tmp_path):
    model.save(tmp_path / "m.kerasdnn")
    assert load(tmp_path / "m.kerasdnn").record_ == model.record_


def test_files_written_before_there_were_records_open_and_have_none():
    assert load(FROZEN / "standard.kerasdnn").record_ is None


def test_the_text_shows_every_column_and_score(model):
    text = text_of(model.record_)
    for words in ("bought", "since", "accuracy", "95% CI", "hidden_units", "tensorflow"):
        assert words in text
    assert all(digest in text for digest in hashes(model.record_).values())


@pytest.mark.parametrize("make", [html_card, markdown_card])
def test_a_card_shows_names_of_columns_as_text_only(make):
    evil = "<script>alert(1)</script> | [x](javascript:y)"
    fitted = DNNRegressor(**SETTINGS).fit(X.rename(columns={"city": evil}), X["age"].fillna(0))
    card = make(fitted.record_)
    assert "<script" not in card
    assert make is html_card or "[x](" not in card
    assert "mean_absolute_error" in card.replace("\\", "")


def test_a_card_is_html_or_markdown(model, tmp_path):
    for name in ("card.html", "card.md"):
        assert "Model card" in write_card(model.record_, tmp_path / name).read_text("utf-8")
    with pytest.raises(ValueError, match="must end in"):
        write_card(model.record_, tmp_path / "card.pdf")


def test_a_model_trained_again_is_bit_identical(model, tmp_path):
    model.save(tmp_path / "m.kerasdnn")
    found = refit(load(tmp_path / "m.kerasdnn"), X, Y)
    assert found.identical
    assert found.lines() == ["bit-identical"]
    np.testing.assert_array_equal(found.model.predict_proba(X), model.predict_proba(X))


def test_without_a_random_state_the_drawn_seed_is_used_again():
    fitted = DNNClassifier(**SETTINGS | {"random_state": None}).fit(X, Y)
    assert refit(fitted, X, Y).identical


def test_a_refit_names_the_column_the_row_and_the_version_that_differ(model):
    changed = X.copy()
    changed.loc[3, "age"] = 99.0
    before = {**model.record_, "versions": {**model.record_["versions"], "numpy": "1.0"}}
    kept, model.record_ = model.record_, before
    try:
        found = refit(model, changed, Y)
    finally:
        model.record_ = kept
    assert not found.identical
    assert "network" in found.results
    assert found.largest > 0
    assert [cause.part for cause in found.causes] == ["data column 'age'", "versions: numpy"]
    text = "\n".join(found.lines())
    assert text.startswith("not bit-identical: ")
    assert "1.0 before" in text
    assert json.dumps(found.to_dict())


def test_a_temperature_from_other_validation_rows_is_a_difference():
    validation = X.head(60), Y.head(60)
    fitted = DNNClassifier(**SETTINGS).fit(X, Y, validation_data=validation)
    assert refit(fitted, X, Y, validation_data=validation).identical
    other = X.tail(60), Y.tail(60)
    found = refit(fitted, X, Y, validation_data=other)
    assert not found.identical
    assert "decisions" in found.results


def test_a_time_limit_is_a_cause_where_it_ended_after_other_epochs(model):
    before = {**model.record_, "arguments": {**model.record_["arguments"], "time_limit": 1.0}}
    after = {**before, "training": {**before["training"], "epochs": 2}}
    assert [d.part for d in differences(before, after)] == ["epochs within the time limit"]
    assert not differences(before, before)


def test_a_refit_without_a_record_or_with_other_arguments_is_rejected(model):
    old = load(FROZEN / "standard.kerasdnn")
    with pytest.raises(ValueError, match="has no record"):
        refit(old, X, Y)
    model.set_params(epochs=4)
    try:
        with pytest.raises(ValueError, match=r"`epochs` must be 3.*epochs=4"):
            refit(model, X, Y)
    finally:
        model.set_params(epochs=3)


def test_the_settings_of_a_loss_are_in_the_record_and_a_refit_needs_them():
    given = {"hidden_units": (3,), "epochs": 1, "random_state": 0}
    model = DNNRegressor("standard", loss=keras.losses.Huber(delta=0.5), **given)
    model.fit(X, np.arange(len(X)))
    for part in ("arguments", "hyperparameters"):
        assert model.record_[part]["loss"].startswith("Huber(")
        assert "delta=0.5" in model.record_[part]["loss"]
    check_arguments(model, model.record_)
    earlier = {"arguments": {**model.record_["arguments"], "loss": "Huber huber_loss"}}
    check_arguments(model, earlier)  # a record of an earlier version
    with pytest.raises(ValueError, match=r"`loss` must be .*delta=0\.5.*Huber\(delta=0\.2\)"):
        check_arguments(model.set_params(loss=keras.losses.Huber(delta=0.2)), model.record_)

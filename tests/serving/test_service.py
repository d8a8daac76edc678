"""Answers of a served model: right ones, and 4xx with a reason for everything else."""

import json
import math
import os
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasdnn import DataWarning, DNNClassifier, DNNRegressor
from kerasdnn.serving.service import Limits, Service, to_json

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
RNG = np.random.default_rng(0)
FAST = {"preset": "standard", "hidden_units": (8,), "epochs": 2, "random_state": 0}


def people(rows=120):
    frame = pd.DataFrame(
        {
            "age": RNG.normal(40, 10, rows).round(2),
            "city": RNG.choice(["Oslo", "Bonn", "Seoul"], rows),
            "since": pd.date_range("2020-01-01", periods=rows),
            "member": RNG.choice([True, False], rows),
            "zip": RNG.choice(["0150", "10115", "04524"], rows),
            "size": [f"{n} cm" for n in RNG.integers(150, 200, rows)],  # text that holds numbers
            "constant": 1,
        }
    )
    frame.loc[::9, ["age", "city"]] = None
    y = np.where(frame["age"].fillna(40) + RNG.normal(0, 4, rows) > 40, "yes", "no")
    return frame, pd.Series(y, name="bought")


X, Y = people()


@pytest.fixture(scope="module")
def model():
    with pytest.warns(DataWarning):
        return DNNClassifier(**FAST).fit(X, Y)


@pytest.fixture(scope="module")
def service(model):
    return Service(model, Limits(rows=50))


def records(frame):
    return json.loads(frame.to_json(orient="records", date_format="iso", double_precision=15))


def ask(service, content):
    return service.answer(json.dumps(content).encode())


def test_answers_are_the_predictions_of_the_model(service, model):
    status, found = ask(service, {"rows": records(X.head(30))})
    assert status == 200
    assert found["classes"] == ["no", "yes"]
    assert found["predictions"] == model.predict(X.head(30)).tolist()
    assert found["probabilities"] == model.predict_proba(X.head(30)).tolist()
    assert found["warnings"] == []


def test_rows_in_any_order_of_columns_and_one_by_one_get_the_same_answers(service):
    rows = records(X.head(12))
    _, together = ask(service, {"rows": rows})
    shuffled = [dict(reversed(row.items())) for row in rows]
    assert ask(service, {"rows": shuffled})[1] == together
    for k, row in enumerate(rows):
        assert ask(service, {"rows": [row]})[1]["probabilities"] == [together["probabilities"][k]]


def test_an_ignored_column_may_be_left_out_and_unseen_categories_are_told_every_time(service):
    row = {**records(X.head(1))[0], "city": "Rome"}
    del row["constant"]
    for _ in range(2):
        status, found = ask(service, {"rows": [row]})
        assert status == 200
        assert "Rome" in found["warnings"][0]


def without(name):
    row = records(X.head(1))[0]
    del row[name]
    return row


def changed(**values):
    return {**records(X.head(1))[0], **values}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (without("age"), "Column 'age' is missing in row 1"),
        (changed(age="old"), "Column 'age' must be number or null in row 1. Received: \"old\""),
        (changed(age=True), "Column 'age' must be number or null"),
        (changed(age=[1]), "Column 'age' must be number"),
        (changed(age=1e308), "Column 'age' must be a number between"),
        (changed(age=10**400), "Column 'age' must be a number between"),
        (changed(city=5), "Column 'city' must be string or null"),
        (changed(city={"$ref": "x"}), "Column 'city' must be string or null"),
        (changed(since="soon"), "'since' was datetime"),
        (changed(since=5), "Column 'since' must be string or null"),
        (changed(membre=True), "unknown column 'membre'"),
        (changed(size=170), "Column 'size' must contain values of one type"),
        ([1, 2], "A row must be an object"),
        (None, "A row must be an object"),
    ],
)
def test_a_row_that_does_not_fit_is_422_and_names_row_column_and_value(service, row, words):
    status, found = ask(service, {"rows": [records(X.head(1))[0], row]})
    assert status == 422
    assert words in found["detail"][0]["msg"]
    assert found["detail"][0]["loc"][:2] == ["body", "rows"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "not JSON"),
        (b"{", 400, "not JSON"),
        (b"\xff\xfe", 400, "not JSON"),
        (b"[" * 100_000, 400, "nested too deeply"),
        (b'{"rows": [{"age": NaN}]}', 400, "null is a missing value"),
        (b'{"rows": [{"age": ' + b"9" * 5_000 + b"}]}", 400, "not JSON"),
        (b'{"rows": [{"age": 1, "age": 2}]}', 422, "'age' is there twice"),
        (b"{}", 422, "The body must be"),
        (b'{"rows": []}', 422, "at least one row"),
        (b'{"rows": [], "x": 1}', 422, "The body must be"),
        (b'{"rows": [' + b",".join([b"{}"] * 51) + b"]}", 413, "at most 50 rows"),
    ],
)
def test_a_body_that_is_no_request_gets_a_reason(service, body, status, words):
    found = service.answer(body)
    assert found[0] == status
    assert words in found[1]["detail"][0]["msg"]


def test_a_body_of_many_keys_is_rejected_in_a_moment(service):
    keys = [f'"{i}": 1' for i in range(60_000)]
    start = time.perf_counter()
    for more, words in ((keys[-1:], "'59999' is there twice"), ([], "is missing in row 0")):
        status, found = service.answer(f'{{"rows": [{{{",".join(keys + more)}}}]}}'.encode())
        assert status == 422
        assert words in found["detail"][0]["msg"]
        assert len(found["detail"]) <= 20
    assert time.perf_counter() - start < 10  # minutes, where time grows with the square


def test_all_problems_are_reported_up_to_twenty(service):
    _, found = ask(service, {"rows": [changed(age="x", city=1)] * 5})
    assert len(found["detail"]) == 10
    _, found = ask(service, {"rows": [changed(age="x", city=1)] * 50})
    assert len(found["detail"]) == 20


def test_the_description_has_the_columns_of_the_model(service):
    found = service.openapi()
    row = found["components"]["schemas"]["Row"]
    assert list(row["properties"]) == list(X)
    assert row["properties"]["age"]["type"] == ["number", "null"]
    assert row["properties"]["city"]["examples"] == ["Bonn", "Oslo", "Seoul"]
    assert "constant" not in row["required"]
    assert set(row["required"]) == set(X) - {"constant"}
    answer = found["components"]["schemas"]["Answer"]["properties"]
    assert answer["predictions"]["items"] == {"enum": ["no", "yes"]}
    assert found["info"]["title"] == "DNNClassifier of bought"
    assert json.loads(to_json(found)) == found


def test_regressions_and_quantiles_are_served():
    y = X["age"].fillna(40)
    for arguments, outputs in (({}, None), ({"quantiles": (0.1, 0.9)}, 2)):
        with pytest.warns(DataWarning):
            fitted = DNNRegressor(**FAST, **arguments).fit(X, y)
        served = Service(fitted)
        status, found = ask(served, {"rows": records(X.head(3))})
        assert status == 200
        assert found["predictions"] == fitted.predict(X.head(3)).tolist()
        assert ("outputs" in found) == (outputs is not None)
        assert "probabilities" not in found


def test_a_model_of_an_array_is_rejected():
    fitted = DNNClassifier(**FAST).fit(RNG.normal(size=(60, 2)), np.arange(60) % 2)
    with pytest.raises(ValueError, match="column"):
        Service(fitted)


# ---------------------------------------------------------------------------------------- fuzz
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
near_values = st.one_of(
    json_values,
    st.sampled_from(["Oslo", "Rome", "2021-02-29", "2020-01-05", "2020-01-05T10:00Z", "170 cm",
                     "1,5", "yes", "0150", "\ud800", "\x00", "nan", "-inf", "{{7*7}}",
                     "__import__('os')", 0, -0.0, 1e300, 5e-324, 2**63, 1e999]),
)  # fmt: skip


@st.composite
def near_rows(draw):
    """Rows of the table, some of whose cells are something else, or missing, or too many."""
    rows = draw(st.lists(st.sampled_from(records(X.head(20))), min_size=1, max_size=4))
    rows = [dict(row) for row in rows]
    for _ in range(draw(st.integers(0, 3))):
        row = draw(st.sampled_from(rows))
        name = draw(st.sampled_from([*X, "other"]))
        if draw(st.booleans()):
            row[name] = draw(near_values)
        else:
            row.pop(name, None)
    return json.dumps({"rows": rows}).encode()


bodies = st.one_of(
    near_rows(),
    near_rows(),
    st.binary(max_size=200),
    json_values.map(lambda value: json.dumps(value).encode()),
    json_values.map(lambda value: json.dumps({"rows": value}).encode()),
)


def check_answer(service, body):
    status, found = service.answer(body)
    assert json.loads(to_json(found)) == found  # it can be written
    if status != 200:
        assert status in (400, 413, 422)
        assert all(problem["msg"] and problem["loc"] for problem in found["detail"])
        return
    rows = json.loads(body)["rows"]
    assert len(found["predictions"]) == len(found["probabilities"]) == len(rows)
    for row, probabilities in zip(rows, found["probabilities"], strict=True):
        alone = pd.DataFrame({name: [row.get(name)] for name in X}, dtype=object)
        assert service.model.predict_proba(alone)[0].tolist() == probabilities
        assert all(map(math.isfinite, probabilities))


@given(bodies)
def test_any_body_gets_a_right_answer_or_a_reason(service, body):
    check_answer(service, body)


@pytest.mark.skipif(not NIGHTLY, reason="takes a few minutes")
@settings(max_examples=10_000)
@given(bodies)
def test_ten_thousand_bodies_get_right_answers_or_reasons(service, body):
    check_answer(service, body)

"""Random tables through fit, save, load and predict: a documented error or a right answer."""

import os
import traceback
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasdnn import DataWarning, DNNClassifier, DNNRegressor, TableEncoder, load

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
# A fit of a table of a new shape traces a program anew, a second of processor time.
FITTED, ENCODED = (2_000, 2_000) if NIGHTLY else (32, 100)

TEXT = st.text(max_size=5) | st.sampled_from(
    ["", " ", "nan", "None", "1", "\ud800", "한국어", "=1+1"]
)
FLOATS = st.floats(width=64) | st.sampled_from([0.0, -0.0, 5e-324, 3.5e38, 1e308, -1e300])
VALUES = {
    "float": FLOATS,
    "small float": st.floats(-1e3, 1e3),
    "integer": st.integers(-(2**63), 2**63 - 1),
    "small integer": st.integers(0, 3),
    "boolean": st.booleans(),
    "text": TEXT,
    "category": st.sampled_from(["a", "b", "c"]),
    "date": st.datetimes(),
    "duration": st.timedeltas(),
    "mixed": TEXT | FLOATS | st.booleans() | st.none(),
    "missing": st.none(),
}
NAMES = st.text(min_size=1, max_size=4) | st.integers(0, 9)


@st.composite
def columns(draw, rows):
    kind = draw(st.sampled_from(sorted(VALUES)))
    values = VALUES[kind] | st.none() if draw(st.booleans()) else VALUES[kind]
    values = draw(st.lists(values, min_size=rows, max_size=rows))
    if kind == "category":
        return pd.Series(pd.Categorical(values))
    # Arrow's strings, which pandas chooses, take no lone surrogates.
    as_objects = kind in ("mixed", "missing") or "\ud800" in values
    return pd.Series(values, dtype=object if as_objects else None)


@st.composite
def tables(draw):
    rows = draw(st.integers(0, 12))
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique_by=str))
    frame = pd.DataFrame({name: draw(columns(rows)) for name in names})
    if draw(st.booleans()):  # the same rows several times
        frame = pd.concat([frame] * 3, ignore_index=True)
    return frame


@st.composite
def problems(draw):
    frame = draw(tables())
    rows = len(frame)
    if draw(st.booleans()):
        labels = draw(st.sampled_from([TEXT, st.integers(-2, 2), st.booleans()]))
        return DNNClassifier, frame, draw(st.lists(labels, min_size=rows, max_size=rows))
    numbers = st.floats(-1e30, 1e30) if draw(st.booleans()) else FLOATS
    return DNNRegressor, frame, draw(st.lists(numbers, min_size=rows, max_size=rows))


def refusal(call):
    """The message of a ValueError that kerasdnn itself raises, or None."""
    try:
        call()
    except ValueError as error:
        raised_in = traceback.extract_tb(error.__traceback__)[-1].filename
        if "kerasdnn" not in Path(raised_in).parts:
            raise
        return str(error)
    return None


def output(model, frame):
    return model.predict_proba(frame) if hasattr(model, "predict_proba") else model.predict(frame)


@settings(max_examples=FITTED)
@given(problem=problems(), scaling=st.sampled_from(["standard", "robust"]))
def test_a_random_table_gives_a_documented_error_or_a_reproducible_answer(
    problem, scaling, tmp_path_factory
):
    kind, frame, y = problem
    model = kind(hidden_units=(2,), epochs=1, scaling=scaling, one_hot_limit=4, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        message = refusal(lambda: model.fit(frame, y))
        if message:
            return
        answer = output(model, frame)
        assert len(answer) == len(frame)
        assert np.isfinite(answer).all()
        path = tmp_path_factory.getbasetemp() / "model.kerasdnn"
        model.save(path)
        np.testing.assert_array_equal(output(load(path), frame), answer)
        for row in range(min(2, len(frame))):
            np.testing.assert_array_equal(output(model, frame.iloc[[row]])[0], answer[row])
        order = np.random.default_rng(0).permutation(len(frame))
        np.testing.assert_array_equal(output(model, frame.iloc[order]), answer[order])


@settings(max_examples=ENCODED)
@given(frame=tables(), later=tables(), scaling=st.sampled_from(["standard", "robust"]))
def test_a_random_table_is_encoded_as_finite_numbers(frame, later, scaling):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        encoder = TableEncoder(scaling, one_hot_limit=4)
        message = refusal(lambda: encoder.fit(frame))
        if message:
            return
        later.columns = [f"new {i}" for i in range(later.shape[1])]
        later = later.rename(columns=dict(zip(later.columns, frame.columns, strict=False)))
        message = refusal(lambda: encoder.transform(later))
        for table in (frame, later) if message is None else (frame,):
            matrix = encoder.transform(table)
            assert np.isfinite(matrix).all()
            assert matrix.shape == (len(table), len(encoder.get_feature_names_out()))

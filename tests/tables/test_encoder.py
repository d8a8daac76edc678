import datetime
import decimal
import json
from decimal import Decimal

import keras
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from kerasdnn import DataWarning, TableEncoder
from kerasdnn.nn.embedding import EmbedCategories
from kerasdnn.tables.frame import read_frame


def mixed(rows=60):
    """A column of every role, each with a gap."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 9, rows),
            "count": pd.array(rng.integers(0, 9, rows), "Int64"),
            "member": pd.array(rng.random(rows) < 0.5, "boolean"),
            "city": rng.choice(["Oslo", "Rome", "Bern"], rows),
            "size": pd.Categorical(rng.choice(["S", "L"], rows)),
            "since": pd.Timestamp("2020-02-28 13:00")
            + pd.to_timedelta(rng.integers(0, 900, rows), "h"),
            "zip": [f"z{code}" for code in rng.integers(0, 20, rows)],
        }
    )
    for row, name in enumerate(frame.columns):
        frame.loc[row, name] = None
    return frame


@pytest.fixture(scope="module")
def frame():
    return mixed()


def encoded(frame, **arguments):
    encoder = TableEncoder(**arguments).fit(frame)
    return pd.DataFrame(encoder.transform(frame), columns=encoder.get_feature_names_out())


def test_standard_scaling_agrees_with_scikit_learn(frame):
    numbers = frame[["age", "count"]].dropna().astype(float)
    theirs = StandardScaler().fit_transform(numbers)
    np.testing.assert_allclose(encoded(numbers), theirs, atol=1e-6)


def test_robust_scaling_follows_its_equation():
    rng = np.random.default_rng(0)
    x = rng.standard_cauchy(101)
    low, median, high = np.quantile(x, [0.25, 0.5, 0.75])  # exact at 101 values
    straight = (x - median) / (high - low)
    ours = encoded(x[:, None], scaling="robust").to_numpy()[:, 0]
    np.testing.assert_allclose(ours, straight / np.sqrt(1 + (straight / 3) ** 2), rtol=1e-5)
    assert np.abs(ours).max() < 3


def test_robust_scaling_of_a_column_with_equal_quartiles_uses_its_range():
    x = np.array([5.0] * 9 + [9.0])[:, None]
    ours = encoded(x, scaling="robust").to_numpy()[:, 0]
    straight = 2 / (9 - 5) * (x[:, 0] - 5)
    np.testing.assert_allclose(ours, straight / np.sqrt(1 + (straight / 3) ** 2), rtol=1e-6)


def test_robust_scaling_takes_columns_of_zero_and_one_as_numbers():
    city = pd.DataFrame({"city": ["a", "a", "a", "b", "c"] * 20})
    as_numbers = pd.get_dummies(city["city"]).to_numpy(dtype="float64")
    np.testing.assert_allclose(
        encoded(city, scaling="robust"), encoded(as_numbers, scaling="robust"), rtol=1e-6
    )


def test_categories_agree_with_scikit_learn(frame):
    city = frame[["city"]].dropna()
    theirs = OneHotEncoder(sparse_output=False).fit(city)
    ours = encoded(city)
    np.testing.assert_array_equal(ours, theirs.transform(city))
    assert [name.replace("=", "_") for name in ours] == theirs.get_feature_names_out().tolist()


def test_two_categories_are_one_column_of_minus_and_plus_one():
    ours = encoded(pd.DataFrame({"size": ["S", "L", "S"], "member": [True, False, False]}))
    assert ours.to_dict("list") == {"size=S": [1, -1, 1], "member=True": [1, -1, -1]}


def test_dates_agree_with_pandas(frame):
    since = frame["since"].dropna()
    ours = encoded(since.to_frame())
    angles = {
        "year": (since.dt.day_of_year - 1) / 365.25,
        "week": since.dt.day_of_week / 7,
        "day": since.dt.hour / 24,
    }
    for period, turn in angles.items():
        for name, function in (("sine", np.sin), ("cosine", np.cos)):
            expected = StandardScaler().fit_transform(function(2 * np.pi * turn).to_frame())
            column = ours[[f"since {name} of {period}"]]
            np.testing.assert_allclose(column, expected, atol=1e-5)
    elapsed = StandardScaler().fit_transform(since.astype("int64").to_frame())
    np.testing.assert_allclose(ours[["since elapsed days"]], elapsed, atol=1e-4)


def test_a_missing_value_is_filled_with_the_mean_and_marked(frame):
    ours = encoded(frame, one_hot_limit=5)
    for row, name in enumerate(frame.columns):
        expected = np.zeros(len(frame))
        expected[row] = 1
        np.testing.assert_array_equal(ours[f"{name} is missing"], expected)
    assert ours.loc[0, "age"] == 0
    assert ours.loc[2, "member=True"] == 0
    assert (ours.loc[3, ["city=Bern", "city=Oslo", "city=Rome"]] == 0).all()
    assert (ours.loc[5, [name for name in ours if name.startswith("since s")]] == 0).all()
    assert ours.loc[6, "zip"] == 0


def test_a_value_missing_for_the_first_time_after_fit_is_filled_too():
    encoder = TableEncoder().fit(pd.DataFrame({"a": [1.0, 3.0], "b": ["x", "y"], "c": ["p", "q"]}))
    later = pd.DataFrame({"a": [np.nan], "b": [None], "c": ["never seen"]})
    np.testing.assert_array_equal(encoder.transform(later), [[0, 0, 0]])


def test_a_category_never_seen_is_warned_of_when_asked():
    table = pd.DataFrame({"city": ["Oslo", "Bonn", "Oslo"], "age": [1.0, 2.0, 3.0]})
    encoder = TableEncoder().fit(table)
    later = pd.DataFrame({"city": ["Bonn", "Rome", None], "age": [1.0, 2.0, 3.0]})
    with pytest.warns(DataWarning, match=r"Column 'city'.*'Rome' \(1 of 3 rows, first: row 1"):
        encoder.transform(later, warn_unseen=True)
    encoder.transform(table, warn_unseen=True)  # all known: no warning, which would be an error


def test_many_categories_are_numbered_and_rare_ones_share_zero():
    names = ["a", "a", "b", "b", "c", "d", None]
    with pytest.warns(DataWarning, match="Column 'id'.*ignored") as caught:
        encoder = TableEncoder(one_hot_limit=2).fit(
            pd.DataFrame({"name": names * 10 + ["once"], "id": [f"i{k}" for k in range(71)]})
        )
    assert len(caught) == 1
    assert encoder.cardinalities_ == [5]  # zero, a, b, c, d
    assert encoder.n_dense_ == 1  # "name is missing"
    later = pd.DataFrame({"name": ["a", "d", "once", "new", None], "id": "x"})
    np.testing.assert_array_equal(encoder.transform(later)[:, 1], [1, 4, 0, 0, 0])


def test_categories_never_seen_are_warned_of_where_asked_for():
    city = pd.DataFrame({"city": ["Oslo", "Rome", "Bern"] * 20, "id": [f"i{k}" for k in range(60)]})
    with pytest.warns(DataWarning, match="'id'"):
        encoder = TableEncoder().fit(city)
    later = pd.DataFrame({"city": ["Oslo", "Rom"], "id": ["i3", "new"]})
    with pytest.warns(DataWarning, match="Column 'city'.*'Rom'.*first: row 1") as caught:
        encoder.transform(later, warn_unseen=True)
    assert len(caught) == 1  # the identifier is left out, its values do not matter
    assert not encoder.transform(later)[1].any()


def test_columns_that_do_not_vary_are_left_out():
    frame = pd.DataFrame(
        {"a": [0.1, 0.1, 0.1], "b": ["x"] * 3, "c": [None] * 3, "d": [1, 2, 3], "e": [True] * 3}
    )
    assert list(encoded(frame)) == ["d"]
    np.testing.assert_array_equal(encoded(frame[["a", "b", "c"]]), np.zeros((3, 1)))


def test_a_row_of_weight_two_counts_as_the_row_twice():
    rng = np.random.default_rng(0)
    frame = mixed(30)
    weights = rng.integers(1, 4, 30)
    for scaling in ("standard", "robust"):
        twice = TableEncoder(scaling).fit(frame.loc[frame.index.repeat(weights)])
        heavy = TableEncoder(scaling).fit(frame, sample_weight=weights.astype(float))
        np.testing.assert_allclose(heavy.transform(frame), twice.transform(frame), atol=1e-6)


@pytest.mark.parametrize("make", ["arrow", "nullable", "polars", "pyarrow", "dict", "objects"])
def test_the_same_table_of_another_make_gives_the_same_matrix(frame, make):
    pytest.importorskip("pyarrow")
    expected = TableEncoder(one_hot_limit=10).fit(frame).transform(frame)
    if make in ("polars", "pyarrow"):
        pl = pytest.importorskip("polars")
        other = pl.from_pandas(frame.astype({"zip": "string"}))
        other = other.with_columns(pl.col("zip").cast(pl.Categorical))
        other = other.to_arrow() if make == "pyarrow" else other
    elif make == "dict":
        other = {name: frame[name].to_numpy() for name in frame}
    elif make == "objects":
        other = frame.astype(object)
    else:
        other = frame.convert_dtypes(dtype_backend={"arrow": "pyarrow"}.get(make, "numpy_nullable"))
    ours = TableEncoder(one_hot_limit=10).fit(other)
    np.testing.assert_array_equal(ours.transform(other), expected)
    np.testing.assert_array_equal(ours.transform(frame), expected)


def test_every_kind_of_pandas_column_is_read():
    zone = pd.to_datetime(["2024-06-01 12:00", None]).tz_localize("Europe/Oslo")
    columns = {
        "numeric": [
            np.float16([1, 2]),
            pd.array([1, None], "Int64"),
            [decimal.Decimal("1.5"), None],
        ],
        "boolean": [np.array([True, False]), pd.array([True, None], "boolean"), [True, None]],
        "instant": [zone, list(zone)],
        "datetime": [[datetime.date(2024, 1, 1), None], pd.period_range("2024", periods=2)],
        "duration": [pd.to_timedelta(["1s", None])],
        "text": [
            ["a", 1.0],
            pd.Categorical([1.0, 2.0]),
            pd.array(["a", None], "string"),
            [b"a", "b"],
        ],
        "empty": [[None, None], pd.Categorical([None, None])],
    }
    for kind, many in columns.items():
        for values in many:
            column = read_frame(pd.DataFrame({"a": pd.Series(values)})).column(0)
            assert column.kind == kind, values
    wall = read_frame(pd.DataFrame({"a": zone})).column(0).values[0]
    assert wall == np.datetime64("2024-06-01T10:00")  # in UTC


@pytest.mark.parametrize("row", ["dict", "frame", "dict of lists"])
def test_one_row_is_encoded_as_it_is_in_the_table(frame, row):
    encoder = TableEncoder(one_hot_limit=10).fit(frame)
    for position in (0, 3, 5, 20):
        values = frame.iloc[position].to_dict()
        forms = {
            "dict": values,
            "frame": frame.iloc[[position]],
            "dict of lists": {name: [value] for name, value in values.items()},
        }
        np.testing.assert_array_equal(
            encoder.transform(forms[row]), encoder.transform(frame)[[position]]
        )


@pytest.mark.parametrize("unit", ["ns", "us", "s"])
@pytest.mark.parametrize("zone", [None, "Europe/Paris"])
def test_a_date_of_any_year_is_encoded_as_in_the_table(unit, zone):
    rng = np.random.default_rng(0)
    years = (1700, 2200) if unit == "ns" else (2, 9998)
    ends = [np.datetime64(f"{year:04}-01-01", "us").astype("int64") for year in years]
    moments = pd.to_datetime(rng.integers(*ends, 300).astype("datetime64[us]")).as_unit(unit)
    table = pd.DataFrame({"when": moments, "x": rng.normal(size=300)})
    table["when"] = table["when"].dt.tz_localize("UTC").dt.tz_convert(zone) if zone else moments
    table.loc[7, "when"] = pd.NaT
    for scaling in ("standard", "robust"):
        encoder = TableEncoder(scaling).fit(table)
        rows = [encoder.transform(row) for row in table.to_dict("records")]
        np.testing.assert_array_equal(np.concatenate(rows), encoder.transform(table))


def test_columns_in_another_order_are_put_right(frame):
    encoder = TableEncoder().fit(frame)
    np.testing.assert_array_equal(
        encoder.transform(frame[frame.columns[::-1]]), encoder.transform(frame)
    )


def test_other_columns_are_refused_by_name(frame):
    encoder = TableEncoder().fit(frame)
    with pytest.raises(ValueError, match=r"Missing: 'age'. Unknown: 'height', 'weight'"):
        encoder.transform(frame.drop(columns="age").assign(height=1, weight=2))


def test_columns_of_another_type_are_refused_by_name(frame):
    encoder = TableEncoder().fit(frame)
    with pytest.raises(
        ValueError, match=r"'age' was numeric, is text \('old'\).*'city' was text, is num"
    ):
        encoder.transform(frame.assign(age="old", city=3))


def test_numbers_are_taken_for_categories_of_numbers():
    encoder = TableEncoder().fit(pd.DataFrame({"code": ["1", "2", "x"]}))
    np.testing.assert_array_equal(encoder.transform(pd.DataFrame({"code": [2.0]})), [[0, 1, 0]])
    encoder = TableEncoder(categorical=["code"]).fit(pd.DataFrame({"code": [7, 8, 9]}))
    np.testing.assert_array_equal(encoder.transform(pd.DataFrame({"code": [9.0]})), [[0, 0, 1]])


def test_names_given_in_fit_and_not_later_are_a_warning(frame):
    encoder = TableEncoder().fit(frame[["age"]])
    with pytest.warns(DataWarning, match="no column names.*matched by position"):
        encoder.transform(frame[["age"]].to_numpy())


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame({"a": [1.0, np.inf]}), "Column 'a'.*inf in row 1"),
        (pd.DataFrame({"a": [1.0, 1e39]}), "Column 'a'.*row 1.*float32"),
        (pd.DataFrame({"a": [1 + 2j]}), "Column 'a': Complex data not supported"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "'a' more than once"),
        (pd.DataFrame({("a", "b"): [1]}), "one row of column names"),
        (pd.DataFrame({1.5: [1]}), "strings or integers.*1.5"),
        (pd.DataFrame({"a": []}), "must have rows"),
        ({"a": [1, 2], "b": [1]}, "the same length"),
        ({"a": [1, 2], "b": 1}, "'b' has a single value"),
        (np.zeros((2, 2, 2)), "dim 3"),
        (np.zeros(3), "Expected 2D array"),
    ],
)
def test_tables_that_are_none_are_refused(table, message):
    with pytest.raises(ValueError, match=message):
        TableEncoder().fit(table)


def test_an_infinite_number_is_refused_after_fit_too():
    encoder = TableEncoder().fit(np.array([[1.0], [2.0]]))
    with pytest.raises(ValueError, match=r"Column 0.*-inf in row 1"):
        encoder.transform(np.array([[1.0], [-np.inf]]))


def test_identifiers_beyond_float32_are_warned_of():
    numbers = np.r_[0, np.arange(2 * 10**12, 2 * 10**12 + 99)]
    with pytest.warns(DataWarning, match="Column 'part'.*2000000000000 and 2000000000001"):
        TableEncoder().fit(pd.DataFrame({"part": numbers}))
    with pytest.warns(DataWarning, match="Column 'id'.*ignored.*different integers"):
        TableEncoder().fit(pd.DataFrame({"id": numbers}))


def test_an_unknown_name_in_categorical_is_refused(frame):
    with pytest.raises(ValueError, match=r"`categorical`.*'town'"):
        TableEncoder(categorical=["town"]).fit(frame)


def test_the_state_is_json_and_says_it_all(frame):
    encoder = TableEncoder("robust", one_hot_limit=10, categorical=["count"]).fit(frame)
    after = TableEncoder.from_dict(json.loads(json.dumps(encoder.to_dict(), allow_nan=False)))
    assert (after.scaling, after.one_hot_limit, after.categorical) == ("robust", 10, ["count"])
    np.testing.assert_array_equal(after.transform(frame), encoder.transform(frame))
    assert list(after.get_feature_names_out()) == list(encoder.get_feature_names_out())
    assert after.cardinalities_ == encoder.cardinalities_
    assert encoder.cardinalities_ == [1 + (frame["zip"].value_counts() > 1).sum()]


def test_the_encoder_is_a_transformer_whose_output_can_be_a_frame(frame):
    transformer = make_column_transformer((TableEncoder(), ["age", "city"])).set_output(
        transform="pandas"
    )
    assert "tableencoder__city=Oslo" in transformer.fit_transform(frame).columns


def test_the_embedding_layer_looks_up_its_vectors():
    layer = EmbedCategories([3, 2], size=4, seed=1)
    x = np.array([[0.5, 2, 1], [0.7, 0, 0], [0.9, 99, 1]], "float32")
    ours = np.array(layer(x))
    vectors = np.array(layer.vectors)
    assert vectors.shape == (5, 4)
    expected = [
        [0.5, *vectors[2], *vectors[4]],
        [0.7, *np.zeros(8)],
        [0.9, *vectors[2], *vectors[4]],
    ]
    np.testing.assert_array_equal(ours, np.float32(expected))
    assert layer.compute_output_shape((None, 3)) == (None, 9)
    after = EmbedCategories.from_config(layer.get_config())
    np.testing.assert_array_equal(np.array(after(x)), ours)  # the seed is part of the config


def test_the_gradient_reaches_the_vectors_of_the_batch_alone():
    layer = EmbedCategories([4], size=2)
    network = keras.Sequential([keras.Input((2,)), layer, keras.layers.Dense(1)])
    network.compile("sgd", "mse")
    before = np.array(layer.vectors)
    network.fit(np.float32([[1, 2], [3, 2]]), np.float32([1, 2]), verbose=0)
    changed = (np.array(layer.vectors) != before).any(axis=1)
    assert changed.tolist() == [False, False, True, False]


@pytest.mark.parametrize("alone", [[True, True], [0.0, 2.5], [False, 2.5]])
def test_rows_of_a_mixed_column_stand_for_what_they_were_among_the_others(alone):
    frame = pd.DataFrame({"c": pd.Series([0.0, True, 2.5, "b", False] * 4, dtype=object)})
    encoder = TableEncoder().fit(frame)
    rows = frame[frame["c"].map(lambda value: any(value is a or value == a for a in alone))]
    rows = rows[rows["c"].map(type).isin({type(a) for a in alone})]
    np.testing.assert_array_equal(
        encoder.transform(rows.infer_objects()), encoder.transform(frame)[rows.index]
    )


def every_kind_of_category(rows=60):
    """Categories whose values have other types than text, and a time with a zone."""
    rng = np.random.default_rng(0)
    days = pd.date_range("2020-01-01", periods=3)
    return pd.DataFrame(
        {
            "date": pd.Categorical(rng.choice(days, rows)),
            "zoned": pd.Categorical(rng.choice(days.tz_localize("Asia/Seoul"), rows)),
            "month": pd.Categorical(
                rng.choice(days.to_period("M").append(days[:1].to_period("M")), rows)
            ),
            "span": pd.Categorical(pd.to_timedelta(rng.choice([1, 2, 3], rows), "D")),
            "bin": pd.cut(rng.normal(size=rows), 3),
            "fraction": rng.choice([0.1, 1 / 3, 7.0], rows),
            "when": rng.choice(days, rows),
            "moment": pd.date_range("2021-01-01", periods=rows, freq="h", tz="Asia/Seoul"),
        }
    )


@pytest.mark.parametrize("categorical", [(), ("fraction", "when")])
def test_a_row_alone_is_encoded_as_in_its_table_however_it_comes(categorical):
    frame = every_kind_of_category()
    encoder = TableEncoder(categorical=categorical).fit(frame)
    wanted = encoder.transform(frame)[[7]]
    cells = {name: frame[name].iloc[7] for name in frame}
    ways = [
        frame.iloc[[7]], frame.iloc[7], cells, [cells], {k: [v] for k, v in cells.items()},
        cells | {"moment": cells["moment"].tz_convert("UTC")},
    ]  # fmt: skip
    for row in ways:
        np.testing.assert_array_equal(encoder.transform(row), wanted)
    np.testing.assert_array_equal(
        encoder.transform(frame.to_dict("records")), encoder.transform(frame)
    )


def test_an_instant_is_one_value_in_every_zone_and_no_time_without_a_zone():
    utc = pd.Series(pd.date_range("2021-03-01", periods=9, freq="37min", tz="UTC"))
    seoul = utc.dt.tz_convert("Asia/Seoul")
    mixed = pd.Series(
        [a if i % 2 else b for i, (a, b) in enumerate(zip(utc, seoul, strict=True))], dtype=object
    )
    encoder = TableEncoder().fit(utc.to_frame("t"))
    wanted = encoder.transform(utc.to_frame("t"))
    for moments in (seoul, mixed, seoul.astype("timestamp[us, tz=Asia/Seoul][pyarrow]")):
        np.testing.assert_array_equal(encoder.transform(moments.to_frame("t")), wanted)
    with pytest.raises(ValueError, match=r"'t' was instant, is datetime.*tz_localize"):
        encoder.transform(utc.dt.tz_localize(None).to_frame("t"))
    with pytest.raises(ValueError, match=r"Column 't'.*all times must have a time zone or none"):
        TableEncoder().fit({"t": [utc[0], utc[1].tz_localize(None)]})


@pytest.mark.parametrize(("ours", "theirs"), [("float64", "float32"), ("float32", "float64")])
def test_fractions_are_the_same_categories_in_single_and_in_double_precision(ours, theirs):
    level = np.array([0.1, 1 / 3, 1.23456789012, 7.0] * 5)
    encoder = TableEncoder(categorical=["level"]).fit({"level": level.astype(ours)})
    table, copy = {"level": level.astype(ours)}, {"level": level.astype(theirs)}
    np.testing.assert_array_equal(encoder.transform(copy), encoder.transform(table))
    assert encoder.transform(table).any(axis=1).all()


def test_fractions_that_single_precision_makes_one_are_warned_of():
    with pytest.warns(DataWarning, match="Column 'x'.*differ only beyond float32"):
        encoder = TableEncoder(categorical=["x"]).fit({"x": [0.3, 0.1 + 0.2, 0.5] * 5})
    assert encoder.states_[0].categories == ["0.3", "0.5"]


@pytest.mark.parametrize(
    "make", ["frame", "array", "nullable", "gaps", "arrow", "objects", "polars"]
)
def test_whole_numbers_of_any_size_are_exact_categories(make):
    big = 2**53 + np.arange(4)
    frame = pd.DataFrame({"id": np.tile(big, 3), "v": np.arange(12) % 5})
    dtypes = {"nullable": "Int64", "gaps": "Int64", "arrow": "int64[pyarrow]", "objects": object}
    frame = frame.astype({"id": dtypes.get(make, "int64")})
    if make == "gaps":
        frame.loc[11, "id"] = pd.NA
    table = frame.to_numpy() if make == "array" else frame
    if make == "polars":
        table = pytest.importorskip("polars").from_pandas(frame)
    encoder = TableEncoder(categorical=[0 if make == "array" else "id"]).fit(table)
    assert encoder.states_[0].categories == [str(number) for number in big]
    matrix = encoder.transform(table)
    assert len(np.unique(matrix[:4, 1:5], axis=0)) == 4
    if make != "array":
        row = {"id": int(big[1]), "v": 1}
        np.testing.assert_array_equal(encoder.transform(row), matrix[[1]])
        with pytest.raises(ValueError, match=r"'id'.*beyond 2\*\*53.*may have rounded"):
            encoder.transform({"id": float(big[1]), "v": 1})


def test_a_masked_cell_is_a_missing_value():
    mask = np.tile([True, False, False], 4)
    for values in (np.arange(12), np.arange(12.0), np.array(["a", "b", "c"] * 4), mask):
        column = read_frame({"a": np.ma.masked_array(values, mask=mask)}).column(0)
        np.testing.assert_array_equal(column.missing, mask)
        matrix = np.ma.masked_array(values[:, None], mask=mask[:, None])
        np.testing.assert_array_equal(read_frame(matrix).column(0).missing, mask)


@pytest.mark.parametrize("value", [1e39, -1e300, np.inf])
def test_a_number_beyond_float32_is_refused_alone_and_among_others(value):
    frame = pd.DataFrame({"a": [1.0, 2.0, 4.0], "b": [1.0, 5.0, 2.0]})
    encoder = TableEncoder().fit(frame)
    row = pd.DataFrame({"a": [value], "b": [0.0]})
    for table in (row, row.to_dict("records"), row.to_numpy(), pd.concat([frame, row]),
                  pd.concat([frame.assign(b=np.nan), row])):  # fmt: skip
        with pytest.raises(ValueError, match=r"Column ('a'|0) .*contains -?(1e\+|inf)"):
            encoder.transform(table)


@pytest.mark.filterwarnings("error::kerasdnn.DataWarning")
def test_an_embedded_column_without_a_known_category_is_warned_of_once():
    frame = pd.DataFrame({"code": [f"c{k % 9}" for k in range(90)], "v": np.arange(90) % 7})
    encoder = TableEncoder(one_hot_limit=4).fit(frame)
    encoder.transform(frame.assign(code=["new", *frame["code"][1:]]), warn_unseen=True)
    with pytest.warns(DataWarning, match=r"Column 'code'.*'new' \(90 of 90 rows, first: row 0"):
        encoder.transform(frame.assign(code="new"), warn_unseen=True)
    encoder.transform(frame.assign(code="new"), warn_unseen=True)  # a warning would be an error


@pytest.mark.filterwarnings("error::kerasdnn.DataWarning")
def test_a_column_that_was_left_out_may_be_missing_or_of_another_type():
    frame = pd.DataFrame({"id": [f"i{k}" for k in range(60)], "one": 1.0, "v": np.arange(60) % 7})
    with pytest.warns(DataWarning, match="'id'"):
        encoder = TableEncoder().fit(frame)
    wanted = encoder.transform(frame)
    for table in (frame[["v"]], frame[["v", "one"]], frame.assign(id=np.arange(60), one="x")):
        np.testing.assert_array_equal(encoder.transform(table), wanted)
    with pytest.raises(ValueError, match="Missing: 'v'"):
        encoder.transform(frame[["id", "one"]])
    with pytest.raises(ValueError, match="Unknown: 'w'"):
        encoder.transform(frame[["v"]].assign(w=1.0))


@pytest.mark.filterwarnings("error::kerasdnn.DataWarning")
@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([*map(str, range(45, 145)), "?", "-"], r"read as numbers: 6 of 306 .*'\?', '-'"),
        ([*range(45, 145), "n/k"], "read as numbers: 3 of 303 .*'n/k'"),
        ([f"2021-03-{d:02d}" for d in range(1, 30)], "'a' as dates"),
        ([f"{d}/3/2021 10:30" for d in range(1, 30)], "'a' as dates"),
        (["1", "2", "3"], "'a' as numbers"),
        (["Oslo", "Oslo ", "Bonn"], "only in case or blanks, such as 'Oslo', 'Oslo '"),
        (["Oslo", "oslo", "Bonn"], "only in case or blanks, such as 'Oslo', 'oslo'"),
    ],
)
def test_what_is_read_from_text_is_warned_of_unless_it_is_declared(values, words):
    frame = pd.DataFrame({"a": pd.Series(values * 3, dtype=object)})
    with pytest.warns(DataWarning, match=words) as caught:
        TableEncoder().fit(frame)
    assert len(caught) == 1
    TableEncoder().fit(frame.astype(str).astype("category"))
    TableEncoder(categorical=["a"]).fit(frame)
    TableEncoder(columns={"a": "category"}).fit(frame)


SAME_IN_ANY_MAKE = {
    "strings with a gap": ["a", np.nan, "b", "a"],
    "numbers and text": [1, "1", "x", 1.0],
    "booleans and fractions": [True, 0.5, False, True],
    "booleans with a gap": [True, None, False, True],
    "booleans and whole numbers": [True, 0, 2, True],
    "whole numbers beyond 2**53 with a gap": [2**53 + 1, 2**53, None, 2**53 + 1],
    "decimals": [Decimal("1.5"), Decimal("1E+1"), Decimal("0.25"), Decimal("1.50")],
    "tuples": [(1, 2), (1, 3), (1, 2), (1, 2)],
}


@pytest.mark.parametrize("values", SAME_IN_ANY_MAKE.values(), ids=SAME_IN_ANY_MAKE)
def test_lists_records_and_rows_are_encoded_like_columns(values):
    frame = pd.DataFrame({"a": pd.Series(values, dtype=object), "b": range(4)})
    encoder = TableEncoder(categorical=["a"]).fit(frame)
    matrix = encoder.transform(frame)
    makes = [frame.to_dict("records")]
    if not isinstance(values[0], tuple):
        makes.append({"a": values, "b": [0, 1, 2, 3]})
    for make in makes:
        np.testing.assert_array_equal(encoder.transform(make), matrix)
    for row in range(4):
        np.testing.assert_array_equal(encoder.transform(frame.iloc[[row]]), matrix[[row]])
        np.testing.assert_array_equal(encoder.transform(makes[0][row : row + 1]), matrix[[row]])


@pytest.mark.parametrize(
    "values",
    [
        [True, None, False, True],
        pd.to_datetime(["2020-01-01", None, "2020-01-02", "2020-01-01"]),
        pd.to_timedelta([1, None, 2, 1], unit="s"),
        [3, None, 1, 3],
    ],
    ids=["booleans", "dates", "durations", "numbers"],
)
def test_categories_of_any_type_are_those_of_pandas_in_arrow_too(values):
    frame = pd.DataFrame({"a": pd.Categorical(values), "b": range(4)})
    encoder = TableEncoder().fit(frame)
    table = pa.Table.from_pandas(frame)
    np.testing.assert_array_equal(encoder.transform(table), encoder.transform(frame))
    assert TableEncoder().fit(table).to_dict() == encoder.to_dict()


def test_decimals_that_are_equal_are_one_category_whatever_their_scale():
    values = pd.Series([Decimal("1.50"), Decimal("2.25"), Decimal("10"), None])
    frame = pd.DataFrame({"a": values})
    encoder = TableEncoder(categorical=["a"]).fit(frame)
    assert encoder.states_[0].categories == ["1.5", "10", "2.25"]
    arrow = pd.DataFrame({"a": values.astype(pd.ArrowDtype(pa.decimal128(10, 4)))})
    np.testing.assert_array_equal(encoder.transform(arrow), encoder.transform(frame))
    np.testing.assert_array_equal(
        encoder.transform({"a": [1.5, 2.25, 10, None]}), encoder.transform(frame)
    )

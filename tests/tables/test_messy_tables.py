"""Files as programs export them: each gives the matrix of its clean twin, or a warning by name."""

import io
import json
import os
import warnings
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasdnn import DataWarning, DNNClassifier, DNNRegressor, TableEncoder
from kerasdnn.checks.table_columns import told_once
from kerasdnn.tables.texts.reading import parse

ROWS = 120
NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"


def base():
    """A clean table: amounts, counts, fractions, dates, moments, times, booleans and categories."""
    rng = np.random.default_rng(0)
    day = pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(0, 700, ROWS), "D")
    return pd.DataFrame(
        {
            "amount": rng.lognormal(8, 1.5, ROWS).round(2),
            "count": rng.integers(1_000, 3_000_000, ROWS),
            "small": rng.integers(0, 60, ROWS),
            "rate": rng.uniform(0, 100, ROWS).round(1),
            "when": day,
            "moment": day + pd.to_timedelta(rng.integers(0, 86_400, ROWS), "s"),
            "paid": rng.random(ROWS) < 0.5,
            "city": rng.choice(["Oslo", "Bonn", "Lima"], ROWS),
        }
    )


CLEAN = base()


def number(decimal=".", thousands="", before="", after="", digits=2):
    """A writer of numbers such as `1.234,50 kg`."""

    def write(value):
        text = f"{value:,.{digits}f}".replace(",", "T").replace(".", "D")
        return before + text.replace("T", thousands).replace("D", decimal) + after

    return lambda column: column.map(write)


def count(thousands, before="", after=""):
    return number("", thousands, before, after, digits=0)


def day(form):
    return lambda column: column.dt.strftime(form)


def named_day(names, form="{d}. {m} {y}"):
    def write(value):
        return form.format(d=value.day, m=names.split()[value.month - 1], y=value.year)

    return lambda column: column.map(write)


def by_parts(form):
    return lambda column: column.map(lambda v: form.format(d=v.day, m=v.month, y=v.year))


def words(yes, no):
    return lambda column: column.map({True: yes, False: no})


def gaps(write, *marks):
    """`write`, with every eleventh value replaced by one of `marks`."""

    def written(column):
        text = write(column).astype(object)
        text.iloc[::11] = [marks[i % len(marks)] for i in range(len(text.iloc[::11]))]
        return text

    written.gaps = True
    return written


GERMAN = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"
FRENCH = "janv. févr. mars avril mai juin juil. août sept. oct. nov. déc."
SPANISH = "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"
ITALIAN = "gen feb mar apr mag giu lug ago set ott nov dic"
plain = number()

# A file: the columns that it has, and how each is written.
FILES = {
    # Spreadsheets of several countries
    "Germany": dict(amount=number(",", ".", "", " €"), when=day("%d.%m.%Y"),
        paid=words("ja", "nein"), small=count("")),
    "Germany, short dates": dict(amount=number(",", "."), when=day("%d.%m.%y"),
        rate=number(",", digits=1, after=" %")),
    "Germany, long dates": dict(amount=number(",", "."), when=named_day(GERMAN),
        paid=words("Wahr", "Falsch")),
    "Austria": dict(amount=gaps(number(",", " "), "k.A.", "-"), when=day("%d.%m.%Y")),
    "Switzerland": dict(amount=number(".", "'", "CHF "), count=count("’"), when=day("%d.%m.%Y")),
    "France": dict(amount=number(",", "\u202f", "", " €"), when=day("%d/%m/%Y"),
        paid=words("oui", "non")),
    "France, long dates": dict(amount=number(",", "\xa0"), when=named_day(FRENCH, "{d} {m} {y}")),
    "Spain": dict(amount=number(",", ".", "", "€"), when=named_day(SPANISH, "{d} de {m} de {y}"),
        paid=words("sí", "no")),
    "Italy": dict(amount=number(",", ".", "€ "), when=named_day(ITALIAN, "{d} {m} {y}"),
        paid=words("vero", "falso")),
    "United States": dict(amount=number(".", ",", "$"), count=count(","), when=day("%m/%d/%Y"),
        paid=words("Y", "N")),
    "United States, two digits": dict(when=day("%m/%d/%y"), moment=day("%m/%d/%Y %I:%M:%S %p"),
        amount=plain),
    "United Kingdom": dict(amount=number(".", ",", "£"), when=day("%d/%m/%Y"),
        moment=day("%d %b %Y %H:%M:%S")),
    "India": dict(count=lambda c: c.map(lakhs), when=day("%d-%m-%Y"),
        amount=number(".", before="₹ ")),
    "Brazil": dict(amount=number(",", ".", "R$ "), when=day("%d/%m/%Y"), paid=words("Sim", "Não")),
    "Sweden": dict(amount=number(",", " ", "", " kr"), when=day("%Y-%m-%d"),
        paid=words("Ja", "Nej")),
    "Japan": dict(count=count(",", "¥"), when=day("%Y/%m/%d"), amount=plain),
    "Japan, characters": dict(count=count(",", "", "円"), when=by_parts("{y}年{m}月{d}日"),
        moment=day("%Y年%m月%d日 %H:%M:%S")),
    "Korea": dict(count=count(","), when=by_parts("{y}. {m}. {d}."), paid=words("예", "아니오")),
    "Korea, characters": dict(when=by_parts("{y}년 {m}월 {d}일"), amount=plain),
    "Croatia": dict(amount=number(",", "."), when=day("%d.%m.%Y.")),
    "Russia": dict(amount=number(",", " "), when=day("%d.%m.%Y"), paid=words("да", "нет")),
    "Poland": dict(amount=number(",", " ", "", " zł"), when=day("%d.%m.%Y"),
        paid=words("tak", "nie")),
    # Survey tools
    "survey of words": dict(small=gaps(count(""), "Don't know", "Refused"),
        paid=words("Yes", "No"), city=None),
    "survey of codes": dict(small=gaps(count(""), "-99"), rate=plain, city=None),
    "survey with units": dict(small=count("", after=" years"), rate=number(digits=1, after="%"),
        city=None),
    "survey with blanks": dict(small=gaps(count(""), " ", ""),
        paid=gaps(words("TRUE", "FALSE"), "n/a"), city=None),
    "survey of words and digits": dict(
        paid=lambda c: words("true", "false")(c).where(c.index % 2 == 0, words("1", "0")(c)),
        rate=plain),
    "survey of spellings": dict(
        paid=lambda c: words("yes", "no")(c).where(np.arange(ROWS) % 2 == 0, words("Y ", "NO")(c)),
        rate=plain),
    # Databases
    "SQL dump": dict(amount=gaps(plain, "NULL"), moment=day("%Y-%m-%d %H:%M:%S"),
        paid=words("t", "f"), count=count("")),
    "MySQL": dict(amount=gaps(plain, "\\N"), moment=day("%Y-%m-%d %H:%M:%S.000000"),
        small=count("")),
    "JSON": dict(moment=day("%Y-%m-%dT%H:%M:%S"), paid=words("true", "false"),
        amount=gaps(plain, "null")),
    "compact dates": dict(when=day("%Y%m%d"), small=count(""), city=None),
    "Oracle": dict(when=day("%d-%b-%Y"), amount=gaps(plain, "(null)"), city=None),
    "SAP": dict(amount=lambda c: number(",", ".")(c.abs()) + np.where(c < 0, "-", ""),
        when=day("%d.%m.%Y")),
    "accounting": dict(
        amount=lambda c: np.where(c < 0, "(", "") + number(".", ",")(c.abs())
        + np.where(c < 0, ")", "")),
    "last day of the calendar": dict(when=gaps(day("%Y-%m-%d"), "9999-12-31"), amount=plain),
    # Sensor logs
    "logger": dict(rate=gaps(number(digits=1), "-9999.0"), moment=day("%Y-%m-%dT%H:%M:%S"),
        small=count("")),
    "netCDF": dict(rate=gaps(number(digits=1), "9.9e+15"), amount=plain),
    "weather station": dict(rate=gaps(number(digits=1, after=" °C"), "---"),
        amount=number(digits=2, after=" hPa")),
    "PLC": dict(rate=gaps(number(",", digits=1), "#WERT!", "err"),
        moment=day("%d.%m.%Y %H:%M:%S"), small=count("")),
    "laboratory": dict(rate=gaps(number(digits=1, after=" mg/l"), "n.d."), amount=plain, city=None),
    "scientific": dict(amount=lambda c: c.map("{:.15e}".format), rate=gaps(plain, "NaN"),
        city=None),
    "Excel errors": dict(amount=gaps(number(".", ","), "#DIV/0!", "#N/A", "#REF!"),
        when=day("%m/%d/%Y")),
}  # fmt: skip


def lakhs(value):
    head, tail = divmod(int(value), 1000)
    groups = []
    while head:
        head, group = divmod(head, 100)
        groups.append(f"{group:02d}" if head else str(group))
    return ",".join([*groups[::-1], f"{tail:03d}"])


def written(name):
    """`(clean, messy)` frames of a file; the messy one was written to CSV and read again."""
    clean, messy = CLEAN[list(FILES[name])].copy(), {}
    if name in ("SAP", "accounting"):
        clean["amount"] *= np.where(np.arange(ROWS) % 3, 1, -1)
    for column, write in FILES[name].items():
        messy[column] = clean[column] if write is None else write(clean[column])
        if getattr(write, "gaps", False):
            clean[column] = clean[column].astype(
                object if column == "paid" else clean[column].dtype
            )
            clean.loc[clean.index[::11], column] = None
    clean = clean.convert_dtypes() if "paid" in clean and clean["paid"].isna().any() else clean
    text = pd.DataFrame(messy).to_csv(index=False, sep=";")
    return clean, pd.read_csv(io.StringIO(text), sep=";")


def silently(call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return call()


@pytest.mark.parametrize("name", FILES)
def test_a_messy_file_is_encoded_as_its_clean_twin(name):
    clean, messy = written(name)
    right = silently(lambda: TableEncoder().fit(clean))
    ours = silently(lambda: TableEncoder().fit(messy))
    assert ours.columns_["kind"].tolist() == right.columns_["kind"].tolist()
    matrix = ours.transform(messy)
    np.testing.assert_array_equal(matrix, right.transform(clean))
    for row in (0, 1, 2, 11, 57):
        cells = messy.iloc[row].to_dict()
        for way in (messy.iloc[[row]], cells, [cells]):
            np.testing.assert_array_equal(ours.transform(way), matrix[[row]])
    after = TableEncoder.from_dict(json.loads(json.dumps(ours.to_dict(), allow_nan=False)))
    np.testing.assert_array_equal(after.transform(messy), matrix)
    np.testing.assert_array_equal(ours.transform(clean), matrix)  # a file that was cleaned later


CODES = {
    "codes": ["A-12", "B-7", "A-9", "C-1"],
    "zip codes": ["01234", "94110", "10115", "00501"],
    "phone numbers": ["555123456", "555123457", "301888222", "301888223"],
    "phone numbers with blanks": [
        "+49 170 123 456",
        "+49 171 223 456",
        "+1 555 123 456",
        "+1 5 1 2",
    ],
    "versions": ["1.2.10", "1.2.11", "1.3.1", "2.0.0"],
    "addresses": ["10.0.0.1", "192.168.0.1", "10.0.0.2", "127.0.0.1"],
    "several units": ["5 kg", "300 km", "7 kg", "20 km"],
    "house numbers": ["12A", "14", "16", "18B"],
    "ranges": ["10-20", "20-30", "30-40", "40-50"],
    "ordinals": ["1st", "2nd", "3rd", "4th"],
    "quarters": ["Q1", "Q2", "Q3", "Q4"],
    "months": ["may", "jun", "jul", "aug"],
    "places": ["<1H OCEAN", "INLAND", "NEAR BAY", "ISLAND"],
    "answers": ["yes", "no", "no phone service", "yes"],
}


@pytest.mark.parametrize("values", CODES.values(), ids=CODES)
def test_codes_stay_categories_without_a_warning(values):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder = TableEncoder().fit({"a": values * 20})
    assert encoder.columns_["kind"].tolist() == ["category"]


def test_the_order_of_day_and_month_is_that_of_the_column_or_of_the_table():
    def first(**columns):
        encoder = silently(lambda: TableEncoder().fit(columns))
        return encoder.states_[0].reading["formats"]

    some = ["03/04/2021", "05/06/2021"] * 30
    assert first(a=[*some, "13/01/2021"]) == ["%d/%m/%Y"]
    assert first(a=[*some, "01/13/2021"]) == ["%m/%d/%Y"]
    assert first(a=some, b=["1,5", "2,25"] * 30) == ["%d/%m/%Y"]
    assert first(a=some, b=["25/12/2020", "1/1/2021"] * 30) == ["%d/%m/%Y"]
    with pytest.warns(DataWarning, match=r"'a'.*ambiguous, the month .* first.*'%d/%m/%Y'"):
        TableEncoder().fit({"a": some})
    encoder = TableEncoder(columns={"a": "%d/%m/%Y"}).fit({"a": some})
    assert encoder.states_[0].reading["formats"] == ["%d/%m/%Y"]


def test_weeks_are_their_mondays_and_hours_may_be_written_with_h():
    weeks = [f"20{year}-W{week:02d}" for year in (20, 21) for week in range(1, 53)]
    clocks = [f"{i % 24}h{i % 60:02d}" for i in range(len(weeks))]
    encoder = silently(lambda: TableEncoder().fit({"week": weeks, "clock": clocks}))
    assert encoder.columns_["kind"].tolist() == ["date", "time"]
    mondays = [pd.Timestamp.fromisocalendar(int(w[:4]), int(w[6:]), 1) for w in weeks]
    plain = [clock.replace("h", ":") for clock in clocks]
    right = silently(lambda: TableEncoder().fit({"week": mondays, "clock": plain}))
    matrix = encoder.transform({"week": weeks, "clock": clocks})
    np.testing.assert_array_equal(matrix, right.transform({"week": mondays, "clock": plain}))
    np.testing.assert_array_equal(
        encoder.transform({"week": weeks[7], "clock": clocks[7]}), matrix[[7]]
    )


def test_zeros_and_ones_as_text_are_booleans_where_the_user_says_so():
    encoder = TableEncoder(columns={"a": "boolean"}).fit({"a": ["1", "0", "0", "1"]})
    right = TableEncoder().fit({"a": [True, False, False, True]})
    np.testing.assert_array_equal(
        encoder.transform({"a": ["0", "1"]}), right.transform({"a": [False, True]})
    )


def test_a_number_that_could_be_written_in_two_ways_is_warned_of():
    with pytest.warns(DataWarning, match="'1,234' could also mean"):
        TableEncoder().fit({"a": ["1,234", "2,500", "7,250"] * 9})
    table = {"a": ["1,234", "2,500", "7,250"] * 9, "b": ["0,5", "1,25", "3,75"] * 9}
    encoder = silently(lambda: TableEncoder().fit(table))
    assert encoder.states_[0].reading["decimal"] == ","


def test_numbers_in_several_units_are_warned_of():
    values = [f"{i} °C" if i % 2 else f"{i} °F" for i in range(60)]
    with pytest.warns(DataWarning, match=r"'w'.*several units \('°c', '°f'\)"):
        encoder = TableEncoder().fit({"w": values * 2})
    assert encoder.columns_["kind"].tolist() == ["category"]


MULTIPLES = {
    "income": (["$1.2k", "$900", "$3M", "$45k"], [1200, 900, 3e6, 45e3]),
    "followers": (["950", "1.5K", "12K", "2.1M"], [950, 1500, 12e3, 2.1e6]),
    "euros": (["1,5 Mio. €", "300 Tsd. €", "2 Mrd. €", "0,5 Mio. €"], [1.5e6, 3e5, 2e9, 5e5]),
    "budgets": (["5m USD", "7m USD", "120k USD", "8m USD"], [5e6, 7e6, 120e3, 8e6]),
    "views": (["1.5M", "2.5M", "0.5M", "7M"], [1.5e6, 2.5e6, 0.5e6, 7e6]),
}


@pytest.mark.parametrize(("values", "expected"), MULTIPLES.values(), ids=MULTIPLES)
def test_multiples_such_as_k_and_m_are_read_as_the_numbers_they_stand_for(values, expected):
    with pytest.warns(DataWarning, match=r"multiplies by 1,000"):
        encoder = TableEncoder().fit({"a": values * 9})
    found, stray = parse(values, encoder.states_[0].reading)
    np.testing.assert_allclose(found, expected)
    assert not stray.any()


@pytest.mark.parametrize("values", [["5 m", "7 m", "12 m", "8"], ["12B", "14", "18B", "3"],
                                    ["38M", "40M", "42", "44"]])  # fmt: skip
def test_meters_sizes_and_house_numbers_have_units_and_no_multiples(values):
    with pytest.warns(DataWarning, match="the unit '[mb]' is ignored"):
        encoder = TableEncoder().fit({"a": values * 9})
    assert "factors" not in encoder.states_[0].reading


def test_an_answer_that_is_frequent_does_not_turn_numbers_into_categories():
    values = [*map(str, range(40)), *["refused"] * 30]
    encoder = silently(lambda: TableEncoder().fit({"age": values}))
    assert encoder.columns_["kind"].tolist() == ["number"]
    assert list(encoder.get_feature_names_out()) == ["age", "age is missing"]


def sentences(rows=200):
    rng = np.random.default_rng(0)
    good, bad = "great lovely perfect happy", "broken awful refund angry"
    filler = ["the", "order", "with", "product", "arrived", "box", "was", "from", "shop"]
    label = rng.random(rows) < 0.5
    text = [
        " ".join([*rng.choice(filler, 6), *rng.choice((good if y else bad).split(), 2)])
        for y in label
    ]
    return pd.DataFrame({"note": text, "v": rng.normal(size=rows)}), np.where(label, "pos", "neg")


def test_sentences_become_numbers_from_which_a_network_learns(tmp_path):
    X, y = sentences()
    X.loc[3, "note"] = None
    encoder = silently(lambda: TableEncoder().fit(X))
    assert encoder.columns_["kind"].tolist() == ["text", "number"]
    assert encoder.cardinalities_ == []
    matrix = encoder.transform(X)
    for row in (0, 3, 77):
        np.testing.assert_array_equal(encoder.transform(X.iloc[[row]]), matrix[[row]])
        np.testing.assert_array_equal(encoder.transform(X.iloc[row].to_dict()), matrix[[row]])
    after = TableEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    np.testing.assert_array_equal(after.transform(X), matrix)
    model = silently(
        lambda: DNNClassifier("standard", epochs=40, random_state=0).fit(X[:150], y[:150])
    )
    assert silently(lambda: model.score(X[150:], y[150:])) > 0.9


def test_columns_override_what_would_be_inferred():
    X, _ = sentences()
    X["zip"] = [f"{10_000 + 731 * (i % 90)}" for i in range(len(X))]
    X["flag"], X["id"], X["day"] = np.arange(len(X)) % 2, range(len(X)), 20210101
    X.loc[::2, "day"] = 20220301
    kinds = {"note": "drop", "zip": "category", "flag": "boolean", "id": "number", "day": "date"}
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*is read as|.*ignored|Text columns")
        encoder = TableEncoder(columns=kinds).fit(X)
    found = encoder.columns_.set_index("column")["kind"]
    assert found[list(kinds)].tolist() == ["drop", "category", "boolean", "number", "date"]
    np.testing.assert_array_equal(encoder.transform(X.drop(columns="note")), encoder.transform(X))
    with pytest.raises(ValueError, match=r"'note'.*cannot be read as 'number'"):
        TableEncoder(columns={"note": "number"}).fit(X)
    with pytest.raises(ValueError, match="'colour'"):
        TableEncoder(columns={"colour": "drop"}).fit(X)
    with pytest.raises(ValueError, match=r"columns\['v'\].*'numbr'.*number"):
        TableEncoder(columns={"v": "numbr"}).fit(X)


def test_hashed_and_crossed_columns():
    X = pd.DataFrame({"a": list("xyz") * 20, "b": list("pq") * 30, "v": np.arange(60) % 7})
    encoder = TableEncoder(columns={"a": "hash", "a and b": ["a", "b"]}).fit(X)
    assert encoder.cardinalities_ == [1025]
    names = list(encoder.get_feature_names_out())
    assert names == ["v", "b=q", *(f"a and b={a} & {b}" for a in "xyz" for b in "pq"), "a"]
    matrix = encoder.transform(X)
    crossed = matrix[:, 2:8].argmax(axis=1)
    assert [f"{a} & {b}" for a in "xyz" for b in "pq"] == [
        f"{X['a'][i]} & {X['b'][i]}" for i in [np.flatnonzero(crossed == k)[0] for k in range(6)]
    ]
    new = encoder.transform({"a": "unseen", "b": "p", "v": 3})
    assert 1 <= new[0, -1] <= 1024
    assert not new[0, 2:8].any()
    np.testing.assert_array_equal(encoder.transform(X.iloc[[4]]), matrix[[4]])
    after = TableEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    np.testing.assert_array_equal(after.transform(X), matrix)


def test_lists_in_cells_are_refused_by_name():
    for cell in (["a", "b"], {"a": 1}, np.arange(2)):
        values = pd.Series(["x", cell, "y"], dtype=object)
        with pytest.raises(ValueError, match=f"Column 'tags'.*Row 1 holds a {type(cell).__name__}"):
            TableEncoder().fit(pd.DataFrame({"tags": values}))


def test_a_sentinel_is_missing_unless_the_column_is_declared():
    values = np.r_[np.random.default_rng(0).normal(20, 5, 100), [-9999.0] * 4]
    with pytest.warns(DataWarning, match=r"'t'.*-9999.*4 of 104"):
        encoder = TableEncoder().fit({"t": values})
    assert list(encoder.get_feature_names_out()) == ["t", "t is missing"]
    np.testing.assert_array_equal(encoder.transform({"t": -9999.0}), [[0, 1]])
    array = silently(lambda: TableEncoder().fit(values[:, None]))
    np.testing.assert_array_equal(
        array.transform(values[:, None]), encoder.transform({"t": values})
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(TableEncoder(columns={"t": "number"}).fit({"t": values}).transform({"t": 1}))
        for honest in (np.arange(100) * 10.0 + 9, np.arange(1000) * 1.0, np.r_[values[:100], 30.0]):
            TableEncoder().fit({"t": honest})


def test_later_text_is_read_as_in_fit_and_what_cannot_be_read_is_missing_with_a_warning():
    encoder = silently(lambda: TableEncoder().fit({"p": ["1,5 kg", "2,25 kg", "10 kg", "?"] * 20}))
    later = encoder.transform({"p": ["1,5", "2,25 kg", "?", "heavy"]})
    np.testing.assert_array_equal(later[2], later[3])
    with pytest.warns(DataWarning, match=r"'p'.*'heavy' \(first: row 1, 1 of 2"):
        encoder.transform({"p": ["3", "heavy"]}, warn_unseen=True)
    numbers = TableEncoder().fit({"a": [1.5, 2.0, 7.0], "d": pd.date_range("2021", periods=3)})
    np.testing.assert_array_equal(
        numbers.transform({"a": "2.0", "d": "2021-01-02"}),
        numbers.transform({"a": 2.0, "d": pd.Timestamp("2021-01-02")}),
    )
    with pytest.raises(ValueError, match="'a' was numeric, is text"):
        numbers.transform({"a": "heavy", "d": "2021-01-02"})


SCORED = ["Germany", "United States", "survey with blanks", "SQL dump", "logger", "weather station"]


@pytest.mark.parametrize("name", SCORED)
def test_a_fit_to_a_messy_file_scores_as_on_its_clean_twin(name):
    clean, messy = written(name)
    y = np.log(CLEAN["amount"]) + CLEAN["small"] / 30 + CLEAN["rate"] / 50
    scores = []
    for X in (clean, messy):
        model = DNNRegressor("standard", epochs=20, random_state=0, validation_fraction=0)
        scores.append(silently(lambda X=X, model=model: model.fit(X, y).score(X, y)))
    assert scores[1] == pytest.approx(scores[0], abs=1e-6)


CELLS = {
    "number": st.floats(-1e6, 1e6).map(repr) | st.sampled_from(["?", "-", "1,234", "12 kg", "x"]),
    "comma": st.floats(0, 1e4).map(lambda v: f"{v:.2f}".replace(".", ",")) | st.just(""),
    "date": st.dates().map(str) | st.datetimes().map(str) | st.none(),
    "national date": st.dates().map(lambda d: d.strftime("%d.%m.%Y")) | st.just("k.A."),
    "Asian number": st.integers(0, 10**9).map(lambda v: f"{v // 10**4}万{v % 10**4}円")
    | st.sampled_from(["１，２３４", "▲5", "٣٫٥", "3억", "0x1F", "1 1/2", "½", "3/4"]),
    "Thai date": st.dates(date(1990, 1, 1), date(2030, 1, 1)).map(
        lambda d: f"{d.day}/{d.month}/{d.year + 543}"
    )
    | st.sampled_from(["令和元年5月1日", "2019-03-01Z", "19.03.05", "2019. 3. 19. 오전 9:30"]),
    "word": st.sampled_from(["yes", "no", "Ja", "n/a", " ", "maybe"]) | st.none(),
    "sentence": st.lists(st.sampled_from(["a", "bb", "ccc", "dddd", "eee"]), min_size=2).map(
        " ".join
    ),
    "real": st.floats(-100, 100) | st.sampled_from([-9999.0, 9.9e15, None]),
    "anything": st.text(max_size=8) | st.floats(allow_infinity=False) | st.none() | st.booleans(),
}


@settings(max_examples=4_000 if NIGHTLY else 60, deadline=None)
@given(st.data())
def test_a_single_row_is_encoded_as_in_its_table(data):
    kinds = data.draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=3))
    rows = data.draw(st.integers(2, 40))
    frame = pd.DataFrame(
        {
            f"{i} {kind}": pd.Series(
                data.draw(st.lists(CELLS[kind], min_size=rows, max_size=rows)), dtype=object
            )
            for i, kind in enumerate(kinds)
        }
    )
    frame = pd.concat([frame] * data.draw(st.integers(1, 3)), ignore_index=True)
    encoder = TableEncoder("robust", one_hot_limit=data.draw(st.sampled_from([2, 4, 32])))
    try:
        silently(lambda: encoder.fit(frame))
    except ValueError:
        return
    matrix = encoder.transform(frame)
    assert np.isfinite(matrix).all()
    for row in range(min(rows, 6)):
        cells = {name: frame[name].iloc[row] for name in frame}
        np.testing.assert_array_equal(encoder.transform(cells), matrix[[row]])
        np.testing.assert_array_equal(encoder.transform(frame.iloc[[row]]), matrix[[row]])
    after = TableEncoder.from_dict(json.loads(json.dumps(encoder.to_dict(), allow_nan=False)))
    np.testing.assert_array_equal(after.transform(frame), matrix)


def test_a_row_number_that_a_file_was_written_with_is_ignored_with_one_warning():
    X, y = sentences()
    X = X[["v"]].assign(**{"Unnamed: 0": np.arange(len(X))})
    model = DNNClassifier("standard", epochs=1, random_state=0)
    with pytest.warns(DataWarning, match="'Unnamed: 0' of `X` is ignored") as caught:
        model.fit(X, y)
    assert sum(issubclass(w.category, DataWarning) for w in caught) == 1
    np.testing.assert_array_equal(model.predict_proba(X[["v"]]), model.predict_proba(X))


@pytest.mark.filterwarnings("error::kerasdnn.DataWarning")
def test_a_search_warns_of_a_column_once_however_many_rows_its_trials_see():
    X = pd.DataFrame({"p": [*map(str, range(50)), "?"]})
    with told_once():
        with pytest.warns(DataWarning, match="'p'"):
            TableEncoder().fit(X)
        TableEncoder().fit(X[-40:])  # a warning would be an error
    with pytest.warns(DataWarning, match="'p'"):
        TableEncoder().fit(X)

"""Tables from files: every national variant of a text file gives the same table."""

import bz2
import gzip
import itertools
import lzma
import sys
import warnings
import zipfile

import numpy as np
import pandas as pd
import pytest

from kerasdnn import DataWarning
from kerasdnn.tables.files import find_column, read_table

RNG = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {
        "Größe": RNG.normal(170, 9, 80).round(2),
        "Stadt": RNG.choice(["Köln", "Münster", "Aachen; Nord", "Bonn | Süd", "Ulm, Ost"], 80),
        "Anzahl": RNG.integers(0, 5000, 80),
        "Notiz": RNG.choice(['eine "gute"\nWahl', "keine", "erste Zeile\nzweite\n\nvierte"], 80),
        "Tag": pd.date_range("2024-01-31", periods=80, freq="D").astype(str),
    }
)
EXPECTED = TABLE.assign(Tag=pd.to_datetime(TABLE["Tag"]))


def read(path, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return read_table(path, **options)


def assert_is_the_table(found, expected=EXPECTED):
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


VARIANTS = list(
    itertools.product(
        [(",", "."), (";", ","), (";", "."), ("\t", "."), ("\t", ","), ("|", ".")],
        ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"],
    )
)


@pytest.mark.parametrize(("marks", "encoding"), VARIANTS)
def test_separator_decimal_mark_and_encoding_are_detected(tmp_path, marks, encoding):
    sep, decimal = marks
    path = tmp_path / "t.csv"
    TABLE.to_csv(path, sep=sep, decimal=decimal, encoding=encoding, index=False)
    assert_is_the_table(read(path))


@pytest.mark.parametrize("name", ["t.csv.gz", "t.csv.bz2", "t.csv.xz", "t.csv.zip", "t.csv"])
def test_compression_is_detected_by_content_not_by_name(tmp_path, name):
    content = TABLE.to_csv(sep=";", decimal=",", index=False).encode("cp1252")
    path = tmp_path / name
    if name.endswith("zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("inside.csv", content)
    else:
        pack = {"bz2": bz2.compress, ".xz": lzma.compress}.get(name[-3:], gzip.compress)
        path.write_bytes(pack(content))
    assert_is_the_table(read(path))


def test_options_overrule_what_is_detected(tmp_path):
    path = tmp_path / "t.txt"
    path.write_bytes("a:b\n1,5:ü\n2,5:é\n".encode("cp1250"))
    found = read_table(path, sep=":", decimal=",", encoding="cp1250")
    assert found["a"].tolist() == [1.5, 2.5]
    assert found["b"].tolist() == ["ü", "é"]
    path.write_text("a  b\n1   2\n3 4\n")
    assert read_table(path, sep=r"\s+")["b"].tolist() == [2, 4]


MESSY = {
    "a separator line of Excel": ("sep=;\na;b\n1,5;x\n2,5;y\n", {"a": [1.5, 2.5], "b": ["x", "y"]}),
    "one column": ("a\n1\n2\n", {"a": [1, 2]}),
    "one column of commas": ('a\n"1,5"\n"2,25"\n', {"a": [1.5, 2.25]}),
    "separators at line ends": ("a;b\n1;2;\n3;4;\n", {"a": [1, 3], "b": [2, 4]}),
    "an unnamed empty column": ("a,b,\n1,2,\n3,4,\n", {"a": [1, 3], "b": [2, 4]}),
    "row names as R writes them": ("a,b\nr1,1,2\nr2,3,4\n", {"a": [1, 3], "b": [2, 4]}),
    "thousands separators": ("a;b\n1.234,5;1\n12.000,0;2\n", {"a": [1234.5, 12000.0], "b": [1, 2]}),
    "English thousands": ('a,b\n"1,234",x\n"12,000",y\n', {"a": [1234, 12000], "b": ["x", "y"]}),
    "dates with points": (
        "a;b\n01.02.2020;1,5\n03.02.2020;2\n",
        {"a": ["01.02.2020", "03.02.2020"], "b": [1.5, 2.0]},
    ),
    "versions with points": ("a,b\n1.2.3,1\n1.10.3,2\n", {"a": ["1.2.3", "1.10.3"], "b": [1, 2]}),
    "numbers of both kinds": ("a;b\n1.5;1,5\n2.5;2,5\n", {"a": [1.5, 2.5], "b": [1.5, 2.5]}),
    "one note with a point": (
        "a;b\n1,5;siehe\n2,5;1.5\n3,5;x\n",
        {"a": [1.5, 2.5, 3.5], "b": ["siehe", "1.5", "x"]},
    ),
    "missing values": ("a;b\n1.234,5;x\n;y\n7;\n", {"a": [1234.5, None, 7], "b": ["x", "y", None]}),
    "commas inside names": ("'a, b';c\n1;2\n3;4\n", {"a, b": [1, 3], "c": [2, 4]}),
    "single quotes": ("a,b\n1,'x, y'\n2,'z'\n", {"a": [1, 2], "b": ["x, y", "z"]}),
    "apostrophes": ("a,b\n1,it's\n2,'tis\n", {"a": [1, 2], "b": ["it's", "'tis"]}),
    "escaped quotes": ('a,b\n1,"x \\"q\\" z"\n2,"w"\n', {"a": [1, 2], "b": ['x "q" z', "w"]}),
    "spaces after separators": (
        'a; b ; c\n1,5; x; "u; v"\n2,5; y; w\n',
        {"a": [1.5, 2.5], "b": ["x", "y"], "c": ["u; v", "w"]},
    ),
    "zip codes": ("a;zip\n1;01067\n2;80331\n", {"a": [1, 2], "zip": ["01067", "80331"]}),
    "zip codes next to blanks": ("zip,a\n01067,1\n,2\n", {"zip": ["01067", None], "a": [1, 2]}),
    "hours of two digits": ("a,h\n1,07\n2,12\n", {"a": [1, 2], "h": [7, 12]}),
    "zeros among numbers": ("a,b\n1,000\n2,1.5\n", {"a": [1, 2], "b": [0, 1.5]}),
    "digits of full width": ("a,b\n１２,1\n７,2\n", {"a": ["１２", "７"], "b": [1, 2]}),
    "days that do not exist": (
        "a,b\n2020-02-30,1\n2020-03-01,2\n",
        {"a": ["2020-02-30", "2020-03-01"], "b": [1, 2]},
    ),
    "missing values of a database": ("a\tb\n1\t\\N\n\\N\tx\n", {"a": [1, None], "b": [None, "x"]}),
    "one column of phrases": ("a\nx, y\nz\nu, v, w\n", None),
    "blank lines": ("\n\na,b\n1,2\n\n3,4\n", {"a": [1, 3], "b": [2, 4]}),
    "control characters": ("a\x01b\n1\x01x\n3\x01y\n", {"a": [1, 3], "b": ["x", "y"]}),
    "carets": ("a^b\n1^x\n3^y\n", {"a": [1, 3], "b": ["x", "y"]}),
    "text for a spreadsheet": (
        'a,b,c\n="007",="1.5",="x"\n="012",="2.5",="y"\n',
        {"a": ["007", "012"], "b": [1.5, 2.5], "c": ["x", "y"]},
    ),
    "line ends of several computers": ("a,b\r\n1,2\n3,4\r\n", {"a": [1, 3], "b": [2, 4]}),
    "line ends of old computers": ("a;b\r1;2\r3;4\r", {"a": [1, 3], "b": [2, 4]}),
}


@pytest.mark.parametrize("name", MESSY)
def test_a_messy_file_gives_the_clean_table(tmp_path, name):
    text, columns = MESSY[name]
    (tmp_path / "t.csv").write_bytes(text.encode())
    if columns is None:
        with pytest.raises(ValueError, match="is not a readable table"):
            read_table(tmp_path / "t.csv")
        return
    assert_is_the_table(read_table(tmp_path / "t.csv"), pd.DataFrame(columns))


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        ("# sensor 7\n# sampled hourly\n", 2),
        ("Sales report\n\nprinted on Monday, at noon\n\n", 3),
        ("sep=;\nExport of 2024\n", 1),
        ("Sales report;;\nprinted on 01.02.2023;;\n;;\n", 3),
    ],
)
def test_lines_before_the_header_are_skipped_with_a_warning(tmp_path, lines, count):
    (tmp_path / "t.csv").write_text(lines + "time;value;note\n1;2,5;x\n2;3,5;y\n3;4,5;z\n")
    with pytest.warns(DataWarning, match=rf"first {count} lines of t\.csv are skipped"):
        found = read_table(tmp_path / "t.csv")
    assert list(found) == ["time", "value", "note"]
    assert found["value"].tolist() == [2.5, 3.5, 4.5]


def test_a_large_file_is_read_as_pandas_reads_it(tmp_path):
    table = pd.DataFrame({f"c{i}": RNG.choice(["red", "green", "12"], 50_000) for i in range(8)})
    table.to_csv(tmp_path / "t.csv", index=False)
    expected = pd.read_csv(tmp_path / "t.csv")
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.csv"), expected)


def test_a_byte_that_is_not_utf_8_far_into_the_file_is_read(tmp_path):
    lines = ["a;b", *["1,5;x"] * 300_000, "2,5;ü"]  # beyond what is sampled
    (tmp_path / "t.csv").write_bytes("\n".join(lines).encode("cp1252"))
    with pytest.warns(DataWarning, match="read as cp1252"):
        found = read_table(tmp_path / "t.csv")
    assert found.iloc[-1].tolist() == [2.5, "ü"]


def test_text_cut_inside_a_letter_by_the_sample_is_still_utf_8(tmp_path):
    for shift in range(3):
        text = "a;b\n" + "x" * shift + "한;1\n" * 300_000
        (tmp_path / "t.csv").write_bytes(text.encode())
        assert read_table(tmp_path / "t.csv")["a"].iloc[-1] == "한"


def test_the_encoding_of_asian_text_is_asked_for_and_taken(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("도시,값\n서울,1\n부산,2\n".encode("cp949"))
    with pytest.raises(ValueError, match=r"t\.csv .*`encoding`.*cp949"):
        read_table(path)
    assert read_table(path, encoding="cp949")["도시"].tolist() == ["서울", "부산"]
    with pytest.raises(ValueError, match=r"not text in the encoding utf-8"):
        read_table(path, encoding="utf-8")
    with pytest.raises(ValueError, match=r"unknown encoding: utf8k"):
        read_table(path, encoding="utf8k")


@pytest.mark.parametrize("ending", [".parquet", ".feather", ".jsonl", ".ndjson"])
def test_other_formats_follow_from_the_ending(tmp_path, ending):
    path = tmp_path / f"t{ending}"
    table = EXPECTED.drop(columns="Tag")
    if "json" in ending:
        table.to_json(path, orient="records", lines=True)
    else:
        getattr(table, f"to_{ending[1:]}")(path)
    assert_is_the_table(read_table(path), table)


def test_excel_is_read_or_the_line_that_installs_it_is_named(tmp_path, monkeypatch):
    path = tmp_path / "t.xlsx"
    EXPECTED.to_excel(path, index=False)
    assert_is_the_table(read_table(path))
    with zipfile.ZipFile(path, "w") as workbook:
        workbook.writestr("xl/workbook.xml", "")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(ImportError, match=r"t\.xlsx .* pip install openpyxl"):
        read_table(path)


def test_of_a_workbook_with_several_sheets_the_first_is_read_and_named(tmp_path):
    path = tmp_path / "t.xlsx"
    with pd.ExcelWriter(path) as workbook:
        EXPECTED.to_excel(workbook, sheet_name="sales", index=False)
        EXPECTED.to_excel(workbook, sheet_name="notes", index=False)
    with pytest.warns(DataWarning, match=r"sheet 'sales'.* 'notes'"):
        assert_is_the_table(read_table(path))


# fmt: off
UNREADABLE = {
    "empty":     (b"",                                "it is empty"),
    "binary":    (bytes(range(256)) * 20,             "it is a binary file"),
    "ragged":    (b"a,b\n1,2\n1,2,3,4,5\n",           "line 3.*Correct this line"),
    "no name":   (b"a,b\n1,2,3\n1,2,3\n1,2\n",        "header has 2 names.* 3 values"),
    "truncated": (gzip.compress(b"a,b\n1,2\n" * 999)[:40], "end-of-stream|end of file|ended"),
}
# fmt: on


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_is_not_a_table_is_refused_in_one_line(tmp_path, name):
    content, words = UNREADABLE[name]
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(ValueError, match=rf"t\.csv is not a readable table: .*({words})") as caught:
        read_table(tmp_path / "t.csv")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("gap", [" ", "   "])
def test_columns_that_blanks_separate_are_read_with_a_warning(tmp_path, gap):
    rows = [["when", "place", "value"], ["2020-01-31", "Bonn", "1.5"], ["2020-02-01", "Ulm", "12"]]
    if len(gap) > 1:
        rows[1][1] = "New York"
    lines = [gap.join(f"{v:>9}" if len(gap) > 1 else v for v in row) for row in rows]
    (tmp_path / "t.txt").write_text("\n".join(lines) + "\n")
    with pytest.warns(DataWarning, match=r"columns of t\.txt are separated by blanks"):
        found = read_table(tmp_path / "t.txt")
    assert list(found) == rows[0]
    assert found["value"].tolist() == [1.5, 12]
    assert found["place"].tolist() == [rows[1][1], "Ulm"]


WARNED = {
    "no header": ("0.5,1365,x\n7.25,12,y\n1.5,8,z\n", "first line of t.csv looks like data"),
    "equal names": ("a,a,b\n1,2,3\n4,5,6\n", "several columns 'a'.*'a.1'"),
}
HONEST = ["country,2019,2020\nx,1.5,2\ny,3.5,4\n", "0,1,2\n5,6,x\n7,8,y\n"]


def test_a_header_that_is_a_row_of_data_or_repeats_a_name_is_warned_of(tmp_path):
    for text, words in WARNED.values():
        (tmp_path / "t.csv").write_text(text)
        with pytest.warns(DataWarning, match=words):
            read_table(tmp_path / "t.csv")
    for text in HONEST:
        (tmp_path / "t.csv").write_text(text)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            read_table(tmp_path / "t.csv")


def test_a_workbook_that_is_text_is_read_and_one_that_is_a_page_is_refused(tmp_path):
    path = tmp_path / "t.xls"
    path.write_text("a\tb\n1\t2\n3\t4\n")
    assert read_table(path)["b"].tolist() == [2, 4]
    path.write_text("<html><table><tr><td>a</td></tr></table></html>")
    with pytest.raises(ValueError, match=r"pd\.read_html"):
        read_table(path)


def test_what_an_archive_holds_next_to_its_only_table_is_ignored(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("data.csv", "a,b\n1,2\n")
        archive.writestr("__MACOSX/._data.csv", "x")
        archive.writestr("README.txt", "Read me")
    assert read_table(tmp_path / "t.zip").to_dict("list") == {"a": [1], "b": [2]}


def test_codes_in_json_keep_their_zeros(tmp_path):
    table = pd.DataFrame({"zip": ["01067", "80331"], "n": [1, 2], "when": ["2020-01-31", "x"]})
    for name, lines in (("t.json", False), ("t.jsonl", True)):
        table.to_json(tmp_path / name, orient="records", lines=lines)
        assert_is_the_table(read_table(tmp_path / name), table)


def test_an_archive_of_several_files_is_refused_by_their_names(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("a.csv", "a\n1\n")
        archive.writestr("b.csv", "b\n1\n")
    with pytest.raises(ValueError, match=r"holds 2: a\.csv, b\.csv"):
        read_table(tmp_path / "t.zip")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*gone\.csv"):
        read_table(tmp_path / "gone.csv")


def test_a_column_is_found_by_its_name_and_a_similar_one_is_suggested():
    table = pd.DataFrame({"Churn": [1], "tenure": [2], 7: [3]})
    assert find_column(table, "Churn") == "Churn"
    assert find_column(table, "7") == 7
    with pytest.raises(ValueError, match=r"no column 'churn'\. Did you mean 'Churn'\?"):
        find_column(table, "churn")
    with pytest.raises(ValueError, match=r"no column 'price'\. Its columns are 'Churn', 'tenure'"):
        find_column(table, "price")


EXTRA = {
    "questions below the header": "Q1,Q2\nHow old are you?,How satisfied?\n{rows}",
    "identifiers below the questions": 'Q1,Q2\n"How\nold?",How?\n"{{""id"": 1}}",{{}}\n{rows}',
    "units below the header": "Q1,Q2\n[a],[%]\n{rows}",
    "comments before and among the rows": "# logger 7\n# site: Kiel, Germany\nQ1,Q2\n{rows}# off\n"
    "# on, changed the battery\n",
    "a header in a comment": "# Q1,Q2\n{rows}",
    "blank rows": "Q1,Q2\n,\n{rows},\n\n,\n",
    "a total": 'Q1,Q2\n{rows}Total,"1,234.5"\n',
    "headers of joined files": "Q1,Q2\n{rows}Q1,Q2\n",
    "a note": "Q1,Q2\n{rows}(40 rows),\n",
    "psql": " Q1 | Q2 \n----+------\n{piped}(40 rows)\n",
    "mysql": "+----+------+\n| Q1 | Q2   |\n+----+------+\n{boxed}+----+------+\n",
    "markdown": "| Q1 | Q2 |\n|----|:---|\n{boxed}",
}


@pytest.mark.parametrize("name", EXTRA)
def test_rows_that_hold_no_data_are_skipped_with_a_warning(tmp_path, name):
    rows = [(i * 3 % 70, i / 8) for i in range(40)]
    text = EXTRA[name].format(
        rows="".join(f"{a},{b}\n" for a, b in rows),
        piped="".join(f" {a} | {b} \n" for a, b in rows),
        boxed="".join(f"| {a} | {b} |\n" for a, b in rows),
    )
    path = tmp_path / "a.csv"
    path.write_text(text)
    expected = pd.DataFrame(rows, columns=["Q1", "Q2"])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = read_table(path)
    pd.testing.assert_frame_equal(table, expected, check_dtype=False)
    assert table.dtypes.map(lambda dtype: dtype.kind in "if").all()
    assert len(caught) >= 1 or name == "a header in a comment"


def test_a_note_with_a_comma_in_it_is_skipped_too(tmp_path):
    lines = [f"{i},{i / 8},{i % 2 == 0},x" for i in range(40)]
    notes = ["Source: Statistics Office, 2021,,", "\u00a9 2024 The Office. All rights reserved.,,,"]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,c,d", *lines, *notes]) + "\n", "utf-8")
    with pytest.warns(DataWarning, match="2 totals and notes"):
        found = read_table(tmp_path / "t.csv")
    assert len(found) == 40
    assert found["c"].dtype == bool


def test_rows_of_data_that_resemble_notes_and_headers_stay(tmp_path):
    path = tmp_path / "a.csv"
    rows = [("total" if i % 9 == 0 else "part", "" if i % 4 else i, i % 5) for i in range(45)]
    pd.DataFrame(rows, columns=["kind", "n", "m"]).to_csv(path, index=False)
    assert len(read_table(path)) == 45
    colors = pd.DataFrame({"color": [f"#{i:06x}" for i in range(45)], "n": range(45)})
    colors.to_csv(path, index=False)
    assert len(read_table(path)) == 45
    path.write_text("a|b\n" + "1|2\nNULL|NULL\n3|4\n" * 9)
    assert len(read_table(path)) == 27


def test_a_workbook_with_a_title_questions_and_a_total_is_read(tmp_path):
    pytest.importorskip("openpyxl")
    rows = [(i * 3 % 70, i / 8) for i in range(40)]
    cells = [["Report", None], [None, None], ["Q1", "Q2"], ["How old?", "How?"], *rows]
    path = tmp_path / "a.xlsx"
    pd.DataFrame([*cells, ["Total", 97.5]]).to_excel(path, index=False, header=False)
    with pytest.warns(DataWarning) as caught:
        table = read_table(path)
    expected = pd.DataFrame(rows, columns=["Q1", "Q2"])
    pd.testing.assert_frame_equal(table, expected, check_dtype=False)
    assert ["1 further headers and 1 totals" in str(w.message) for w in caught] == [False, True]


def test_a_byte_of_a_currency_says_nothing_about_the_alphabet(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("Größe;Preis\n".encode("cp1252") + "3,5;12,50\xa0€\n".encode("cp1252") * 9)
    with pytest.warns(DataWarning, match="cp1252"):
        assert read_table(path)["Preis"].iloc[0] == "12,50\xa0€"

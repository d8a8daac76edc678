"""Results print as text and show as HTML that needs no other file."""

import numpy as np
import pandas as pd

from kerasdnn.core.readable import MAX_ROWS, Description, Readable, cell


class Result(Readable):
    def _describe(self):
        table = pd.DataFrame({"name": ["<b>", "b"], "score": [0.123456, np.nan]})
        return Description("A result", ["It is 5 < 6.", "Seed 0."], [("Scores", table)])


def test_text_has_title_sentences_and_tables():
    text = str(Result())
    assert text == repr(Result())
    lines = text.split("\n")
    assert lines[:3] == ["A result", "It is 5 < 6.", "Seed 0."]
    assert "0.1235" in text
    assert "nan" not in text.lower()


def test_html_is_escaped_and_loads_nothing():
    page = Result()._repr_html_()
    assert "&lt;b&gt;" in page
    assert "5 &lt; 6" in page
    assert page.count("<tr>") == 3
    for word in ("http", "src=", "<script", "<link", "@import"):
        assert word not in page


def test_a_long_table_is_shortened_and_says_so():
    table = pd.DataFrame({"a": range(MAX_ROWS + 7)})
    found = Description("t", [], [("", table)])
    assert "... and 7 more rows." in found.text()
    assert "... and 7 more rows." in found.html()


def test_a_named_index_is_shown():
    table = pd.DataFrame({"gradient": [0.5]}, index=pd.Index(["hidden_1"], name="layer"))
    found = Description("t", [], [("", table)])
    assert "hidden_1" in found.text()
    assert "hidden_1" in found.html()


def test_numbers_have_four_digits_and_large_ones_none_behind_the_point():
    assert [cell(v) for v in (0.123456, 123456.7, 3, None, "x", (8,))] == [
        "0.1235", "123457", "3", "", "x", "(8,)",
    ]  # fmt: skip

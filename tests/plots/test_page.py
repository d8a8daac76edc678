"""A page is one file: complete, escaped, and with nothing fetched from anywhere."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from kerasdnn import plots
from kerasdnn.plots.page import Page


class Outline(HTMLParser):
    """Collects the words of each tag and the tags left open."""

    def __init__(self, text):
        super().__init__()
        self.words, self.open, self.sources = {}, [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "img"):
            self.open.append(tag)
        self.sources += [v for k, v in attributes if k in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and data.strip():
            self.words.setdefault(self.open[-1], []).append(data)


def full_page():
    page = Page("Six <b>optimizers</b> & more")
    page.heading("A & B")
    page.text("x < y {braces}")
    page.code("line 1\n  line 2")
    page.findings(["one <", "two"])
    page.table(pd.DataFrame({"na<me": ["a&b", "c"], "x": [1.23456789, np.nan], "n": [1, 123456]}))
    page.picture(plots.bars(["a"], [1], ylabel="time (s)"), 'bars "quoted"')
    return page


def test_every_text_comes_out_as_it_went_in_and_every_tag_is_closed():
    outline = Outline(full_page().html())
    assert outline.open == []
    words = outline.words
    assert words["h1"] == words["title"] == ["Six <b>optimizers</b> & more"]
    assert words["h2"] == ["A & B"]
    assert words["p"] == ["x < y {braces}"]
    assert words["pre"] == ["line 1\n  line 2"]
    assert words["li"] == ["one <", "two"]
    assert words["th"] == ["na<me", "x", "n"]
    assert words["td"] == ["a&b", "1.235", "1", "c", "123456"]  # a missing value: an empty cell
    assert words["figcaption"] == ['bars "quoted"']


def test_the_summary_is_at_the_top_whenever_it_is_set():
    page = full_page()
    page.summary(["first & foremost"])
    outline = Outline(page.html())
    assert outline.words["h2"] == ["Findings", "A & B"]
    assert outline.words["li"][0] == "first & foremost"


def test_nothing_is_fetched_from_outside():
    text = full_page().html()
    assert all(source.startswith("data:image/") for source in Outline(text).sources)
    assert not re.search(r"https?:|@import|url\(|<script|<link", text)


def test_an_index_with_names_becomes_the_first_column():
    page = Page("t")
    page.table(pd.DataFrame({"x": [1]}, index=pd.Index(["row"], name="who")))
    assert Outline(page.html()).words["th"] == ["who", "x"]


def test_a_picture_file_must_be_a_picture(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(ValueError, match=r"`drawing` must be a .*notes\.txt"):
        Page("t").picture(tmp_path / "notes.txt")


def test_save_leaves_the_old_page_when_it_fails(tmp_path, monkeypatch):
    path = full_page().save(tmp_path / "page.html")
    before = path.read_bytes()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        Page("other").save(path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1

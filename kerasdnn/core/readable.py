"""Show results as text in a terminal and as HTML in a notebook.

A result describes itself once: a title, sentences that say what was found, and tables. The HTML
needs no other file.
"""

import html
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

MAX_ROWS = 20  # of a table that is shown; the result has all of them
STYLE = (
    "border-collapse:collapse;font-size:.9em;font-variant-numeric:tabular-nums;margin:.4em 0 .8em"
)


@dataclass
class Description:
    """What a result says about itself.

    Attributes:
        title: str, what it is, with its size.
        sentences: list of str, the verdict first, then how it was found: rows, folds, seeds, units.
        tables: list of (caption, DataFrame); the index is shown if it is not 0, 1, 2, ...
    """

    title: str
    sentences: list[str] = field(default_factory=list)
    tables: list[tuple[str, pd.DataFrame]] = field(default_factory=list)

    def text(self) -> str:
        """The description as plain text."""
        parts = ["\n".join([self.title, *self.sentences])]
        for caption, table in self.tables:
            shown, more = shortened_table(table)
            lines = shown.map(cell).to_string(index=not is_numbered(shown), na_rep="")
            parts.append("\n".join([*filter(None, [caption]), lines, *filter(None, [more])]))
        return "\n\n".join(parts)

    def html(self) -> str:
        """The description as HTML without external assets."""
        parts = [f"<p><b>{escape(self.title)}</b></p>"]
        if self.sentences:
            items = "".join(f"<li>{escape(sentence)}</li>" for sentence in self.sentences)
            parts.append(f"<ul>{items}</ul>")
        for caption, table in self.tables:
            shown, more = shortened_table(table)
            parts.append(f'<div style="overflow-x:auto">{html_table(shown, caption)}</div>')
            if more:
                parts.append(f"<p>{escape(more)}</p>")
        return f'<div class="kerasdnn-result">{"".join(parts)}</div>'


class Readable:
    """A result that prints as text and that notebooks show as HTML; it defines `_describe`."""

    def _describe(self) -> Description:
        raise NotImplementedError

    def __str__(self) -> str:
        return self._describe().text()

    def __repr__(self) -> str:
        return self._describe().text()

    def _repr_html_(self) -> str:
        return self._describe().html()


def shortened_table(table):
    """The first `MAX_ROWS` rows, and a line that says how many there are more."""
    left = len(table) - MAX_ROWS
    return table.head(MAX_ROWS), f"... and {left:,} more rows." if left > 0 else ""


def is_numbered(table):
    """Whether the index of a table is 0, 1, 2, ..., which says nothing."""
    return isinstance(table.index, pd.RangeIndex) and table.index.name is None


def html_table(table: pd.DataFrame, caption: str = "", digits: int = 4) -> str:
    """A table as an HTML element with inline style."""
    table = table if is_numbered(table) else table.reset_index()
    words = [not pd.api.types.is_numeric_dtype(dtype) for dtype in table.dtypes]

    def row(tag, values, form):
        sides = ["left" if word else "right" for word in words]
        cells = (
            f'<{tag} style="text-align:{side};padding:.2em .6em">{escape(form(value))}</{tag}>'
            for value, side in zip(values, sides, strict=True)
        )
        return f"<tr>{''.join(cells)}</tr>"

    head = row("th", table.columns, str)
    body = "".join(
        row("td", values, lambda value: cell(value, digits))
        for values in table.itertuples(index=False, name=None)
    )
    title = f'<caption style="text-align:left">{escape(caption)}</caption>' if caption else ""
    return f'<table style="{STYLE}">{title}<thead>{head}</thead><tbody>{body}</tbody></table>'


def cell(value: Any, digits: int = 4) -> str:
    """A value of a table as text: fractions with `digits` digits, nothing where it is missing."""
    if not pd.api.types.is_scalar(value):
        return str(value)
    if pd.isna(value):
        return ""
    if isinstance(value, float):
        return f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"
    return str(value)


def escape(text: Any) -> str:
    """Text with the characters escaped that mean something in HTML."""
    return html.escape(str(text))

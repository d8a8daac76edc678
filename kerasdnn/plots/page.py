"""HTML reports: text, tables and plots in one file that needs no other.

page = Page("Six optimizers")
page.text("Each at its own best learning rate.")
page.table(table)
page.picture(axes, "Validation loss per epoch")
page.save("report.html")
"""

import base64
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..core.atomic_files import write_bytes
from ..core.readable import cell, escape
from .styles import png

STYLE_SHEET = """
:root { color-scheme: light dark; --ink: #1c1c1e; --paper: #ffffff; --line: #d8d8dc;
        --soft: #f4f4f6; --dim: #5f5f66; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8ea; --paper: #17171a; --line: #3a3a40; --soft: #222226; --dim: #a0a0a8; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.2rem 4rem; max-width: 66rem; background: var(--paper);
       color: var(--ink); font: 16px/1.55 system-ui, "Segoe UI", "Noto Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.25rem; margin: 2.4rem 0 .6rem; border-bottom: 1px solid var(--line);
     padding-bottom: .25rem; }
p { max-width: 46rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: .32rem .7rem; border-bottom: 1px solid var(--line); text-align: right;
         white-space: nowrap; }
th:first-child, td:first-child, .word { text-align: left; }
thead th { background: var(--soft); }
figure { margin: 1.4rem 0; }
figure img { max-width: 100%; height: auto; background: #fff; border: 1px solid var(--line);
             border-radius: 6px; padding: .4rem; }
figcaption { color: var(--dim); font-size: .88rem; margin-top: .3rem; }
pre { background: var(--soft); padding: .8rem 1rem; border-radius: 6px; overflow-x: auto;
      font-size: .86rem; }
li { margin: .25rem 0; }
"""


class Page:
    """An HTML page that is filled from top to bottom. All text is escaped.

    Args:
        title: str, the heading of the page.
        language: str, code of its language for screen readers, "en" by default.

    Example:
        import pandas as pd
        from kerasdnn import plots

        page = plots.Page("Six optimizers")
        page.table(pd.DataFrame({"optimizer": ["nag"], "loss": [0.1]}))
        page.save("report.html")
    """

    def __init__(self, title: str, language: str = "en"):
        self.title = str(title)
        self.language = language
        self._parts: list[str] = []
        self._summary = ""

    def heading(self, text: str) -> None:
        """Add a heading.

        Args:
            text: str; it is escaped.
        """
        self._add("<h2>{}</h2>", text)

    def text(self, text: str) -> None:
        """Add a paragraph.

        Args:
            text: str; it is escaped.
        """
        self._add("<p>{}</p>", text)

    def code(self, text: str) -> None:
        """Add text in a fixed-width box; line breaks are kept.

        Args:
            text: str; it is escaped.
        """
        self._add("<pre>{}</pre>", text)

    def findings(self, lines: Iterable[str]) -> None:
        """Add a list of sentences.

        Args:
            lines: iterable of str, one per bullet point.
        """
        self._parts.append(_list(lines))

    def summary(self, lines: Iterable[str], heading: str = "Findings") -> None:
        """Set the list of sentences at the top of the page, below the title.

        Args:
            lines: iterable of str, one per bullet point.
            heading: str, the heading above them. Default: "Findings".
        """
        self._summary = f"<h2>{escape(heading)}</h2>\n{_list(lines)}\n"

    def table(self, table: pd.DataFrame | pd.Series, digits: int = 4) -> None:
        """Add a table, with its index unless that is 0, 1, 2, ...

        Args:
            table: DataFrame or Series; a missing value is an empty cell.
            digits: int, significant digits of fractional numbers, 4 by default.
        """
        table = table.to_frame() if isinstance(table, pd.Series) else table
        if not isinstance(table.index, pd.RangeIndex):
            table = table.reset_index()
        words = [not pd.api.types.is_numeric_dtype(dtype) for dtype in table.dtypes]
        head = _row("th", table.columns, words, str)
        body = "".join(
            _row("td", row, words, lambda value: cell(value, digits))
            for row in table.itertuples(index=False, name=None)
        )
        self._parts.append(
            f'<div class="wide"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>'
        )

    def picture(self, drawing: Figure | Axes | str | Path, caption: str = "") -> None:
        """Embed a figure.

        Args:
            drawing: matplotlib figure or axes, or path of a PNG or GIF file.
            caption: str, the text below it.

        Raises:
            ValueError: the file is of another type.
        """
        if isinstance(drawing, (str, Path)):
            content, kind = Path(drawing).read_bytes(), Path(drawing).suffix[1:].lower()
            if kind not in ("png", "gif"):
                raise ValueError(
                    f"`drawing` must be a .png or .gif file. Received: drawing={drawing!r}."
                )
        else:
            content, kind = png(drawing), "png"
        data = base64.b64encode(content).decode()
        self._add(
            '<figure><img alt="{0}" src="data:image/' + kind + ";base64," + data + '">'
            "<figcaption>{0}</figcaption></figure>",
            caption,
        )

    def html(self) -> str:
        """Return the complete page.

        Returns:
            str.
        """
        title = escape(self.title)
        return (
            f'<!doctype html>\n<html lang="{escape(self.language)}">\n<head>\n'
            '<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{title}</title>\n<style>{STYLE_SHEET}</style>\n</head>\n<body>\n"
            f"<h1>{title}</h1>\n{self._summary}" + "\n".join(self._parts) + "\n</body>\n</html>\n"
        )

    def save(self, path: str | Path) -> Path:
        """Write the page to a file, atomically.

        Args:
            path: str or Path. Missing folders are created.

        Returns:
            `pathlib.Path` of the file.
        """
        return write_bytes(path, self.html().encode())

    def _add(self, template, text):
        self._parts.append(template.format(escape(text)))


def _list(lines):
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def _row(tag, values, words, form):
    kinds = [' class="word"' if word else "" for word in words]
    cells = (
        f"<{tag}{kind}>{escape(form(v))}</{tag}>" for v, kind in zip(values, kinds, strict=True)
    )
    return f"<tr>{''.join(cells)}</tr>"

"""Write a model card, in HTML or Markdown, from the record of a model."""

import html
import re
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from ..core.atomic_files import write_bytes
from ..core.messages import invalid
from .text import sections

LIMITS = (
    "The scores are those of the rows that were held out during training, which also selected the "
    "epoch: they are slightly optimistic. Evaluate the model on a test set of its own.",
    "Intervals are over the rows, and do not include the random variation of the training.",
    "Predictions for rows unlike those of the training, such as later ones or those of another "
    "source, may be much less accurate.",
)


def write_card(record: dict[str, Any], path: str | PathLike) -> Path:
    """Write the model card of a record atomically.

    Args:
        record: dict, `model.record_`.
        path: str or Path that ends in `.html` or `.md`.

    Returns:
        `pathlib.Path` of the file.

    Raises:
        ValueError: another ending.

    Example:
        import pandas as pd
        from kerasdnn import DNNClassifier
        from kerasdnn.records.card import write_card

        frame = pd.DataFrame({"age": [41, 23, 58, 35] * 25, "city": ["Oslo", "Bonn"] * 50})
        labels = ["yes", "no", "yes", "yes"] * 25
        model = DNNClassifier("standard", epochs=2, random_state=0).fit(frame, labels)
        write_card(model.record_, "card.html")
    """
    ending = Path(path).suffix.lower()
    writers = {".html": html_card, ".htm": html_card, ".md": markdown_card}
    if ending not in writers:
        raise invalid("path", "must end in .html or .md", str(path))
    return write_bytes(path, writers[ending](record).encode())


def title_of(record):
    target = record["data"]["target"]["name"]
    return f"Model card: {record['estimator']}" + (f" of {target}" if target is not None else "")


def html_card(record: dict[str, Any]) -> str:
    """The card as a self-contained HTML page."""
    from ..plots.page import Page

    page = Page(title_of(record))
    for heading, rows in sections(record).items():
        if rows:
            page.heading(heading)
            page.table(pd.DataFrame(rows, columns=["", " "]))
    page.heading("Limits")
    page.findings(LIMITS)
    return page.html()


def markdown_card(record: dict[str, Any]) -> str:
    """The card as Markdown."""
    lines = [f"# {escaped(title_of(record))}"]
    for heading, rows in sections(record).items():
        if rows:
            lines += ["", f"## {heading}", "", "| | |", "|---|---|"]
            lines += [f"| {escaped(name)} | {escaped(value)} |" for name, value in rows]
    return "\n".join([*lines, "", "## Limits", "", *(f"- {limit}" for limit in LIMITS), ""])


def escaped(text):
    """Text in which nothing is markup: no link, no HTML, no end of a table cell."""
    text = html.escape(" ".join(str(text).split()), quote=False)
    return re.sub(r"([\\`*_\[\]|#~!])", r"\\\1", text)

"""Make each mistake that Keras may accept silently, in both libraries, and record what they do.

    scripts/run scripts/silent_errors.py            # two minutes; writes docs/silent-errors.md
    scripts/run scripts/silent_errors.py nan        # only mistakes with this word, printed

Stock Keras is `keras.Sequential`, kerasdnn is `Network` with the same layers, loss and arguments.
If stock Keras is silent, the table shows the consequence: the fraction of new rows that are
predicted correctly (or R2 of a regression), and that of the same network without the mistake.
Exits with 1 if kerasdnn is silent on any of them, or stock Keras on fewer than half.
"""

import argparse
import contextlib
import io
import os
import sys
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import keras
import tensorflow as tf
from silent_mistakes import MISTAKES, data, score

from kerasdnn.training.network import Network

PAGE = Path(__file__).parents[1] / "docs" / "silent-errors.md"
HEAD = """# Silent wrong answers

Each row is a mistake made in stock Keras {keras} and in kerasdnn, by
`scripts/run scripts/silent_errors.py`, which writes this page. *Silent* means: no error and no
warning. The consequence is in parentheses: the fraction of new rows predicted correctly, or R2 of a
regression (`nan`: the predictions are not numbers), then the same for a network trained without the
mistake, then the last loss.

Of {all} mistakes, stock Keras accepts {silent} silently, warns about {warned} and raises an
error for {refused}. kerasdnn accepts {no_word} silently, raises an error for {ours_refused}, warns
about {ours_warned} and corrects {right}. It raises an error (`ValueError`) if the result can only
be wrong, and warns (`kerasdnn.DataWarning`) if the setting may be intended. The docstring of
`kerasdnn/checks/fit.py` lists all rules, including what is deliberately accepted.

| mistake | stock Keras | kerasdnn | message of kerasdnn |
|---|---|---|---|
"""


def attempt(model_class, mistake):
    """Make the mistake with a model class. Returns (outcome, words, model or None)."""
    keras.utils.set_random_seed(0)
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("always")
        try:
            result = mistake.make(model_class, data())
        except Exception as error:  # whatever stock Keras raises
            return "error", f"{type(error).__name__}: {first_line(error)}", None
    said = [w for w in caught if issubclass(w.category, UserWarning)]
    if said:
        return "warning", f"{said[0].category.__name__}: {first_line(said[0].message)}", result
    return "silent", "", result


def first_line(message):
    return " ".join(str(message).split("\n\n")[0].split())


def row(mistake):
    stock, stock_words, result = attempt(keras.Sequential, mistake)
    ours, words, answer = attempt(Network, mistake)
    if ours == "silent" and mistake.put_right and mistake.put_right(answer):
        ours, words = "corrected", "the predictions are those without the mistake"
    if stock == "silent":
        stock_words = mistake.harm(result) if mistake.harm else score(mistake.problem, result)
    return mistake.title, stock, stock_words, ours, words


def cell(text):
    return text.replace("|", "\\|")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("word", nargs="?", default="", help="only mistakes with this word")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to write")
    arguments = parser.parse_args(argv)
    cpu = tf.config.list_physical_devices("CPU")[0]  # as two, for the mistake on replicas
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    rows = []
    for mistake in MISTAKES:
        if arguments.word in mistake.title:
            rows.append(row(mistake))
            print(
                "{}\n    stock Keras: {} ({})\n    kerasdnn:    {} {}".format(*rows[-1]), flush=True
            )
    stock, ours = [r[1] for r in rows], [r[3] for r in rows]
    if not arguments.word:
        arguments.page.write_text(page(rows, stock, ours), encoding="utf-8")
    print(
        f"{len(rows)} mistakes: stock Keras silent on {stock.count('silent')}, "
        f"kerasdnn on {ours.count('silent')}."
    )
    return int("silent" in ours or stock.count("silent") * 2 < len(rows))


def page(rows, stock, ours):
    head = HEAD.format(
        keras=keras.__version__,
        all=len(rows),
        silent=stock.count("silent"),
        warned=stock.count("warning"),
        refused=stock.count("error"),
        no_word=ours.count("silent") or "none",
        ours_warned=ours.count("warning"),
        ours_refused=ours.count("error"),
        right=ours.count("corrected"),
    )
    lines = []
    for title, stock_outcome, stock_words, ours_outcome, words in rows:
        shown = f"{stock_outcome} ({stock_words})" if stock_outcome == "silent" else stock_outcome
        words = words.removeprefix("ValueError: ").removeprefix("DataWarning: ")
        lines.append(f"| {title} | {cell(shown)} | {ours_outcome} | {cell(words)} |\n")
    return head + "".join(lines)


if __name__ == "__main__":
    sys.exit(main())

"""The options of each command; `actions.py` and `searches.py` do their work.

Nothing here imports TensorFlow, so `--help` and wrong options are answered at once.
"""

import argparse
import importlib
from pathlib import Path

from . import options

FORMATS = ("csv", "tsv", "parquet", "feather", "jsonl", "xlsx")  # `streams.py` writes them
PROBLEMS = ("binary", "multiclass", "regression")


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1. Received: {number}")
    return number


def positive_float(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a positive number. Received: {text}")
    return number


def fraction(text: str) -> float:
    number = float(text)
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"must be in (0, 1). Received: {text}")
    return number


def port(text: str) -> int:
    number = int(text)
    if not 0 <= number < 2**16:
        raise argparse.ArgumentTypeError(f"must be in [0, 65536). Received: {text}")
    return number


def seed(text: str) -> int:
    number = int(text)
    if not 0 <= number < 2**32:
        raise argparse.ArgumentTypeError(f"must be in [0, 2**32). Received: {text}")
    return number


def runs(module, function, settings=None):
    """A function that imports `module` of this room when the command runs.

    Before that, `settings(options)` reads and checks the hyperparameters.
    """

    def run(given):
        given.settings = settings(given) if settings else {}
        from .main import quiet_imports, start_tensorflow

        with quiet_imports():
            start_tensorflow()
            action = getattr(importlib.import_module(f".{module}", __package__), function)
        return action(given)

    return run


def add_input(parser, what="a table with a header", in_parts=False):
    files = "a file, or - for stdin"
    if in_parts:
        files = "a file, a folder of Parquet files, which is read in parts, or - for stdin"
        text = "read a Parquet file in parts, because it does not fit in memory"
        parser.add_argument("--in-parts", action="store_true", help=text)
    parser.add_argument("data", metavar="DATA", help=f"{what}: {files}")
    add = parser.add_argument_group("how DATA is read").add_argument
    add("--sep", metavar="CHARACTER", help="column separator of a text file (default: detected)")
    add("--decimal", choices=(".", ","), help="decimal mark of a text file (default: detected)")
    add("--encoding", help="encoding of a text file, such as cp1252 (default: detected)")
    add("--input-format", choices=FORMATS, help="format of stdin (default: detected)")


def add_target(parser, required=True, default="the one of the training"):
    text = "the column to predict" + ("" if required else f" (default: {default})")
    parser.add_argument("--target", metavar="COLUMN", required=required, help=text)


def add_roles(parser):
    add = parser.add_argument
    add("--problem", choices=PROBLEMS, help="problem type (default: inferred from the target)")
    add("--weights", metavar="COLUMN", help="column with the weight of each row; not a feature")
    add("--groups", metavar="COLUMN", help="column with the group of each row: validation rows are "
        "of groups that are not trained on; not a feature")  # fmt: skip
    add("--time", metavar="COLUMN", help="column with the time of each row: validation rows are the"
        " latest; not a feature")  # fmt: skip
    add("--drop", metavar="COLUMN", nargs="+", default=[], help="columns that are not features")


def add_output(parser, progress=True):
    add = parser.add_argument
    add("--json", action="store_true", help="print the result as one JSON object")
    if progress:
        add("--quiet", action="store_true", help="show no progress")


def add_train(parser: argparse.ArgumentParser) -> None:
    add_input(parser, in_parts=True)
    add_target(parser)
    add_roles(parser)
    add = parser.add_argument
    add("--out", type=Path, default=Path("model.kerasdnn"), metavar="FILE",
        help="the model to write (default: %(default)s)")  # fmt: skip
    add("--seed", type=seed, default=0, help="fixes weights, split and order (default: 0)")
    add("--report", type=Path, metavar="DIR", help="hold out a test set, compare with simple "
        "baselines on it, and write tables, plots and an HTML report to this folder")  # fmt: skip
    add("--test-fraction", type=fraction, default=0.25,
        help="fraction of the rows that is the test set of --report (default: 0.25)")  # fmt: skip
    add_output(parser)
    options.add_hyperparameters(parser)
    parser.set_defaults(run=runs("actions", "train", options.given))


def add_predict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL", help="a file that train wrote")
    add_input(parser, "a table with the columns of the training; others are ignored", True)
    add = parser.add_argument
    add("--out", default="-", metavar="FILE", help="file to write, by its ending as CSV, TSV, "
        "Parquet, Feather, JSON Lines or Excel; - for stdout (default: -)")  # fmt: skip
    add("--format", choices=FORMATS, help="format to write (default: by the ending, else csv)")
    add("--keep", metavar="COLUMN", nargs="+", default=[],
        help="columns of DATA to write before the predictions, such as an identifier")  # fmt: skip
    add("--json", action="store_true", help="write JSON Lines to stdout; with --out FILE, print a "
        "summary as one JSON object")  # fmt: skip
    parser.set_defaults(run=runs("actions", "predict"))


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL", help="a file that train wrote")
    add_input(parser, in_parts=True)
    add_target(parser, required=False)
    parser.add_argument("--weights", metavar="COLUMN", help="column with the weight of each row")
    add_output(parser, progress=False)
    parser.set_defaults(run=runs("actions", "evaluate"))


def add_tune(parser: argparse.ArgumentParser) -> None:
    add_input(parser, in_parts=True)
    add_target(parser)
    add_roles(parser)
    add = parser.add_argument
    add("--out", type=Path, default=Path("model.kerasdnn"), metavar="FILE",
        help="the best model, trained on all rows (default: %(default)s)")  # fmt: skip
    add("--oracle", choices=("random", "grid", "bayesian", "hyperband"), default="random")
    add("--trials", type=positive, default=100, help="number of trials (default: 100)")
    add("--trial-epochs", type=positive, help="epochs of each trial (default: 50)")
    add("--cv", type=positive, metavar="FOLDS", help="cross-validate each trial")
    add("--objective", default="val_loss", help="what is optimized (default: %(default)s)")
    add("--time-budget", type=positive_float, metavar="SECONDS", help="end the search after it")
    add("--directory", type=Path, metavar="DIR", help="keep the search here, to resume it")
    add("--seed", type=seed, default=0, help="fixes the search (default: 0)")
    add_output(parser)
    options.add_hyperparameters(parser)
    parser.set_defaults(run=runs("searches", "tune", options.given))


def add_compare(parser: argparse.ArgumentParser) -> None:
    add_input(parser)
    add_target(parser)
    add_roles(parser)
    add = parser.add_argument
    add("--vary", action="append", required=True, metavar="NAME=VALUE,VALUE",
        help="a hyperparameter and the values to compare, such as optimizer=adam,nag; of several "
        "--vary all combinations")  # fmt: skip
    add("--fix", action="append", default=[], metavar="NAME=VALUE",
        help="a hyperparameter of all runs, such as hidden_units=[32,16]")  # fmt: skip
    add("--seeds", type=positive, default=20, help="runs per combination (default: 20)")
    add("--epochs", type=positive, default=50, help="epochs of each run (default: 50)")
    add("--cv", type=positive, metavar="FOLDS", help="use the splits of a cross-validation")
    add("--objective", default="val_loss", help="what is compared (default: %(default)s)")
    add("--seed", type=seed, default=0, help="the first seed (default: 0)")
    add("--out", default=None, metavar="FILE", help="also write the table to this file")
    add_output(parser)
    parser.set_defaults(run=runs("searches", "compare", options.compared))


def add_export(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL", help="a file that train wrote, or a .keras file")
    add("out", type=Path, metavar="DIR", help="the folder to create")
    add(
        "--format",
        default="numpy",
        help="numpy, saved_model, onnx or litert (default: %(default)s)",
    )
    add_output(parser, progress=False)
    parser.set_defaults(run=runs("actions", "export"))


def add_inspect(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL", help="a file that train wrote")
    add("--card", type=Path, action="append", default=[], metavar="FILE",
        help="write a model card, HTML or Markdown by its ending (.html, .md)")  # fmt: skip
    add_output(parser, progress=False)
    parser.set_defaults(run=runs("actions", "inspect"))


def add_refit(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "The exit code is 1 if the result is not bit-identical."
    parser.add_argument("model", type=Path, metavar="MODEL", help="a file that train wrote")
    add_input(parser, "the table of the training")
    add_target(parser, required=False)
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the new model")
    add_output(parser)
    parser.set_defaults(run=runs("actions", "refit"))


def add_serve(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL", help="a file that train wrote")
    add("--host", default="127.0.0.1", help="address to listen at (default: %(default)s)")
    add("--port", type=port, default=8000, help="port; 0 chooses a free one (default: 8000)")
    add("--max-rows", type=positive, default=10_000,
        help="most rows of a request (default: %(default)s)")  # fmt: skip
    add("--max-bytes", type=positive, default=8 << 20,
        help="most bytes of the body of a request (default: 8 MiB)")  # fmt: skip
    add("--timeout", type=positive_float, default=30.0, metavar="SECONDS",
        help="for the body of a request to arrive, and for requests to finish when the server "
        "stops (default: 30)")  # fmt: skip
    add("--quiet", action="store_true", help="print nothing but errors")
    parser.set_defaults(run=runs("actions", "serve"))

"""What the recipes share: options, the device, a progress bar, the report.

Only `start` and `quiet_imports` load TensorFlow, so `--help` and invalid options answer at once.
"""

import argparse
import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

PROBLEMS = ("binary", "multiclass", "regression")


# ------------------------------------------------------------------------------------- options
class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line on stderr, without the usage; the exit code is 2."""

    def __init__(self, doc):
        super().__init__(
            description=doc.strip(), formatter_class=argparse.RawDescriptionHelpFormatter
        )

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {' '.join(str(message).split())}\n")


def options(doc, name, *, epochs=None, seeds=None):
    """The parser of a recipe with --out, --seed and --quick.

    Args:
        doc: str, the docstring of the recipe.
        name: str, name of the folder that the recipe writes to.
        epochs: int, default of --epochs. None means no such option.
        seeds: int, default of --seeds. None means no such option.
    """
    parser = Parser(doc)
    add = parser.add_argument
    add("--out", type=Path, default=Path("results") / name, metavar="DIR",
        help="folder for plots, tables and the report (default: %(default)s)")  # fmt: skip
    add("--seed", type=int, default=0, help="first random seed (default: 0)")
    add("--quick", action="store_true", help="run for a few seconds only, as a check")
    if epochs:
        add("--epochs", type=positive, default=epochs, help="epochs (default: %(default)s)")
    if seeds:
        add("--seeds", type=positive, default=seeds,
            help="number of seeds (default: %(default)s)")  # fmt: skip
    return parser


def add_table_options(parser, shipped=()):
    """Add the options that name a table: a user's file, or one of `shipped`."""
    add = parser.add_argument
    add("--csv", type=Path, metavar="FILE", help="your own table with a header: CSV in any variant"
        " (also compressed), Parquet, Feather, Excel or JSON Lines")  # fmt: skip
    add("--target", metavar="COLUMN", help="the column of FILE to predict")
    if shipped:
        add("--table", choices=shipped, default=next(iter(shipped)),
            help="bundled table, if there is no --csv (default: %(default)s)")  # fmt: skip
    add("--problem", choices=PROBLEMS, help="problem type (default: inferred from the target)")
    add_format_options(parser)


def add_format_options(parser):
    """Add the options that override what is detected in a text file."""
    add = parser.add_argument
    add("--sep", metavar="CHARACTER", help="column separator of FILE (default: detected)")
    add("--decimal", choices=(".", ","), help="decimal mark of FILE (default: detected)")
    add("--encoding", help="text encoding of FILE, such as cp1252 (default: detected)")


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1. Received: {number}")
    return number


def parse(parser, argv):
    """The options, after the checks that need no table."""
    args = parser.parse_args(argv)
    if getattr(args, "csv", None) and not getattr(args, "target", True):
        parser.error("--csv requires --target COLUMN, the column to predict")
    if getattr(args, "target", None) and not args.csv:
        parser.error("--target requires --csv FILE, the table that contains the column")
    if getattr(args, "csv", None) and not args.csv.is_file():
        parser.error(f"there is no file {args.csv}")
    return args


@contextlib.contextmanager
def one_line_errors(parser):
    """End the program with one line if a table, a column or a file is at fault."""
    try:
        yield
    except (ValueError, OSError, ImportError) as error:
        parser.error(str(error) or type(error).__name__)


def start(args):
    """Import TensorFlow, print the device, set the seed. Returns the line about the device."""
    with quiet_imports():
        import keras
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)  # leave the rest to other programs
    names = [tf.config.experimental.get_device_details(g).get("device_name", "GPU") for g in gpus]
    line = f"Device: {', '.join(names) if gpus else f'CPU, {os.cpu_count()} cores'}"
    print(line, flush=True)
    keras.utils.set_random_seed(args.seed)
    return line


@contextlib.contextmanager
def quiet_imports():
    """Hide what TensorFlow's libraries write while they are loaded, unless loading fails.

    No log level silences it, and on a computer without a GPU it reads like an error.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # what fails raises, too
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), 2)
        try:
            yield
        except BaseException:
            written.seek(0)
            os.write(kept, written.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


# ------------------------------------------------------------------------------------- results
class Progress:
    """A progress bar on a terminal; elsewhere one line per tenth of the work."""

    def __init__(self, total, doing):
        self.total, self.doing, self.done, self.began = total, doing, 0, time.perf_counter()

    def step(self, what=""):
        self.done += 1
        part = self.done / self.total
        seconds = time.perf_counter() - self.began
        left = f"{seconds / part - seconds:.0f} s left" if part < 1 else f"{seconds:.0f} s"
        bar = ("#" * round(24 * part)).ljust(24, ".")
        line = f"{self.doing} [{bar}] {self.done}/{self.total} {left}"
        if sys.stdout.isatty():
            end = "\n" if part == 1 else ""
            print(f"\r{line}  {what[:30]:<30}", end=end, flush=True)
        elif self.done * 10 // self.total != (self.done - 1) * 10 // self.total:
            print(line, flush=True)


def Report(args, title, device):
    """The results of a recipe: tables as CSV, plots as PNG, all of them in one HTML report."""
    from kerasdnn.command.report import Report

    notes = ["A quick run: too short for conclusions."] if args.quick else []
    return Report(args.out, title, device, *notes)

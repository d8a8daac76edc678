"""What the recipes share: options, the device, a progress bar, the report.

TensorFlow is imported by `start` alone, so `--help` and a wrong option answer at once.
"""

import argparse
import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path


# ------------------------------------------------------------------------------------- options
def options(doc, name, *, csv=False, epochs=None, seeds=None):
    """The parser of a recipe: --out, --seed and --quick, and those asked for.

    Args:
        doc: str, the recipe's docstring; its first line is the description.
        name: str, names the folder the recipe writes to.
        csv: bool, adds --csv, --target and --problem for a table of the user's own.
        epochs, seeds: int, defaults of --epochs and --seeds; None leaves the option out.
    """
    parser = argparse.ArgumentParser(
        description=doc.strip(), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, default=Path("results") / name, metavar="DIR",
        help="folder for pictures, tables and the page (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="first random seed (default: 0)")
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it runs")
    if epochs:
        parser.add_argument("--epochs", type=positive, default=epochs,
                            help="passes over the rows (default: %(default)s)")  # fmt: skip
    if seeds:
        parser.add_argument("--seeds", type=positive, default=seeds,
                            help="repeats per row of the table (default: %(default)s)")  # fmt: skip
    if csv:
        parser.add_argument("--csv", type=Path, metavar="FILE", help="a table of your own: numbers")
        parser.add_argument("--target", metavar="COLUMN", help="the column of FILE to predict")
        parser.add_argument("--problem", choices=("binary", "multiclass", "regression"),
                            help="what the target is, where its values leave doubt")  # fmt: skip
    return parser


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1. Received: {number}")
    return number


def parse(parser, argv):
    """The options given. A --csv without its --target ends the program with a clear line."""
    args = parser.parse_args(argv)
    if getattr(args, "csv", None) and not args.target:
        parser.error("--csv needs --target COLUMN, the column to predict")
    if getattr(args, "target", None) and not args.csv:
        parser.error("--target needs --csv FILE, the table it is a column of")
    return args


def start(args):
    """Imports TensorFlow, says which device it runs on, seeds everything. Returns that line."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _hushed():
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
def _hushed():
    """Keeps back what TensorFlow's libraries write while they load, unless loading fails.

    No log level silences it, and on a computer without a GPU it reads like an error.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        except BaseException:
            said.seek(0)
            os.write(kept, said.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


# ------------------------------------------------------------------------------------- results
class Progress:
    """A line that grows on a terminal; elsewhere one line at every tenth of the work."""

    def __init__(self, total, doing):
        self.total, self.doing, self.done, self.began = total, doing, 0, time.perf_counter()

    def step(self, what=""):
        self.done += 1
        share = self.done / self.total
        seconds = time.perf_counter() - self.began
        left = f"{seconds / share - seconds:.0f} s left" if share < 1 else f"{seconds:.0f} s"
        bar = ("#" * round(24 * share)).ljust(24, ".")
        line = f"{self.doing} [{bar}] {self.done}/{self.total} {left}"
        if sys.stdout.isatty():
            end = "\n" if share == 1 else ""
            print(f"\r{line}  {what[:30]:<30}", end=end, flush=True)
        elif self.done * 10 // self.total != (self.done - 1) * 10 // self.total:
            print(line, flush=True)


class Report:
    """Keeps what a recipe found: each table as CSV, each picture as PNG, all on one page."""

    def __init__(self, args, title, device):
        from kerasdnn.plots import Page

        self.out, self.page = args.out, Page(title)
        self.page.text(device)
        if args.quick:
            self.page.text("A quick run: too short to conclude from.")

    def table(self, name, table, title, digits=4):
        from kerasdnn.core.atomic_files import write_bytes

        write_bytes(self.out / f"{name}.csv", table.to_csv(index=False).encode())
        self.page.heading(title)
        self.page.table(table, digits)
        print(f"\n{title}\n{table.round(digits).to_string(index=False)}", flush=True)

    def picture(self, name, drawing, caption):
        from kerasdnn import plots

        plots.save(drawing, self.out / f"{name}.png")
        self.page.picture(drawing, caption)

    def findings(self, lines):
        print("\nFindings")
        for line in lines:
            print(f"- {line}")
        self.page.heading("Findings")
        self.page.findings(lines)

    def save(self):
        path = self.page.save(self.out / "index.html")
        print(f"\nPictures, tables and the page are in {self.out}; open {path}", flush=True)

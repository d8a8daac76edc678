"""Find the command, run it, and turn errors into an exit code and one line on stderr.

Only the standard library is imported here and for `kerasdnn --help`; the options of a command need
NumPy, its work needs TensorFlow.
"""

import argparse
import contextlib
import importlib
import os
import sys
import tempfile
import warnings
from collections.abc import Sequence

OK, DATA_ERROR, USAGE_ERROR, INTERRUPTED = 0, 1, 2, 130
# A command, and what it does; `add_NAME` in `commands.py` adds its options.
COMMANDS = {
    "train": "train a model on a table and save it",
    "predict": "apply a model to the rows of a table",
    "evaluate": "compute loss and metrics of a model on a table",
    "tune": "search for good hyperparameters and save the best model",
    "compare": "compare values of hyperparameters, with confidence intervals",
    "export": "write a model to a folder that runs without kerasdnn",
    "inspect": "print the record of a model, or write its model card",
    "refit": "train a model again and report whether the result is bit-identical",
    "serve": "answer requests for predictions over HTTP",
}
DESCRIPTION = """Train and apply dense networks for tables.

Tables are CSV in any variant (also compressed), Parquet, Feather, Excel or JSON Lines; - is stdin
or stdout. Results go to stdout, progress, warnings and errors to stderr."""
EPILOG = """`kerasdnn COMMAND --help` lists the options of a command.
Exit code: 0 for success, 1 for an error in the data (one line on stderr), 2 for wrong usage."""


class UsageError(Exception):
    """The options are wrong; the message is one line."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line on stderr, without the usage; the exit code is 2."""

    def __init__(self, **settings):
        settings = {"formatter_class": argparse.RawDescriptionHelpFormatter, **settings}
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message):
        self.exit(USAGE_ERROR, f"{self.prog}: error: {one_line(message)}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command `kerasdnn`.

    Args:
        argv: sequence of str, the arguments. None means those of the process.

    Returns:
        int: the exit code: 0 for success, 1 for an error in the data, 2 for wrong usage.

    Example:
        from kerasdnn.command.main import main

        main(["train", "--help"])
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        options = parser_for(argv).parse_args(argv)
    except SystemExit as end:  # of --help, or of a usage error
        return end.code if isinstance(end.code, int) else USAGE_ERROR
    name = f"kerasdnn {options.command}"
    try:
        with one_line_warnings(name):
            return options.run(options) or OK
    except UsageError as error:
        return complain(name, error, USAGE_ERROR)
    except BrokenPipeError:  # the reader of stdout has enough, as `head` has
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (ValueError, OSError, ImportError, MemoryError) as error:
        return complain(name, error, DATA_ERROR)
    except KeyboardInterrupt:
        return complain(name, "interrupted", INTERRUPTED)


def parser_for(argv):
    """The parser, with the options of the one command that `argv` names."""
    parser = Parser(prog="kerasdnn", description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("--version", action=Version, nargs=0, help="print the version")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    chosen = next((word for word in argv if not word.startswith("-")), None)
    for name, text in COMMANDS.items():
        sub = subparsers.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        if name == chosen:
            getattr(importlib.import_module(".commands", __package__), f"add_{name}")(sub)
    return parser


class Version(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        print(f"kerasdnn {sys.modules['kerasdnn'].__version__}")
        parser.exit()


def one_line(message):
    return " ".join(str(message).split())


def complain(name, error, code):
    text = one_line(error) or type(error).__name__
    if isinstance(error, MemoryError):
        text = f"not enough memory. {text}"
    print(f"{name}: error: {text}", file=sys.stderr)
    return code


@contextlib.contextmanager
def one_line_warnings(name):
    """Print each different warning about the data as one line on stderr, and no other warning."""
    told = set()

    def show(message, category, *_):
        text = one_line(message)
        if issubclass(category, UserWarning) and text not in told:
            told.add(text)
            print(f"{name}: warning: {text}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield


def start_tensorflow():
    """Import TensorFlow and find its devices, which writes to stderr where a driver is missing."""
    import tensorflow as tf

    importlib.import_module("..nn", __package__)  # a `.keras` file finds registered classes only
    for gpu in tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError, ValueError):  # it is in use already
            tf.config.experimental.set_memory_growth(gpu, True)  # leave the rest to others


@contextlib.contextmanager
def quiet_imports():
    """Hide what TensorFlow's libraries write while they are loaded, unless loading fails.

    No log level silences it, and on a computer without a GPU it reads like an error.
    """
    if "tensorflow" in sys.modules:
        yield
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
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

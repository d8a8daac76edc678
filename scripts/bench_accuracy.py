"""How accurate the presets are on real tables, beside peers.

    scripts/run scripts/bench_accuracy.py                            # tables of scikit-learn
    scripts/run scripts/bench_accuracy.py --data shared/data --models standard,realmlp-s --peers
    scripts/run scripts/bench_accuracy.py --data shared/data --models realmlp --set dropout=0.0
    scripts/run scripts/bench_accuracy.py --data shared/data --part test --models realmlp

A model trains on the train part of a table, its epochs are judged on the valid part, and it is
judged on --part: error = 1 - accuracy, of a regression nRMSE = sqrt(1 - R2). Decisions are taken on
the valid part, where a network's best epoch was chosen, too; the test part is for the final table,
and only there the peers of DIR/peers.csv stand beside.

Every fit becomes a row of OUT/results.csv at once. A run that is repeated takes the rows that are
there: name another --out after the code has changed. Other models and settings in this file that
have all the tables and seeds asked for are printed, too.

DIR holds meta.json (task, target, numeric and categorical columns of each table), NAME.parquet and
NAME.split.npz (positions of the rows of train, valid and test). Seeds 0, 1, ... are the
`random_state` of the models; splits and holes have seed 0.
"""

import argparse
import ast
import os
import sys
from pathlib import Path

from _accuracy_models import PEERS, preset_names
from _accuracy_tables import names_in


def main(argv=None):
    options = read_options(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from _accuracy_report import report
    from _accuracy_runs import run

    tasks, failed = run(options)
    regression = [name for name, task in tasks.items() if task == "regression"]
    report(options, regression)
    return 1 if failed else 0


def read_options(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add, listed = parser.add_argument, lambda text: list(dict.fromkeys(text.split(",")))
    add("--data", type=Path, metavar="DIR", help="folder of tables (default: of scikit-learn)")
    add("--tables", type=listed, metavar="A,B", help="default: all")
    add(
        "--models", type=listed, default=["standard"], metavar="A,B", help=", ".join(preset_names())
    )
    add("--peers", action="store_true", help=f"run {', '.join(PEERS)} beside")
    add("--seeds", type=count, default=3, help="fits per model and table (default: 3)")
    add("--part", choices=("valid", "test"), default="valid", help="default: valid")
    add("--set", type=change, action="append", default=[], metavar="NAME=VALUE",
        help="change a hyperparameter of the presets; repeatable")  # fmt: skip
    add("--members", type=count, metavar="N", help="n_members of the estimators")
    add("--holes", type=float, default=0.0, metavar="SHARE",
        help="also without this share of the numeric cells")  # fmt: skip
    add("--out", type=Path, default=Path("out/accuracy"), help="default: out/accuracy")
    options = parser.parse_args(argv)
    if options.data and not (options.data / "meta.json").is_file():
        parser.error(f"--data {options.data}: there is no meta.json in this folder")
    known = names_in(options.data)
    options.tables = options.tables or known
    options.changes = dict(options.set)
    check_names(parser, "--models", options.models, preset_names())
    check_names(parser, "--tables", options.tables, known)
    if not 0 <= options.holes < 1:
        parser.error(f"--holes {options.holes}: a share from 0 to under 1")
    return options


def check_names(parser, option, names, known):
    for name in names:
        if name not in known:
            parser.error(f"{option} {name}: is none of {', '.join(known)}")


def count(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def change(text):
    """`name=value` as `(name, value)`; the value is a Python literal."""
    name, _, value = text.partition("=")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        raise argparse.ArgumentTypeError(
            f"{text}: NAME=VALUE, the value a number, a tuple or text in quotes"
        ) from None


if __name__ == "__main__":
    sys.exit(main())

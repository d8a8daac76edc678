r"""Measure the accuracy of the presets on real tables, compared with peers.

    scripts/run scripts/bench_accuracy.py                            # tables of scikit-learn
    scripts/run scripts/bench_accuracy.py --data shared/data --models standard,realmlp-s --peers
    scripts/run scripts/bench_accuracy.py --data shared/data --models realmlp --set dropout=0.0
    scripts/run scripts/bench_accuracy.py --data shared/data --part test --models realmlp
    scripts/run scripts/bench_accuracy.py --data shared/data --part test \
        --models tabm,compact,realmlp,standard,realmlp_td_s,tabm_d,lgbm_es,catboost
    scripts/run scripts/bench_accuracy.py --data shared/data --part test --own-holdout \
        --models pack,compact,realmlp_td_s,lgbm_es,catboost

A model is trained on the train part of a table, its epochs are evaluated on the valid part, and it
is evaluated on --part: error = 1 - accuracy, or nRMSE = sqrt(1 - R2) for a regression. Make
decisions on the valid part, which also selects the best epoch of a network; the test part is for
the final table, the only one that includes the peers of DIR/peers.csv that are not trained in the
same run. Prints errors and seconds; draws who beats whom, and the error against the time of a fit.

With --own-holdout a model is given the rows of train and valid together, as a user gives it a
table, and holds out what it wants: a preset folds or a fifth, pytabkit a fifth, and for LightGBM
and CatBoost this program holds out a fifth.

Every fit is written to OUT/results.csv immediately. A repeated run reuses the rows in this file:
choose another --out after the code has changed. Other models and settings in the file are printed,
too, if they have all requested tables and seeds.

DIR holds meta.json (task, target, numeric and categorical columns of each table), NAME.parquet and
NAME.split.npz (positions of the rows of train, valid and test). Seeds 0, 1, ... are the
`random_state` of the models; splits and holes have seed 0.
"""

import argparse
import ast
import os
import sys
from pathlib import Path

from _accuracy_models import preset_names
from _accuracy_peers import LIBRARIES, PEERS, PYTABKIT, missing
from _accuracy_tables import names_in


def main(argv=None):
    options = read_options(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if PYTABKIT.keys() & {*options.models}:
        import pytabkit  # noqa: F401  # behind TensorFlow its import crashes the process

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
    add(
        "--data", type=Path, metavar="DIR", help="folder of tables (default: those of scikit-learn)"
    )
    add("--tables", type=listed, metavar="A,B", help="default: all")
    known = [*preset_names(), *LIBRARIES]
    add("--models", type=listed, default=["standard"], metavar="A,B", help=", ".join(known))
    add("--peers", action="store_true", help=f"run {', '.join(PEERS)}, too")
    add("--seeds", type=count, default=3, help="fits per model and table (default: 3)")
    add("--part", choices=("valid", "test"), default="valid", help="default: valid")
    add("--set", type=change, action="append", default=[], metavar="NAME=VALUE",
        help="change a hyperparameter of the presets; repeatable")  # fmt: skip
    add("--own-holdout", action="store_true",
        help="give models the rows of train and valid, of which each holds out some")  # fmt: skip
    add("--members", type=count, metavar="N", help="n_members of the estimators")
    add("--holes", type=float, default=0.0, metavar="SHARE",
        help="also remove this fraction of the numeric cells")  # fmt: skip
    add("--out", type=Path, default=Path("out/accuracy"), help="default: out/accuracy")
    options = parser.parse_args(argv)
    if options.data and not (options.data / "meta.json").is_file():
        parser.error(f"--data {options.data}: there is no meta.json in this folder")
    check_names(parser, "--models", options.models, known)
    if options.own_holdout and options.part != "test":
        parser.error("--own-holdout: trains on the valid part, so that it needs --part test")
    known = names_in(options.data)
    options.tables = options.tables or known
    options.changes = dict(options.set)
    check_names(parser, "--tables", options.tables, known)
    if missing(options.models):
        parser.error(f"--models: not installed: pip install {' '.join(missing(options.models))}")
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

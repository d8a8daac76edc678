"""Train a network on a table of any columns, and report how it compares with simple baselines.

    scripts/run recipes/train_table.py                                # abalone, 20 s of CPU time
    scripts/run recipes/train_table.py --table penguins               # or arrests
    scripts/run recipes/train_table.py --csv houses.csv --target price --out results/houses

Text, dates, truth values and missing values need no preprocessing. The recipe infers the problem
type from the target and states the reason; --problem overrides it. A quarter of the rows is the
test set. The output folder contains the model (recipes/predict_table.py applies it), every table
and plot, and the report index.html. `kerasdnn train FILE --target COLUMN --report DIR` does the
same for a file, with every hyperparameter as an option.

Expected mean absolute error on the test set of abalone, in rings:

    mean predictor      2.43
    linear regression   1.57
    gradient boosting   1.56
    network             1.49
"""

import sys

import _common
import _mixed_table


def make_parser():
    parser = _common.options(__doc__, "train_table")
    _common.add_table_options(parser, _mixed_table.SHIPPED)
    add = parser.add_argument
    presets = "compact", "realmlp", "realmlp-s", "tabm", "standard"
    add("--preset", choices=presets, default=presets[0],
        help="preset of the estimator (default: %(default)s)")  # fmt: skip
    add("--epochs", type=_common.positive, help="maximum number of epochs (default: the preset's)")
    add("--hidden-units", type=_common.positive, nargs="*",
        help="units of each hidden layer (default: the preset's)")  # fmt: skip
    return parser


def make_network(args, problem):
    import kerasdnn

    estimator = kerasdnn.DNNRegressor if problem == "regression" else kerasdnn.DNNClassifier
    settings = {}
    if problem != "regression":  # the report evaluates probabilities
        settings = {"monitor": "loss", "label_smoothing": 0.0}
    return estimator(
        args.preset,
        **settings,
        hidden_units=args.hidden_units and tuple(args.hidden_units),
        epochs=3 if args.quick else args.epochs,
        random_state=args.seed,
        verbose=1 if sys.stdout.isatty() else 2 if args.quick else 0,
    )


def main(argv=None):
    parser = make_parser()
    args = _common.parse(parser, argv)
    with _common.one_line_errors(parser):
        return run(args, *_mixed_table.load(args))


def run(args, X, y, problem, sentences):
    device = _common.start(args)
    from kerasdnn.command.report import REPEATS, report_training

    print("\n".join(sentences))
    report = _common.Report(args, f"Table: {args.csv or args.table}, target {y.name}", device)
    for sentence in sentences:
        report.page.text(sentence)
    path = args.out / "model.kerasdnn"
    table = report_training(
        report, make_network(args, problem), X, y, problem, path=path, seed=args.seed,
        repeats=1 if args.quick else REPEATS,
    )  # fmt: skip
    print(f"Model: {path}. To apply it: scripts/run recipes/predict_table.py {path} rows.csv")
    return table


if __name__ == "__main__":
    main()

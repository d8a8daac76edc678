"""Apply a model that train_table.py saved to the rows of a table.

    scripts/run recipes/predict_table.py results/train_table/model.kerasdnn rows.csv

Writes predictions.csv (--out names another file): one line per row of the table, in its order, with
the predicted class or number, and for a classification the probability of each class. Columns are
matched by name; the recipe lists those that the model does not know, such as the target, and
ignores them. Takes seconds. `kerasdnn predict` does the same, in any format.
"""

import sys
from pathlib import Path

import _common
import _mixed_table


def make_parser():
    parser = _common.Parser(__doc__)
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL", help="a file that train_table.py saved")
    add("csv", type=Path, metavar="FILE", help="a table with the same columns, in any format that "
        "train_table.py reads")  # fmt: skip
    add("--out", type=Path, default=Path("predictions.csv"), metavar="FILE",
        help="file to write (default: %(default)s)")  # fmt: skip
    _common.add_format_options(parser)
    return parser


def main(argv=None):
    parser = make_parser()
    args = _common.parse(parser, argv)
    with _common.one_line_errors(parser):
        X, notes = _mixed_table.read(args.csv, args)
        from kerasdnn.command.actions import known_columns, load_estimator
        from kerasdnn.core.atomic_files import write_bytes
        from kerasdnn.serving.predictions import predictions

        print("\n".join(notes), end="\n" if notes else "")
        model = load_estimator(args.model)
        found = predictions(model, known_columns(model, X, tell=print))
        write_bytes(args.out, found.to_csv(index=False).encode())
    print(found.head().to_string())
    print(f"{len(found):,} predictions are in {args.out}")
    return found


if __name__ == "__main__":
    sys.exit(0 if main() is not None else 1)

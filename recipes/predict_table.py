"""Apply a model that train_table.py saved to the rows of a CSV file.

    scripts/run recipes/predict_table.py results/train_table/model.kerasdnn rows.csv

Writes predictions.csv (--out names another file): one line per row of the table, in its order, with
the predicted class or number, and for classes the probability of each. Columns are matched by name;
those the model does not know, such as the target itself, are left out with a word. Takes seconds.
"""

import argparse
import os
import sys
from pathlib import Path

import _mixed_table
import numpy as np
import pandas as pd


def parser():
    made = argparse.ArgumentParser(
        description=__doc__.strip(), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("model", type=Path, metavar="MODEL", help="a file that train_table.py saved")
    made.add_argument("csv", type=Path, metavar="CSV", help="a table with the same columns")
    made.add_argument("--out", type=Path, default=Path("predictions.csv"), metavar="FILE",
                      help="file to write (default: %(default)s)")  # fmt: skip
    return made


def predictions(model, X):
    """DataFrame with `prediction`, and of classes a column `probability of ...` each."""
    known = list(model.feature_names_in_)
    extra = [name for name in X if name not in set(known)]
    if extra:
        print(f"Columns that the model does not know are left out: {', '.join(map(str, extra))}")
        X = X.drop(columns=extra)
    answers = pd.DataFrame({"prediction": np.asarray(model.predict(X)).reshape(len(X))})
    if hasattr(model, "classes_"):
        for label, share in zip(model.classes_, model.predict_proba(X).T, strict=True):
            answers[f"probability of {label}"] = share
    return answers


def main(argv=None):
    options = parser()
    args = options.parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        X = _mixed_table.read_table(args.csv)
        import kerasdnn
        from kerasdnn.core.atomic_files import write_bytes

        answers = predictions(kerasdnn.load(args.model), X)
    except (ValueError, OSError) as error:
        options.error(str(error))
    write_bytes(args.out, answers.to_csv(index=False).encode())
    print(answers.head().to_string())
    print(f"{len(answers):,} predictions are in {args.out}")
    return answers


if __name__ == "__main__":
    sys.exit(0 if main() is not None else 1)

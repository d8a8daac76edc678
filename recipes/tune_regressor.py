"""Tune a regressor on a table of mixed columns; judge it on rows held back, beside its rivals.

    scripts/run recipes/tune_regressor.py                               # abalone, DURATION
    scripts/run recipes/tune_regressor.py --oracle hyperband
    scripts/run recipes/tune_regressor.py --csv houses.csv --target price --out results/houses

A hundred trials over depth, width, activation, optimizer, learning rate, dropout and l2, trained
many at a time as one program. The best is fitted anew on all training rows and judged on a quarter
of the rows that the search never saw, against the untuned default, a linear model and gradient
boosting; three times, each with another quarter. In the output folder: tables, pictures, the
searches (call again to resume a search that was cut off), and index.html, one page with all of it.

EXPECT
"""

import sys

import _tuning


def main(argv=None):
    parser = _tuning.options(__doc__, "tune_regressor", ("abalone",))
    return _tuning.run(parser, argv, ("regression",), "Tuning a regressor")


if __name__ == "__main__":
    sys.exit(main())

"""Tune a regressor on a table of mixed columns; judge it on rows held back, beside its rivals.

    scripts/run recipes/tune_regressor.py                               # abalone, about 2 minutes
    scripts/run recipes/tune_regressor.py --oracle hyperband
    scripts/run recipes/tune_regressor.py --csv houses.csv --target price --out results/houses

A hundred trials over depth, width, activation, optimizer, learning rate, dropout and l2, trained
many at a time as one program. The best is fitted anew on all training rows and judged on a quarter
of the rows that the search never saw, against the untuned default, a linear model and gradient
boosting; three times, each with another quarter. In the output folder: tables, pictures, the
searches (call again to resume a search that was cut off), and index.html, one page with all of it.

Expect on abalone, mean over the three quarters, in rings:

                        root mean squared error    mean absolute error
    linear regression   2.25                       1.59
    gradient boosting   2.23                       1.55
    network, untuned    2.17                       1.48
    network, tuned      2.19                       1.53

On this table the default is already at the noise: the search finds nothing that holds on new rows
(paired test, p = 0.85). A recipe that only ever shows gains would hide that.
"""

import sys

import _tuning


def main(argv=None):
    parser = _tuning.options(__doc__, "tune_regressor", ("abalone",))
    return _tuning.run(parser, argv, ("regression",), "Tuning a regressor")


if __name__ == "__main__":
    sys.exit(main())

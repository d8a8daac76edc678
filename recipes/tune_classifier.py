"""Tune a classifier on a table of mixed columns; judge it on rows held back, beside its rivals.

    scripts/run recipes/tune_classifier.py                              # arrests, about 2 minutes
    scripts/run recipes/tune_classifier.py --table penguins --oracle bayesian
    scripts/run recipes/tune_classifier.py --csv people.csv --target left --out results/people

A hundred trials over depth, width, activation, optimizer, learning rate, dropout and l2, trained
many at a time as one program. The best is fitted anew on all training rows and judged on a quarter
of the rows that the search never saw, against the untuned default, a linear model and gradient
boosting; three times, each with another quarter. In the output folder: tables, pictures, the
searches (call again to resume a search that was cut off), and index.html, one page with all of it.

Expect on arrests, mean over the three quarters:

                          log loss   accuracy
    always the commonest  0.457      0.829
    logistic regression   0.416      0.827
    gradient boosting     0.430      0.818
    network, untuned      0.415      0.832
    network, tuned        0.424      0.829

The arrests hold little to be learned, and the default is already at the noise. The best of a
hundred trials on one set of validation rows owes its place to them in part: on new rows it is no
better than the default, and a little worse (paired test, p = 0.07).
"""

import sys

import _tuning


def main(argv=None):
    parser = _tuning.options(__doc__, "tune_classifier", ("arrests", "penguins"))
    return _tuning.run(parser, argv, ("binary", "multiclass"), "Tuning a classifier")


if __name__ == "__main__":
    sys.exit(main())

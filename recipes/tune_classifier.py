"""Tune a classifier on a table of any columns, and compare it with baselines on a test set.

    scripts/run recipes/tune_classifier.py                              # arrests, 4 min of CPU time
    scripts/run recipes/tune_classifier.py --table penguins --oracle bayesian
    scripts/run recipes/tune_classifier.py --csv people.csv --target left --out results/people

A hundred trials over depth, width, activation, optimizer, learning rate, dropout and l2, many of
them trained in parallel as one program. The best one is fitted again on all training rows and
evaluated on a quarter of the rows that the search never saw, together with the default network, a
linear model and gradient boosting; this is repeated on three splits. The output folder contains
tables, plots, the searches (run the command again to resume an interrupted one), and the report
index.html.

Expected means over three splits of arrests:

                          log loss   accuracy
    majority class        0.457      0.829
    logistic regression   0.416      0.827
    gradient boosting     0.430      0.818
    network, default      0.416      0.832
    network, tuned        0.436      0.829

There is little to learn from this table. The best of a hundred trials on one validation set is the
best partly by chance: on new rows it is not better than the default (corrected paired t-test,
p = 0.39).
"""

import sys

import _tuning


def main(argv=None):
    parser = _tuning.options(__doc__, "tune_classifier", ("arrests", "penguins"))
    return _tuning.run(parser, argv, ("binary", "multiclass"), "Tuning a classifier")


if __name__ == "__main__":
    sys.exit(main())

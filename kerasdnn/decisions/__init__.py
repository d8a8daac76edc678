"""From outputs of a network to probabilities, decisions and intervals that can be relied on.

`calibration` has temperature scaling and isotonic regression, `thresholds` chooses the probability
above which a class is predicted, `intervals` has conformal prediction intervals, `outputs` computes
log-odds, the outputs of each member of an ensemble and those under dropout, whose spread is
`uncertainty`. `classification` and `regression` are what the estimators inherit of all this.
"""

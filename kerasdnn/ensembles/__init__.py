"""Many different networks trained as one population, from which an ensemble is selected.

`sampling` draws their hyperparameters, `greedy` selects an ensemble from validation predictions,
`duration` plans what fits in a time limit, `pack` trains the population, selects while it trains,
and returns the networks to average.
"""

"""When training ends, and which epoch is kept.

`scores` names what epochs and trials are compared by and computes it, `best_epoch` keeps the best
epoch and stops early, `cross_selection` predicts validation rows at epochs that other rows select,
`time_limit` ends training in time.
"""

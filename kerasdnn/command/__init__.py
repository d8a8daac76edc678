"""The command `kerasdnn`: train, predict, evaluate, tune, compare, export, inspect, refit, serve.

`main` finds the command and turns errors into exit codes, `options` makes options of the rows of
`hyperparameters.py`, `commands` lists the options of each command and `actions` and `searches` do
their work, `in_parts` that on tables that are read in parts, `streams` reads and writes tables,
`problems` infers what a target asks for, `baselines` and `report` train and report next to simple
models, `progress` shows how far the training is, `results` prints results.
"""

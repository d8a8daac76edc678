"""How keras-tuner runs a search.

`oracles` proposes batches of trials, `population_tuner` and `estimator_tuner` train them,
`trial_batch` trains the networks of one batch, `batch_run` runs it in stages, `checkpoints` and
`project` keep it on disk; `tuner_internals` is the only file that uses what keras-tuner keeps
private.
"""

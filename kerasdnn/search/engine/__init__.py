"""How keras-tuner runs a search.

`oracles` proposes batches of trials, `population_tuner` trains each batch as one program,
`task_tuner` runs the trials of a batch in workers, `estimator_tuner` those that are estimators;
`trial_batch` trains the networks of one batch, `batch_run` runs it in stages, `checkpoints` and
`project` keep it on disk; `tuner_internals` is the only file that uses what keras-tuner keeps
private.
"""

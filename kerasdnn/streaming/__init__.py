"""Tables larger than memory, read in parts.

`source` reads Parquet, `pyarrow.dataset`s and lazy frames in one way, `statistics` learns the
encoder's numbers in one pass, `training` fits an estimator on batches that a thread encodes and
shuffles, `prediction` predicts, evaluates and writes predictions to Parquet.
"""

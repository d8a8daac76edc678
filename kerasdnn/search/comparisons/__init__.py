"""What `compare` is made of.

`result` has `Comparison`, the table with its verdict; `models` fits estimators on the same folds.
"""

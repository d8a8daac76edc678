"""What every sub-package needs.

`arguments` checks single arguments, `messages` words errors and warnings, `atomic_files` writes
files, `statistics` has confidence intervals and tests.
"""

"""Helpers for every other sub-package.

`arguments` checks single arguments, `messages` builds errors and warnings, `atomic_files` and
`state_files` write files, `statistics` has confidence intervals and tests, and `keras_internals`
contains every use of a private Keras name.
"""

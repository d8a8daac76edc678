"""What every sub-package needs.

`arguments` checks single arguments, `messages` words errors and warnings, `atomic_files` and
`state_files` write files, `statistics` has confidence intervals and tests, and `keras_internals`
everything that is used of Keras without a public name.
"""

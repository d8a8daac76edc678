"""Search of any Keras model, in this process or in several.

`models` is the search, `jobs` describes it for every process, `process` is one process of it,
`served` what the coordinator serves, `supervisor` starts and monitors the processes.
"""

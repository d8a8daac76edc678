"""Files of estimators.

`archive` saves and loads estimators, `network_file` has a network as bytes, `saved_state` what is
fitted as JSON.
"""

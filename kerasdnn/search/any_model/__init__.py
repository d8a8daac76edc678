"""Search of any Keras model: `models` is the search, `trials` its tuner, `training` one trial."""

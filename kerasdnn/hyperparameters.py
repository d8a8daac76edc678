"""Names and defaults of hyperparameters."""

HIDDEN_UNITS = (64, 32)


BUILD = (
    "hidden_units", "activation", "optimizer", "learning_rate", "momentum", "dropout", "l2",
    "batch_norm", "label_smoothing", "seed",
)  # fmt: skip
TRAIN = ("batch_size", "epochs")  # arguments of `fit`, not of a factory

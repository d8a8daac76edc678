"""Train one trial of a search of any Keras model, in whichever process it is called."""

import math
import os
import threading
import time

import keras
import keras_tuner
import numpy as np

from ...core import keras_internals
from ...core.parallel import for_workers


@for_workers
def train_trial(trial_id, shared, hp, start=None):
    """Build and train the model of a trial.

    The weights and the order of the rows depend on the seed and on the trial's number alone,
    whichever process trains it, and whenever.

    Args:
        trial_id: str, the trial's number.
        shared: `Shared` with `build`, `objective`, `seed`, `silence`, and `fit`, a dict of the
            arguments of `fit`.
        hp: dict, the config of the trial's `keras_tuner.HyperParameters`.
        start: weights to begin with, or None.

    Returns:
        (metrics of the best epoch, its number from 0, config of `hp` after `build`, weights), where
        weights are (build config, list of arrays); or a str, why the trial failed.
    """
    keras.utils.clear_session()
    seed = np.random.SeedSequence([shared.seed, int(trial_id)]).generate_state(1)[0]
    try:
        with keras_internals.fixed_random_seed(int(seed)):
            return fitted(shared, keras_tuner.HyperParameters.from_config(hp), start)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def fitted(shared, hp, start):
    """`train_trial`, without its seed and its errors."""
    model, arguments = getattr(shared.build, "build", shared.build)(hp), dict(shared.fit)
    if start is not None:
        set_weights(model, *start)
    if "tuner/epochs" in hp.values:  # Hyperband decides
        arguments["epochs"] = hp.values["tuner/epochs"]
        arguments["initial_epoch"] = hp.values["tuner/initial_epoch"]
    best, x, y = BestEpoch(shared.objective), arguments.pop("x"), arguments.pop("y")
    callbacks = [best]
    if shared.elsewhere:
        callbacks.append(EndWhenSilent(shared.silence))
    arguments |= {"callbacks": callbacks, "verbose": 0}
    if hasattr(shared.build, "build"):  # a `keras_tuner.HyperModel` may train in its own way
        shared.build.fit(hp, model, x, y, **arguments)
    else:
        model.fit(x, y, **arguments)
    if best.metrics is None:
        return "the model diverged: the objective was NaN after every epoch"
    config = model.get_build_config()
    return best.metrics, best.epoch, hp.get_config(), (config, best.weights)


def set_weights(model, config, arrays):
    """Set the weights of a model, which is built as its config says if it was not."""
    if not model.built and config:
        model.build_from_config(config)
    model.set_weights(arrays)


class BestEpoch(keras.callbacks.Callback):
    """Keeps the weights and the metrics of the best epoch.

    Args:
        objective: `keras_tuner.Objective`.
    """

    def __init__(self, objective):
        super().__init__()
        self.objective, self.metrics, self.epoch, self.weights = objective, None, None, None

    def on_epoch_end(self, epoch, logs=None):
        logs = {name: float(value) for name, value in (logs or {}).items()}
        name = self.objective.name
        if name not in logs:
            raise ValueError(
                f"The model reports no {name!r}, the objective. It reports {', '.join(logs)}."
            )
        first = self.metrics is None and not math.isnan(logs[name])
        if first or self.objective.better_than(logs[name], (self.metrics or logs)[name]):
            self.metrics, self.epoch, self.weights = logs, epoch, self.model.get_weights()


class EndWhenSilent(keras.callbacks.Callback):
    """Ends the worker where no epoch ends for some time, so that another one runs the trial."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds, self.ended = seconds, threading.Event()
        self.heard = time.monotonic()

    def on_train_begin(self, logs=None):
        threading.Thread(target=self.watch, daemon=True).start()

    def on_epoch_end(self, epoch, logs=None):
        self.heard = time.monotonic()

    def on_train_end(self, logs=None):
        self.ended.set()

    def watch(self):
        while not self.ended.wait(min(1.0, self.seconds / 4)):
            if time.monotonic() - self.heard > self.seconds:
                self.ended.set()
                os._exit(75)  # even where the training hangs in C

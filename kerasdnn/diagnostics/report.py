"""Why a run does not learn: a callback that watches it, and a look at a finished network.

Measurements are in `diagnostics/probe.py`, what they mean in `diagnostics/findings.py`.
"""

import time
from dataclasses import dataclass, field

import keras
import numpy as np
import pandas as pd
from keras import ops

from ..checks.fit import check_data
from ..core.arguments import check_integer
from .findings import Case, find
from .probe import ROWS, layers_with_kernel, probe, rms, sample

BUDGET = 0.04  # share of the time of a run that looking at it may take


@dataclass(frozen=True)
class Health:
    """What was found.

    Attributes:
        layers: DataFrame, a row per layer with a kernel, first to last: "gradient", the root mean
            square of the loss's gradient by the kernel; "weight", that of the kernel; "dead", the
            share of units whose output is the same for all rows; "saturated", the share of outputs
            in the outer 2 % of the range of a bounded activation; from the callback also "update",
            how far the kernel has come since the last look, per training step: root
            mean square, relative to the kernel's own.
        findings: list of `Finding`, each with `name`, `evidence` and `remedy`; empty of a healthy
            network.
        unmeasured: list of str, what could not be measured, and so not be found.
    """

    layers: pd.DataFrame
    findings: list
    unmeasured: list = field(default_factory=list)

    def __str__(self):
        fine = "Nothing is wrong in what was measured." if self.unmeasured else "Nothing is wrong."
        lines = [f"Not measured: {what}" for what in self.unmeasured]
        lines += [f"- {finding}" for finding in self.findings] or [fine]
        table = self.layers.to_string(float_format="{:.3g}".format)
        return "\n".join([table, "", *lines])


def health(network, X, y, history=None):
    """Look at a network: is there anything that keeps it from learning?

    Args:
        network: built and compiled `keras.Sequential`; an estimator has `model.health(X, y)`.
        X: `(rows, features)`, as the network takes them; findings name the columns of a DataFrame.
            At most 512 rows are looked at.
        y: as in `fit`.
        history: `History`, or DataFrame with a row per epoch. None: that of the last `fit`.

    Returns:
        `Health`.

    Raises:
        ValueError: X or y are none that `evaluate` would take, or no layer has a kernel.

    Example:
        network.fit(X, y, epochs=20, validation_split=0.2)
        print(health(network, X, y))
    """
    check_data(network, X, y, what=("X", "y", ""), training=False)
    names = list(X.columns) if hasattr(X, "columns") else None
    x, y = sample(X, y)
    if history is None:
        history = getattr(network, "history", None)
    return _health(network, x, y, probe(network, x, y), as_frame(history), names)


def _health(network, x, y, layers, history, names=None):
    unmeasured = []
    if layers["gradient"].isna().all():
        backend = keras.backend.backend()
        unmeasured.append(
            f"gradients, which need Keras on TensorFlow (here: {backend}). A vanishing gradient "
            "would not be found."
        )
    if "loss" not in history:
        unmeasured.append(
            "the course of the loss, for there is no history. Pass `history`, what `fit` returned."
        )
    return Health(layers, find(Case(network, x, y, layers, history, names)), unmeasured)


def as_frame(history):
    """A `History` or a dict as a DataFrame."""
    if history is None:
        return pd.DataFrame()
    return pd.DataFrame(getattr(history, "history", history)).reset_index(drop=True)


class Diagnostics(keras.callbacks.Callback):
    """Watch a run: gradients, updates and units of every layer, at the ends of epochs.

    It looks at the same few rows each time, and so often that looking takes 4 % of the time of the
    run: after every epoch of a large table, after some of a small one.

    Args:
        X: `(rows, features)`, the training rows as the network takes them, or some of them.
        y: as in `fit`.
        every: int, look after every so many epochs, whatever it costs. None: as above.
        rows: int, how many of the rows are looked at.
        log_dir: str or Path, folder in which TensorBoard finds the measurements. None: not written.
        seed: int, which rows.

    Attributes:
        history: DataFrame, a row per look and layer: "epoch" from 0 (before training), "layer",
            and the columns of `Health.layers`.
        seconds: float, what looking took in all.

    Example:
        watch = Diagnostics(X, y)
        network.fit(X, y, epochs=20, validation_split=0.2, callbacks=[watch])
        print(watch.health())
    """

    def __init__(self, X, y, *, every=None, rows=ROWS, log_dir=None, seed=0):
        super().__init__()
        self.every = None if every is None else check_integer("every", every)
        self.x, self.y = sample(X, y, seed, check_integer("rows", rows))
        self.log_dir = log_dir
        self.looks, self.losses, self.seconds = [], [], 0.0

    @property
    def history(self):
        return pd.concat(self.looks, ignore_index=True) if self.looks else pd.DataFrame()

    def on_train_begin(self, logs=None):
        self.looks, self.losses, self.seconds = [], [], 0.0
        self._began = time.perf_counter()
        self._writer = None
        if self.log_dir is not None:
            import tensorflow as tf

            self._writer = tf.summary.create_file_writer(str(self.log_dir))
        self._look(0)

    def on_epoch_end(self, epoch, logs=None):
        logs = dict(logs or {})
        self.losses.append({name: logs[name] for name in ("loss", "val_loss") if name in logs})
        spent = time.perf_counter() - self._began
        price = self.seconds / max(1, len(self.looks))
        due = self.seconds + price <= BUDGET * spent
        if (epoch + 1) % self.every == 0 if self.every else due:
            self._look(epoch + 1)

    def on_train_end(self, logs=None):
        epoch = len(self.losses)
        if self.looks and self.looks[-1]["epoch"].iloc[0] != epoch:
            self._look(epoch)  # on_epoch_end saw to the cost of the others; the last one is needed
        if self._writer is not None:
            self._writer.close()

    def _look(self, epoch):
        """Measure, and remember: the change since the last look is the update of its steps."""
        began = time.perf_counter()
        if not self.model.built:
            self.model(self.x[:1])
        kernels = [
            np.array(ops.convert_to_numpy(layer.kernel)) for layer in layers_with_kernel(self.model)
        ]
        steps = int(ops.convert_to_numpy(self.model.optimizer.iterations))
        table = probe(self.model, self.x, self.y)
        table["update"] = np.nan
        if self.looks and steps > self._steps:
            change = [rms(new - old) for new, old in zip(kernels, self._kernels, strict=True)]
            table["update"] = np.array(change) / (steps - self._steps) / table["weight"].to_numpy()
        self._kernels, self._steps = kernels, steps
        self.looks.append(table.reset_index().assign(epoch=epoch))
        if self._writer is not None:
            self._write(epoch, table)
        self.seconds += time.perf_counter() - began

    def _write(self, epoch, table):
        import tensorflow as tf

        with self._writer.as_default(step=epoch):
            for layer, row in table.iterrows():
                for name, value in row.dropna().items():
                    tf.summary.scalar(f"{name}/{layer}", value)

    def health(self):
        """What is to be said of the run so far, as `Health`."""
        if not self.looks:
            raise ValueError(
                "`Diagnostics` has watched no run yet. Pass it to `fit` as a callback."
            )
        layers = self.looks[-1].drop(columns="epoch").set_index("layer")
        if layers["update"].isna().all() and len(self.looks) > 1:
            layers["update"] = self.looks[-2]["update"].to_numpy()
        return _health(self.model, self.x, self.y, layers, pd.DataFrame(self.losses))

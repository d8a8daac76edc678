"""Examine a trained network, and a callback that measures it during training."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from keras import ops
from numpy.typing import ArrayLike

from ..checks.fit import check_data
from ..core.arguments import check_integer
from ..core.readable import Description, Readable
from .findings import Case, Finding, find
from .probe import PROBE_ROWS, layers_with_kernel, probe, root_mean_square, sample

TIME_BUDGET = 0.04  # fraction of the training time that measurements may take


@dataclass(frozen=True, repr=False)
class Health(Readable):
    """Measurements of a network, and what is wrong with it.

    Attributes:
        layers: DataFrame with a row per layer that has a kernel, first to last. Its columns are
            "gradient", the root mean square of the gradient of the loss with respect to the kernel;
            "weight", that of the kernel; "dead", the fraction of units with the same output for all
            rows; "saturated", the fraction of outputs in the outer 2% of the range of a bounded
            activation; and from `Diagnostics` also "update", the mean change of the kernel per
            training step since the previous measurement, relative to the kernel.
        findings: list of `Finding`, the most severe first; empty for a healthy network.
        unmeasured: list of str, what could not be measured.
        rows: int, number of rows that were measured.
        epochs: int, number of epochs of the history.

    Example:
        import kerasdnn
        from sklearn.datasets import load_digits

        X, y = load_digits(return_X_y=True)
        network = kerasdnn.build_classifier(64, 10, seed=0)
        network.fit(X / 16, y, epochs=5, verbose=0)
        health = kerasdnn.health(network, X / 16, y)
        print(health.findings)                          # []
    """

    layers: pd.DataFrame
    findings: list[Finding]
    unmeasured: list[str] = field(default_factory=list)
    rows: int = 0
    epochs: int = 0

    @property
    def verdict(self) -> str:
        """One sentence: how many problems there are, and which."""
        if self.findings:
            names = ", ".join(finding.name for finding in self.findings)
            count = len(self.findings)
            return f"{count} {'problem' if count == 1 else 'problems'}: {names}."
        return "Nothing is wrong in what was measured." if self.unmeasured else "Nothing is wrong."

    def _describe(self):
        measured = f"Measured on {self.rows:,} rows." if self.rows else ""
        if self.epochs:
            measured += f" History of {self.epochs:,} epochs."
        lines = [self.verdict, *(f"Not measured: {what}" for what in self.unmeasured)]
        lines += [f"- {finding}" for finding in self.findings]
        units = (
            "gradient, weight: root mean square; dead, saturated: fraction of the units, outputs"
        )
        if "update" in self.layers:
            units += "; update: change per step relative to the weight"
        return Description(
            f"Health of a network with {len(self.layers)} layers",
            [*lines, *filter(None, [measured.strip()])],
            [(units, self.layers)],
        )


def health(
    network: keras.Model,
    X: ArrayLike | pd.DataFrame,
    y: ArrayLike,
    history: keras.callbacks.History | dict | pd.DataFrame | None = None,
) -> Health:
    """Find out whether anything prevents a network from learning.

    Args:
        network: built and compiled `keras.Sequential`; an estimator has `model.health(X, y)`.
        X: array or DataFrame `(rows, features)`, as in `fit`. At most 512 rows are measured.
            Findings name the columns of a DataFrame.
        y: array, as in `fit`.
        history: `History`, dict or DataFrame with a row per epoch. None means that of the last
            `fit`.

    Returns:
        `Health`.

    Raises:
        ValueError: X or y is invalid, or no layer has a kernel.

    Example:
        import kerasdnn
        from sklearn.datasets import load_digits

        X, y = load_digits(return_X_y=True)
        network = kerasdnn.build_classifier(64, 10, seed=0)
        network.fit(X / 16, y, epochs=5, verbose=0)
        print(kerasdnn.health(network, X / 16, y))
    """
    columns = list(X.columns) if hasattr(X, "columns") else None
    history = getattr(network, "history", None) if history is None else history
    return examine(network, X, y, history, columns=columns)


def examine(network, X, y, history, **context):
    """`health` of checked rows; `context` holds further attributes of `findings.Case`."""
    check_data(network, X, y, what=("X", "y", ""), training=False)
    x, y = sample(X, y)
    history = {} if history is None else getattr(history, "history", history)
    history = pd.DataFrame(history).reset_index(drop=True)
    return _report(Case(network, x, y, probe(network, x, y), history, **context))


def _report(case):
    unmeasured = []
    if case.layers["gradient"].isna().all():
        unmeasured.append(
            f"gradients, which require the TensorFlow backend (here: {keras.backend.backend()}). "
            "A vanishing gradient would not be found."
        )
    if "loss" not in case.history:
        unmeasured.append(
            "the training loss, because there is no history. Pass the `history` that `fit` "
            "returned."
        )
    return Health(case.layers, find(case), unmeasured, len(case.x), len(case.history))


class Diagnostics(keras.callbacks.Callback):
    """Monitor training: gradients, updates and units of every layer after epochs.

    The same few rows are measured each time. By default, measurements take 4% of the training time:
    after every epoch of a large table, after some epochs of a small one.

    Args:
        X: array `(rows, features)`, training rows as the network receives them.
        y: array, as in `fit`.
        every: int, at least 1, measures after every so many epochs. None means as often as 4% of
            the training time allows.
        rows: int, at least 1, how many rows are measured, 512 by default.
        log_dir: str or Path, folder for TensorBoard. None means that nothing is written.
        seed: int, selects the rows, 0 by default.

    Attributes:
        history: DataFrame with a row per measurement and layer: "epoch" (0 is before training),
            "layer", and the columns of `Health.layers`.
        seconds: float, total time of all measurements.

    Example:
        import kerasdnn
        from sklearn.datasets import load_digits

        X, y = load_digits(return_X_y=True)
        network = kerasdnn.build_classifier(64, 10, seed=0)
        diagnostics = kerasdnn.Diagnostics(X / 16, y)
        network.fit(X / 16, y, epochs=5, verbose=0, callbacks=[diagnostics])
        print(diagnostics.health())
    """

    def __init__(
        self,
        X: ArrayLike | pd.DataFrame,
        y: ArrayLike,
        *,
        every: int | None = None,
        rows: int = PROBE_ROWS,
        log_dir: str | Path | None = None,
        seed: int = 0,
    ):
        super().__init__()
        self.every = None if every is None else check_integer("every", every)
        self.x, self.y = sample(X, y, seed, check_integer("rows", rows))
        self.log_dir = log_dir
        self.measurements: list[pd.DataFrame] = []
        self.losses: list[dict[str, float]] = []
        self.seconds = 0.0

    @property
    def history(self) -> pd.DataFrame:
        """The measurements of each epoch; see the class."""
        if not self.measurements:
            return pd.DataFrame()
        return pd.concat(self.measurements, ignore_index=True)

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.measurements, self.losses, self.seconds = [], [], 0.0
        self._began = time.perf_counter()
        self._writer = None
        if self.log_dir is not None:
            import tensorflow as tf

            self._writer = tf.summary.create_file_writer(str(self.log_dir))
        self._measure(0)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.losses.append({n: v for n, v in (logs or {}).items() if n in ("loss", "val_loss")})
        elapsed = time.perf_counter() - self._began
        cost = self.seconds / max(1, len(self.measurements))
        affordable = self.seconds + cost <= TIME_BUDGET * elapsed
        if (epoch + 1) % self.every == 0 if self.every else affordable:
            self._measure(epoch + 1)

    def on_train_end(self, logs: dict | None = None) -> None:
        epoch = len(self.losses)
        if self.measurements and self.measurements[-1]["epoch"].iloc[0] != epoch:
            self._measure(epoch)  # the last epoch is measured whatever it costs
        if self._writer is not None:
            self._writer.close()

    def _measure(self, epoch):
        """Measure and record; the change since the previous measurement is the update."""
        began = time.perf_counter()
        if not self.model.built:
            self.model(self.x[:1])
        layers = layers_with_kernel(self.model)
        kernels = [np.array(ops.convert_to_numpy(layer.kernel)) for layer in layers]
        steps = int(ops.convert_to_numpy(self.model.optimizer.iterations))
        table = probe(self.model, self.x, self.y)
        table["update"] = np.nan
        if self.measurements and steps > self._steps:
            pairs = zip(kernels, self._kernels, strict=True)
            change = np.array([root_mean_square(new - old) for new, old in pairs])
            table["update"] = change / (steps - self._steps) / table["weight"].to_numpy()
        self._kernels, self._steps = kernels, steps
        self.measurements.append(table.reset_index().assign(epoch=epoch))
        if self._writer is not None:
            self._write(epoch, table)
        self.seconds += time.perf_counter() - began

    def _write(self, epoch, table):
        import tensorflow as tf

        with self._writer.as_default(step=epoch):
            for layer, row in table.iterrows():
                for name, value in row.dropna().items():
                    tf.summary.scalar(f"{name}/{layer}", value)

    def health(self) -> Health:
        """Report what the measurements so far show.

        Returns:
            `Health`.

        Raises:
            ValueError: the callback has not been passed to `fit`.
        """
        if not self.measurements:
            raise ValueError(
                "`Diagnostics` has no measurements yet. Pass it to `fit` as a callback first."
            )
        layers = self.measurements[-1].drop(columns="epoch").set_index("layer")
        if layers["update"].isna().all() and len(self.measurements) > 1:
            layers["update"] = self.measurements[-2]["update"].to_numpy()
        return _report(Case(self.model, self.x, self.y, layers, pd.DataFrame(self.losses)))

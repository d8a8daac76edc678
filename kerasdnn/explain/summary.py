"""Describe a fitted estimator: what it predicts, from which columns, with which network."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..core.messages import quoted_list
from ..core.readable import Description, Readable
from ..decisions.outputs import members_of

KINDS = {"class": "classes", "number": "numbers"}  # of one of several columns


@dataclass(frozen=True, repr=False)
class Summary(Readable):
    """What a fitted estimator is, as text in a terminal and as HTML in a notebook.

    Attributes:
        title: str, the estimator, its preset and its problem.
        sentences: list of str: training rows, epochs, seed, scores.
        layers: DataFrame, one row per layer: "layer", "kind", "output", "weights" (how many).
        columns: DataFrame, `TableEncoder.columns_`, what was inferred about each column.

    Example:
        import pandas as pd
        from kerasdnn import DNNClassifier

        frame = pd.DataFrame({"age": [41, 23, 58, 35] * 25, "city": ["Oslo", "Bonn"] * 50})
        labels = ["yes", "no", "yes", "yes"] * 25
        model = DNNClassifier("standard", epochs=2, random_state=0).fit(frame, labels)
        print(model.summary())
    """

    title: str
    sentences: list
    layers: pd.DataFrame
    columns: pd.DataFrame

    def _describe(self):
        tables = [("Layers", self.layers), ("Columns", self.columns)]
        return Description(self.title, self.sentences, tables)


def summarize(estimator: Any) -> Summary:
    """The `Summary` of a fitted estimator."""
    target, history = estimator.target_, estimator.history_
    network, best = estimator.network_, estimator.best_epoch_
    head = target.head
    what = {"class": "classes", "labels": "labels", "number": "numbers", "mixed": ""}[head.kind]
    if head.parts:
        names = [f"{part.name!r} ({KINDS[part.head.kind]})" for part in head.parts]
        what = f"{len(names)} columns: {', '.join(names)}"
    elif head.kind != "number":
        what = f"{len(estimator.classes_)} {what} ({quoted_list(estimator.classes_)})"
    elif head.levels:
        what = f"the quantiles {', '.join(f'{level:g}' for level in head.levels)} of y"
    elif target.n > 1:
        what = f"{target.n} columns of numbers"
    title = f"{type(estimator).__name__}, preset {estimator._chosen_preset()!r}: predicts {what}"
    sentences = [
        f"Fitted on a table of {estimator.n_rows_:,} rows and {estimator.n_features_in_} columns, "
        f"which are {network.input_shape[-1]} numbers for the network.",
        f"{network.count_params():,} weights; the loss is {loss_name(head)}.",
    ]
    epoch = history.loc[best] if best in history.index else None
    if epoch is not None and "val_loss" in history:
        units = " (in standard deviations of y)" if head.standardize else ""
        scores = ", ".join(
            f"{name.removeprefix('val_')} {epoch[name]:.4g}"
            for name in history
            if name.startswith("val_")
        )
        sentences.append(
            f"Epoch {best} of {len(history)} was kept, by validation rows{units}: {scores}."
        )
    else:
        sentences.append(f"Trained for {len(history)} epochs without validation rows.")
    members = len(members_of(network)) or 1
    seed = estimator.random_state
    sentences.append(
        f"random_state={seed!r}" + ("." if members == 1 else f", {members} members averaged.")
    )
    return Summary(title, sentences, layers_of(network), estimator.encoder_.columns_)


def loss_name(head):
    loss = head.loss
    return loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)


def layers_of(network):
    """One row per layer of a `keras.Sequential`."""
    rows = []
    for layer in network.layers:
        try:
            shape = str(tuple(layer.output.shape))
        except (AttributeError, ValueError):  # a layer that several networks share
            shape = ""
        rows.append((layer.name, type(layer).__name__, shape, layer.count_params()))
    return pd.DataFrame(rows, columns=["layer", "kind", "output", "weights"])

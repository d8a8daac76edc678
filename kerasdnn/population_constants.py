"""What training does not change of a stack: its layout, and the numbers of its networks."""

import numpy as np
import tensorflow as tf

from .population_members import CLASSIFIERS
from .population_networks import Layout
from .population_rules import with_rests


def layout_of(task, members, batch, counts, compiled):
    """The `Layout` of members; `counts`: how many networks compute each hidden layer."""
    return Layout(
        problem=task.problem,
        one_hot=task.one_hot,
        units=task.units,
        counts=counts,
        batch=batch,
        batch_norm=members[0].batch_norm,
        activations=tuple(sorted({m.activation for m in members})),
        rules=tuple(sorted({m.rule for m in members})),
        dropout=any(m.dropout for m in members),
        l2=any(m.l2 for m in members),
        compiled=compiled,
    )


def constants_of(layout, widths, count, members):
    """What does not change, with a value per network; padding gets the first network's."""
    members = members + [members[0]] * (count - len(members))

    def numbers(values, dtype="float32"):
        return tf.constant(np.array(list(values), dtype))

    rates = [with_rests(m.hyperparameters) for m in members]
    names = sorted({name for h in rates for name in h})
    found = {
        # A rate that another network's rule needs and this one's has not is not used.
        "rates": {name: numbers(h.get(name, 0.5) for h in rates) for name in names},
        "rule": numbers((layout.rules.index(m.rule) for m in members), "int32"),
        "activation": numbers((layout.activations.index(m.activation) for m in members), "int32"),
    }
    units = [m.hidden_units + (0,) * len(widths) for m in members]
    layers = list(enumerate(zip(widths, layout.counts, strict=True)))
    found["masks"] = [numbers(np.arange(w) < u[i] for u in units[:n]) for i, (w, n) in layers]
    found["present"] = [numbers((u[i] > 0 for u in units[:n]), "bool") for i, (_, n) in layers]
    if layout.problem in CLASSIFIERS:
        found["label_smoothing"] = numbers(m.label_smoothing for m in members)
    if layout.dropout:
        found["dropout"] = numbers(m.dropout for m in members)
        seeds = [np.random.SeedSequence([m.seed, 1]) for m in members]
        found["dropout_seeds"] = numbers((s.generate_state(len(widths)) for s in seeds), "uint32")
    if layout.l2:
        found["l2"] = numbers(m.l2 for m in members)
    return found

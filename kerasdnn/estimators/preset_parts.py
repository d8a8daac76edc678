"""What the networks of the presets have in common: first layers, optimizer, seeds."""

import numpy as np

from ..core.arguments import is_number
from ..core.messages import invalid
from ..nn.embedding import EmbedCategories
from ..nn.group_adam import GroupAdam
from ..nn.numeric_embeddings import PiecewiseLinearEmbedding, quantile_edges
from ..nn.realmlp_layers import PeriodicEmbedding
from ..nn.schedules import CosLog, FlatCos, NamedSchedule
from ..optimizers import factors_of

OF_REALMLP = {"coslog4": CosLog, "flat_cos": FlatCos}


def first_layers(encoder, settings, rng, x):
    """The layers that embed categories and numbers."""
    layers, n = [], encoder.n_numeric_
    if encoder.cardinalities_:
        size = settings["embedding_size"]
        embed = EmbedCategories(encoder.cardinalities_, size, deviation=1.0, seed=draw(rng))
        layers.append(embed)
    if settings["numeric_embedding"] == "periodic" and n:
        layers.append(PeriodicEmbedding(n, seed=draw(rng)))
    elif settings["numeric_embedding"] == "piecewise" and n:
        edges = quantile_edges(x[:, :n], settings["n_bins"])
        size = settings["numeric_size"]
        layers.append(PiecewiseLinearEmbedding(edges, size, seed=draw(rng)))
    return layers


def make_optimizer(network, settings, steps, groups, decays=True):
    """`GroupAdam` with the schedule of the settings.

    Args:
        network: built.
        settings: dict of hyperparameters.
        steps: int, of the training.
        groups: as `GroupAdam` takes them.
        decays: bool, whether the weight decay falls to 0 towards the end.
    """
    rate, decay = settings["learning_rate"], settings["weight_decay"]
    if not is_number(rate):
        rule = "must be a number in this preset, the peak of its schedule"
        raise invalid("learning_rate", rule, rate, 'preset="standard" accepts schedules.')
    schedule, warmup = settings["schedule"], settings["warmup"]
    if schedule in OF_REALMLP and not warmup:
        rate = OF_REALMLP[schedule](rate, steps)
    elif schedule != "constant" or warmup:
        rate = NamedSchedule(schedule, rate, steps, warmup)
    decay = FlatCos(decay, steps) if decay and decays else decay or 0.0
    factors = settings["learning_rate_factors"]
    factors = () if factors is None else factors_of(network, factors)
    return GroupAdam(rate, decay, groups, beta_2=settings["beta_2"], factors=factors)


def reported_metrics(head, n, monitor):
    """The names of the metrics that a network reports by default: few, as they take time.

    Args:
        head: `Head`.
        n: int, classes, labels or target columns.
        monitor: str or function, by which the epoch is selected.
    """
    first = head.metric_names(n) if head.parts else [*head.metrics][:1]
    return [name for name in head.metrics if name in first or name == monitor]


def start_of_output(head, y):
    """What is added to the initial output bias, one number per unit, or None.

    The logarithm of a count starts at that of the mean: an exponential of random numbers may fall
    to 0 in the first steps, where its gradient vanishes.

    Args:
        head: `Head`.
        y: float (rows,) or (rows, columns), as the network takes it.
    """
    if head.parts:
        columns = np.reshape(y, (len(y), -1))
        found = [start_of_output(part.head, columns[:, k]) for k, part in enumerate(head.parts)]
        zeros = [np.zeros(part.units) for part in head.parts]
        pairs = zip(zeros, found, strict=True)
        return np.concatenate([zero if own is None else own for zero, own in pairs])
    if head.distribution is not None:
        lowest = -np.inf if head.standardize else 1e-6
        return head.bias(np.maximum(np.mean(y, axis=0).reshape(-1), lowest))
    if head.activation == "exponential":
        return np.log(np.maximum(np.mean(y, axis=0), 1e-6)).ravel()
    return np.array(head.start) if head.start else None


def draw(rng):
    return int(rng.integers(2**31))

"""What the networks of the presets have in common: first layers, optimizer, seeds."""

from ..core.arguments import is_number
from ..core.messages import invalid
from ..nn.embedding import EmbedCategories
from ..nn.group_adam import GroupAdam
from ..nn.numeric_embeddings import PiecewiseLinearEmbedding, quantile_edges
from ..nn.realmlp_layers import PeriodicEmbedding
from ..nn.schedules import CosLog, FlatCos, NamedSchedule

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


def make_optimizer(settings, steps, groups, decays=True):
    """`GroupAdam` with the schedule of the settings.

    Args:
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
    return GroupAdam(rate, decay, groups, beta_2=settings["beta_2"])


def draw(rng):
    return int(rng.integers(2**31))

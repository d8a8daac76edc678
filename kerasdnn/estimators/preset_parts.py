"""What the networks of the presets have in common: first layers, optimizer, seeds."""

from ..core.arguments import is_number
from ..core.messages import invalid
from ..nn.embedding import EmbedCategories
from ..nn.group_adam import GroupAdam
from ..nn.numeric_embeddings import PiecewiseLinearEmbedding, quantile_edges
from ..nn.realmlp_layers import PeriodicEmbedding
from ..nn.schedules import CosLog, FlatCos


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


def make_optimizer(settings, steps, groups):
    rate, decay = settings["learning_rate"], settings["weight_decay"]
    if not is_number(rate):
        rule = "must be a number in the RealMLP presets, which have a schedule of their own"
        raise invalid("learning_rate", rule, rate, 'preset="standard" accepts schedules.')
    if settings["schedule"] != "constant":
        rate = {"coslog4": CosLog, "flat_cos": FlatCos}[settings["schedule"]](rate, steps)
    if decay and settings["schedule"] != "constant":
        decay = FlatCos(decay, steps)
    return GroupAdam(rate, decay, groups, beta_2=settings["beta_2"])


def draw(rng):
    return int(rng.integers(2**31))

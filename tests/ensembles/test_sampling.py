"""Hyperparameters drawn from ranges."""

import numpy as np
from scipy.stats import kstest

from kerasdnn.ensembles.sampling import Layers, LogUniform, OneOf, ZeroOrUniform, draw_members

RANGES = {
    "hidden_units": Layers((1, 3), (16, 32)),
    "learning_rate": LogUniform(1e-4, 1e-1),
    "dropout": ZeroOrUniform(0.4),
    "activation": OneOf(("relu", "mish")),
    "epochs": 7,
}


def test_each_range_has_the_distribution_that_its_text_says():
    drawn = draw_members(RANGES, tuple(RANGES), 2_000, np.random.default_rng(0))
    rates = np.log10([member["learning_rate"] for member in drawn])
    assert kstest(rates, "uniform", (-4, 3)).pvalue > 0.01
    dropout = np.array([member["dropout"] for member in drawn])
    assert 0.45 < (dropout == 0).mean() < 0.55
    assert kstest(dropout[dropout > 0], "uniform", (0, 0.4)).pvalue > 0.01
    layers = [member["hidden_units"] for member in drawn]
    assert set(layers) == {(16,), (32,), (16,) * 3, (32,) * 3}
    assert {member["activation"] for member in drawn} == {"relu", "mish"}
    assert all(member["epochs"] == 7 for member in drawn)
    assert abs(np.corrcoef(rates, dropout)[0, 1]) < 0.1
    assert repr(RANGES["learning_rate"]) == "log-uniform from 0.0001 to 0.1 in each network"


def test_a_larger_pack_begins_with_the_members_of_a_smaller_one():
    few, many = (draw_members(RANGES, tuple(RANGES), n, np.random.default_rng(3)) for n in (2, 5))
    assert many[:2] == few
    assert many[3] != many[4]

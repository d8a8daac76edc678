"""Hyperparameters drawn from ranges."""

import numpy as np
from scipy.stats import kstest

from kerasdnn.estimators.ranges import LogUniform, OneOf, drawn, report, settings_of_member

RANGES = {
    "hidden_units": OneOf(((16, 16), (32,))),
    "learning_rate": LogUniform(1e-4, 1e-1),
    "dropout": OneOf((0.0, 0.25)),
    "epochs": 7,
}


def test_each_range_has_the_distribution_that_its_text_says():
    members = [settings_of_member(RANGES, seed) for seed in range(2_000)]
    rates = np.log10([member["learning_rate"] for member in members])
    assert kstest(rates, "uniform", (-4, 3)).pvalue > 0.01
    dropout = np.array([member["dropout"] for member in members])
    assert 0.45 < (dropout == 0).mean() < 0.55
    assert {member["hidden_units"] for member in members} == {(16, 16), (32,)}
    assert all(member["epochs"] == 7 for member in members)
    assert abs(np.corrcoef(rates, dropout)[0, 1]) < 0.1
    assert repr(RANGES["learning_rate"]) == "log-uniform from 0.0001 to 0.1 in each network"
    assert repr(RANGES["dropout"]) == "one of 0.0, 0.25 in each network"


def test_the_seed_of_a_network_decides_and_a_value_that_is_given_changes_no_other():
    first = settings_of_member(RANGES, 3)
    assert settings_of_member(RANGES, 3) == first
    given = settings_of_member(RANGES | {"epochs": 9}, 3)
    assert given == first | {"epochs": 9}
    assert settings_of_member(RANGES, 4)["learning_rate"] != first["learning_rate"]


def test_what_was_drawn_is_reported_by_network_and_kept_when_training_goes_on():
    members = [settings_of_member(RANGES, seed) for seed in range(3)]
    told = report(RANGES, members)
    assert drawn(RANGES) == ["hidden_units", "learning_rate", "dropout"]
    assert told["hidden_units"] == tuple(member["hidden_units"] for member in members)
    assert told["epochs"] == 7
    for number, member in enumerate(members):
        assert settings_of_member(RANGES, 99, number, told) == member
    fixed = told | {"hidden_units": (8, 8, 8), "dropout": 0.1}  # which the user had given
    again = settings_of_member(RANGES, 99, 1, fixed)
    assert (again["hidden_units"], again["dropout"]) == ((8, 8, 8), 0.1)
    assert again["learning_rate"] == members[1]["learning_rate"]
    assert settings_of_member(RANGES, 99, 1, told | {"hidden_units": ()})["hidden_units"] == ()

"""Splits: by class, group and time, by splitters; and that nothing leaks from part to part."""

import numpy as np
import pandas as pd
import pytest
from sklearn import model_selection

from kerasdnn.core.rows import Rows
from kerasdnn.tables.frame import Column
from kerasdnn.tables.rows import ranks
from kerasdnn.tables.splits import fold_numbers, holdout, holdout_mask, split

RNG = np.random.default_rng(0)
NO_CLASSES = np.zeros(60, int)
GROUPS = RNG.permutation(np.repeat(np.arange(12), 5))
TIME = RNG.permutation(np.repeat(np.arange(30), 2))


def rows_of(n, **labels):
    return Rows(np.arange(n, dtype="float32")[:, None], np.arange(n), **labels)


def test_folds_are_disjoint_cover_all_rows_and_share_out_every_class():
    strata = np.repeat([0, 1, 2], [50, 7, 23])
    fold = fold_numbers(strata, 5, np.random.default_rng(1))
    counts = np.array([np.bincount(strata[fold == k], minlength=3) for k in range(5)])
    assert counts.sum(axis=0).tolist() == [50, 7, 23]
    assert (counts.max(axis=0) - counts.min(axis=0)).max() <= 1


def test_splits_drawn_anew_differ_and_come_again_with_the_seed():
    rows, strata = rows_of(40), np.arange(40) % 2
    first, second = split(rows, strata, validation_fraction=0.25, seed=3, repeats=2)
    again = split(rows, strata, validation_fraction=0.25, seed=3, repeats=2)
    assert 9 <= len(first[1]) <= 10
    assert not np.array_equal(first[1], second[1])
    np.testing.assert_array_equal(second[1], again[1][1])
    assert not set(first[0]) & set(first[1])


def test_a_cv_of_more_folds_than_rows_is_refused():
    with pytest.raises(ValueError, match=r"`cv` must be at most 4.*cv=5"):
        split(rows_of(4), np.array([0, 1, 0, 1]), cv=5)


def test_a_holdout_without_groups_or_time_is_the_mask_as_before():
    strata = np.arange(60) % 3
    train, held = holdout(rows_of(60), strata, 0.2, np.random.default_rng(5))
    mask = holdout_mask(strata, 0.2, np.random.default_rng(5))
    np.testing.assert_array_equal(held, np.flatnonzero(mask))
    np.testing.assert_array_equal(np.sort([*train, *held]), np.arange(60))


def test_a_seed_draws_the_rows_that_it_has_always_drawn():
    strata = np.repeat([0, 1, 2], [20, 10, 5])
    mask = holdout_mask(strata, 0.2, np.random.default_rng([0, 0]))
    assert np.flatnonzero(mask).tolist() == [1, 6, 10, 20, 29, 32]
    fold = fold_numbers(strata, 3, np.random.default_rng(0))
    assert "".join(map(str, fold)) == "22012010010012112201202021210101012"


@pytest.mark.parametrize("cv", [None, 4, model_selection.GroupKFold(3)])
def test_a_group_is_never_on_both_sides(cv):
    for strata in (NO_CLASSES, np.arange(60) % 2):
        for train, held in split(rows_of(60, groups=GROUPS), strata, cv=cv, seed=1, repeats=3):
            assert not set(GROUPS[train]) & set(GROUPS[held])
            assert len(train) + len(held) == 60
            assert 8 <= len(held) <= 25


def test_groups_that_hold_one_class_each_leave_every_class_to_train_on():
    strata = GROUPS // 4  # of 12 groups, 4 in each class
    for seed in range(20):
        train, held = holdout(rows_of(60, groups=GROUPS), strata, 0.2, np.random.default_rng(seed))
        assert set(strata[train]) == {0, 1, 2}
        assert len(held) == 10  # two groups


@pytest.mark.parametrize("cv", [None, 4, model_selection.TimeSeriesSplit(3)])
def test_validation_rows_are_later_than_all_training_rows(cv):
    pairs = split(rows_of(60, time=TIME), NO_CLASSES, cv=cv, seed=1)
    assert len(pairs) == (1 if cv is None else getattr(cv, "n_splits", cv))
    for train, held in pairs:
        if hasattr(cv, "split"):  # it knows rows only, and may divide those of one time
            assert TIME[train].max() <= TIME[held].min()
        else:
            assert TIME[train].max() < TIME[held].min()
    assert TIME[pairs[-1][1]].max() == 29
    if cv is None:
        assert len(pairs[0][1]) == 12


@pytest.mark.parametrize("cv", [model_selection.KFold(3), model_selection.StratifiedKFold(3)])
def test_a_splitter_gives_the_rows_that_it_gives_scikit_learn(cv):
    strata = np.arange(60) % 2
    expected = list(cv.split(np.zeros((60, 1)), strata))
    for ours, theirs in zip(split(rows_of(60), strata, cv=cv), expected, strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])


def test_index_pairs_may_be_positions_or_masks():
    mask = np.arange(60) < 50
    pairs = [(np.arange(50), np.arange(50, 60)), (mask, ~mask), (range(50), [-1])]
    found = split(rows_of(60), NO_CLASSES, cv=iter(pairs))
    assert [len(held) for _, held in found] == [10, 10, 1]
    assert found[2][1].tolist() == [59]


@pytest.mark.parametrize(
    ("cv", "labels", "message"),
    [
        ([([0, 1], [1, 2])], {}, "Split 0 of `cv` has rows in both"),
        ([([0, 1], [2]), ([0], [])], {}, "Split 1 of `cv` must have rows"),
        ([([0, 1], [60])], {}, "row positions below 60"),
        ([], {}, "at least one split"),
        ([3], {}, "must yield"),
        ("5", {}, "`cv` must be an integer, a splitter"),
        (1, {}, "cv=1"),
        (model_selection.KFold(3), {"groups": GROUPS}, "has a group in both.*GroupKFold"),
        (model_selection.KFold(3), {"time": TIME}, "later than some.*TimeSeriesSplit"),
        (13, {"groups": GROUPS}, "at most 12, as there are 12 groups"),
        (30, {"time": TIME}, "at most 29, as there are 30 times"),
        (None, {"groups": NO_CLASSES}, "at least two groups"),
        (None, {"time": NO_CLASSES}, "at least two times"),
    ],
)
def test_splits_that_leak_or_leave_a_part_empty_are_rejected(cv, labels, message):
    with pytest.raises(ValueError, match=message):
        split(rows_of(60, **labels), NO_CLASSES, cv=cv)


def test_times_as_national_text_are_sorted_as_dates_and_ambiguous_ones_are_refused():
    days = pd.date_range("2021-01-28", periods=40)
    texts = np.array(days.strftime("%d.%m.%Y"), dtype=object)
    np.testing.assert_array_equal(ranks(Column("text", texts[::-1]), "time"), np.arange(40)[::-1])
    both = np.array(["03/04/2021", "05/06/2021", "07/08/2021"], dtype=object)
    for values in (both, np.array(["Monday", "Tuesday"], dtype=object)):
        with pytest.raises(ValueError, match=rf"`time` must contain.*'{values[0]}'.*pd.to_date"):
            ranks(Column("text", values), "time")

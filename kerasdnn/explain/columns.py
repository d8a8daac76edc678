"""Map the columns of an encoder's matrix to those of the table.

A table column may fill several columns of the matrix: calendar parts of a date, one per category,
components of sentences, and a flag where a value is missing.
"""

import numpy as np


def table_columns(encoder):
    """Names of the table's columns in the order of `fit`; positions for an array."""
    count = len(encoder.states_)
    return list(range(count)) if encoder.names_ is None else list(encoder.names_)


def owners(encoder):
    """For each column of the matrix the position of its state, crossed columns last.

    The placeholder of a table in which no column varies has none.
    """
    plan = encoder._the_plan()
    found = [j for j, _ in plan.parts]
    for j, start, stop in plan.flagged:
        found += [j] * (stop - start)
    return found + plan.embedded


def original_columns(encoder):
    """For each column of the matrix the name of the table's column, or of the crossed one."""
    names = [str(name) for name in table_columns(encoder)]
    names += [str(state.name) for _, state in encoder.crosses_]
    return [names[j] for j in owners(encoder)] or list(encoder.get_feature_names_out())


def fold_matrix(encoder):
    """What fraction of each column of the matrix belongs to each column of the table.

    A crossed column belongs to its sources in equal parts. Columns that the encoder ignores own
    nothing.

    Returns:
        float64 `(columns of the matrix, columns of the table)`; every row sums to 1, except for the
        placeholder of a table in which no column varies.
    """
    fold = np.zeros((encoder._the_plan().width, len(encoder.states_)))
    for position, j in enumerate(owners(encoder)):
        beyond = j - len(encoder.states_)
        sources = [j] if beyond < 0 else encoder.crosses_[beyond][0]
        np.add.at(fold[position], sources, 1 / len(sources))
    return fold


def neutral_row(encoder):
    """The matrix of a row of which nothing is known, float32 `(1, columns of the matrix)`.

    Numbers are at their mean (robust scaling: median), also those that dates and sentences consist
    of; categories are none of those seen; nothing counts as missing.
    """
    plan = encoder._the_plan()
    row = np.zeros((1, plan.width), "float32")
    for j, start, stop in plan.flagged:
        state = plan.states[j]
        levels = getattr(state, "levels", [])
        two = len(getattr(state, "categories", ())) == 2
        values = [levels[0][1]] if two and levels else [level[0] for level in levels]
        row[0, start:stop] = [*values, *state.missing[:1]]
    return row

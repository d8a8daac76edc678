"""How a head is pickled: a row of `HEADS` as its key, which another program must have, too."""

import copyreg

from .head import Head
from .loss import with_loss
from .mixed import mixed_head
from .numbers import quantile_head
from .problem_types import HEADS, head_of


def made_by(head: Head):
    """Return the function that makes `head` again, and its arguments, for `pickle` and `copy`."""
    if head.levels:
        return quantile_head, (head.levels,)
    if head.parts:
        return mixed_head, (head.parts,)
    if head.row is not None:
        return with_loss, (head.row, head.loss)
    row = HEADS.get(head.name)
    if row is not None and head in (row, row.one_hot_head):
        return head_of, (head.name, head.one_hot)
    return head.__reduce_ex__(2)


copyreg.pickle(Head, made_by)  # the face imports this file, so that it is always known

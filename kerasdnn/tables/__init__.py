"""Encode tables with any columns for a network; encode targets and decode predictions.

`files` reads files, `extra_rows` finds the rows of them that hold no data, `frame` reads tables of
any library, and `encoder` encodes them as a float32 matrix; `columns` encodes one column,
`free_text` a column of sentences, `one_row` a single row. `inference` decides what each column is,
and `texts` reads numbers and dates from text. `targets` encodes y, `problem_type` infers the
problem type from it, `rows` has rows and weights, `splits` divides them.
"""

from .encoder import TableEncoder as TableEncoder

"""Encode tables with any columns for a network; encode targets and decode predictions.

`files` reads files, `frame` tables of any library, and `encoder` encodes them as a float32 matrix;
`columns` encodes one column, `free_text` a column of sentences, `one_row` a single row. `inference`
decides what each column is, and `text_formats` reads numbers and dates from text. `targets` encodes
y, `problem_type` infers the problem type from it, `rows` has rows and weights, `splits` divides
them.
"""

from .encoder import TableEncoder as TableEncoder

"""Tables of any columns on their way to a network, and labels on their way back.

`files` reads files, `frame` tables of any library, `encoder` makes a float32 matrix of them,
`columns` encodes one column, `targets` encodes y, `problem_type` infers what y asks for, `rows` has
rows and their weights, `splits` divides them.
"""

from .encoder import TableEncoder as TableEncoder

"""Read numbers, dates, times and booleans that are stored as text.

`recognition` decides once, from all values of a column, what its text stands for; `reading` reads
columns by that decision, and `parsing` a single text.
"""

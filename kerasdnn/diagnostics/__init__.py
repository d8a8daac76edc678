"""Explain why a network does not learn.

`report` has `health` and the callback `Diagnostics`, `probe` measures a network on a few rows,
`findings` interprets the measurements, `rate_range` tries learning rates.
"""

from .findings import Finding as Finding
from .rate_range import rate_range_test as rate_range_test
from .report import Diagnostics as Diagnostics
from .report import Health as Health
from .report import health as health

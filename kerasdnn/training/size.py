"""Estimate memory and time of a training before it begins, and warn if memory will not suffice.

    table         4 bytes x encoded columns x rows, twice: the matrix, and its copy on the device
    networks      4 bytes x weights x 4 (weights, two moments of the optimizer, the best epoch's),
                  for each member
    activations   4 bytes x units x rows of a step x 3 (outputs, their gradients, temporaries)

    time          members x epochs x steps x (15 microseconds + 6 x weights x batch / 30 GFLOPS)

Both are rough: time within a factor of about 3 on a CPU.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ..core.messages import warn
from .device_data import FLOPS, device_memory
from .fit_loop import SECONDS_PER_STEP

FLOAT = 4
GIB = 2**30


@dataclass(frozen=True)
class Size:
    """What a training needs, in bytes and seconds."""

    rows: int
    columns: int
    table: int
    networks: int
    activations: int
    seconds: float

    @property
    def bytes(self):
        return self.table + self.networks + self.activations

    @classmethod
    def of(cls, rows, held, columns, outputs, settings):
        """Estimate the size of a training.

        Args:
            rows, held: int, rows to train on and to validate on.
            columns: int, columns of the encoded table.
            outputs: int, outputs of the network.
            settings: dict of hyperparameters, with "hidden_units" and so on.
        """
        units = [columns, *settings["hidden_units"], outputs]
        weights = sum((a + 1) * b for a, b in pairwise(units))
        members, batch = settings["n_members"], settings["batch_size"]
        batch = rows if batch == "full" else 1024 if batch == "auto" else min(batch, rows)
        step = SECONDS_PER_STEP + 6 * weights * batch / FLOPS
        return cls(
            rows + held,
            columns,
            2 * FLOAT * (rows + held) * columns,
            4 * FLOAT * weights * members,
            3 * FLOAT * sum(units) * batch,
            members * settings["epochs"] * math.ceil(rows / batch) * step,
        )


def warn_of_size(size, available=None):
    """Warn if a training needs more memory than there is.

    Args:
        size: `Size`.
        available: bytes. None means the memory that is available now.

    Warns:
        DataWarning: with the estimate and what to change.
    """
    available = available_memory() if available is None else available
    if size.bytes <= available:
        return
    remedies = {
        "table": "Pass the path of a Parquet file instead, which is read in parts: "
        'fit("table.parquet", y="column"). Or drop columns.',
        "networks": "Use fewer members (`n_members`) or `hidden_units`.",
        "activations": "Use a smaller `batch_size` or fewer `hidden_units`.",
    }
    parts = {name: getattr(size, name) for name in remedies}
    shown = ", ".join(f"{name} {amount(value)}" for name, value in parts.items())
    warn(
        f"Training on {size.rows:,} rows of {size.columns:,} encoded columns will probably not fit "
        f"in memory: it needs about {amount(size.bytes)} ({shown}), {amount(available)} are "
        f"available. It would take about {duration(size.seconds)}. "
        f"{remedies[max(parts, key=lambda name: parts[name])]}"
    )


def available_memory():
    """Return the bytes of main memory that are available, of all of it where that is unknown."""
    try:
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):  # not on Linux
        pass
    return device_memory()


def amount(size):
    """Return bytes as text."""
    return f"{size / GIB:.1f} GiB" if size >= GIB / 10 else f"{size / 2**20:.0f} MiB"


def duration(seconds):
    """Return seconds as text."""
    if seconds >= 5_400:
        return f"{seconds / 3_600:,.0f} hours"
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds"

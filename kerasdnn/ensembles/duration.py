"""Plan how many epochs, and how many networks, of a pack fit in a time limit.

The second epoch is measured, because the first one includes compilation. The epochs that fit become
the length of the schedule, whose learning rate therefore still ends at 0. Where they are too few to
train at all, the worse half of the networks stops, which about halves the time of an epoch.
"""

from typing import Any

from ..nn.schedules import CosLog, FlatCos

LEAST_EPOCHS = 24  # with fewer, fewer networks are better
LEAST_NETWORKS = 2
SPARE = 0.9  # fraction of the time that a plan fills


class Plan:
    """The epochs of a pack, and the factor of the learning rates in each.

    Args:
        epochs: int, the most epochs.
        schedule: "coslog4", "flat_cos" or "constant".
        limit: `stopping.time_limit.TimeLimit`, which also learns the prediction. None, or one
            without seconds: no limit.

    Attributes:
        epochs: int, those planned now.
        seconds: float, the predicted duration of what was left after the second epoch, or None.
        shortened: bool, whether the limit changed anything.
        kept: int, the networks that train on, or None where all do.
    """

    def __init__(self, epochs: int, schedule: str, limit: Any = None):
        self.epochs, self.schedule = epochs, schedule
        self.limit = None if limit is None or not limit.measures else limit
        self.seconds: float | None = None
        self.shortened = False
        self.kept: int | None = None
        self.last = 0.0 if self.limit is None else self.limit.spent()

    def factor(self, epoch: int) -> float:
        """The factor of every learning rate in an epoch (0-based)."""
        if self.schedule == "constant":
            return 1.0
        kind = {"coslog4": CosLog, "flat_cos": FlatCos}[self.schedule]
        return float(kind(1.0, self.epochs)(epoch + 0.5))

    def stops(self, epoch: int, ranked: list[int]) -> list[int]:
        """Which networks stop after an epoch.

        Args:
            epoch: int, 1-based.
            ranked: the networks that train, the best first.
        """
        if self.limit is None:
            return []
        now = self.limit.spent()
        each, self.last = now - self.last, now
        if epoch == 2 < self.epochs:
            self.seconds = (self.epochs - epoch) * each
            text = f"at most {self.epochs:,} epochs of {len(ranked)} networks"
            self.limit.predict(self.seconds, text)
        if self.limit.seconds is None:
            return []
        left = self.limit.left()
        if epoch >= self.epochs:
            return ranked
        if left < each * (1.0 if epoch > 1 else 0.1):
            self.shortened = True
            return ranked
        if epoch != 2:
            return []
        fit, kept = SPARE * left / each, len(ranked)
        wanted = min(LEAST_EPOCHS, self.epochs) - epoch
        while fit < wanted and kept >= 2 * LEAST_NETWORKS:
            fit, kept = 2 * fit, kept // 2
        if epoch + int(fit) < self.epochs or kept < len(ranked):
            self.epochs, self.shortened = min(self.epochs, epoch + max(1, int(fit))), True
        self.kept = kept if kept < len(ranked) else None
        return ranked[kept:]

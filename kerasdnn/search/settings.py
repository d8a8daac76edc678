"""Hold the settings of a search, and check all of them in one place."""

import dataclasses
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ..core.arguments import check_fraction, check_integer, check_positive, is_number
from ..core.parallel import check_n_jobs
from ..hyperparameters import SEARCH, default
from ..stopping.scores import name_of

EPOCHS, BATCH_SIZE = default("epochs", SEARCH), default("batch_size", SEARCH)
TRIALS_PER_BATCH, MAX_TRIALS_PER_BATCH = 128, 1024


@dataclass(frozen=True)
class SearchSettings:
    """What `tune` was asked for; the attributes are documented there.

    Attributes:
        fixed: dict of the hyperparameters that all trials share.
        scorer: the objective where it is a function; `objective` is then its name.
        direction: "min" or "max". None means as the name of the objective says.
    """

    space: Callable | None = None
    oracle: object = "random"
    max_trials: int | None = 100
    epochs: int | None = None
    batch_size: int | str | None = None
    validation_fraction: float = 0.2
    cv: object = None
    objective: str | Callable = "val_loss"
    time_budget: float | None = None
    directory: object = None
    resume: bool = True
    seed: int | None = None
    wave: int | None = None
    tensorboard: object = None
    verbose: int = 1
    fixed: dict = field(default_factory=dict)
    scorer: Callable | None = None
    direction: str | None = None
    n_jobs: int | None = None
    silence: float = 600.0

    def checked(self):
        """These settings in plain Python types.

        Raises:
            ValueError: one is out of its range.
        """
        plain = {"fixed": {name: v for name, v in self.fixed.items() if v is not None}}
        if callable(self.objective):
            plain |= {"scorer": self.objective, "objective": f"val_{name_of(self.objective)}"}
        for name in ("max_trials", "epochs", "wave"):
            if getattr(self, name) is not None:
                plain[name] = check_integer(name, getattr(self, name))
        if self.batch_size not in (None, "full"):
            remedy = "'full' means all rows in one step."
            plain["batch_size"] = check_integer("batch_size", self.batch_size, remedy=remedy)
        if self.seed is not None:
            plain["seed"] = check_integer("seed", self.seed, 0)
        if self.time_budget is not None:
            plain["time_budget"] = check_positive("time_budget", self.time_budget)
        if is_number(self.cv):
            plain["cv"] = check_integer("cv", self.cv, 2)
        elif hasattr(self.cv, "__iter__") and not isinstance(self.cv, (str, dict)):
            plain["cv"] = list(self.cv)  # a generator can be read only once
        plain |= {"n_jobs": check_n_jobs(self.n_jobs)}
        plain |= {"silence": check_positive("silence", self.silence)}
        check_fraction("validation_fraction", self.validation_fraction)
        return self.replace(**plain)

    def replace(self, **changes):
        """These settings with other values of some."""
        return dataclasses.replace(self, **changes)

    @property
    def kind(self):
        """The oracle's name."""
        return self.oracle if isinstance(self.oracle, str) else type(self.oracle).__name__

    @property
    def measured(self):
        """The objective: that of an oracle object goes before the argument."""
        return self.objective if isinstance(self.oracle, str) else self.oracle.objective.name

    def for_resume(self):
        """What search.json keeps: the settings in which a resumed search must agree."""
        own = {
            "oracle": self.kind, "epochs": self.epochs, "batch_size": self.batch_size,
            "cv": "given" if isinstance(self.cv, list) else self.cv, "objective": self.measured,
            "seed": self.seed, "fixed": self.fixed,
        }  # fmt: skip
        return json.loads(json.dumps(own, default=described))


def trials_per_batch(settings, together=True):
    """As many trials as there are, but a Bayesian search must see results to learn from them.

    Args:
        settings: `SearchSettings`.
        together: bool, whether the trials of a batch are trained as one program. Where they are
            not, a search that learns nothing is one batch, at whose end alone workers wait.
    """
    if settings.wave is not None:
        return settings.wave
    if settings.kind in ("bayesian", "BayesianOracle", "BayesianOptimizationOracle"):
        return max(8, -(-(settings.max_trials or 100) // 6))
    if settings.kind in ("random", "grid") and not together:
        return min(settings.max_trials or MAX_TRIALS_PER_BATCH, MAX_TRIALS_PER_BATCH)
    return TRIALS_PER_BATCH


def described(value):
    """A value that JSON cannot hold as text that is the same in the next process."""
    if hasattr(value, "get_config"):
        config = {k: v for k, v in value.get_config().items() if k != "name"}  # it counts up
        return f"{type(value).__name__} {config}"
    text = getattr(value, "__qualname__", str(value))
    return re.sub(" at 0x[0-9a-fA-F]+", "", text)  # where objects are in memory

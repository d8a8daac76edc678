"""What a search is judged by, and whether less or more of it is better."""

from .errors import one_of
from .heads import head_of

LESS_IS_BETTER = ("loss", "mae", "mse", "rmse", "mean_absolute_error", "mean_squared_error")


def direction_of(objective, direction=None):
    """Returns "min" or "max": losses and errors are to be small, all other metrics large."""
    if direction is not None:
        return one_of("direction", direction, ("min", "max"))
    if not isinstance(objective, str) or not objective.startswith("val_"):
        raise ValueError(
            "`objective` must be 'val_loss' or 'val_' and a metric's name: what is judged by rows "
            f"that were trained on says nothing. Received: objective={objective!r}."
        )
    return "min" if objective.removeprefix("val_") in LESS_IS_BETTER else "max"


def check_objective(objective, problem, one_hot, metrics=()):
    """`objective` as it is, if a network of `problem` reports it."""
    names = ["loss", *head_of(problem, one_hot).metrics, *metrics]
    return one_of("objective", objective, [f"val_{name}" for name in names])

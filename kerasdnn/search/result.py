"""Hold what a search found: a table of its trials, the best of them, importances and plots."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..core.messages import to_python
from ..core.readable import Description, Readable
from ..hyperparameters import FIT, names

SHOWN_TRIALS = 5  # in print


@dataclass(repr=False)
class SearchResult(Readable):
    """What `tune` found.

    Attributes:
        trials: DataFrame, one row per trial in the order of the search: its hyperparameters by
            name; `score`; `score_fold_0` ... with cross-validation; `epochs`, after how many the
            score was reached; `seconds`, the trial's fraction of the training of its batch;
            `status`: "completed", "dropped" (clearly worse than the best on some of the folds, and
            not trained on the others) or "failed", and then `message` says why.
        epochs: DataFrame, one row per trial, fold and epoch: the objective after it.
        objective: str, the name of the score.
        minimize: bool, whether a smaller score is better; also `minimise`.
        tuner: the `keras_tuner` tuner.
        seconds: float, duration of the search, that before it was resumed included.
        names: list of str, the columns of `trials` that are hyperparameters.
        defaults: dict, the hyperparameters that all trials share.
        refit: function of (hyperparameters, training) that trains the best network.
        seed_name: str, the seed's name among the hyperparameters of what `refit` trains.
        preset: str, preset of the estimators; None for networks.
        folder: the `Project` that holds the files of the search.

    Example:
        from kerasdnn import tune
        from sklearn.datasets import load_breast_cancer
        from sklearn.preprocessing import scale

        X, y = load_breast_cancer(return_X_y=True)
        result = tune(scale(X), y, max_trials=2, epochs=2, seed=0, verbose=0)
        print(result.verdict)
        result.ranking.head(1)
        ax = result.plot_history()
    """

    trials: pd.DataFrame
    epochs: pd.DataFrame
    objective: str
    minimize: bool
    tuner: Any
    seconds: float
    names: list
    defaults: dict = field(default_factory=dict)
    refit: Any = None
    seed_name: str = "seed"
    preset: str | None = None
    folder: object = field(default=None, repr=False)
    _networks: dict = field(default_factory=dict, repr=False)

    @property
    def minimise(self) -> bool:
        """Another name of `minimize`."""
        return self.minimize

    @property
    def ranking(self) -> pd.DataFrame:
        """The rows of `trials` without those that failed, the best first."""
        ranked = self.trials.dropna(subset=["score"])
        return ranked.sort_values("score", ascending=self.minimize, kind="stable")

    @property
    def verdict(self) -> str:
        """One or two sentences: the best trial, and whether the search has ended at an edge."""
        ranking = self.ranking
        if not len(ranking):
            return "No trial has a score."
        best = ranking.iloc[0]
        settings = ", ".join(
            f"{name}={cell_value(best[name])!r}"
            for name in self.names
            if cell_value(best[name]) is not None
        )
        return (
            f"The best {self.objective} is {best['score']:.4g} after {int(best['epochs'])} epochs, "
            f"in trial {best['trial']} with {settings or 'the defaults'}."
        )

    def _describe(self):
        trials, better = self.trials, "smaller" if self.minimize else "larger"
        counts = trials["status"].value_counts()
        states = ", ".join(f"{count:,} {status}" for status, count in counts.items())
        folds = sum(name.startswith("score_fold_") for name in trials)
        judged = f"the mean over {folds} folds" if folds else "one validation set"
        lines = [
            self.verdict,
            f"{len(trials):,} trials ({states}) in {self.seconds:.3g} seconds; the score is "
            f"{self.objective} of {judged}, {better} is better.",
        ]
        if "seed" in self.defaults:
            lines.append(f"Seed {self.defaults['seed']}.")
        if len(self.ranking) > 1:
            lines.append(
                "The best of many trials is best partly by chance: evaluate it on rows that the "
                "search has not seen."
            )
        names = ["trial", *self.names, "score", "epochs", "seconds"]
        table = self.ranking.reindex(columns=names).head(SHOWN_TRIALS).reset_index(drop=True)
        return Description("Search for hyperparameters", lines, [("Best trials", table)])

    def _settings(self, rank):
        if rank >= len(self.ranking):
            failed = self.trials[self.trials["score"].isna()] if len(self.trials) else self.trials
            raise ValueError(
                f"`rank` must be below the {len(self.ranking)} trials with a score. "
                f"Received: rank={rank}."
                + (f" The first to fail: {failed['message'].iloc[0]}" if len(failed) else "")
            )
        return self._settings_of(self.ranking.iloc[rank])

    def hyperparameters_of(self, trial: int) -> dict[str, Any]:
        """Return the hyperparameters of a row of `trials`.

        Args:
            trial: int, the position of the row, at least 0.

        Returns:
            dict: arguments of a `build_*` function, or of an estimator.
        """
        found = self._settings_of(self.trials.iloc[trial])
        return {k: v for k, v in found.items() if k not in names(FIT)}

    def _settings_of(self, row):
        found = {name: cell_value(row[name]) for name in self.names}
        return {k: v for k, v in {**self.defaults, **found}.items() if v is not None}

    @property
    def best_score(self) -> float:
        """The score of the best trial."""
        self._settings(0)
        return float(self.ranking["score"].iloc[0])

    @property
    def best_hyperparameters(self) -> dict[str, Any]:
        """Those of the best trial, as keyword arguments of the `build_*` functions."""
        return self.hyperparameters(0)

    def hyperparameters(self, rank: int = 0) -> dict[str, Any]:
        """Return the hyperparameters of a trial, as keyword arguments.

        Args:
            rank: int, position in the ranking. Default: 0, the best.

        Returns:
            dict: arguments of a `build_*` function, or of an estimator.
        """
        found = {k: v for k, v in self._settings(rank).items() if k not in names(FIT)}
        found = {self.seed_name if k == "seed" else k: v for k, v in found.items()}
        return found if self.preset is None else {"preset": self.preset, **found}

    @property
    def best_training(self) -> dict[str, Any]:
        """The `batch_size` and number of `epochs` with which the best trial was at its best."""
        return self.training(0)

    def training(self, rank: int = 0) -> dict[str, Any]:
        """Return `batch_size` and `epochs` of a trial.

        With a schedule, `epochs` are all epochs of the trial, because the schedule ends with the
        last one.

        Args:
            rank: int, position in the ranking. Default: 0, the best.

        Returns:
            dict: arguments of `fit`.
        """
        settings = self._settings(rank)
        found = {k: v for k, v in settings.items() if k in names(FIT)}
        if settings.get("schedule", "constant") != "constant" and "epochs" in found:
            return found
        return {**found, "epochs": int(self.ranking["epochs"].iloc[rank])}

    def best_network(self, rank: int = 0) -> Any:
        """Train a network with the best hyperparameters on all rows that were searched on.

        It is trained for the number of epochs after which the trial was at its best, with the
        trial's seed.

        Args:
            rank: int, position in the ranking. Default: 0, the best.

        Returns:
            `Network`; of a search over a table, the fitted estimator.
        """
        if rank not in self._networks:
            self._networks[rank] = self.refit(self.hyperparameters(rank), self.training(rank))
        return self._networks[rank]

    def best_estimator(self, rank: int = 0) -> Any:
        """Train an estimator with the best hyperparameters; see `best_network`.

        Args:
            rank: int, position in the ranking. Default: 0, the best.

        Returns:
            Fitted `DNNClassifier` or `DNNRegressor`; a `Network` if arrays of numbers were
            searched.
        """
        return self.best_network(rank)

    @property
    def importance(self) -> pd.Series:
        """The importance of each hyperparameter for the score, largest first; they sum to 1.

        A random forest is trained on the trials (features: the hyperparameters, target: the rank of
        the score, which a few diverged trials do not dominate). A hyperparameter's importance is
        how much worse the forest predicts when that column is permuted. It describes the region
        that was searched; fewer than about 30 trials say little.

        Returns:
            Series from hyperparameter to importance; "hidden_units" as "depth" and "width".
        """
        from sklearn.ensemble import RandomForestRegressor
        from sklearn.inspection import permutation_importance

        features = as_features(self.ranking[self.names])
        if features.shape[1] == 0 or len(features) < 4:
            return pd.Series(np.nan, index=list(features), name="importance")
        target = self.ranking["score"].rank().to_numpy()
        forest = RandomForestRegressor(200, min_samples_leaf=2, random_state=0, oob_score=False)
        forest.fit(features.to_numpy(), target)
        found = permutation_importance(
            forest, features.to_numpy(), target, n_repeats=10, random_state=0
        ).importances_mean.clip(0)
        found = found / found.sum() if found.sum() else found
        named = pd.Series(found, index=list(features), name="importance")
        return named.sort_values(ascending=False, kind="stable")

    def plot_history(self, title: str | None = None, ax: Any = None) -> Any:
        """Plot the score of each trial, and the best so far.

        Args:
            title: str, the title of the plot. None means no title.
            ax: matplotlib axes to draw on. None means a new figure.

        Returns:
            The matplotlib axes.
        """
        from .. import plots

        return plots.search_history(
            self.trials["score"], ylabel=self.objective, minimise=self.minimize, title=title, ax=ax
        )

    def plot_importance(self, title: str | None = None, ax: Any = None) -> Any:
        """Plot one bar per hyperparameter: its importance.

        Args:
            title: str, the title of the plot. None means no title.
            ax: matplotlib axes to draw on. None means a new figure.

        Returns:
            The matplotlib axes.
        """
        from .. import plots

        found = self.importance
        return plots.bars(list(found.index), list(found), ylabel="importance", title=title, ax=ax)

    def plot_parallel(self, title: str | None = None, ax: Any = None) -> Any:
        """Plot an axis per hyperparameter and a line per trial.

        Args:
            title: str, the title of the plot. None means no title.
            ax: matplotlib axes to draw on. None means a new figure.

        Returns:
            The matplotlib axes.
        """
        from .. import plots

        return plots.parallel_coordinates(
            self.ranking[self.names], self.ranking["score"], label=self.objective,
            minimise=self.minimize, title=title, ax=ax,
        )  # fmt: skip

    def plot_scores(self) -> Any:
        """Plot the score against each hyperparameter.

        Returns:
            The matplotlib figure.
        """
        from .. import plots

        return plots.scores_against(
            self.ranking[self.names], self.ranking["score"], ylabel=self.objective,
            minimise=self.minimize,
        )  # fmt: skip


def as_features(settings):
    """Convert hyperparameters to columns of numbers; those with one value are left out."""
    columns = {}
    for name in settings:
        values = list(settings[name])
        if any(isinstance(v, tuple) for v in values):
            columns["depth"] = [len(v) for v in values]
            columns["width"] = [float(np.mean(v)) if v else 0.0 for v in values]
        elif all(isinstance(v, (int, float, np.number)) and v == v for v in values):
            columns[name] = [float(v) for v in values]
        else:  # text, and "not given"
            words = sorted({str(v) for v in values})
            columns[name] = [words.index(str(v)) for v in values]
    frame = pd.DataFrame(columns, dtype=float)
    return frame.loc[:, frame.nunique() > 1]


def cell_value(value):
    """A cell of a table as the Python value that was put in; NaN, "not given", as None."""
    value = to_python(value)
    return None if isinstance(value, float) and value != value else value


def search_tail(tuner, project, settings, refit, kind=SearchResult, **about):
    """Make the result of a search that a tuner of `tune` has run.

    Args:
        tuner: `PopulationTuner` or `EstimatorTuner`.
        project: `Project`.
        settings: `SearchSettings`.
        refit: function of (hyperparameters, training) that trains the best network.
        kind: class of the result.
        about: other attributes of the result.

    Returns:
        `SearchResult`.
    """
    result = result_of(tuner, kind, refit=refit, folder=project, **about)
    if settings.tensorboard is not None:
        write_hparams(result, settings.tensorboard)
    return result


def result_of(tuner, kind, **about):
    """What a tuner has found so far, a batch that is still running included."""
    objective, records, curves, settings = tuner.oracle.objective, [], [], []
    running = tuner.running.results() if tuner.running else {}
    ended = set(tuner.oracle.end_order)
    for trial_id, trial in tuner.oracle.trials.items():
        if trial_id not in ended and not tuner.running:  # the time was over
            continue
        settings.append(tuner.hypermodel.space_settings(trial.hyperparameters))
        record = {"trial": trial_id, "status": trial.status.lower(), "message": trial.message}
        metrics, step = {}, trial.best_step
        if trial.status == "COMPLETED":
            metrics = {n: h.get_best_value() for n, h in trial.metrics.metrics.items()}
        elif isinstance(running.get(trial_id), tuple):
            metrics, step = running[trial_id]
        if metrics:
            record["score"] = float(metrics[objective.name])
            record["epochs"], record["seconds"] = int(step), metrics["seconds"]
            record |= {f"score_{n}": metrics[n] for n in metrics if n.startswith("fold_")}
            if metrics.get("dropped"):
                record["status"] = "dropped"
        records.append(record)
        for fold, curve in tuner.curves(trial_id).items():
            epochs = range(1, len(curve) + 1)
            curves.append(pd.DataFrame(
                {"trial": trial_id, "fold": fold, "epoch": epochs, objective.name: curve}
            ))  # fmt: skip
    varied = list(dict.fromkeys(name for one in settings for name in one))
    trials = pd.DataFrame(
        [{**dict.fromkeys(varied), **s, **r} for s, r in zip(settings, records, strict=True)]
    )
    first = ["trial", *varied, "score"]
    trials = trials.reindex(columns=[*first, *(c for c in trials if c not in first)])
    for column in ("epochs", "seconds"):
        trials[column] = trials.get(column)
    return kind(
        trials=trials,
        epochs=pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(),
        objective=objective.name,
        minimize=objective.direction == "min",
        tuner=tuner,
        seconds=tuner.seconds + (tuner.running.seconds if tuner.running else 0),
        names=[n for n in varied if n not in names(FIT)] + [n for n in varied if n == "batch_size"],
        defaults={
            "batch_size": tuner.fit_with["batch_size"], "seed": tuner.seed,
            **tuner.hypermodel.fixed,
        },
        **about,
    )  # fmt: skip


def write_hparams(result, folder):
    """Write one run per trial for TensorBoard's HParams page.

    Args:
        result: `SearchResult`.
        folder: str or Path, the argument of `tensorboard --logdir`.
    """
    import tensorflow as tf
    from tensorboard.plugins.hparams import api

    for _, row in result.trials.iterrows():
        settings = {
            name: value if isinstance(value, (int, float, str, bool)) else str(value)
            for name, value in row[result.names].items()
        }
        writer = tf.summary.create_file_writer(str(Path(folder, f"trial_{row['trial']}")))
        with writer.as_default():
            api.hparams(settings, trial_id=row["trial"])
            own = result.epochs[result.epochs["trial"] == row["trial"]]
            for epoch, value in own.groupby("epoch")[result.objective].mean().items():
                tf.summary.scalar(result.objective, value, step=int(epoch))
        writer.close()

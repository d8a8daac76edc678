"""What a search found: a table of its trials, the best of them, what mattered, pictures."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from ..hyperparameters import TRAIN


@dataclass
class SearchResult:
    """What `tune` found.

    Attributes:
        trials: DataFrame, a row per trial in the order of the search: its hyperparameters by their
            names in the vocabulary; `score`; `score_fold_0` ... with cross-validation; `epochs`,
            after how many the score was reached; `seconds`, the trial's share of its wave;
            `status`: "completed", "dropped" (hopeless after some of the folds) or "failed", and
            then `message` says why.
        epochs: DataFrame, a row per trial, fold and epoch: the objective after it.
        objective, minimise: what was judged, and whether smaller is better.
        tuner: the `keras_tuner` tuner, for those who know it.
        seconds: float, the search, with what was done before a resume.
    """

    trials: pd.DataFrame
    epochs: pd.DataFrame
    objective: str
    minimise: bool
    tuner: object
    seconds: float
    names: list
    defaults: dict = field(default_factory=dict)
    refit: object = None
    seed_name: str = "seed"
    preset: str | None = None  # of an estimator
    _networks: dict = field(default_factory=dict, repr=False)

    @property
    def ranking(self):
        """`trials`, the best first, without those that failed."""
        ranked = self.trials.dropna(subset=["score"])
        return ranked.sort_values("score", ascending=self.minimise, kind="stable")

    def _settings(self, rank):
        if rank >= len(self.ranking):
            failed = self.trials[self.trials["score"].isna()] if len(self.trials) else self.trials
            raise ValueError(
                f"`rank` must be below the {len(self.ranking)} trials with a score. "
                f"Received: rank={rank}."
                + (f" The first to fail: {failed['message'].iloc[0]}" if len(failed) else "")
            )
        return self._settings_of(self.ranking.iloc[rank])

    def hyperparameters_of(self, trial):
        """Those of a row of `trials`, by its position."""
        found = self._settings_of(self.trials.iloc[trial])
        return {k: v for k, v in found.items() if k not in TRAIN}

    def _settings_of(self, row):
        found = {name: plain(row[name]) for name in self.names}
        return {k: v for k, v in {**self.defaults, **found}.items() if v is not None}

    @property
    def best_score(self):
        self._settings(0)
        return float(self.ranking["score"].iloc[0])

    @property
    def best_hyperparameters(self):
        """Of the best trial, as keyword arguments of `build_classifier` and its siblings."""
        return self.hyperparameters(0)

    def hyperparameters(self, rank=0):
        """Those of the trial at a place of the ranking, 0 the best."""
        found = {k: v for k, v in self._settings(rank).items() if k not in TRAIN}
        found = {self.seed_name if k == "seed" else k: v for k, v in found.items()}
        return found if self.preset is None else {"preset": self.preset, **found}

    @property
    def best_training(self):
        """`batch_size`, and the `epochs` after which the best trial was at its best."""
        return self.training(0)

    def training(self, rank=0):
        found = {k: v for k, v in self._settings(rank).items() if k in TRAIN}
        return {**found, "epochs": int(self.ranking["epochs"].iloc[rank])}

    def best_network(self, rank=0):
        """A network with the best hyperparameters, trained anew on all rows that were searched on.

        It is trained for the number of epochs after which the trial was at its best, with the
        trial's seed. Of a search over a table it is the fitted estimator.

        Args:
            rank: int, which place of the ranking; 0 is the best.
        """
        if rank not in self._networks:
            self._networks[rank] = self.refit(self.hyperparameters(rank), self.training(rank))
        return self._networks[rank]

    def best_estimator(self, rank=0):
        """`best_network`, under the name that fits a search over a table."""
        return self.best_network(rank)

    @property
    def importance(self):
        """How much each hyperparameter has to do with the score, largest first; sums to 1.

        A forest is grown on the trials (features: the hyperparameters, target: the rank of the
        score, which a few diverged trials do not dominate); a hyperparameter's importance is how
        much worse the forest predicts when that column is shuffled. It speaks of the trials made:
        where the search has looked, and for trials of fewer than about 30, hardly at all.

        Returns:
            Series: hyperparameter to share; "hidden_units" as "depth" and "width".
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
        share = found / found.sum() if found.sum() else found
        named = pd.Series(share, index=list(features), name="importance")
        return named.sort_values(ascending=False, kind="stable")

    def plot_history(self, title=None, ax=None):
        """The score of each trial, and the best so far."""
        from .. import plots

        return plots.search_history(
            self.trials["score"], ylabel=self.objective, minimise=self.minimise, title=title, ax=ax
        )

    def plot_importance(self, title=None, ax=None):
        """A bar per hyperparameter."""
        from .. import plots

        found = self.importance
        return plots.bars(list(found.index), list(found), ylabel="importance", title=title, ax=ax)

    def plot_parallel(self, title=None, ax=None):
        """Parallel coordinates: an upright line per hyperparameter, a thread per trial."""
        from .. import plots

        return plots.parallel_coordinates(
            self.ranking[self.names], self.ranking["score"], label=self.objective,
            minimise=self.minimise, title=title, ax=ax,
        )  # fmt: skip

    def plot_scores(self):
        """The score against each hyperparameter. Returns the figure."""
        from .. import plots

        return plots.scores_against(
            self.ranking[self.names], self.ranking["score"], ylabel=self.objective,
            minimise=self.minimise,
        )  # fmt: skip


def as_features(settings):
    """Hyperparameters as columns of numbers; those with one value are left out."""
    columns = {}
    for name in settings:
        values = list(settings[name])
        if any(isinstance(v, tuple) for v in values):
            columns["depth"] = [len(v) for v in values]
            columns["width"] = [float(np.mean(v)) if v else 0.0 for v in values]
        elif all(isinstance(v, (int, float, np.number)) and v == v for v in values):
            columns[name] = [float(v) for v in values]
        else:  # words, and "not given"
            words = sorted({str(v) for v in values})
            columns[name] = [words.index(str(v)) for v in values]
    frame = pd.DataFrame(columns, dtype=float)
    return frame.loc[:, frame.nunique() > 1]


def plain(value):
    """A cell of a table as the Python value that was put in; NaN, "not given", as None."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and value != value else value


def result_of(tuner, refit, kind=SearchResult):
    """What a tuner of `tune` has found so far, a wave that is still running included."""
    objective, records, curves, settings = tuner.oracle.objective, [], [], []
    running = tuner.open.results() if tuner.open else {}
    for trial_id, trial in tuner.oracle.trials.items():
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
        if tuner.open and trial_id in tuner.open.ids:
            found = tuner.open.curves[tuner.open.ids.index(trial_id)]
        else:
            found = tuner.files.curves(trial_id)
        for fold, curve in found.items():
            epochs = range(1, len(curve) + 1)
            curves.append(pd.DataFrame(
                {"trial": trial_id, "fold": fold, "epoch": epochs, objective.name: curve}
            ))  # fmt: skip
    names = list(dict.fromkeys(name for one in settings for name in one))
    trials = pd.DataFrame(
        [{**dict.fromkeys(names), **s, **r} for s, r in zip(settings, records, strict=True)]
    )
    first = ["trial", *names, "score"]
    trials = trials.reindex(columns=[*first, *(c for c in trials if c not in first)])
    for column in ("epochs", "seconds"):
        trials[column] = trials.get(column)
    return kind(
        trials=trials,
        epochs=pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(),
        objective=objective.name,
        minimise=objective.direction == "min",
        tuner=tuner,
        seconds=tuner.seconds + (tuner.open.seconds if tuner.open else 0),
        names=[n for n in names if n not in ("batch_size", "epochs")] + [
            n for n in names if n == "batch_size"
        ],
        defaults={
            "batch_size": tuner.fit_with["batch_size"], "seed": tuner.seed,
            **tuner.hypermodel.fixed,
        },
        refit=refit,
    )  # fmt: skip


def write_hparams(result, folder):
    """Write one run per trial.

    Args:
        result: `SearchResult`.
        folder: what `tensorboard --logdir` takes.
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

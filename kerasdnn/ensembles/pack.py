"""Train a pack: a population of different networks, and the ensemble selected while they train.

Each network stops by its own patience. After each epoch `greedy` selects an ensemble from the
networks at this and at earlier epochs; the weights of the selected ones are stored, so that a
network may be selected at an epoch that it has long left behind. Training ends when all networks
have stopped, or when the ensemble has not improved for twice the patience.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np

from ..core import keras_internals
from ..core.arguments import Unstackable
from ..core.messages import invalid
from ..factories import build_for
from ..heads import Problem
from ..hyperparameters import Range
from ..nn.embedding import EmbedCategories
from ..nn.numeric_embeddings import PiecewiseLinearEmbedding, quantile_edges
from ..population.population import Population
from ..stopping.cross_selection import halves
from .duration import Plan
from .greedy import Entry, scorer, select
from .sampling import draw_members

LIMIT = 16  # networks of an ensemble
SAMPLED = ("hidden_units", "learning_rate", "weight_decay", "dropout")


@dataclass
class Selection:
    """The ensemble of a population that trains; call it as `Population.fit` calls `on_epoch`.

    Attributes:
        x: float32 (rows, features), the validation set.
        score: function from predictions to numbers, see `greedy.scorer`.
        loss: the same by the loss of the problem type, for the history.
        plan: `Plan`, what fits in the time.
        patience: int, epochs without an improvement after which training ends. None means never.
        entries: list of `Entry`, the present ensemble.
        weights: dict from the key of an entry to a list of arrays.
        best: its score. Less is better.
        best_epoch: int, the epoch of its last improvement.
        history: list of dicts, one per epoch.
        kept: list of lists of `Entry`, those of each epoch, for `crossed`. None: not kept.
    """

    x: np.ndarray
    score: Any
    loss: Any
    plan: Plan
    patience: int | None = None
    entries: list = field(default_factory=list)
    weights: dict = field(default_factory=dict)
    best: float = np.inf
    best_epoch: int = 0
    history: list = field(default_factory=list)
    peaks: dict = field(default_factory=dict)  # member to the `Entry` of its best epoch
    kept: list | None = None

    def __call__(self, population: Population, epoch: int, logs: dict) -> None:
        trained = np.flatnonzero(np.isfinite(logs["val_loss"])).tolist()
        latest = []
        if trained:
            predictions = population.predict(self.x, members=trained)
            latest = [Entry(i, epoch, p) for i, p in zip(trained, predictions, strict=True)]
        if self.kept is not None:
            self.kept.append(latest)
        for entry in latest:
            if population.best_epochs[entry.member] == epoch:
                self.peaks[entry.member] = entry
        self.update(population, latest, epoch)
        stack = np.stack([entry.prediction for entry in self.entries]) if self.entries else None
        self.history.append({
            "loss": float(np.mean(logs["loss"][trained])) if trained else np.nan,
            "val_loss": np.nan if stack is None else float(self.loss(stack.mean(0)[None])[0]),
            "networks": len(self.entries),
            "training": int((np.array(population.status) == "training").sum()),
        })  # fmt: skip
        ranked = []
        if latest:
            order = np.argsort(self.score(np.stack([entry.prediction for entry in latest])))
            ranked = [trained[k] for k in order.tolist()]
        stops = self.plan.stops(epoch, ranked)
        if self.patience is not None and epoch - self.best_epoch >= self.patience:
            stops = trained
        for i in stops:
            population.stop(i)

    def update(self, population, latest, epoch):
        """Select from the present ensemble, the best epochs and the latest one."""
        entries, score = reselect([*self.entries, *self.peaks.values(), *latest], self.score)
        if not score < self.best:
            return
        self.best, self.best_epoch, self.entries = score, epoch, entries
        for entry in self.entries:
            if entry.key not in self.weights:
                now = entry.epoch == epoch
                self.weights[entry.key] = population.get_weights(entry.member, best=not now)
        keys = {entry.key for entry in self.entries}
        self.weights = {key: w for key, w in self.weights.items() if key in keys}


def reselect(pool, score):
    """The ensemble of some entries, and its score."""
    pool = list({entry.key: entry for entry in pool}.values())
    if not pool:
        return [], np.inf
    chosen, found = select(np.stack([entry.prediction for entry in pool]), score, LIMIT)
    return [pool[k] for k in chosen], found


def crossed(epochs: list, score_of: Callable) -> np.ndarray | None:
    """Predict each row of the validation set by the ensemble that the other half of them selects.

    The residuals of the rows that select the ensemble are too small, see
    `stopping.cross_selection`.

    Args:
        epochs: list of lists of `Entry`, the networks that trained in each epoch.
        score_of: function of a bool mask of rows that returns a function as `greedy.scorer`.

    Returns:
        float64 `(rows, outputs)`, or None where nothing was selected, or there is a single row.
    """
    every = {entry.key: entry for latest in epochs for entry in latest}
    shape = next(iter(every.values())).prediction.shape if every else (0,)
    if shape[0] < 2:
        return None
    found = np.empty(shape)
    for half in halves(shape[0]):
        score, best = score_of(~half), np.inf
        entries: list[Entry] = []
        peaks: dict = {}  # member to (score, `Entry`) of its best epoch
        for latest in epochs:
            part = [entry._replace(prediction=entry.prediction[~half]) for entry in latest]
            for entry in part:
                value = float(score(entry.prediction[None])[0])
                if entry.member not in peaks or value < peaks[entry.member][0]:
                    peaks[entry.member] = value, entry
            pool = [*entries, *(entry for _, entry in peaks.values()), *part]
            chosen, value = reselect(pool, score)
            if value < best:
                entries, best = chosen, value
        if not entries:
            return None
        found[half] = np.mean([every[entry.key].prediction[half] for entry in entries], axis=0)
    return found


@dataclass
class Watch:
    """Ends the training of a population without a validation set in time; as `Selection`."""

    plan: Plan

    def __call__(self, population: Population, epoch: int, logs: dict) -> None:
        for i in self.plan.stops(epoch, np.argsort(logs["loss"]).tolist()):
            population.stop(i)


@dataclass
class Pack:
    """What training a pack returns.

    Attributes:
        networks: list of compiled `Network`, to be averaged, without the layers of `first`.
        first: list of layers before all of them, whose weights are not trained.
        history: dict from a column to a list, one number per epoch.
        best_epoch: int, the epoch of the last change of the ensemble, 1-based.
        drawn: dict from a hyperparameter that was drawn to a tuple, its value in each network.
        text: what was trained and selected, for a report.
        crossed: what `crossed` returns for the validation set, or None.
    """

    networks: list
    first: list
    history: dict
    best_epoch: int
    drawn: dict
    text: str = ""
    crossed: np.ndarray | None = None


def fixed_layers(encoder: Any, settings: dict, x: np.ndarray, seed: int) -> list:
    """The layers before all networks, which are not trained.

    Categories that are not one-hot become random vectors, and numbers their piecewise-linear
    encoding, which the first kernel of each network makes an embedding of.
    """
    layers, embedding = [], settings["numeric_embedding"]
    if embedding not in (None, "piecewise"):
        rule = "must be 'piecewise' in preset 'pack'"
        raise invalid("numeric_embedding", rule, embedding, "Leave it out.")
    if encoder.cardinalities_:
        size = settings["embedding_size"]
        layers.append(EmbedCategories(encoder.cardinalities_, size, deviation=1.0, seed=seed))
    if embedding is not None and encoder.n_numeric_:
        edges = quantile_edges(x[:, : encoder.n_numeric_], settings["n_bins"])
        layers.append(PiecewiseLinearEmbedding(edges, size=None))
    for layer in layers:
        layer.trainable = False
    return layers


def apply_layers(layers, x):
    """Apply layers to rows: float32 (rows, features)."""
    for layer in layers:
        x = layer(x)
    return np.asarray(keras.ops.convert_to_numpy(x), "float32")


def train_pack(problem: Problem, encoder: Any, settings: dict, rows: Any, validation: Any,
               rng: np.random.Generator, report: dict) -> Pack:  # fmt: skip
    """Draw, train and select networks.

    Args:
        problem: `Problem`.
        encoder: fitted `TableEncoder` that made the matrices.
        settings: hyperparameters of the preset; some are a `sampling.Range`.
        rows: `Rows` with the matrix x, y and weights to train on.
        validation: (x, y, weights), or None: all networks are trained for all epochs and averaged.
        rng: `numpy.random.Generator` that draws members and seeds.
        report: dict with "monitor", the metric that selects (None means the loss), "verbose",
            "limit", a `TimeLimit` or None, and "crosses", whether `Pack.crossed` is wanted.

    Raises:
        ValueError: all networks diverged, or a loss that cannot be stacked.
    """
    first = fixed_layers(encoder, settings, rows.x, int(rng.integers(2**31)))
    x = apply_layers(first, rows.x)
    problem = replace(problem, n_features=x.shape[1])
    members = draw_members(settings, SAMPLED, settings["n_members"], rng)
    given = [as_member(m, settings, problem, rows.y, int(rng.integers(2**31))) for m in members]
    population = population_of(given, problem)
    selection, held, patience = None, None, None
    plan = Plan(settings["epochs"], settings["schedule"], report["limit"])
    if validation is not None and settings["early_stopping"]:
        patience = settings["patience"]
    if validation is not None:
        x_held, (_, y_held, weights) = apply_layers(first, validation[0]), validation
        held = x_held, y_held, weights
        score = scorer(problem.head, y_held, weights, report["monitor"])
        loss = scorer(problem.head, y_held, weights, None)
        selection = Selection(x_held, score, loss, plan, patience and 2 * patience)
        selection.kept = [] if report["crosses"] else None
    monitored = report["monitor"] and f"val_{report['monitor']}"
    population.fit(
        x, rows.y, epochs=settings["epochs"], batch_size=settings["batch_size"],
        sample_weight=rows.weights, validation_data=held,
        monitor=(monitored or "val_loss") if held else "loss",
        patience=patience, schedule=plan.factor, on_epoch=selection or Watch(plan),
        verbose=min(1, int(report["verbose"])),
    )  # fmt: skip
    pack = collect(population, selection, settings, first, members)
    if selection is not None and selection.kept:
        pack.crossed = crossed(selection.kept, lambda rows: scorer(
            problem.head, y_held[rows], None if weights is None else weights[rows],
            report["monitor"],
        ))  # fmt: skip
    done, epochs = len(pack.history["loss"]), settings["epochs"]
    chosen = len(pack.networks)
    pack.text = f"Selected {chosen} network{'s' * (chosen > 1)}, of {len(members)} that trained in "
    pack.text += f"{done} epochs; "
    pack.text += f"the last change was in epoch {pack.best_epoch}."
    if plan.limit is not None and plan.shortened:
        pack.text += f" time_limit={plan.limit.seconds:g} left time for {done} of {epochs} epochs"
        pack.text += f" of {plan.kept} networks." if plan.kept else "."
    return pack


def as_member(drawn, settings, problem, y, seed):
    """The dict of a member of a `Population`."""
    optimizer = keras.optimizers.AdamW(
        drawn["learning_rate"], drawn["weight_decay"], beta_2=settings["beta_2"]
    )
    member = {
        "hidden_units": drawn["hidden_units"], "dropout": drawn["dropout"],
        "activation": settings["activation"], "loss": settings["loss"],
        "label_smoothing": settings.get("label_smoothing", 0.0),
        "optimizer": keras.optimizers.serialize(optimizer), "seed": seed,
    }  # fmt: skip
    if problem.head.activation == "exponential":
        # The exponential of random numbers may fall to 0 in the first steps.
        member["prior"] = np.maximum(np.mean(y, axis=0), 1e-6).ravel().tolist()
    return member


def population_of(given, problem):
    try:
        return Population(given, problem.n_features, problem=problem.head,
                          n_outputs=problem.n_outputs, one_hot=problem.one_hot)  # fmt: skip
    except Unstackable as error:
        remedy = 'Use preset="realmlp", which trains one network after the other.'
        raise ValueError(f"Preset 'pack' trains its networks as one. {error} {remedy}") from error


def collect(population, selection, settings, first, members):
    """The selected networks of a trained population as a `Pack`."""
    if selection is None:
        alive = [i for i, status in enumerate(population.status) if status != "diverged"]
        weights = [(i, population.get_weights(i)) for i in alive]
        frame = population.history.groupby("epoch")
        history = {"loss": frame["loss"].mean().tolist()}
    else:
        weights = [(e.member, selection.weights[e.key]) for e in selection.entries]
        columns = selection.history[0] if selection.history else ()
        history = {name: [row[name] for row in selection.history] for name in columns}
    if not weights:
        rate = settings["learning_rate"]
        raise invalid("learning_rate", "must be lower: all networks diverged", rate)
    networks, metrics = [], settings["metrics"]
    if metrics is None:
        metrics = [*population.problem.head.metrics][:1]
    for i, arrays in weights:
        hidden = members[i]["hidden_units"]
        network = build_for(
            population.problem, hidden_units=hidden, activation=settings["activation"],
            loss=settings["loss"], metrics=metrics, seed=population.members[i].seed,
        )  # fmt: skip
        network.set_weights(arrays)
        weighted = keras_internals.given_metrics(network)[0]
        network.compile(optimizer="sgd", loss=network.loss, weighted_metrics=weighted)
        networks.append(network)
    best = selection.best_epoch if selection else len(history["loss"])
    ranges = [name for name in SAMPLED if isinstance(settings[name], Range)]
    drawn = {name: tuple(member[name] for member in members) for name in ranges}
    return Pack(networks, first, history, best, drawn)

"""Population: many networks trained as one compiled program.

The weights of the members are stacked, so that a step of a hundred small networks is a few large
products instead of hundreds of tiny ones. `population_members.py` says what a member is,
`population_groups.py` which members are stacked together, `population_programs.py` what a step
computes, `population_judging.py` how members are judged, `population_files.py` how they are kept.
"""


class Population:
    """Networks that differ in their hyperparameters, trained side by side.

    Args:
        members: list of dicts in the vocabulary of the factories, one per network:
            `hidden_units`, `activation` (a name), `optimizer` ("sgd", "momentum", "nag",
            "adagrad", "rmsprop", "adam", or an instance or config of one of these, which brings
            its own hyperparameters), `learning_rate`, `momentum`, `dropout`, `l2`, `batch_norm`,
            `label_smoothing`, `prior`, `seed`; and of `fit`: `batch_size`, `epochs`. What a member
            leaves out is the factory's default; `batch_size` and `epochs` are those of `fit`.
        n_features: int, columns of X.
        problem: "binary", "multiclass", "multilabel", "regression" or "count".
        n_outputs: int, classes, labels or columns of y; 1 for "binary".
        one_hot: bool, y of a "multiclass" problem has one column per class.
        seed: int, members without a seed of their own get `seed`, `seed + 1`, ... None draws one.
        memory_limit: bytes that stacked members may take at a time. Default: 0.4 of the device's
            memory.

    Attributes:
        history: DataFrame, a row per member and epoch: `member`, `epoch` (from 1), `loss`,
            `val_loss`, `val_` and each metric of the problem's head.
        best_epochs: int array (members,), the epoch with the best `monitor`, 0 before any.
        best_scores: float array (members,), the value there; NaN before any.
        status: list of str per member: "training", "stopped", "early" (no patience left),
            "diverged" (loss no longer finite) or "finished".

    Raises:
        ValueError: a member that `build_classifier` and its siblings would refuse, or one that
            cannot be stacked (an activation that is no name, an optimizer that is none of the
            six, a learning-rate schedule): train it by `Network.fit`.

    Example:
        members = [{"hidden_units": (32,) * depth, "optimizer": "nag", "learning_rate": rate}
                   for depth in (1, 2, 3) for rate in (0.01, 0.03, 0.1)]
        population = Population(members, n_features=30, problem="binary", seed=0)
        population.fit(X, y, epochs=20, validation_data=(X_valid, y_valid))
        population.best_scores.argmin()
        network = population.member(4, best=True)
    """

    def __init__(
        self, members, n_features, *, problem, n_outputs=1, one_hot=False, seed=None,
        memory_limit=None,
    ):  # fmt: skip
        raise NotImplementedError

    def fit(
        self,
        X,
        y,
        *,
        epochs=1,
        batch_size=32,
        sample_weight=None,
        rows=None,
        validation_rows=None,
        validation_data=None,
        monitor=None,
        patience=None,
        initial_epoch=None,
        on_epoch=None,
        verbose=0,
    ):
        """Train every member that has not stopped up to epoch `epochs`.

        A second call goes on where the first one ended: nothing is compiled or initialised anew.

        Args:
            X: array (rows, n_features).
            y: as the network of `problem` takes it.
            epochs: int, the last epoch, as in Keras; a member's own `epochs` goes before it.
            batch_size: int or "full", for members without one of their own.
            sample_weight: (rows,), or (members, rows) where each member has its own.
            rows: training rows: int indices into X, or a list of such arrays, one per member; a
                row may be named several times (bootstrap). Default: those not validated on.
            validation_rows: rows to judge by, likewise: one array, or one per member.
            validation_data: (X, y) or (X, y, sample_weight), instead of `validation_rows`.
            monitor: "val_loss" or "val_" and a metric of the head, or "loss": what decides on the
                best epoch. Default: "val_loss" with validation rows, else "loss".
            patience: int, epochs without a better `monitor` until a member stops; None: never.
            initial_epoch: int, epochs done before. Default: as many as this population has done.
            on_epoch: called as `on_epoch(population, epoch, logs)` after each epoch (from 1); logs
                is a dict from a column of `history` to a float array (members,), NaN for members
                that do not train. It may call `stop`.
            verbose: 1 prints a line that tells epochs, members and the best score.

        A member sees its rows in the order in which `Network.fit` with its seed would visit
        `X[rows]`. Dropout has a stream of its own, a function of the member's seed and step.
        `val_loss` is the head's own, without l2 and label smoothing and as a weighted mean: members
        that differ in these are judged by the same measure. `loss` is what is minimised, as
        Keras's.

        Returns:
            `history`.

        Raises:
            ValueError: data that `Network.fit` would refuse, or rows out of range.
        """
        raise NotImplementedError

    def stop(self, member):
        """Train `member` no further. Half a group stopped, the rest is stacked anew."""
        raise NotImplementedError

    def curves(self, name="val_loss"):
        """A column of `history` as a float array (members, epochs), NaN where not trained."""
        raise NotImplementedError

    def predict(self, X, best=False):
        """What every member predicts: float32 (members, rows, outputs).

        Args:
            X: array (rows, n_features).
            best: True: with the weights of each member's best epoch.
        """
        raise NotImplementedError

    def member(self, i, best=False):
        """Member `i` as a compiled `Network`, optimizer state included.

        Args:
            best: True: with the weights of its best epoch (and the latest optimizer state).
        """
        raise NotImplementedError

    def get_weights(self, i, best=False):
        """The weights of member `i`, as `Network.set_weights` takes them."""
        raise NotImplementedError

    def member_state(self, i):
        """All that training changes of member `i`, a dict of arrays.

        `load_member_state` of any population puts it into a member of the same layer sizes.
        """
        raise NotImplementedError

    def load_member_state(self, i, state):
        """Let member `i` go on from `member_state`."""
        raise NotImplementedError

    def state(self):
        """All that training changes, a dict of arrays; with `load_state` training goes on to the
        bit as if it had not been interrupted."""
        raise NotImplementedError

    def load_state(self, state):
        """Go on from `state()` of a population with the same members."""
        raise NotImplementedError

    def save(self, path):
        """Write members and state to one file, whole or not at all: npz with a JSON part."""
        raise NotImplementedError

    @classmethod
    def load(cls, path):
        """The population of a file that `save` wrote.

        Raises:
            ValueError: the file is damaged or was not written by `save`.
        """
        raise NotImplementedError

"""Keep the arrays of a search on disk: a checkpoint of the running batch, results of the others.

    wave.npz          the running batch of trials: written every few seconds of training
    wave_TRIAL.npz    a finished batch, named by its first trial

Each is written atomically.
"""

from dataclasses import dataclass
from pathlib import Path

from ...core.state_files import read_arrays, write_arrays


@dataclass
class Checkpoint:
    """An interrupted batch: what was done, and the state of the stage that was running."""

    stage: int
    seconds: float
    pruned: set
    curves: list
    best_weights: dict
    state: dict


class Checkpoints:
    """The files of the batches in a project's folder."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.running = self.folder / "wave.npz"
        self._places = {}  # trial to the file of its batch
        self._file = (None, None)  # the file read last, and its arrays

    def save_checkpoint(self, run, stage):
        """Write the state of a `BatchRun`."""
        about = {
            "trials": run.ids, "round": stage, "seconds": run.seconds,
            "dropped": sorted(run.pruned),
        }  # fmt: skip
        arrays = {**self._arrays(run), **prefixed("state", run.batch.state())}
        write_arrays(self.running, about, arrays)

    def checkpoint(self, ids):
        """The checkpoint of the batch of these trials, or None."""
        if not self.running.exists():
            return None
        about, arrays = read_arrays(self.running)
        if about["trials"] != ids:  # of a batch that was told to the oracle already
            return None
        curves, weights = [], {}
        for trial_id in ids:
            found = part(arrays, f"curve/{trial_id}")
            curves.append({int(fold): curve for fold, curve in found.items()})
            if kept := part(arrays, f"best/{trial_id}"):
                weights[trial_id] = in_order(kept)
        return Checkpoint(
            about["round"], about["seconds"], set(about["dropped"]), curves, weights,
            part(arrays, "state"),
        )  # fmt: skip

    def forget_checkpoint(self):
        self.running.unlink(missing_ok=True)

    def finish(self, run):
        """Write what a finished batch leaves behind."""
        path = self.folder / f"wave_{run.ids[0]}.npz"
        write_arrays(path, {"trials": run.ids}, self._arrays(run))
        self._places.update(dict.fromkeys(run.ids, path))

    def _arrays(self, run):
        arrays = {}
        for trial_id, curves in zip(run.ids, run.curves, strict=True):
            for fold, curve in curves.items():
                arrays[f"curve/{trial_id}/{fold}"] = curve
        for trial_id, weights in run.best_weights.items():
            arrays |= prefixed(f"best/{trial_id}", dict(enumerate(weights)))
        for (trial_id, fold), state in run.states.items():
            arrays |= prefixed(f"member/{trial_id}/{fold}", state)
        return arrays

    def curves(self, trial_id):
        """Fold to the objective after each epoch."""
        return {int(k): v for k, v in part(self._batch_of(trial_id), f"curve/{trial_id}").items()}

    def weights(self, trial_id):
        """The weights of a finished trial's network at its best epoch."""
        return in_order(part(self._batch_of(trial_id), f"best/{trial_id}"))

    def member_state(self, trial_id, fold):
        """The state, optimizer included, from which Hyperband continues a trial."""
        return part(self._batch_of(trial_id), f"member/{trial_id}/{fold}")

    def _batch_of(self, trial_id):
        if trial_id not in self._places:
            for path in sorted(self.folder.glob("wave_*.npz")):
                about, _ = read_arrays(path, names=())
                self._places.update(dict.fromkeys(about["trials"], path))
        if trial_id not in self._places:
            raise ValueError(
                f"Trial {trial_id} has no weights in {self.folder}: it has not finished, or its "
                "file wave_*.npz was deleted."
            )
        path = self._places[trial_id]
        if self._file[0] != path:
            self._file = path, read_arrays(path)[1]
        return self._file[1]


def prefixed(prefix, arrays):
    return {f"{prefix}/{name}": value for name, value in arrays.items()}


def part(arrays, prefix):
    """The arrays below a prefix, by the rest of their names."""
    start = prefix + "/"
    return {name[len(start) :]: v for name, v in arrays.items() if name.startswith(start)}


def in_order(numbered):
    return [numbered[str(i)] for i in range(len(numbered))]

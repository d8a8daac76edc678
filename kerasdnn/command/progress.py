"""Show on stderr how far a training is."""

import sys
import time
from typing import Any

import keras


class TrainingProgress(keras.callbacks.Callback):
    """One line that overwrites itself on a terminal; elsewhere a line per tenth of the epochs."""

    def __init__(self, stream: Any = None):
        super().__init__()
        self.stream = stream or sys.stderr
        self.members = 0

    def on_train_begin(self, logs=None):
        self.began, self.members = time.perf_counter(), self.members + 1

    def on_epoch_end(self, epoch, logs=None):
        done, total = epoch + 1, self.params["epochs"]
        tenth = done * 10 // total != epoch * 10 // total
        if not (self.stream.isatty() or tenth):
            return
        seconds = time.perf_counter() - self.began
        shown = {k: v for k, v in (logs or {}).items() if k in ("loss", "val_loss")}
        scores = "".join(f"  {name} {float(value):.4g}" for name, value in shown.items())
        left = f"{seconds / done * (total - done):.0f} s left"
        line = f"network {self.members}: epoch {done}/{total}  {left}{scores}"
        end = "" if self.stream.isatty() and done < total else "\n"
        print(f"\r{line:<78}" if self.stream.isatty() else line, end=end, file=self.stream,
              flush=True)  # fmt: skip

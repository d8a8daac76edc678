"""One line about a search: trials done, best score, time left."""

import sys
import time


class Line:
    """A line that writes over itself on a terminal; in a log, the last one alone."""

    def __init__(self, verbose=1, stream=None):
        self.verbose, self.stream = verbose, stream or sys.stderr
        self.text = ""

    def show(self, text):
        if self.verbose and self.stream.isatty():
            self.stream.write("\r" + text.ljust(len(self.text)))
            self.stream.flush()
        self.text = text

    def close(self):
        if self.verbose and self.text:
            self.stream.write("\n" if self.stream.isatty() else self.text + "\n")
            self.stream.flush()
        self.text = ""


class Progress:
    """Called with the tuner after every block of training."""

    def __init__(self, oracle, verbose=1, stream=None):
        self.total, self.line = trials_in_all(oracle), Line(verbose, stream)
        self.began, self.first = time.monotonic(), None

    def __call__(self, tuner):
        running = tuner.open.share_done() * len(tuner.open.trials) if tuner.open else 0
        best = tuner.oracle.get_best_trials(1)
        scored = best and best[0].score is not None
        self.show(
            len(tuner.oracle.end_order) + running,
            tuner.oracle.objective.name,
            best[0].score if scored else None,
        )

    def show(self, done, objective, best):
        """`done` may be a fraction: a wave advances all of its trials at once."""
        if self.first is None:
            self.first = done
        line = f"trials {done:.0f}" + (f"/{self.total}" if self.total else "")
        line += f" | best {objective} {best:.5g}" if best is not None else ""
        gained, elapsed = done - self.first, time.monotonic() - self.began
        if self.total and gained > 0:
            line += f" | {duration(elapsed * max(0, self.total - done) / gained)} left"
        self.line.show(line)

    def close(self):
        self.line.close()


def trials_in_all(oracle):
    """How many trials the search will have, None if that is not known before."""
    if hasattr(oracle, "_get_num_brackets"):  # Hyperband
        total = sum(
            oracle._get_size(bracket, number)
            for bracket in range(oracle._get_num_brackets())
            for number in range(bracket + 1)
        )
        return min(total, oracle.max_trials or total)
    return oracle.max_trials


def duration(seconds):
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"

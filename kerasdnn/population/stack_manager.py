"""Which member lies in which stack: stacking, stacking anew, and an epoch of all stacks."""

import numpy as np

from . import member_state as files
from .plan import counts_alike, plan, worth_compiling
from .stack import StackedMembers


class Stacks:
    """The members of a population, those that train in stacks on the device.

    Args:
        problem: `Problem`.
        members: list of `Member`.
        progress: their `Progress`; up to date for members in no stack.
        cores: how many stacks train side by side.
        memory: bytes that stacks may take.
        jit_compile: "auto", True or False.
    """

    def __init__(self, problem, members, progress, cores, memory, jit_compile):
        self.problem, self.members, self._progress = problem, members, progress
        self.cores, self.memory, self.jit_compile = cores, memory, jit_compile
        self.stacks = []

    def add_loose(self, training, rows, batches, until):
        """Stack the members `training`, bool (members,), that are in no stack yet.

        Args:
            rows: their `PopulationRows`.
            batches: dict from a member's number to its batch size.
            until: int (members,), the last epoch of each.
        """
        if any(stack.batch != batches[i] for stack in self.stacks for i in stack.numbers):
            self.take_apart()
        stacked = {i for stack in self.stacks for i in stack.numbers}
        loose = {i: self.members[i] for i in np.flatnonzero(training).tolist() if i not in stacked}
        if not loose:
            return
        planned = max(self.members[i].epochs or until[i] for i in loose)
        longest = max(len(rows.train[i]) for i in loose)
        memory = self.memory / self.cores
        groups = plan(loose, self.problem, batches, longest, planned, self.cores, memory)
        for numbers, counts in zip(groups, counts_alike(groups, loose, batches), strict=True):
            batch, compiled = batches[numbers[0]], self.jit_compile
            if compiled == "auto":
                steps = planned * -(-max(len(rows.train[i]) for i in numbers) // batch)
                compiled = worth_compiling(len(numbers), steps)
            self._add(numbers, batch, compiled, counts)

    def _add(self, numbers, *how):
        self.stacks.append(self._stack(numbers, *how))

    def _stack(self, numbers, batch, compiled=False, counts=None):
        members = [self.members[i] for i in numbers]
        stack = StackedMembers(self.problem, numbers, members, batch, compiled, counts)
        stack.put([self._progress[i] for i in numbers])
        return stack

    def drop(self, gone):
        """Stack anew what is left of a stack of which half, by `gone`, trains no more."""
        for stack in list(self.stacks):
            left = [i for i in stack.numbers if not gone[i]]
            if 2 * len(left) <= len(stack.numbers):
                self._note(stack)
                self.stacks.remove(stack)
                if left:
                    self._add(left, stack.batch, stack.compiled)

    def compile_if_worth(self):
        """Compile stacks that have done more steps than were planned."""
        for stack in self.stacks if self.jit_compile == "auto" else ():
            if not stack.compiled and worth_compiling(len(stack.numbers), stack.steps.max()):
                stack.compile()

    def epoch(self, pool, rows, runs):
        """Train the members `runs`, bool (members,), for an epoch and judge them.

        Args:
            pool: executor; its threads train a stack each.

        Returns:
            Dict from a column of the history to a float array (members,), NaN where not trained.
        """
        numbers = np.flatnonzero(runs).tolist()
        steps = {i: int(s) for stack in self.stacks
                 for i, s in zip(stack.numbers, stack.steps, strict=True)}  # fmt: skip
        orders = rows.orders({i: self.members[i].seed for i in numbers}, steps)
        stacks = [stack for stack in self.stacks if runs[stack.numbers].any()]

        def run(stack):
            weights_from = rows.weights_from[stack.numbers]
            after, loss = stack.train(
                rows.table, weights_from, [orders.get(i) for i in stack.numbers]
            )
            if rows.judged is None:
                return after, {"loss": loss}
            judged = rows.judged_by(stack.numbers)
            return after, {"loss": loss} | stack.judge(
                after, rows.table, weights_from, judged, rows.center
            )

        results = list(pool.map(run, stacks))  # cut off in here, all members stay where they are
        logs = {}
        for stack, (after, found) in zip(stacks, results, strict=True):
            stack.stack = after
            for name, values in found.items():
                column = logs.setdefault(name, np.full(len(self.members), np.nan))
                column[stack.numbers] = np.where(runs[stack.numbers], values, np.nan)
        return logs

    def keep_best(self, better):
        """Note the present weights of the members `better`, bool (members,), as their best."""
        crowded = sum(stack.bytes for stack in self.stacks) > self.memory
        for stack in self.stacks:
            if better[stack.numbers].any():
                stack.keep_best(better[stack.numbers])
            if crowded:
                stack.park()

    def progress(self):
        """The `Progress` of all members."""
        for stack in self.stacks:
            self._note(stack)
        return self._progress

    def progress_of(self, i):
        for stack in self.stacks:
            if i in stack.numbers:
                self._progress[i] = stack.get_one(stack.numbers.index(i))
        return self._progress[i]

    def set_progress(self, i, progress):
        self.take_apart()
        self._progress[i] = progress

    def take_apart(self):
        self.progress()
        self.stacks = []

    def _note(self, stack):
        for i, progress in zip(stack.numbers, stack.get(), strict=True):
            self._progress[i] = progress

    def predict(self, x, best):
        """What all members predict for float32 x: (members, rows, units)."""
        found = np.empty((len(self.members), len(x), self.problem.units), "float32")
        stacked = {i for stack in self.stacks for i in stack.numbers}
        loose = {i: m for i, m in enumerate(self.members) if i not in stacked}
        batches = dict.fromkeys(loose, 1)
        groups = plan(loose, self.problem, batches, 1, 1, 1, self.memory)
        for stack in [*self.stacks, *(self._stack(numbers, 1) for numbers in groups)]:
            found[stack.numbers] = stack.predict(x, best)
        return found

    def arrays(self):
        numbers = [stack.numbers for stack in self.stacks]
        return files.progress_arrays(self.progress()) | {
            "stacked": np.array([i for n in numbers for i in n], "int32"),
            "stack_sizes": np.array([len(n) for n in numbers], "int32"),
            "stack_batches": np.array([stack.batch for stack in self.stacks], "int32"),
            "stack_compiled": np.array([stack.compiled for stack in self.stacks], "bool"),
            "stack_depths": np.array([len(stack.counts) for stack in self.stacks], "int32"),
            "stack_counts": np.array([n for stack in self.stacks for n in stack.counts], "int32"),
        }

    def load_arrays(self, arrays):
        self._progress = files.progress_from(arrays, self.progress())
        self.stacks = []
        batches, compiled = arrays["stack_batches"].tolist(), arrays["stack_compiled"].tolist()
        # Without stacks, `np.split` still gives one part.
        parts = np.split(arrays["stacked"], np.cumsum(arrays["stack_sizes"])[:-1])
        counts = np.split(arrays["stack_counts"], np.cumsum(arrays["stack_depths"])[:-1])
        for numbers, batch, jit, n in zip(parts, batches, compiled, counts, strict=False):
            self._add(numbers.tolist(), batch, jit, tuple(n.tolist()))

"""Group members into stacks, regroup them when many have finished, and train an epoch of all."""

import numpy as np

from . import member_state as files
from .plan import counts_alike, plan, worth_compiling
from .stack import StackedMembers


class StackManager:
    """All members of a population; those that train are in groups on the device.

    Args:
        problem: `Problem`.
        members: list of `Member`.
        progress: list of their `Progress`; up to date for members in no group.
        cores: int, how many groups train in parallel.
        memory: bytes that groups may take.
        jit_compile: "auto", True or False.
    """

    def __init__(self, problem, members, progress, cores, memory, jit_compile):
        self.problem, self.members, self._progress = problem, members, progress
        self.cores, self.memory, self.jit_compile = cores, memory, jit_compile
        self.stacks = []

    def add_unassigned(self, training, rows, batches, last_epochs):
        """Stack the members `training`, bool (members,), that are in no group yet.

        Args:
            rows: `MemberRows`.
            batches: dict from a member's number to its batch size.
            last_epochs: int (members,), the last epoch of each.
        """
        if any(stack.batch != batches[i] for stack in self.stacks for i in stack.numbers):
            self.dissolve()
        new = {i: m for i, m in self._unassigned().items() if training[i]}
        if not new:
            return
        epochs = max(m.epochs or last_epochs[i] for i, m in new.items())
        longest = max(len(rows.train[i]) for i in new)
        memory = self.memory / self.cores
        groups = plan(new, self.problem, batches, longest, epochs, self.cores, memory)
        for numbers, counts in zip(groups, counts_alike(groups, new, batches), strict=True):
            batch, compiled = batches[numbers[0]], self.jit_compile
            if compiled == "auto":
                steps = epochs * -(-max(len(rows.train[i]) for i in numbers) // batch)
                compiled = worth_compiling(len(numbers), steps)
            self.stacks.append(self._stack(numbers, batch, compiled, counts))

    def _unassigned(self):
        stacked = {i for stack in self.stacks for i in stack.numbers}
        return {i: m for i, m in enumerate(self.members) if i not in stacked}

    def _stack(self, numbers, batch, compiled=False, counts=None):
        members = [self.members[i] for i in numbers]
        stack = StackedMembers(self.problem, numbers, members, batch, compiled, counts)
        stack.put([self._progress[i] for i in numbers])
        return stack

    def drop(self, finished):
        """Regroup what is left of a group of which half have finished, bool (members,)."""
        for stack in list(self.stacks):
            left = [i for i in stack.numbers if not finished[i]]
            if 2 * len(left) <= len(stack.numbers):
                self._update_progress(stack)
                self.stacks.remove(stack)
                if left:
                    self.stacks.append(self._stack(left, stack.batch, stack.compiled))

    def compile_if_worth(self):
        """Compile groups that have done more steps than were planned."""
        for stack in self.stacks if self.jit_compile == "auto" else ():
            if not stack.compiled and worth_compiling(len(stack.numbers), stack.steps.max()):
                stack.compile()

    def epoch(self, pool, rows, trains, factor=1.0):
        """Train the members `trains`, bool (members,), for an epoch, and evaluate them.

        Args:
            pool: executor; each of its threads trains a group.
            rows: `MemberRows`.
            factor: float, of every learning rate.

        Returns:
            dict from a column of the history to a float array (members,), NaN where not trained.
        """
        steps = {i: int(s) for stack in self.stacks
                 for i, s in zip(stack.numbers, stack.steps, strict=True)}  # fmt: skip
        numbers = np.flatnonzero(trains).tolist()
        orders = rows.orders({i: self.members[i].seed for i in numbers}, steps)
        stacks = [stack for stack in self.stacks if trains[stack.numbers].any()]

        def run(stack):
            weights_from = rows.weights_from[stack.numbers]
            own_orders = [orders.get(i) for i in stack.numbers]
            after, loss = stack.train(rows.table, weights_from, own_orders, factor)
            logs = {"loss": loss}
            if rows.validation is not None:
                validation = rows.validation_of(stack.numbers)
                logs |= stack.evaluate(after, rows.table, weights_from, validation, rows.center)
            return after, logs

        results = list(pool.map(run, stacks))  # an interruption here leaves all members unchanged
        logs = {}
        for stack, (after, found) in zip(stacks, results, strict=True):
            stack.stack = after
            for name, values in found.items():
                column = logs.setdefault(name, np.full(len(self.members), np.nan))
                column[stack.numbers] = np.where(trains[stack.numbers], values, np.nan)
        return logs

    def keep_best(self, better):
        """Keep the current weights of the members `better`, bool (members,), as their best."""
        crowded = sum(stack.bytes for stack in self.stacks) > self.memory
        for stack in self.stacks:
            if better[stack.numbers].any():
                stack.keep_best(better[stack.numbers])
            if crowded:
                stack.park()

    def progress(self):
        """The `Progress` of all members."""
        for stack in self.stacks:
            self._update_progress(stack)
        return self._progress

    def progress_of(self, i):
        for stack in self.stacks:
            if i in stack.numbers:
                (self._progress[i],) = stack.get([stack.numbers.index(i)])
        return self._progress[i]

    def set_progress(self, i, progress):
        self.dissolve()
        self._progress[i] = progress

    def dissolve(self):
        """Take all members out of their groups."""
        self.progress()
        self.stacks = []

    def _update_progress(self, stack):
        for i, progress in zip(stack.numbers, stack.get(), strict=True):
            self._progress[i] = progress

    def predict(self, x, best, members):
        """Predict with some members for float32 x: float32 (members, rows, units)."""
        found = np.empty((len(self.members), len(x), self.problem.outputs), "float32")
        unassigned = {i: m for i, m in self._unassigned().items() if i in members}
        batches = dict.fromkeys(unassigned, 1)
        groups = plan(unassigned, self.problem, batches, 1, 1, 1, self.memory)
        stacks = [stack for stack in self.stacks if set(stack.numbers) & set(members)]
        for stack in [*stacks, *(self._stack(numbers, 1) for numbers in groups)]:
            found[stack.numbers] = stack.predict(x, best)
        return found[members]

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
        batches, compiled = arrays["stack_batches"].tolist(), arrays["stack_compiled"].tolist()
        # `np.split` returns one part even if there are no groups.
        numbers = np.split(arrays["stacked"], np.cumsum(arrays["stack_sizes"])[:-1])
        counts = np.split(arrays["stack_counts"], np.cumsum(arrays["stack_depths"])[:-1])
        self.stacks = [
            self._stack(own.tolist(), batch, jit, tuple(n.tolist()))
            for own, batch, jit, n in zip(numbers, batches, compiled, counts, strict=False)
        ]

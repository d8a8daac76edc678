"""The fits of `bench_accuracy.py`, one after the other, with a line of progress for each."""

import time

from _accuracy_models import fit_and_judge, metric_of
from _accuracy_peers import LIBRARIES, PEERS
from _accuracy_results import KEY, add_result, read_results, settings_of
from _accuracy_tables import pooled, read_table, with_holes

FILE, PICTURE = "results.csv", "accuracy_{}.png"
FIXED = 2_000  # rows that what a fit costs at any size would pay for, roughly
SHIPPED_SOURCE = "sklearn"  # a table of the same name in a folder may have other rows


def run(options):
    """Fit and judge what is not in the file of results yet.

    Returns:
        `(dict of table to task, number of fits that failed)`.
    """
    path = options.out / FILE
    there = set(read_results(path)[KEY].itertuples(index=False, name=None))
    jobs = make_jobs(options)
    tables = {name: read_table(name, options.data) for name in options.tables}
    if options.own_holdout:
        tables = {name: pooled(data) for name, data in tables.items()}
    clock = Clock([(job, tables[job["table"]]) for job in jobs if key(job) not in there])
    print(f"{len(jobs)} fits, {len(jobs) - len(clock.waiting)} of them in {path}", flush=True)
    failed = 0
    while clock.waiting:
        job, data = clock.waiting[0]
        failed += fit(job, with_holes(data, job["holes"]), options, path, clock)
    if failed:
        print(f"{failed} fits FAILED; a run that is repeated tries them again")
    return {name: data.task for name, data in tables.items()}, failed


def key(job):
    return tuple(job[name] for name in KEY)


def make_jobs(options):
    """Every fit of a run: the cells of its row in the file, and the share of holes."""
    source = None if options.data else SHIPPED_SOURCE
    holdout = "own" if options.own_holdout else None
    jobs = []
    for table in options.tables:
        for model in [*options.models, *(PEERS if options.peers else ())]:
            ours = model not in PEERS and model not in LIBRARIES
            changes, members = (options.changes, options.members) if ours else ({}, None)
            for holes in sorted({0.0, options.holes}):
                settings = settings_of(
                    changes, n_members=members, holes=holes, data=source, holdout=holdout
                )
                jobs += [
                    {
                        "model": model, "table": table, "seed": seed, "part": options.part,
                        "settings": settings, "holes": holes,
                    }
                    for seed in range(options.seeds)
                ]  # fmt: skip
    return jobs


def fit(job, data, options, path, clock):
    """Do one job and write its row. Returns 1 if it failed: the others are still worth having."""
    what = f"{job['model']}, {job['table']}, seed {job['seed']}"
    what += f", holes {job['holes']:g}" if job["holes"] else ""
    began = time.perf_counter()
    try:
        found = fit_and_judge(
            job["model"], data, job["seed"], job["part"], options.changes, options.members
        )
    except Exception as error:
        clock.done(time.perf_counter() - began)
        print(f"{what}: FAILED, {type(error).__name__}: {error}", flush=True)
        return 1
    metric = metric_of(data.task)
    add_result(path, job | {"metric": metric} | found)
    clock.done(time.perf_counter() - began)
    also = "" if found["log_loss"] is None else f", log loss {found['log_loss']:.4f}"
    seconds = found["fit_seconds"]
    print(f"{what}: {metric} {found['value']:.4f}{also} in {seconds:.1f} s, {clock}", flush=True)
    return 0


def size(data):
    return FIXED + len(data.rows["train"])


class Clock:
    """Jobs that wait, and the time they will take: per row of a table, as each model took so far.

    Attributes:
        waiting: list of `(job, Data)`.
    """

    def __init__(self, waiting):
        self.waiting = waiting
        self.seconds, self.rows = {}, {}  # per model

    def done(self, seconds):
        """The first job took so many seconds."""
        job, data = self.waiting.pop(0)
        model = job["model"]
        self.seconds[model] = self.seconds.get(model, 0.0) + seconds
        self.rows[model] = self.rows.get(model, 0) + size(data)

    def left(self):
        """Seconds; a model that was not seen yet counts as the mean of the others."""
        pooled = sum(self.seconds.values()) / max(1, sum(self.rows.values()))
        total = 0.0
        for job, data in self.waiting:
            rows = self.rows.get(job["model"], 0)
            rate = self.seconds[job["model"]] / rows if rows else pooled
            total += rate * size(data)
        return total

    def __str__(self):
        return f"{len(self.waiting)} to go, about {self.left() / 60:.1f} min"

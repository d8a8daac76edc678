"""Train on and predict a Parquet table in parts: rows per second, and peak memory.

    scripts/run scripts/bench_streaming.py              # 3 million rows, a few minutes
    scripts/run scripts/bench_streaming.py --rows 1_000_000 2_000_000 10_000_000 --only "in parts"
    scripts/run scripts/bench_streaming.py --rows 100_000_000 --epochs 1 --only "in parts" \
        --folder DISK          # 15 GiB there, which remain

The table has 20 columns (16 numbers, some missing, and 4 of categories). It is a folder of files of
5 million rows, in row groups of 250,000; files that exist already are not written again. Each
measurement runs in its own process:

    in parts      DNNRegressor("standard").fit(path, y="y"); the fastest epoch counts
    in memory     the same network on a sample of the rows, read as a DataFrame
    tf.data       stock Keras on a hand-written pipeline that reads the same file with pyarrow and
                  feeds the 16 numbers, standardized, without the categories

Once TensorFlow has trained a first small network, "in parts" limits its process to the address
space that it has by then and --limit MiB (2,048) more: a larger allocation fails, and so does the
program.

CPU seconds are those of all threads of the process: on a busy machine they are more reliable than
wall-clock times. Peak memory is the largest resident set of the process, minus what it was
after TensorFlow had trained a first small network. Scores are R2 on 100,000 new rows.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

FILE, GROUP, SAMPLE, TEST = 5_000_000, 250_000, 500_000, 100_000
NUMBERS, CATEGORIES = 16, 4
FIT = {"preset": "standard", "hidden_units": (64, 32), "batch_size": 256, "random_state": 0,
       "early_stopping": False}  # fmt: skip


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=lambda text: int(text.replace("_", "")), nargs="+",
                        default=[3_000_000], help="sizes of the table")  # fmt: skip
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--only", choices=list(PARTS), help="one measurement of the three")
    parser.add_argument("--limit", type=int, default=2_048, help="MiB beyond TensorFlow's own")
    parser.add_argument("--folder", help="where the table is written; default: a temporary folder")
    parser.add_argument("--part", choices=list(PARTS), help="one measurement, in this process")
    args = parser.parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if args.part:
        print(json.dumps(PARTS[args.part](Path(args.folder), args.epochs, args.limit)))
        return
    for rows in args.rows:
        measure(rows, args)


def measure(rows, args):
    """Print a line per measurement on a table of so many rows."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(args.folder or temporary) / f"{rows}"
        folder.mkdir(parents=True, exist_ok=True)
        table = folder / "table"
        for number, start in enumerate(range(0, rows, FILE)):
            write(table / f"{number:03}.parquet", min(FILE, rows - start), seed=number + 2)
        write(folder / "test.parquet", TEST, seed=1)
        size = sum(file.stat().st_size for file in table.iterdir()) / 2**20
        print(f"{rows:,} rows x {NUMBERS + CATEGORIES} columns, {size:,.0f} MiB of Parquet")
        for part in [args.only] if args.only else PARTS:
            command = [sys.executable, __file__, "--part", part, "--folder", str(folder)]
            command += ["--epochs", str(args.epochs), "--limit", str(args.limit)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(done.stderr)
            found = json.loads(done.stdout.splitlines()[-1])
            print(f"{part:10}", ", ".join(f"{k} {v:,}" for k, v in found.items()), flush=True)


def write(path, rows, seed):
    """Write a file in row groups, one in memory at a time."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from kerasdnn.core.atomic_files import atomic_write

    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    weights = np.random.default_rng(7).normal(size=NUMBERS)
    towns = pa.array([f"town {i}" for i in range(40)])
    effects = np.random.default_rng(8).normal(size=len(towns))
    with atomic_write(path) as temporary, ExitStack() as stack:
        writer = None
        for start in range(0, rows, GROUP):
            n = min(GROUP, rows - start)
            x = rng.normal(size=(n, NUMBERS))
            codes = rng.integers(0, len(towns), size=(n, CATEGORIES))
            y = np.tanh(x @ weights / 2) + effects[codes[:, 0]] + 0.3 * rng.normal(size=n)
            x[rng.random(n) < 0.05, 0] = np.nan
            columns = {f"x{j}": x[:, j] for j in range(NUMBERS)}
            columns |= {f"c{j}": towns.take(pa.array(codes[:, j])) for j in range(CATEGORIES)}
            table = pa.table({**columns, "y": y})
            writer = writer or stack.enter_context(pq.ParquetWriter(temporary, table.schema))
            writer.write_table(table, row_group_size=GROUP)


class Peak:
    """The largest resident set of this process while the block runs, beyond that at its start."""

    def __enter__(self):
        self.start = self.most = resident()
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()
        return self

    def watch(self):
        while not self.done.wait(0.02):
            self.most = max(self.most, resident())

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()

    @property
    def mebibytes(self):
        return round((self.most - self.start) / 2**20)


def resident():
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def warm_up():
    """Load TensorFlow and train a small network, so that neither counts."""
    import numpy as np

    from kerasdnn import DNNRegressor

    X = np.random.default_rng(0).normal(size=(4_000, 4))
    DNNRegressor(**FIT, epochs=2).fit(X, X[:, 0])


def clock(function):
    start = time.perf_counter()
    found = function()
    return found, time.perf_counter() - start


def fit_timed(epochs, X, y):
    """Fit; return (estimator, seconds before the epochs, seconds, CPU seconds of the fastest)."""
    import keras

    from kerasdnn import DNNRegressor

    class Clock(keras.callbacks.Callback):
        begins, ends = (), ()

        def on_epoch_begin(self, epoch, logs=None):
            self.begins = (*self.begins, now())

        def on_epoch_end(self, epoch, logs=None):
            self.ends = (*self.ends, now())

    now = lambda: (time.perf_counter(), time.process_time())
    timer, start = Clock(), now()
    model = DNNRegressor(**FIT, epochs=epochs, callbacks=[timer]).fit(X, y)
    found = [
        (end[0] - begin[0], end[1] - begin[1])
        for begin, end in zip(timer.begins, timer.ends, strict=True)
    ]
    return model, timer.begins[0][0] - start[0], *min(found)


def set_limit(mebibytes):
    """Let this process allocate so much more address space than it has now."""
    import resource

    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + mebibytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def in_parts(folder, epochs, limit):
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    warm_up()
    set_limit(limit)
    table, predictions = folder / "table", folder / "predictions.parquet"
    rows = ds.dataset(table).count_rows()
    with Peak() as peak:
        model, before, seconds, work = fit_timed(epochs, table, "y")
    with Peak() as predicting:
        _, predicted = clock(lambda: model.predict_to(table, predictions))
    if pq.read_metadata(predictions).num_rows != rows:
        sys.exit(f"{predictions} has not a prediction for each of {rows:,} rows")
    return {
        "rows/s of an epoch": round(rows / seconds),
        "rows per CPU second": round(rows / work),
        "seconds before the epochs": round(before),
        "MiB beyond TensorFlow": peak.mebibytes,
        "rows/s predicted": round(rows / predicted),
        "MiB to predict": predicting.mebibytes,
        "R2": round(model.score(folder / "test.parquet", "y"), 4),
    }


def in_memory(folder, epochs, limit):
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    warm_up()
    file = pq.ParquetFile(folder / "table" / "000.parquet")
    groups = list(range(min(SAMPLE // GROUP, file.num_row_groups)))
    rows = ds.dataset(folder / "table").count_rows()
    frame = file.read_row_groups(groups).to_pandas()
    X, y = frame.drop(columns=["y"]), frame["y"]
    more = max(1, rows // len(X))  # epochs for as many steps as in parts
    with Peak() as peak:
        model, before, seconds, work = fit_timed(more * epochs, X, y)
    test = pq.read_table(folder / "test.parquet").to_pandas()
    _, predicted = clock(lambda: model.predict(X))
    return {
        "rows": len(X),
        "rows/s of an epoch": round(len(X) / seconds),
        "rows per CPU second": round(len(X) / work),
        "seconds before the epochs": round(before),
        "MiB beyond TensorFlow": peak.mebibytes,
        "rows/s predicted": round(len(X) / predicted),
        "R2": round(model.score(test.drop(columns=["y"]), test["y"]), 4),
    }


def tf_data(folder, epochs, limit):
    import keras
    import numpy as np
    import pyarrow.parquet as pq
    import tensorflow as tf

    warm_up()
    file = pq.ParquetFile(folder / "table" / "000.parquet")
    names = [f"x{j}" for j in range(NUMBERS)]

    def chunks():
        for batch in file.iter_batches(65_536, columns=[*names, "y"]):
            x = np.column_stack([batch[name].to_numpy(zero_copy_only=False) for name in names])
            yield np.nan_to_num(x).astype("float32"), batch["y"].to_numpy().astype("float32")

    specs = tf.TensorSpec((None, NUMBERS), "float32"), tf.TensorSpec((None,), "float32")
    dataset = tf.data.Dataset.from_generator(chunks, output_signature=specs)
    dataset = dataset.unbatch().shuffle(16_384).batch(256).prefetch(tf.data.AUTOTUNE)
    dense = [keras.layers.Dense(units, "relu") for units in (64, 32)]
    model = keras.Sequential([keras.Input((NUMBERS,)), *dense, keras.layers.Dense(1)])
    model.compile("adam", "mse")
    steps = min(2_000, file.metadata.num_rows // 256)
    with Peak() as peak:
        model.fit(dataset.take(100), verbose=0, shuffle=False)
        start = time.process_time()
        _, seconds = clock(lambda: model.fit(dataset.take(steps), verbose=0, shuffle=False))
        work = time.process_time() - start
    return {
        "rows per CPU second": round(256 * steps / work),
        "rows/s of an epoch": round(256 * steps / seconds),
        "MiB beyond TensorFlow": peak.mebibytes,
    }


PARTS = {"in parts": in_parts, "in memory": in_memory, "tf.data": tf_data}

if __name__ == "__main__":
    sys.exit(main())

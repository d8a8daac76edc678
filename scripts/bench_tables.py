"""Time the encoding of a mixed table: complete, as text, next to skrub, one row, one file.

    scripts/run scripts/bench_tables.py                       # about a minute on two cores
    scripts/run scripts/bench_tables.py --quick               # 5,000 rows, seconds
    scripts/run scripts/bench_tables.py --rows 1000000 --repeats 1
    scripts/run scripts/bench_tables.py --sizes               # minutes; 3 GB of memory

100,000 rows of 20 columns: 8 floats (one with missing values), 2 nullable integers, 1 boolean, 5
strings with missing values, 1 category, 1 string with 5,000 different values, 2 dates. The other
encoder is skrub's `TableVectorizer` where skrub is installed, else scikit-learn's
`ColumnTransformer`, which gets no dates. Before a time is printed its result is compared: one row
with the same row of the table, plain numbers with scikit-learn's scaler, a loaded file with what
was saved. Times are medians in milliseconds.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZES = {"long": (2_000_000, 50), "wide": (200, 20_000)}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="5,000 rows, 3 repeats")
    parser.add_argument("--sizes", action="store_true", help="long and wide tables, and memory")
    parser.add_argument("--step", nargs=2, help=argparse.SUPPRESS)  # of a process of --sizes
    options = parser.parse_args(argv)
    if options.step:
        time_step(*options.step)
    elif options.sizes:
        time_sizes(options.quick)
    else:
        time_encoders(options)


def time_encoders(options):
    """Print the times for one table."""
    rows, repeats = (5_000, 3) if options.quick else (options.rows, options.repeats)

    import numpy as np
    from sklearn.compose import make_column_transformer
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    import kerasdnn

    frame, labels = table(rows)
    print(f"{rows:,} rows x {frame.shape[1]} columns, median of {repeats}, milliseconds")
    for scaling in ("standard", "robust"):
        time_both(f"encoder, {scaling}", kerasdnn.TableEncoder(scaling), frame, repeats)

    name, other, columns = other_encoder(frame)
    time_both(f"encoder, {name}", other, frame[columns], repeats, check=True)
    if name != "skrub":
        print("(for skrub's TableVectorizer: pip install skrub)")
    time_text(frame, repeats)

    easy = frame[[name for name in frame if name.startswith(("float", "text"))]]
    rival = make_column_transformer(
        (StandardScaler(), [name for name in easy if name.startswith("float")]),
        (OneHotEncoder(sparse_output=False), [name for name in easy if name.startswith("text")]),
    )
    time_both("floats and texts, kerasdnn", kerasdnn.TableEncoder(), easy, repeats)
    time_both("floats and texts, scikit-learn", rival, easy, repeats)

    numbers = np.random.default_rng(0).normal(size=(rows, 50))
    encoder, scaler = kerasdnn.TableEncoder().fit(numbers), StandardScaler().fit(numbers)
    ours, theirs = encoder.transform(numbers), scaler.transform(numbers)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    show("50 floats, kerasdnn: transform", timed(lambda: encoder.transform(numbers), repeats))
    show("50 floats, scikit-learn: transform", timed(lambda: scaler.transform(numbers), repeats))

    model = kerasdnn.DNNClassifier("standard", epochs=1, batch_size=256, random_state=0)
    show("classifier: fit, 1 epoch, first time", timed(lambda: model.fit(frame, labels), 1))
    show("classifier: fit, 1 epoch, again", timed(lambda: model.fit(frame, labels), 3))
    show("classifier: predict, all rows", timed(lambda: model.predict(frame), repeats))
    row = frame.iloc[[17]]
    as_dict = row.iloc[0].to_dict()
    default = kerasdnn.DNNClassifier(epochs=1, random_state=0).fit(frame[:5000], labels[:5000])
    for what, one_model in (("classifier", model), ("default preset", default)):
        expected = one_model.predict(frame[:100])[17]
        for name, one in (("dict", as_dict), ("one-row frame", row)):
            assert one_model.predict(one)[0] == expected
            call = lambda one=one, one_model=one_model: one_model.predict(one)
            show(f"{what}: predict, {name}", timed(call, 300))
        call = lambda one_model=one_model: one_model.predict_proba(as_dict)
        show(f"{what}: predict_proba, dict", timed(call, 300))
    show("encoder: transform, dict", timed(lambda: model.encoder_.transform(as_dict), 300))

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.kerasdnn"
        show("classifier: save", timed(lambda: model.save(path), 3))
        assert (kerasdnn.load(path).predict_proba(row) == model.predict_proba(row)).all()
        show("classifier: load", timed(lambda: kerasdnn.load(path), 3))


def table(rows):
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    columns = {f"float {i}": rng.normal(size=rows) for i in range(8)}
    columns["float 0"][rng.random(rows) < 0.1] = np.nan
    columns |= {f"integer {i}": pd.array(rng.integers(0, 100, rows), "Int64") for i in range(2)}
    columns["flag"] = rng.random(rows) < 0.5
    words = np.array(["alpha", "beta", "gamma", "delta", None], dtype=object)
    columns |= {f"text {i}": words[rng.integers(0, 5, rows)] for i in range(5)}
    columns["category"] = pd.Categorical(rng.choice(list("abcdefgh"), rows))
    columns["postcode"] = [f"z{code}" for code in rng.integers(0, 5000, rows)]
    start = pd.Timestamp("2020-01-01")
    columns["moment"] = start + pd.to_timedelta(rng.integers(0, 10**8, rows), "s")
    columns["day"] = start + pd.to_timedelta(rng.integers(0, 1000, rows), "D")
    frame = pd.DataFrame(columns)
    return frame, np.where(frame["float 1"] + rng.normal(size=rows) > 0, "yes", "no")


def other_encoder(frame):
    """`(name, transformer, its columns)` of the encoder to compare with."""
    try:
        from skrub import TableVectorizer

        return "skrub", TableVectorizer(), list(frame)
    except ImportError:
        from sklearn.compose import make_column_transformer
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler

    columns = [name for name in frame if frame[name].dtype.kind != "M"]
    numbers = [name for name in columns if name.startswith(("float", "integer", "flag"))]
    words = OneHotEncoder(max_categories=32, handle_unknown="infrequent_if_exist")
    scaler = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    rest = [name for name in columns if name not in numbers]
    return "scikit-learn", make_column_transformer((scaler, numbers), (words, rest)), columns


def time_text(frame, repeats):
    """Print the times for the same table read from CSV as text only, and check the result."""
    import io
    import warnings

    import numpy as np
    import pandas as pd

    import kerasdnn

    csv = frame.to_csv(index=False)
    show("pandas: read_csv as text", timed(lambda: pd.read_csv(io.StringIO(csv), dtype=str), 1))
    text = pd.read_csv(io.StringIO(csv), dtype=str)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kerasdnn.DataWarning)
        encoder = kerasdnn.TableEncoder()
        time_both("encoder, all columns as text", encoder, text, repeats)
        expected = kerasdnn.TableEncoder().fit(frame).transform(frame)
        np.testing.assert_array_equal(encoder.transform(text), expected)


def time_both(what, transformer, frame, repeats, check=False):
    """Print the times of `fit` and `transform`; with `check`, its result is compared first."""
    if check:
        found = transformer.fit_transform(frame)
        found = found.toarray() if hasattr(found, "toarray") else found
        assert len(found) == len(frame)
        columns = found.shape[1]
        numbers = found.select_dtypes("number").isna() if hasattr(found, "columns") else found
        gaps = int(numbers.to_numpy().sum()) if hasattr(found, "columns") else 0
        print(f"{what}: {columns} columns, {gaps:,} missing numbers")
    show(f"{what}: fit", timed(lambda: transformer.fit(frame), repeats))
    show(f"{what}: transform", timed(lambda: transformer.transform(frame), repeats))


def time_sizes(quick):
    """Print time and memory of every step for the long and the wide table."""
    with tempfile.TemporaryDirectory() as folder:
        for name, (rows, width) in SIZES.items():
            rows = rows // 100 if quick and name == "long" else rows
            path = Path(folder) / f"{name}.parquet"
            write_table(rows, width, path)
            print(f"{rows:,} rows x {width:,} columns")
            for step in ("read", "encode", "fit"):
                command = [sys.executable, __file__, "--step", step, str(path)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                print(done.stdout, end="", flush=True)


def write_table(rows, width, path):
    """Write numbers with three digits, a tenth integers and, in a long table, a tenth words."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    rng, columns = np.random.default_rng(0), {}
    words = np.array(["alpha", "beta", "gamma", "delta"])
    for j in range(width):
        if j % 10 == 8:
            values = rng.integers(0, 1000, rows)
        elif j % 10 == 9 and rows > width:
            values = words[rng.integers(0, 4, rows)]
        else:
            values = rng.normal(size=rows).round(3)
        columns[f"c{j}"] = pa.array(values)
    pa.parquet.write_table(pa.table(columns), path)
    pa.csv.write_csv(pa.table(columns), path.with_suffix(".csv"))


def time_step(step, path):
    """Print time and memory of a step in this process."""
    import warnings

    import numpy as np
    import pandas as pd

    if step != "read":
        import kerasdnn

        warnings.simplefilter("ignore", kerasdnn.DataWarning)
        table = pd.read_parquet(path)
        encoder = kerasdnn.TableEncoder()
    if step == "fit":
        y = np.arange(len(table)) % 7 / 7.0
        kind = {"hidden_units": (4,), "epochs": 1, "batch_size": 4096, "random_state": 0}
        model = kerasdnn.DNNRegressor("standard", validation_fraction=0, **kind)
        model.fit(table.head(4096), y[:4096])  # TensorFlow starts and compiles
    before, start, busy = memory(), time.perf_counter(), time.process_time()
    if step == "read":
        table = pd.read_csv(Path(path).with_suffix(".csv"))
        what = f"pandas: read_csv, {table.memory_usage(deep=True).sum() / 1e6:,.0f} MB"
    elif step == "encode":
        matrix = encoder.fit(table).transform(table)
        what = f"encoder: fit and transform, {matrix.nbytes / 1e6:,.0f} MB"
    else:
        model.fit(table, y)
        what = "regressor: fit, 1 epoch"
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    more = memory() - before
    print(f"{what:45s} {seconds:8.2f} s {busy:8.2f} s of CPU {more:8,.0f} MB", flush=True)


def memory():
    """The peak of the memory of this process so far, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # `ru_maxrss` includes what the parent took when it forked
        found = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(found[0].split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(call, repeats):
    """Milliseconds of each of `repeats` calls."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    return times


def show(what, times):
    print(f"{what:45s} {statistics.median(times):10.2f}   fastest {min(times):8.2f}", flush=True)


if __name__ == "__main__":
    main()

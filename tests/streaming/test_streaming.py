"""Tables that are read in parts: equal statistics, equal scores, any source, atomic predictions."""

import functools
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kerasdnn
from kerasdnn import DNNClassifier, DNNRegressor, TableEncoder
from kerasdnn.streaming import statistics, training
from kerasdnn.streaming.source import open_source, uniform

pa = pytest.importorskip("pyarrow")
pads = pytest.importorskip("pyarrow.dataset")
pq = pytest.importorskip("pyarrow.parquet")

ROWS = 2_000


def table(rows=ROWS, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "a": rng.normal(3, 2, rows), "b": rng.integers(0, 9, rows), "c": rng.normal(size=rows),
        "city": rng.choice(["Oslo", "Rome", "Bern"], rows, p=[0.5, 0.3, 0.2]),
        "shop": rng.choice([f"s{i}" for i in range(60)], rows),
        "flag": rng.random(rows) < 0.3,
        "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), "D"),
    })  # fmt: skip
    frame.loc[rng.random(rows) < 0.1, "c"] = np.nan
    frame.loc[rng.random(rows) < 0.1, "city"] = None
    score = frame.a - 3 + 2 * frame.flag + (frame.city == "Oslo") + 0.3 * rng.normal(size=rows)
    frame["amount"], frame["label"] = score, np.where(score > 1, "high", "low")
    return frame


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "table.parquet"
    table().to_parquet(path, row_group_size=300)
    return path


FIT = {"preset": "standard", "epochs": 4, "hidden_units": (16,), "random_state": 0}


# The source


def test_row_groups_come_in_a_seeded_order_and_every_row_once(path):
    source = open_source(path)
    assert source.rows == ROWS
    assert len(source.pieces) == 7
    read = lambda seed: pd.concat(
        source.frames(["b", "shop"], seed and np.random.default_rng(seed))
    )
    plain, mixed = read(None), read(3)
    pd.testing.assert_frame_equal(plain["b"].to_frame(), table()[["b"]], check_index_type=False)
    assert mixed.index.tolist() != plain.index.tolist()
    assert sorted(mixed.index) == list(range(ROWS))
    pd.testing.assert_frame_equal(mixed.sort_index(), plain)
    pd.testing.assert_frame_equal(read(3), mixed)
    keep = lambda numbers: numbers % 5 == 0
    assert pd.concat(source.frames(["a"], keep=keep)).index.tolist() == list(range(0, ROWS, 5))


def test_the_hash_of_a_row_is_uniform_and_independent_of_the_other_rows():
    u = uniform(np.arange(200_000), seed=1)
    assert abs(np.histogram(u, 20, (0, 1))[0] - 10_000).max() < 500  # 5 standard deviations
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 0.01
    assert abs(np.corrcoef(u, uniform(np.arange(200_000), seed=2))[0, 1]) < 0.01
    np.testing.assert_array_equal(uniform(np.array([7, 3]), 1), u[[7, 3]])


def test_integers_with_missing_values_and_texts_are_read_as_in_memory(tmp_path):
    frame = pd.DataFrame({
        "n": pd.array([1, None, 3], "Int64"), "wide": pd.array([2**60 + 1, None, 5], "Int64"),
        "text": ["a", None, "b"], "flag": pd.array([True, None, False], "boolean"),
    })  # fmt: skip
    frame.to_parquet(tmp_path / "t.parquet")
    [found] = open_source(tmp_path / "t.parquet").frames(list(frame))
    assert found.n.dtype == "float64"
    assert found.wide.tolist()[0] == 2**60 + 1
    assert kerasdnn.TableEncoder().fit(found).columns_.kind.tolist() == (
        TableEncoder().fit(frame).columns_.kind.tolist()
    )


def test_the_index_of_a_dataframe_is_no_column(tmp_path):
    frame = table(60)[["a", "b"]].sample(frac=1.0, random_state=0)
    frame.to_parquet(tmp_path / "t.parquet")
    assert "__index_level_0__" in pq.read_schema(tmp_path / "t.parquet").names
    assert open_source(tmp_path / "t.parquet").names == ["a", "b"]


@pytest.mark.parametrize("engine", ["polars", "duckdb", "dask.dataframe"])
@pytest.mark.filterwarnings("ignore:Dask support is moving")
def test_lazy_frames_of_other_engines_give_the_statistics_of_memory(path, engine):
    library = pytest.importorskip(engine)
    read = {"polars": "scan_parquet", "duckdb": "read_parquet", "dask.dataframe": "read_parquet"}
    X = getattr(library, read[engine])(str(path))
    if engine == "dask.dataframe":
        X = library.from_pandas(table(), npartitions=12)  # in files, the 11th before the 3rd
    source = open_source(X)
    folder = source.folder.name
    assert source.names == list(table())
    pd.testing.assert_frame_equal(
        pd.concat(source.frames(["a", "b"])), table()[["a", "b"]], check_index_type=False
    )
    frame = table().drop(columns=["amount", "label"])
    found, expected = TableEncoder(), TableEncoder().fit(frame)
    parts = functools.partial(source.frames, list(frame))
    statistics.learn_encoder(found, frame, parts, complete=False)
    assert found.columns_.equals(expected.columns_)
    np.testing.assert_allclose(found.transform(frame), expected.transform(frame), atol=1e-5)
    del source, parts
    assert not Path(folder).exists()


@pytest.mark.parametrize(("bad", "message"), [
    ("nothing.parquet", "Not found: nothing.parquet"), (__file__, "must be the path of a Parquet"),
])  # fmt: skip
def test_a_path_without_a_table_is_named(bad, message):
    with pytest.raises((FileNotFoundError, ValueError), match=message):
        DNNRegressor(**FIT).fit(bad, "amount")


def test_arguments_that_need_a_table_in_memory_are_rejected(path):
    with pytest.raises(ValueError, match="`y` must name a column of X"):
        DNNRegressor(**FIT).fit(path, "amuont")
    with pytest.raises(ValueError, match="`y` must be the name of a column"):
        DNNRegressor(**FIT).fit(path, table().amount)
    with pytest.raises(ValueError, match="`sample_weight` is not supported"):
        DNNRegressor(**FIT).fit(path, "amount", sample_weight=np.ones(ROWS))
    with pytest.raises(ValueError, match="`batch_size`"):
        DNNRegressor(**FIT, batch_size="full").fit(path, "amount")
    with pytest.raises(ValueError, match="with a filter"):
        DNNRegressor(**FIT).fit(pads.dataset(path).filter(pads.field("b") > 3), "amount")


# The statistics


@pytest.mark.parametrize("scaling", ["standard", "robust"])
def test_an_encoder_learned_in_parts_equals_that_of_memory(path, scaling):
    frame = table().drop(columns=["amount", "label"])
    declared = {"both": ["city", "flag"], "b": "category", "shop": "hash"}
    make = lambda columns=None: TableEncoder(scaling, one_hot_limit=10, columns=columns)
    for columns in (None, declared):
        expected = make(columns).fit(frame)
        found = make(columns)
        parts = lambda: open_source(path).frames(list(frame))
        # The sample holds all values, so that also quantiles are equal; the pass is made anyway.
        statistics.learn_encoder(found, frame, parts, complete=False)
        assert found.columns_.equals(expected.columns_)
        assert found.cardinalities_ == expected.cardinalities_
        a, b = found.to_dict(), expected.to_dict()
        for ours, theirs in zip(a["columns"], b["columns"], strict=True):
            for name in theirs:
                if name == "parts":
                    assert [p[0] for p in ours[name]] == [p[0] for p in theirs[name]]
                    numbers = [[p[1:] for p in part[name]] for part in (ours, theirs)]
                    np.testing.assert_allclose(*numbers, rtol=1e-9, atol=1e-12)
                elif name in ("levels", "missing"):
                    np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-12)
                else:
                    assert ours[name] == theirs[name], (name, ours["name"])
        np.testing.assert_allclose(found.transform(frame), expected.transform(frame), atol=1e-5)


def test_moments_of_chunks_are_those_of_all_rows():
    rng = np.random.default_rng(0)
    values = rng.normal(1e6, [1, 1e-3], (999, 2))
    values[::7, 1] = np.nan
    moments = statistics.Moments()
    for chunk in np.split(values, [10, 11, 500]):
        moments.add(chunk)
    np.testing.assert_allclose(moments.mean, np.nanmean(values, axis=0), rtol=1e-14)
    np.testing.assert_allclose(moments.deviation, np.nanstd(values, axis=0), rtol=1e-7)
    np.testing.assert_array_equal(moments.low, np.nanmin(values, axis=0))
    np.testing.assert_array_equal(moments.high, np.nanmax(values, axis=0))
    np.testing.assert_array_equal(moments.count, (~np.isnan(values)).sum(axis=0))


def test_what_the_sample_lacks_is_learned_from_the_other_rows(path):
    frame = table().drop(columns=["amount", "label"])
    sample = frame[(frame.city != "Bern") & frame.c.notna()].head(200)
    encoder = TableEncoder()
    statistics.learn_encoder(encoder, sample, lambda: open_source(path).frames(list(frame)), False)
    names = encoder.get_feature_names_out().tolist()
    assert "city=Bern" in names
    assert "c is missing" in names
    expected = TableEncoder().fit(frame)
    np.testing.assert_allclose(encoder.transform(frame), expected.transform(frame), atol=1e-5)


# Training and prediction


def sources(path):
    pl = pytest.importorskip("polars")
    return {
        "path": str(path), "folder": path.parent, "dataset": pads.dataset(path),
        "polars": pl.scan_parquet(path),
    }  # fmt: skip


def test_every_source_of_the_same_rows_gives_the_same_classifier(path):
    found = [DNNClassifier(**FIT).fit(X, "label") for X in sources(path).values()]
    frame = table()
    assert all(model.encoder_.to_dict() == found[0].encoder_.to_dict() for model in found[1:])
    assert found[3].score(path, "label") == pytest.approx(found[0].score(path, "label"), abs=0.02)
    for model in found[1:3]:  # Polars writes other row groups, which come in another order
        for a, b in zip(model.network_.get_weights(), found[0].network_.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    model = found[0]
    assert model.network_.last_path == "compiled"
    assert model.n_rows_ == ROWS
    expected = model.predict_proba(frame.drop(columns=["label"]))
    np.testing.assert_array_equal(model.predict_proba(path), expected)


def test_scores_are_those_of_a_fit_in_memory(monkeypatch, path):
    monkeypatch.setattr(training, "SAMPLE_ROWS", 500)
    frame = table()
    X, test = frame.drop(columns=["amount", "label"]), table(seed=1)
    fit = FIT | {"epochs": 15}
    kinds = (DNNClassifier, "label", "amount", 0.02), (DNNRegressor, "amount", "label", 0.03)
    for kind, y, other, tolerance in kinds:
        whole = kind(**fit).fit(X, frame[y])
        source = pads.dataset(pa.table(frame.drop(columns=[other])))
        found = kind(**fit).fit(source, y)
        unseen = test.drop(columns=["amount", "label"])
        assert found.score(unseen, test[y]) == pytest.approx(
            whole.score(unseen, test[y]), abs=tolerance
        )
        assert found.score(source, y) == pytest.approx(found.score(X, frame[y]), 1e-6)
        in_memory = found.evaluate(X, frame[y])
        assert found.evaluate(source, y) == pytest.approx(in_memory, rel=1e-4)


@pytest.mark.parametrize("save_freq", ["epoch", 7])
def test_an_interrupted_run_resumes_to_the_weights_of_one_that_was_not(path, tmp_path, save_freq):
    import keras

    class Interrupted(Exception):
        pass

    def interrupt(backup, after):
        saves, save = iter(range(after)), backup._save_model

        def save_or_stop():
            save()
            if next(saves, None) is None:
                raise Interrupted

        backup._save_model = save_or_stop

    weights, epochs = [], []
    for case, runs in (("plain", [False]), ("resumed", [True, False])):
        for interrupted in runs:
            backup = keras.callbacks.BackupAndRestore(tmp_path / case, save_freq)
            if interrupted:  # after the second epoch, or within it
                interrupt(backup, 1 if save_freq == "epoch" else 9)
            model = DNNRegressor(**FIT, dropout=0.1, early_stopping=False, callbacks=[backup])
            try:
                model.fit(path, "amount")
            except Interrupted:
                continue
            weights.append(model.network_.get_weights())
            epochs.append(model.network_.history.epoch)
    assert epochs == [[0, 1, 2, 3], [2, 3] if save_freq == "epoch" else [1, 2, 3]]
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_other_presets_class_weights_and_missing_targets_work_in_parts(path, tmp_path):
    frame = table(600)
    frame.loc[5, "label"] = None
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=100)
    with pytest.raises(ValueError, match="first: row 5"):
        DNNClassifier(**FIT).fit(tmp_path / "t.parquet", "label")
    model = DNNClassifier(
        "realmlp", epochs=2, class_weight="balanced", missing_target="drop", random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kerasdnn.DataWarning)
        model.fit(tmp_path / "t.parquet", "label")
    assert model.n_rows_ == 599
    assert model.predict(frame.drop(columns=["label"]).head(3)).shape == (3,)


def test_predictions_stream_to_parquet_atomically(path, tmp_path, monkeypatch):
    monkeypatch.setattr("kerasdnn.streaming.source.ROWS_PER_READ", 128)
    model = DNNClassifier(**FIT).fit(path, "label")
    out = tmp_path / "out.parquet"
    assert model.predict_to(path, out, copy=["shop", "b"]) == ROWS
    found = pq.read_table(out).to_pandas()
    assert list(found) == ["shop", "b", "prediction", "probability of high", "probability of low"]
    assert found.prediction.tolist() == model.predict(path).tolist()
    assert found.shop.tolist() == table().shop.tolist()
    before = out.read_bytes()
    calls = iter([0, 0, 1])
    output = model._scores
    model._scores = lambda X: output(X) if not next(calls) else 1 / 0
    with pytest.raises(ZeroDivisionError):
        model.predict_to(path, out)
    assert out.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["out.parquet"]

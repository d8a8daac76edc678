"""What the recipes share: tables and their errors, a trainer that starts from scratch, options."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

RECIPES = Path(__file__).parents[1] / "recipes"
sys.path.insert(0, str(RECIPES))

import _common  # noqa: E402
import _tables  # noqa: E402
import _training  # noqa: E402


def read_own(path, target="y", *more):
    parser = _common.options("A recipe.", "test")
    _common.add_table_options(parser)
    return _tables.read_own(parser.parse_args(["--csv", str(path), "--target", target, *more]))


def own_table(rows=60, **columns):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"age": rng.normal(50, 10, rows), "height": rng.normal(170, 9, rows)})
    return table.assign(**columns)


@pytest.mark.parametrize(
    ("target", "problem", "codes"),
    [
        (np.tile([1.5, 2.5, 3.25], 20), "regression", None),
        (np.arange(60), "regression", None),
        (np.tile([1, 2], 30), "binary", [0, 1]),
        (np.tile(["yes", "no"], 30), "binary", [1, 0]),
        (np.tile([True, False], 30), "binary", [1, 0]),
        (np.tile([3, 5, 9], 20), "multiclass", [0, 1, 2]),
    ],
)
def test_a_csv_file_tells_its_problem(tmp_path, target, problem, codes):
    own_table(y=target).to_csv(tmp_path / "own.csv", index=False)
    table = read_own(tmp_path / "own.csv")
    assert table.problem == problem
    assert table.X.shape == (60, 2)
    assert table.X.dtype == np.float32
    if codes:
        assert table.y[: len(codes)].tolist() == codes
    else:
        np.testing.assert_allclose(table.y, target)


@pytest.mark.parametrize(
    ("table", "target", "words"),
    [
        (own_table(y=1.5), "z", "no column 'z'. Its columns are 'age', 'height', 'y'"),
        (own_table(y=1.5), "y", "'y' is constant: it is always 1.5"),
        (own_table(40, y=range(40)), "y", "at least 50 rows .* 40 rows, 2 other columns"),
        (own_table(y=range(60), city="Oslo"), "y", "'city' must be numeric. Received: .*'Oslo'"),
        (own_table(y=range(60), w=[None, *range(59)]), "y", "Column 'w' has 1 missing values"),
        (own_table(y=range(60), w=np.inf), "y", "'w' contains values that are infinite"),
        (own_table(y=[7] + 59 * [8]), "y", "at least 8 rows; 7 in 'y' has 1"),
    ],
)
def test_a_bad_csv_file_is_refused_by_name_and_value(tmp_path, table, target, words):
    table.to_csv(tmp_path / "own.csv", index=False)
    with pytest.raises(ValueError, match=words):
        read_own(tmp_path / "own.csv", target)


def test_a_file_that_is_no_table_is_refused(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(ValueError, match=r"empty\.csv is not a readable table: it is empty"):
        read_own(tmp_path / "empty.csv")


def test_rows_without_a_target_are_dropped_and_said_so(tmp_path, capsys):
    own_table(y=[None, *np.linspace(0, 1, 59)]).to_csv(tmp_path / "own.csv", index=False)
    assert len(read_own(tmp_path / "own.csv").X) == 59
    assert "1 rows without a value of 'y' are dropped." in capsys.readouterr().out


def test_a_file_of_another_country_is_read_like_ours(tmp_path):
    table = own_table(größe=np.linspace(150, 200, 60), y=np.tile(["ja", "nö"], 30))
    table.to_csv(tmp_path / "own.csv", sep=";", decimal=",", encoding="cp1252", index=False)
    found = read_own(tmp_path / "own.csv")
    np.testing.assert_allclose(found.X, table.drop(columns="y").to_numpy("float32"), rtol=1e-5)
    table.to_csv(tmp_path / "own.csv", sep=":", decimal=",", encoding="utf-8", index=False)
    again = read_own(tmp_path / "own.csv", "y", "--sep", ":", "--decimal", ",")
    np.testing.assert_array_equal(found.X, again.X)


def test_only_training_rows_set_the_scale():
    table = _tables.shipped("diabetes")
    rows = _tables.split(table, seed=3)
    np.testing.assert_allclose(rows.x.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(rows.x.std(axis=0), 1, rtol=1e-5)
    assert rows.y.mean() == pytest.approx(0, abs=1e-5)
    assert abs(rows.x_valid.mean(axis=0)).max() > 0.01  # otherwise validation rows were used
    assert len(rows.x) + len(rows.x_valid) == len(table.X)


@pytest.mark.parametrize("optimizer", ["nag", "adagrad"])  # Adagrad's state does not start at 0
def test_a_trainer_starts_from_scratch_each_time_like_a_new_network(optimizer):
    import kerasdnn

    table = _tables.shipped("wine")
    rows = _tables.split(table, seed=1)
    trainer = _training.Trainer(table, optimizer=optimizer, hidden_units=(8,))
    trainer.run(rows, trainer.first_weights(5), 0.3, 5, epochs=2)  # must leave no trace
    losses, accuracies, _ = trainer.run(rows, trainer.first_weights(7), 0.02, 7, epochs=3)
    fresh = kerasdnn.build_classifier(
        13, 3, (8,), optimizer=optimizer, learning_rate=0.02, metrics=["accuracy"], seed=7
    )
    expected = fresh.fit(
        rows.x, rows.y, validation_data=(rows.x_valid, rows.y_valid), epochs=3, verbose=0
    ).history
    np.testing.assert_allclose(losses, expected["val_loss"], rtol=1e-5)
    np.testing.assert_allclose(accuracies, expected["val_accuracy"])


def test_the_best_rate_is_never_one_that_diverged():
    last = {0.1: [0.5, 0.7], 0.3: [0.1, np.nan], 1.0: [0.9, np.inf]}
    assert _training.best_rate(list(last), last.get) == 0.1


def test_the_loss_of_the_constant_baseline_is_the_mean_of_its_losses():
    table = _tables.shipped("breast cancer")
    p = table.y.mean()
    losses = -np.log(np.where(table.y == 1, p, 1 - p))  # cross-entropy of always predicting p
    assert _training.constant_loss(table) == pytest.approx(losses.mean())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--csv", "own.csv"], "--csv requires --target COLUMN"),
        (["--target", "y"], "--target requires --csv FILE"),
        (["--csv", "gone.csv", "--target", "y"], "there is no file gone.csv"),
        (["--epochs", "0"], "must be at least 1. Received: 0"),
        (["--no-such-option"], "unrecognized arguments: --no-such-option"),
    ],
)
def test_options_that_do_not_fit_end_with_a_clear_line(capsys, options, words):
    parser = _common.options("A recipe.", "test", epochs=3)
    _common.add_table_options(parser)
    with pytest.raises(SystemExit, match="2"):
        _common.parse(parser, options)
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_a_bad_table_ends_the_recipe_with_one_line(tmp_path, capsys):
    import compare_optimizers

    own_table(y=1.5).to_csv(tmp_path / "own.csv", index=False)
    with pytest.raises(SystemExit, match="2"):
        compare_optimizers.main(["--csv", str(tmp_path / "own.csv"), "--target", "Y"])
    error = capsys.readouterr().err
    assert "no column 'Y'. Did you mean 'y'?" in error
    assert error.count("\n") == 1


def test_optimizers_are_compared_on_a_table_of_ones_own(tmp_path, capsys):
    import compare_optimizers

    y = np.tile(["ill", "well"], 30)
    own_table(y=y, marker=(y == "ill") * 2.0).to_csv(tmp_path / "own.csv", index=False)
    out = tmp_path / "out"
    compare_optimizers.main(["--quick", "--csv", str(tmp_path / "own.csv"), "--target", "y",
                             "--out", str(out), "--epochs", "3"])  # fmt: skip
    table = pd.read_csv(out / "own.csv")
    assert table["optimizer"].tolist() == ["sgd", "nag", "adam", "logistic regression"]
    assert (table["validation loss"] < 0.7).all()  # log 2 = 0.69 is the constant baseline
    assert {"index.html", "paths.png", "paths.gif", "curves.png", "losses.png", "surface.csv"} < {
        path.name for path in out.iterdir()
    }
    assert "own: lowest validation loss with" in capsys.readouterr().out

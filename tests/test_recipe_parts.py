"""What the recipes share: tables and their errors, a trainer that starts anew, options."""

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
    table = _tables.read_csv(tmp_path / "own.csv", "y")
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
        (own_table(y=1.5), "z", "must be a column of .*age, height, y. Received: z"),
        (own_table(y=1.5), "y", "must vary. Received: 'y' is always 1.5"),
        (own_table(40, y=range(40)), "y", "at least 50 rows .* 40 rows, 2 columns"),
        (own_table(y=range(60), city="Oslo"), "y", "numeric. Received: column 'city' .*'Oslo'"),
        (own_table(y=[None, *range(59)]), "y", "1 missing in column 'y'"),
        (own_table(y=range(60), w=np.inf), "y", "finite in float32"),
        (own_table(y=[7] + 59 * [8]), "y", "at least 5 rows. Received: 1 with 'y' = 7"),
    ],
)
def test_a_bad_csv_file_is_refused_by_name_and_value(tmp_path, table, target, words):
    table.to_csv(tmp_path / "own.csv", index=False)
    with pytest.raises(ValueError, match=words):
        _tables.read_csv(tmp_path / "own.csv", target)


def test_a_file_that_is_no_table_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must be a file\. Received: "):
        _tables.read_csv(tmp_path / "missing.csv", "y")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(ValueError, match="is not a CSV table: No columns"):
        _tables.read_csv(tmp_path / "empty.csv", "y")


def test_only_training_rows_set_the_scale():
    table = _tables.shipped("diabetes")
    rows = _tables.split(table, seed=3)
    np.testing.assert_allclose(rows.x.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(rows.x.std(axis=0), 1, rtol=1e-5)
    assert rows.y.mean() == pytest.approx(0, abs=1e-5)
    assert abs(rows.x_valid.mean(axis=0)).max() > 0.01  # else validation rows had a say
    assert len(rows.x) + len(rows.x_valid) == len(table.X)


@pytest.mark.parametrize("optimizer", ["nag", "adagrad"])  # Adagrad's state does not start at 0
def test_a_trainer_starts_anew_each_time_like_a_fresh_network(optimizer):
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


def test_the_best_rate_is_never_one_that_blew_up():
    last = {0.1: [0.5, 0.7], 0.3: [0.1, np.nan], 1.0: [0.9, np.inf]}
    assert _training.best_rate(list(last), last.get) == 0.1


def test_the_constant_guess_is_what_its_losses_say():
    table = _tables.shipped("breast cancer")
    p = table.y.mean()
    losses = -np.log(np.where(table.y == 1, p, 1 - p))  # cross-entropy of always saying p
    assert _training.guess(table) == pytest.approx(losses.mean())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--csv", "own.csv"], "--csv needs --target COLUMN"),
        (["--target", "y"], "--target needs --csv FILE"),
        (["--epochs", "0"], "must be at least 1. Received: 0"),
    ],
)
def test_options_that_do_not_fit_end_with_a_clear_line(capsys, options, words):
    parser = _common.options("A recipe.", "test", csv=True, epochs=3)
    with pytest.raises(SystemExit):
        _common.parse(parser, options)
    assert words in capsys.readouterr().err


def test_a_bad_table_ends_the_recipe_before_tensorflow_with_one_line(tmp_path, capsys):
    import compare_optimizers

    with pytest.raises(SystemExit):
        compare_optimizers.main(["--csv", str(tmp_path / "missing.csv"), "--target", "y"])
    assert "--csv must be a file. Received: " in capsys.readouterr().err.splitlines()[-1]


def test_optimizers_are_compared_on_a_table_of_ones_own(tmp_path, capsys):
    import compare_optimizers

    y = np.tile(["ill", "well"], 30)
    own_table(y=y, marker=(y == "ill") * 2.0).to_csv(tmp_path / "own.csv", index=False)
    out = tmp_path / "out"
    compare_optimizers.main(["--quick", "--csv", str(tmp_path / "own.csv"), "--target", "y",
                             "--out", str(out), "--epochs", "3"])  # fmt: skip
    table = pd.read_csv(out / "own.csv")
    assert table["optimizer"].tolist() == ["sgd", "nag", "adam", "logistic regression"]
    assert (table["validation loss"] < 0.7).all()  # log 2 = 0.69 is a guess
    assert {"index.html", "paths.png", "paths.gif", "curves.png", "losses.png", "surface.csv"} < {
        path.name for path in out.iterdir()
    }
    assert "own: lowest validation loss with" in capsys.readouterr().out

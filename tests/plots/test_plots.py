"""Every picture against a stored one, coarse enough to survive another matplotlib release.

`python tests/plots/test_plots.py` redraws the stored plots; look at each before committing it.
"""

import inspect
import io
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageSequence

from kerasdnn import plots
from kerasdnn.graphs import Node, exp
from kerasdnn.plots.styles import SERIES

REFERENCE = Path(__file__).parent / "reference"
SIZE = (96, 64)  # pixels of a stored picture: letters blur to grey, lines and areas remain
TOLERANCE = 2.5  # mean difference in grey levels of 255
NAMES = ["sgd", "momentum", "nag", "adagrad", "rmsprop", "adam"]


def ravine(w1, w2):
    return w1**2 / 20 + w2**2


def spirals():
    t = np.arange(40)
    return {
        name: np.c_[-7 * np.exp(-t / (5 + 3 * i)), 2 * np.cos(t / (i + 2)) * np.exp(-t / 9)]
        for i, name in enumerate(NAMES)
    }


def learning_curves():
    rng, t = np.random.default_rng(0), np.arange(40)
    runs = {n: np.exp(-t / (4 + 4 * i)) + 0.05 + 0.02 * rng.random((5, 40))
            for i, n in enumerate(NAMES)}  # fmt: skip
    return plots.learning_curves(
        runs, log_y=True, reference={"baseline": 0.2}, ylabel="loss", title="curves"
    )


def learning_rate_range():
    rates = np.geomspace(1e-5, 1, 60)
    smoothed = 1 - 0.7 * np.exp(-((np.log10(rates) + 2) ** 2)) + 3 * (rates > 0.3)
    noise = 0.1 * np.random.default_rng(0).normal(size=60)
    table = pd.DataFrame({"learning_rate": rates, "loss": smoothed + noise, "smoothed": smoothed})
    return plots.learning_rate_range(table, 1e-3, title="range")


def functions():
    named = {"sigmoid": lambda z: 1 / (1 + np.exp(-z)), "tanh": np.tanh}
    return plots.functions(named, title="activations")


def dots():
    widths = [0.1, 0.2, np.nan, 0.1, 0.3, 0.1]
    return plots.dots(NAMES, range(6), widths, xlabel="loss", reference={"baseline": 2.5})


def bars():
    return plots.bars(["a", "b", "c"], {"x": [1, 2, 3], "y": [2, 2.5, 1]}, ylabel="time (s)")


def attributions():
    values = [2.0, -1.4, 0.9, 0.4, -0.2]
    return plots.attributions(["age", "city", "zip", "flag", "when"], values, xlabel="attribution")


def heat_map():
    values = 10.0 ** -np.add.outer(np.arange(4), np.linspace(0, 2, 20))
    values[1, 3] = 0
    return plots.heat_map(values, list("abcd"), label="norm", xlabel="epoch", log=True)


def heat_map_with_numbers():
    return plots.heat_map(np.eye(3) + 0.1, list("abc"), label="fraction", xlabel="predicted",
                          ylabel="true", column_names=list("abc"), form="{:.2f}")  # fmt: skip


def surface_paths():
    return plots.surface_paths(ravine, spirals(), (-8, 3), (-2.6, 2.6), minimum=(0, 0))


def graph():
    x, w, y = Node(0.5, "x"), Node(2.0, "w"), Node(1.0, "y")
    loss = (1 / (1 + exp(-(x * w))) - y) ** 2 + 0.1 * w**2
    loss.backward()
    return plots.graph(loss, name="loss")


def binary_answers():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    return y, {name: np.clip(0.5 + s * (y - 0.5) + rng.normal(0, 0.25, 400), 0, 1)
               for name, s in (("network", 0.6), ("baseline", 0.3))}  # fmt: skip


def confusion_matrix():
    y, answers = binary_answers()
    return plots.confusion_matrix(y, (answers["baseline"] > 0.5).astype(int))


def roc_curves():
    return plots.roc_curves(*binary_answers())


def precision_recall_curves():
    return plots.precision_recall_curves(*binary_answers())


def calibration_curves():
    return plots.calibration_curves(*binary_answers())


def residuals():
    y = np.linspace(0, 10, 200)
    return plots.residuals(y, y + np.sin(y), unit="price (euros)")


def predicted_against_true():
    y = np.linspace(0, 10, 200)
    return plots.predicted_against_true(y, y + np.sin(y), unit="price (euros)")


def search_history():
    scores = 0.5 + 1 / np.arange(1, 31) + 0.2 * np.random.default_rng(0).random(30)
    scores[7] = np.nan
    return plots.search_history(scores, ylabel="validation loss")


def trials():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"learning_rate": 10 ** rng.uniform(-4, -1, 40),
                          "optimizer": rng.choice(["nag", "adam"], 40),
                          "units": rng.choice([16, 32, 64], 40)})  # fmt: skip
    return table, np.abs(np.log10(table["learning_rate"]) + 2.5).to_numpy()


def parallel_coordinates():
    return plots.parallel_coordinates(*trials(), label="validation loss")


def score_against():
    table, scores = trials()
    return plots.score_against(
        table["learning_rate"], scores, xlabel="learning rate", ylabel="validation loss"
    )


PICTURES = [confusion_matrix, roc_curves, precision_recall_curves, calibration_curves, residuals,
            predicted_against_true, search_history, parallel_coordinates, score_against,
            learning_curves, learning_rate_range, functions, dots, bars, attributions, heat_map,
            heat_map_with_numbers, surface_paths, graph]  # fmt: skip


def test_every_picture_of_the_door_is_compared():
    tools = {"Page", "figure", "png", "save", "series", "style", "animate_paths", "scores_against"}
    public = {n for n in vars(plots) if not n.startswith("_") and callable(getattr(plots, n))}
    assert public - tools == {f.__name__ for f in PICTURES} - {"heat_map_with_numbers"}


def coarse(drawing):
    image = Image.open(io.BytesIO(plots.png(drawing))).convert("L")
    return image.resize(SIZE, Image.Resampling.BOX)


def difference(one, other):
    return np.abs(np.asarray(one, float) - np.asarray(other, float)).mean()


@pytest.mark.parametrize("draw", PICTURES, ids=lambda f: f.__name__)
def test_picture_is_the_stored_one(draw):
    with Image.open(REFERENCE / f"{draw.__name__}.png") as stored:
        assert difference(coarse(draw()), stored) < TOLERANCE


def test_the_tolerance_tells_every_picture_from_every_other():
    stored = []
    for draw in PICTURES:
        with Image.open(REFERENCE / f"{draw.__name__}.png") as image:
            stored.append(image.convert("L"))
    for i, one in enumerate(stored):
        for other in stored[:i]:
            assert difference(one, other) > 2 * TOLERANCE


def test_the_tolerance_sees_a_missing_curve():
    """A picture with half of its lines is not the stored one."""
    ax = learning_curves()
    for line in ax.lines[:3]:
        line.remove()
    for band in ax.collections[:3]:
        band.remove()
    ax.legend()
    with Image.open(REFERENCE / "learning_curves.png") as stored:
        assert difference(coarse(ax), stored) > TOLERANCE


def test_series_differ_without_color():
    looks = [(str(look["linestyle"]), look["marker"]) for look in SERIES]
    assert len({line for line, _ in looks}) == len({mark for _, mark in looks}) == len(SERIES)


@pytest.mark.parametrize("draw", PICTURES[:-1], ids=lambda f: f.__name__)
def test_axes_are_labelled(draw):
    ax = draw()
    # Names at the ticks speak for themselves.
    assert ax.get_xlabel() or any(tick.get_text() for tick in ax.get_xticklabels())
    assert (
        ax.get_ylabel()
        or any(tick.get_text() for tick in ax.get_yticklabels())
        or (
            draw is parallel_coordinates  # each of its axes carries its own marks
        )
    )


def test_draws_on_the_axes_it_is_given_and_leaves_the_settings_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    _, (left, right) = plots.figure(1, 2)
    returned = plots.bars(["a"], [1], ylabel="time (s)", ax=right)
    assert returned is right
    assert not left.has_data()
    assert dict(matplotlib.rcParams) == before


def test_labels_replace_those_of_a_plot_and_none_keeps_them():
    ax = plots.bars(["a"], [1], ylabel="time (s)", xlabel="network", title="speed")
    assert (ax.get_xlabel(), ax.get_title(loc="left")) == ("network", "speed")
    assert plots.functions({"zero": np.zeros_like}, ylabel="da / dz").get_xlabel() == "z"
    assert plots.functions({"zero": np.zeros_like}, xlabel=None).get_xlabel() == "z"
    assert "title" in inspect.signature(plots.functions).parameters
    assert "xlabel: str" in inspect.getdoc(plots.functions)
    with pytest.raises(TypeError, match="colour"):
        plots.functions({}, colour="red")


def test_dots_of_one_color_differ_by_their_rows_alone():
    drawn = plots.dots(["a", "b"], [1, 2], xlabel="loss", one_color=True).lines
    assert drawn[0].get_color() == drawn[1].get_color()
    drawn = plots.dots(["a", "b"], [1, 2], xlabel="loss").lines
    assert drawn[0].get_color() != drawn[1].get_color()
    assert {line.get_fillstyle() for line in drawn} == {"full"}


def test_a_logarithmic_axis_has_several_ticks_however_short_it_is():
    for values in ([0.30, 0.31, 0.35], [0.3, 0.5, 0.9], [0.1, 1, 9], [1e-5, 1, 1e4]):
        ax = plots.learning_curves({"a": values}, ylabel="loss", log_y=True)
        low, high = ax.get_ylim()
        assert sum(low <= tick <= high for tick in ax.get_yticks()) >= 2, values


def test_two_runs_have_no_band_and_three_have_one():
    for runs, bands in ((2, 0), (3, 1)):
        ax = plots.learning_curves({"a": np.random.default_rng(0).random((runs, 5))}, ylabel="loss")
        assert len(ax.collections) == bands


def test_whole_numbers_are_spread_sideways_and_others_are_not():
    y = np.tile([1.0, 2.0], 50)
    x = plots.predicted_against_true(y, y).collections[0].get_offsets()[:, 0]
    assert len(np.unique(x)) == 100
    assert np.abs(x - y).max() < 0.31
    x = plots.predicted_against_true(y + 0.5, y).collections[0].get_offsets()[:, 0]
    np.testing.assert_array_equal(x, y + 0.5)


def test_no_figure_is_left_in_pyplot():
    import matplotlib.pyplot as plt

    before = plt.get_fignums()  # of other tests in this process
    for draw in PICTURES:
        draw()
    assert plt.get_fignums() == before


def test_animation_has_its_frames_and_its_colours(tmp_path):
    path = plots.animate_paths(
        ravine, spirals(), (-8, 3), (-2.6, 2.6), tmp_path / "a.gif", frames=5
    )
    with Image.open(path) as animation:
        frames = [np.asarray(f.convert("RGB"), float) for f in ImageSequence.Iterator(animation)]
    assert len(frames) == 5
    assert difference(frames[0], frames[-1]) > 0.5  # something moved
    for red_green_blue in [(0, 114, 178), (213, 94, 0), (0, 158, 115)]:  # the first three series
        assert (np.abs(frames[-1] - red_green_blue).max(axis=-1) < 12).sum() > 50


def test_the_minimum_is_drawn_above_the_paths_of_an_animation(tmp_path):
    to_the_minimum = {"a": np.linspace((-7, 2), (0, 0), 30)}
    path = plots.animate_paths(
        ravine, to_the_minimum, (-8, 3), (-2.6, 2.6), tmp_path / "a.gif", minimum=(0, 0), frames=3
    )
    with Image.open(path) as animation:
        last = np.asarray([*ImageSequence.Iterator(animation)][-1].convert("RGB"), float)
    yellow = np.abs(last - (255, 255, 0)).max(axis=-1) < 30
    assert yellow[:, : yellow.shape[1] * 7 // 10].sum() > 10  # on the map, not in the legend


def test_maps_can_share_a_color_bar():
    drawing, axes = plots.figure(1, 2)
    for ax in axes:
        plots.heat_map(np.eye(2), ["a", "b"], label="", limits=(0, 1), color_bar=False, ax=ax)
    assert len(drawing.axes) == 2
    drawing.colorbar(axes[0].images[0], ax=axes)
    assert len(drawing.axes) == 3


def test_save_leaves_the_old_picture_when_it_fails(tmp_path, monkeypatch):
    path = plots.save(bars(), tmp_path / "new folder" / "bars.png")
    before = path.read_bytes()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        plots.save(dots(), path)
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 1


def test_what_is_no_drawing_is_refused():
    with pytest.raises(ValueError, match=r"`drawing` must be .* Received: drawing=3"):
        plots.save(3, "three.png")


if __name__ == "__main__":
    REFERENCE.mkdir(exist_ok=True)
    for draw in PICTURES:
        coarse(draw()).save(REFERENCE / f"{draw.__name__}.png")
    sys.exit(f"{len(PICTURES)} pictures drawn into {REFERENCE}")

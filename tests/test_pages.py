"""The pages and pictures that are written by `scripts/pages.py` are up to date."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from kerasdnn import plots
from kerasdnn.estimators.presets import PRESETS
from kerasdnn.hyperparameters import ESTIMATOR, names

SCRIPTS = Path(__file__).parents[1] / "scripts"
sys.path.insert(0, str(SCRIPTS))

import pages  # noqa: E402

AGAIN = "Run scripts/run scripts/pages.py"


def test_the_page_of_presets_is_what_the_presets_say():
    assert pages.PAGE.read_text("utf-8") == pages.presets_page(), AGAIN


def test_the_page_of_presets_has_every_preset_and_every_argument():
    text = pages.PAGE.read_text("utf-8")
    assert all(f'"{name}"' in text for name in PRESETS)
    arguments = {*names(ESTIMATOR), *(n for p in PRESETS.values() for n in p.hyperparameters)}
    assert [name for name in arguments if f"| `{name}`" not in text] == []


def test_the_picture_of_accuracy_shows_the_figures_of_the_page(tmp_path):
    text = (pages.DOCS / "accuracy.md").read_text("utf-8")
    errors = pages.read_accuracy(text)
    assert errors["compact, the default"] == 0.959
    (ax,) = pages.accuracy_picture(text).axes
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], [*errors.values()])
    assert_like(ax, pages.PICTURE, tmp_path)


@pytest.fixture(scope="module")
def drawn():
    return pages.guide_pictures()


def test_the_pictures_of_the_guide_are_as_the_recipes_draw_them(drawn, tmp_path):
    for name, drawing in drawn.items():
        assert_like(drawing, pages.DOCS / "pictures" / f"{name}.png", tmp_path)


@pytest.mark.parametrize("guide", ["guide.en.md", "guide.ko.md"])
def test_the_guide_shows_every_picture_once(guide, drawn):
    shown = re.findall(r"\]\(pictures/(\w+)\.png\)", (pages.DOCS / guide).read_text("utf-8"))
    assert sorted(shown) == sorted(drawn)


def test_every_concept_has_a_picture(drawn):
    assert {int(number.split(",")[0]) for number in pages.GUIDE} == {*range(1, 25)}
    assert {*pages.GUIDE.values()} == {*drawn}


def test_pictures_of_the_guide_have_text_of_at_least_8_pixels_on_the_page(drawn):
    """The site shows a picture in a column of 736 pixels."""
    for name, drawing in drawn.items():
        figure = drawing if isinstance(drawing, Figure) else drawing.figure
        pixels_per_point = min(1.0, 736 / (130 * figure.get_figwidth())) * 130 / 72
        texts = [text for text in figure.findobj(Text) if text.get_text().strip()]
        assert min(t.get_fontsize() for t in texts) * pixels_per_point >= 8, name


def test_the_gradient_vanishes_where_the_guide_says_so(drawn):
    gradients = {line.get_label(): line.get_ydata() for line in drawn["gradients"].lines}
    for name, vanishes in {"tanh, biases of 2": True, "sigmoid": True, "tanh": False}.items():
        assert (gradients[name][0] < 1e-3 * gradients[name][-1]) == vanishes, name


def assert_like(ax, picture, folder):
    drawn = plots.save(ax, folder / "drawn.png")
    with Image.open(drawn) as new, Image.open(picture) as stored:
        assert new.size == stored.size, f"{AGAIN}: {picture.name}"
        small = [
            np.asarray(image.convert("L").resize((200, 100)), float) for image in (new, stored)
        ]
    assert np.abs(small[0] - small[1]).mean() < 1, f"{AGAIN}: {picture.name}"

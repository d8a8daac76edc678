"""Files of earlier versions load, predict what they did, and training and searches resume."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from kerasdnn import Population, load

DATA = Path(__file__).parent / "data"
sys.path.insert(0, str(DATA))
import make_frozen as made  # noqa: E402

FROZEN = made.FOLDER
BEFORE = json.loads((FROZEN / "predictions.json").read_text())
ROWS = slice(0, 8)


def agree(found, name):
    np.testing.assert_allclose(found, BEFORE[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("preset", made.PRESETS)
def test_an_estimator_of_every_preset_predicts_what_it_did(preset):
    columns, y = made.table()
    model = load(FROZEN / f"{preset}.kerasdnn")
    agree(model.predict_proba(columns)[ROWS], f"{preset}.kerasdnn")
    assert set(model.predict(columns)) <= set(y)


def test_an_estimator_of_several_networks_predicts_what_it_did():
    agree(load(FROZEN / "members.kerasdnn").predict(made.table()[0])[ROWS], "members.kerasdnn")


def test_importing_the_package_is_enough_to_load_a_network_of_all_layers():
    code = (
        "import sys, keras, kerasdnn, numpy as np\n"
        "network = keras.saving.load_model(sys.argv[1])\n"
        "x = np.array(eval(sys.argv[2]), 'float32')\n"
        "print(network.predict(x, verbose=0).tolist())"
    )
    x = made.with_categories()[0][ROWS].tolist()
    command = [sys.executable, "-c", code, str(FROZEN / "layers.keras"), repr(x)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    agree(json.loads(done.stdout.splitlines()[-1]), "layers.keras")


def test_the_network_of_all_layers_holds_the_registered_names():
    network = keras.saving.load_model(FROZEN / "layers.keras")
    config = json.dumps(network.get_compile_config()) + network.to_json()
    assert set(re.findall(r"kerasdnn>(\w+)", config)) == {
        "AverageOf",
        "CosLog",
        "EmbedCategories",
        "FlatCos",
        "GroupAdam",
        "LeakyReLU",
        "NTKDense",
        "ParametricActivation",
        "PeriodicEmbedding",
        "Scale",
        "ScheduledDropout",
        "SmoothedSparseCategoricalCrossentropy",
        "leaky_relu",
        "mish",
    }


@pytest.mark.parametrize("optimizer", ["momentum", "nag"])
def test_training_continues_with_the_optimizer_as_it_was(optimizer):
    x, y = made.data()
    stock = keras.saving.load_model(FROZEN / f"{optimizer}.keras")
    agree(stock.predict(x[ROWS], verbose=0), f"{optimizer}.keras")
    stock.fit(x, y, epochs=2, batch_size=16, shuffle=False, verbose=0)
    agree(stock.predict(x[ROWS], verbose=0), f"{optimizer}.keras trained on")


def test_a_population_continues_from_its_file():
    x, y = made.data()
    population = Population.load(FROZEN / "population.npz")
    agree(population.predict(x[ROWS]), "population.npz")
    population.fit(x, y, epochs=4, validation_rows=np.arange(16))
    agree(population.predict(x[ROWS]), "population.npz trained on")


def test_an_interrupted_search_resumes(tmp_path):
    shutil.copytree(FROZEN / "half_done_search", tmp_path / "half_done")
    before = sorted(path.name for path in (tmp_path / "half_done" / "search").glob("trial_*"))
    trials = made.search(tmp_path / "half_done").trials
    assert 0 < len(before) < len(trials) == 6
    assert trials["hidden_units"].map(lambda units: units[0]).tolist() == BEFORE["search units"]
    agree(trials["score"], "search score")

"""Run Keras's own tests of `Sequential` with `Network` instead.

    git clone --depth 1 --branch v3.15.1 https://github.com/keras-team/keras /tmp/keras
    scripts/run scripts/keras_tests.py /tmp/keras             # about 15 minutes
    scripts/run scripts/keras_tests.py /tmp/keras callbacks   # only files with this word

The checkout should be of the version that is installed. Its test files (`Sequential`, cloning,
callbacks, trainer, saving, export) are copied to a temporary folder and run against the installed
Keras, once unchanged and once with every name of `Sequential`, including that in files, bound to
`Network` before they are imported. A test that also fails with stock Keras (because a package
is not installed) is ignored. Prints the tests that fail only with `Network`, by reason; exits with
1 if these include anything but the rejections of bad data listed in `REFUSED`.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = (
    "models/sequential_test.py",
    "models/cloning_test.py",
    "callbacks/*_test.py",
    "trainers/trainer_test.py",
    "trainers/data_adapters/tf_dataset_adapter_test.py",
    "saving/*_test.py",
    "legacy/saving/*_test.py",
    "export/*_test.py",
)
# Tests whose data `Network` refuses: words of the refusal, and why (kerasdnn/checks/fit.py has
# all).
INFINITE = "`y` contains inf", "y holds infinity: `fit` says so before it learns nothing"
REFUSED = {
    "TerminateOnNaNTest::test_raise_error_terminate_does_not_trigger_on_train_end": INFINITE,
    "TerminateOnNaNTest::test_raise_error_terminate_preserves_backup": INFINITE,
    "TerminateOnNaNTest::test_raise_error_terminate_stops_on_later_batch": INFINITE,
    "TerminateOnNaNTest::test_terminate_on_nan_graceful_stop": INFINITE,
    "TerminateOnNaNTest::test_terminate_on_nan_raise_error_raises_error": INFINITE,
}
CONFTEST = """
import json
import os

import keras
import keras.src.models.sequential
import pytest
from keras.src import api_export

if os.environ["SIDE"] == "network":
    from kerasdnn import Network

    api_export.REGISTERED_NAMES_TO_OBJS["keras.Sequential"] = Network  # which files name
    keras.src.Sequential = keras.src.models.Sequential = Network
    keras.src.models.sequential.Sequential = keras.Sequential = keras.models.Sequential = Network


def pytest_configure(config):
    for marker in ("requires_trainable_backend", "multi_device"):
        config.addinivalue_line("markers", marker)


def pytest_collection_modifyitems(items):
    for item in items:
        if "multi_device" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="one device"))


def pytest_runtest_logreport(report):
    if report.when != "call" and not report.failed and not report.skipped:
        return
    name = report.nodeid.rpartition("/")[2]
    crash = getattr(report.longrepr, "reprcrash", None)
    line = {"name": name, "outcome": report.outcome, "words": crash.message if crash else ""}
    with open(os.environ["RESULTS"], "a") as file:
        file.write(json.dumps(line) + "\\n")
"""


def copy_tests(checkout, folder, word):
    """Copy the test files with `word` in their path to `folder`; how many."""
    source = Path(checkout) / "keras" / "src"
    found = [path for pattern in FILES for path in sorted(source.glob(pattern))]
    found = [path for path in found if word in str(path.relative_to(source))]
    found = [path for path in found if "Sequential" in path.read_text()]
    for path in found:
        shutil.copy(path, folder / path.name)
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "pytest.ini").write_text("[pytest]\n")
    return len(found)


def run(side, folder, options):
    """Outcomes of all tests with `side` ("stock" or "network"): name to (outcome, last words)."""
    results = folder / f"{side}.jsonl"
    environment = os.environ | {
        "SIDE": side,
        "RESULTS": str(results),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider"]
    command += ["--import-mode=importlib", "--continue-on-collection-errors", str(folder), *options]
    subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=False)
    lines = results.read_text().splitlines() if results.exists() else []
    found = {}
    for line in map(json.loads, lines):
        if found.get(line["name"], ("",))[0] != "failed":
            found[line["name"]] = line["outcome"], line["words"]
    return found


def main(checkout, word="", options=()):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        if not copy_tests(checkout, folder, word):
            sys.exit(f"{checkout} holds no test file of Keras with {word!r} in its path.")
        stock, network = (run(side, folder, options) for side in ("stock", "network"))
    broken = {name for name, (outcome, _) in stock.items() if outcome == "failed"}
    failed = {
        name: words
        for name, (outcome, words) in network.items()
        if outcome == "failed" and name not in broken
    }
    missing = [name for name in stock if name not in network]
    ran = Counter(outcome for name, (outcome, _) in network.items() if name not in broken)
    print(f"{ran['passed']} pass, {len(failed)} fail, {ran['skipped']} are skipped,")
    print(f"{len(broken)} fail with stock Keras too.")
    groups = {"UNEXPECTED": dict.fromkeys(missing, "did not run")}
    for name, words in sorted(failed.items()):
        refusal, reason = REFUSED.get(name.partition("::")[2], (None, None))
        expected = refusal is not None and refusal in words
        groups.setdefault(reason if expected else "UNEXPECTED", {})[name] = words
    for reason, tests in groups.items():
        print(f"\n{reason}: {len(tests)}")
        for name, words in tests.items():
            print(f"  {name}\n      {' '.join(words.split())[:300]}")
    return 1 if groups["UNEXPECTED"] else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkout", help="folder of Keras's source")
    parser.add_argument("word", nargs="?", default="", help="only files with this in their path")
    given, rest = parser.parse_known_args()
    sys.exit(main(given.checkout, given.word, rest))

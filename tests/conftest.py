"""Settings of all tests: quiet, without accelerator, and the two sizes of hypothesis."""

import gc
import os

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("MPLBACKEND", "Agg")

from hypothesis import settings

settings.register_profile("normal", max_examples=15, deadline=None, derandomize=True)
settings.register_profile("nightly", max_examples=2_000, deadline=None)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "normal")
settings.load_profile(PROFILE)


def pytest_collection_modifyitems(items):
    """Leave what takes long and repeats a path of the code to the nightly run."""
    skip = pytest.mark.skip(reason="runs with HYPOTHESIS_PROFILE=nightly")
    for item in items if PROFILE != "nightly" else ():
        if item.get_closest_marker("nightly"):
            item.add_marker(skip)


@pytest.fixture(scope="module", autouse=True)
def without_objects_of_earlier_files():
    """Keep the garbage collector from visiting imported modules and what earlier tests left.

    Keras collects whenever it clears a session, which took longer than the tests that do it.
    """
    gc.collect()
    gc.freeze()

"""Calls for the workers of test_parallel.py, which need not load Keras for them."""

import os
import time
from pathlib import Path


def call(key, shared, seconds=0.0):
    """Runs in some seconds; "deadly" ends its worker, "once" the first worker that runs it."""
    if key == "deadly" or (key == "once" and not Path(shared.folder, "once").exists()):
        Path(shared.folder, key).touch()
        os._exit(9)
    time.sleep(seconds)
    Path(shared.folder, f"{key} in {os.getpid()}").touch()
    return key, (key, float(shared.rows.sum()), os.environ.get("OMP_NUM_THREADS"))

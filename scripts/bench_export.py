"""Time one row of 20 columns through the NumPy export of each preset.

    scripts/run scripts/bench_export.py             # about 20 s

14 columns are numbers, 6 text of 4 categories. The export proves that its predictions are those of
the model; the time is the best of 20 rounds of 500 predictions.
"""

import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

PRESETS = "standard", "realmlp-s", "realmlp"
TIMER = """
import timeit
from predict import load
model = load()
row = {f"number {i}": i / 7 for i in range(14)} | {f"text {i}": "abcd"[i % 4] for i in range(6)}
print(min(timeit.repeat(lambda: model.predict_proba(row), number=500, repeat=20)) / 500 * 1e6)
"""


def main():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import numpy as np
    import pandas as pd

    from kerasdnn import DNNClassifier

    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    numbers = {f"number {i}": rng.normal(size=600) for i in range(14)}
    texts = {f"text {i}": rng.choice(list("abcd"), 600) for i in range(6)}
    table = pd.DataFrame(numbers | texts)
    for preset in PRESETS:
        model = DNNClassifier(preset, epochs=2, random_state=0)
        model.fit(table, table["number 0"] > 0)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "export"
            model.export(path)
            done = subprocess.run(
                [sys.executable, "-c", TIMER], cwd=path, capture_output=True, text=True, check=True
            )
        print(f"{preset:10} {float(done.stdout):5.0f} µs")


if __name__ == "__main__":
    sys.exit(main())

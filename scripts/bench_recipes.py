"""How long the recipes take: CPU time, which hardly depends on what else the computer does.

    scripts/run scripts/bench_recipes.py                    # about 13 min of CPU time
    scripts/run scripts/bench_recipes.py --quick            # about 3 min of CPU time
    scripts/run scripts/bench_recipes.py train_table race_optimizers

CPU time is what all cores together spend. On two idle cores the wait is between half of it and all
of it. recipes/README.md has these figures, rounded up.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import notebooks


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="recipes without .py (default: all)")
    parser.add_argument("--quick", action="store_true", help="run the recipes with --quick")
    args = parser.parse_args()
    print(f"{os.cpu_count()} cores\n{'recipe':28}{'CPU time':>10}{'wait':>10}")
    for recipe in notebooks.recipes():
        if not args.names or recipe.stem in args.names:
            spent, waited = measure(recipe, ["--quick"] if args.quick else [])
            print(f"{recipe.stem:28}{spent:8.0f} s{waited:8.0f} s", flush=True)


def measure(recipe, options):
    """Seconds of CPU time and of waiting for one run, in a new process and a new folder."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(recipe), "--out", folder, *options]
        before, began = cpu_seconds(), time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=notebooks.ROOT)
        return cpu_seconds() - before, time.perf_counter() - began


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()

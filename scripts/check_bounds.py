"""Install the wheel in fresh environments at both ends of its dependencies' bounds, and use it.

    scripts/run scripts/check_bounds.py                          # lowest, then newest versions
    scripts/run scripts/check_bounds.py newest --python python3.13
    scripts/run scripts/check_bounds.py lowest --tests tests/export tests/serving

The lowest versions are those that `pyproject.toml` states, for the package itself and its extras;
pip chooses what these need in turn. The program `check_bounds_use.py` then imports every module,
trains, tunes, saves, exports, serves and runs the command, outside the checkout. With --tests,
tests of the checkout run against the installed wheel, too. An environment takes some minutes and
3 GB; it stays in the folder of --folder, and a temporary one goes.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = "serve", "excel", "onnx", "streaming", "mlflow"
REQUIREMENT = re.compile(r"([\w.-]+)(?:\[[\w,-]+\])?>=([\w.]+)")


def lowest(extras):
    """The lines of a constraints file with the lower bound of every requirement."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    optional = project["optional-dependencies"]
    requirements = project["dependencies"] + [r for extra in extras for r in optional[extra]]
    found = {}
    for requirement in requirements:
        name, version = REQUIREMENT.match(requirement).groups()
        found[name] = version
    return [f"{name}=={version}" for name, version in found.items()]


def build(folder):
    """The path of the wheel, built from a copy of the sources."""
    source = folder / "source"
    shutil.copytree(ROOT / "kerasdnn", source / "kerasdnn",
                    ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip(sys.executable, "wheel", "--no-deps", "-w", folder, source)
    return next(folder.glob("*.whl"))


def pip(python, *arguments):
    command = [python, "-m", "pip", *map(str, arguments), "-q", "--disable-pip-version-check"]
    subprocess.run(command, check=True)


def check(end, python, folder, wheel, tests):
    """Make an environment and use the wheel in it; returns whether all went well."""
    home = folder / end
    subprocess.run([python, "-m", "venv", "--clear", home], check=True)
    own = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    extras = [*EXTRAS, "test"] if tests else EXTRAS
    constraints = folder / f"{end}.txt"
    constraints.write_text("\n".join(lowest(extras)) if end == "lowest" else "", "utf-8")
    pip(own, "install", "--prefer-binary", "-c", constraints, f"{wheel}[{','.join(extras)}]")
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "KERAS_BACKEND")}
    env |= {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore", "MPLBACKEND": "Agg"}
    program = ROOT / "scripts" / "check_bounds_use.py"
    names = [line.partition("==")[0] for line in lowest(EXTRAS)]
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run([own, program, *names], cwd=scratch, env=env, check=False)
        good = done.returncode == 0
        if tests:  # a copy, next to which there is no kerasdnn but the wheel's
            shutil.copytree(ROOT / "tests", Path(scratch) / "tests")
            shutil.copy(ROOT / "pyproject.toml", scratch)
            command = [own, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
            good &= subprocess.run(command, cwd=scratch, env=env, check=False).returncode == 0
    print(f"{end} versions, {python}: {'passed' if good else 'FAILED'}", flush=True)
    return good


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ends", nargs="*", metavar="END", help='"lowest", "newest" (default: both)')
    parser.add_argument("--python", default=sys.executable, help="interpreter (default: this one)")
    parser.add_argument("--folder", type=Path, help="where environments are made and stay")
    parser.add_argument("--tests", nargs="+", default=[], help="tests to run against the wheel")
    args = parser.parse_args(argv)
    unknown = set(args.ends) - {"lowest", "newest"}
    if unknown:
        parser.error(f"END must be lowest or newest. Received: {' '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) if args.folder is None else args.folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        wheel = build(Path(scratch))
        ends = args.ends or ["lowest", "newest"]
        found = [check(end, args.python, folder, wheel, args.tests) for end in ends]
    return 0 if all(found) else 1


if __name__ == "__main__":
    sys.exit(main())

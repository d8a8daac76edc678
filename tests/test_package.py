"""The wheel and the source archive hold what they should, and work where nothing else is."""

import email
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

setuptools = pytest.importorskip("setuptools", minversion="77")

ROOT = Path(__file__).resolve().parent.parent
NOT_SOURCE = (".git", ".venv*", "results", "logs", "shared", "build", "out", "site.zip",
              "*.egg-info", "__pycache__", ".*_cache", ".hypothesis", "dist")  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """`(wheel, source archive)`, built from a copy of the sources."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(ROOT, folder / "source", ignore=shutil.ignore_patterns(*NOT_SOURCE))
    code = (
        "from setuptools import build_meta\n"
        "print(build_meta.build_sdist('../built'))\n"
        "print(build_meta.build_wheel('../built'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning", "-c", code],
        cwd=folder / "source", capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (wheel,), (source,) = (folder / "built").glob("*.whl"), (folder / "built").glob("*.tar.gz")
    return wheel, source


def modules():
    return {path.relative_to(ROOT).as_posix() for path in (ROOT / "kerasdnn").rglob("*.py")}


def test_the_wheel_holds_the_package_its_types_and_its_license_and_nothing_else(built):
    with zipfile.ZipFile(built[0]) as wheel:
        names = {name for name in wheel.namelist() if not name.endswith("/")}
        text = wheel.read(next(n for n in names if n.endswith("entry_points.txt"))).decode()
    about = {name for name in names if ".dist-info/" in name}
    assert names - about == modules() | {"kerasdnn/py.typed"}
    assert any(name.endswith("LICENSE") for name in about)
    assert "kerasdnn = kerasdnn.command.main:main" in text


def test_the_metadata_are_complete(built):
    with zipfile.ZipFile(built[0]) as wheel:
        name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        about = email.message_from_bytes(wheel.read(name))
    for key in ("Name", "Version", "Summary", "Author", "Keywords", "License-Expression",
                "Requires-Python", "Description-Content-Type"):  # fmt: skip
        assert about[key], key
    assert about["Description-Content-Type"] == "text/markdown"
    assert "kerasdnn" in about.get_payload()
    supported = {c.rsplit(" ", 1)[1] for c in about.get_all("Classifier") if "Python :: 3." in c}
    assert supported == {"3.11", "3.12", "3.13"}
    assert {"serve", "gpu", "test"} <= set(about.get_all("Provides-Extra"))
    bounded = [r for r in about.get_all("Requires-Dist") if "extra" not in r]
    assert bounded
    assert all(">=" in requirement for requirement in bounded)


def test_the_source_archive_holds_tests_recipes_and_documents(built):
    with tarfile.open(built[1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "RELEASING.md",
              "constraints.txt", "recipes/train_table.py", "scripts/test", "docs/tour.md",
              "tests/test_package.py", "tests/data/frozen/standard.kerasdnn"}  # fmt: skip
    assert wanted | modules() <= names
    assert not [name for name in names if name.endswith(".pyc")]


def test_the_wheel_works_in_a_fresh_environment_without_dependencies(built, tmp_path):
    venv.create(tmp_path / "fresh", with_pip=False)
    scripts = tmp_path / "fresh" / ("Scripts" if os.name == "nt" else "bin")
    install = [sys.executable, "-m", "pip", "--python", str(scripts / "python"), "install", "-q",
               "--no-deps", "--no-index", "--no-compile", str(built[0])]  # fmt: skip
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    for command in ([scripts / "kerasdnn"], [scripts / "python", "-m", "kerasdnn"]):
        done = subprocess.run(
            [*command, "--help"], capture_output=True, text=True, check=False, env=env, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        assert "COMMAND" in done.stdout
        assert not done.stderr

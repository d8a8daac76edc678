"""Export a model to a folder, with a proof of equal predictions in its manifest."""

import contextlib
import hashlib
import importlib
import importlib.util
import json
import os
import shutil
import tempfile
import warnings
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any

from ..core.arguments import check_choice
from ..core.messages import DataWarning
from . import litert_format, numpy_format, onnx_format, saved_model_format
from .description import describe
from .proof import draw_rows, prove

MANIFEST = "manifest.json"
MARK = "kerasdnn export"
VERSION = 1


@dataclass(frozen=True)
class Format:
    """A format: a module with `write(model, description, folder)` and the program `RUNTIME`.

    Attributes:
        module: the module.
        as_text: bool, whether the runtime reads numbers and dates from text as the model does.
        single: bool, whether the runtime takes float32 numbers.
        needs: packages, for which `extra` of pyproject.toml stands.
    """

    module: ModuleType
    as_text: bool = False
    single: bool = False
    needs: tuple[str, ...] = ()
    extra: str = ""


FORMATS = {
    "numpy": Format(numpy_format, as_text=True),
    "saved_model": Format(saved_model_format),
    "onnx": Format(onnx_format, as_text=True, needs=("onnx", "onnxruntime"), extra="onnx"),
    "litert": Format(litert_format, single=True),
}


def export(model: Any, path: str | PathLike, format: str = "numpy") -> dict[str, Any]:
    """Write a model to a folder that runs without kerasdnn; see `TableEstimator.export`.

    Args:
        model: fitted estimator, or `Network`.
        path: str or Path of the folder. An earlier export there is replaced.
        format: name of a row of `FORMATS`.

    Returns:
        dict: the manifest, which is also in the folder as "manifest.json".

    Raises:
        FileExistsError: there is something else at `path`.
        ImportError: a package that the format needs is not installed.
        ValueError: an unknown format, a column or a layer that the format cannot reproduce, or a
            prediction that differs.
    """
    row = FORMATS[check_choice("format", format, FORMATS)]
    missing = [name for name in row.needs if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(
            f"format={format!r} needs {' and '.join(missing)}: pip install 'kerasdnn[{row.extra}]'"
        )
    description = describe(model)
    with new_folder(path) as folder, undisturbed(model):
        extra = row.module.write(model, description, folder) or {}
        manifest = {"format": MARK, "version": VERSION, "kind": format,
                    "model": description["model"], **extra}  # fmt: skip
        write_manifest(folder, manifest)  # the runtime may need its names
        tables = draw_rows(description, row.as_text, row.single)
        instead = "numpy" if format == "saved_model" else "saved_model"
        runtime = row.module.RUNTIME
        manifest["proof"] = prove(model, description, tables, runtime, folder, instead)
        (folder / MANIFEST).unlink()
        manifest |= {"versions": versions(row.needs), "files": checksums(folder)}
        write_manifest(folder, manifest)
    if "compared" in manifest["proof"]:
        print(litert_format.summary(manifest))
    return manifest


@contextlib.contextmanager
def undisturbed(model):
    """Within it, predictions warn of nothing, and the model forgets what it has warned of."""
    encoder = getattr(model, "encoder_", None)
    told = set(vars(encoder).get("_told") or ()) if encoder is not None else None
    path = getattr(model, "last_path", None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            yield
    finally:
        if encoder is not None:
            encoder._told = told
        elif hasattr(model, "last_path"):
            model.last_path = path


@contextlib.contextmanager
def new_folder(path):
    """Yield an empty temporary folder, which becomes `path` if the block succeeds."""
    path = Path(os.path.realpath(path))
    if path.exists() and not is_export(path):
        raise FileExistsError(
            f"{path} exists and is not an export of kerasdnn. Pass the path of a new folder."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        content = scratch / "new"
        content.mkdir()
        yield content
        if path.exists():
            os.replace(path, scratch / "old")
        os.replace(content, path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def is_export(path):
    """Whether a path is an empty folder or an earlier export."""
    if not path.is_dir():
        return False
    if not any(path.iterdir()):
        return True
    try:
        return json.loads((path / MANIFEST).read_text("utf-8"))["format"] == MARK
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write_manifest(folder, manifest):
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), "utf-8")


def checksums(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in files
    }


def versions(packages):
    names = ("keras", "tensorflow", "numpy", *packages)
    return {name: importlib.import_module(name).__version__ for name in names}

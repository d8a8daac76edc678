"""Read and write state files with a checksum: JSON, and NumPy arrays with a JSON part.

Damage anywhere in a file either does not change what is read or raises a `ValueError` that names
the file. Files without a checksum, from earlier versions, are still read. keras-tuner can read the
JSON files (it ignores the key "sha256"), and NumPy the arrays.
"""

import contextlib
import hashlib
import io
import json
import math
import zipfile
from pathlib import Path

import numpy as np

from .atomic_files import atomic_write

MARK = b"sha256:"  # between the arrays and the hexadecimal checksum
HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
REMEDY = "Restore a copy, or start a new search with `resume=False` or another `directory`."


def write_json(path, content):
    """Write a dict as JSON, with its checksum under the key "sha256"."""
    text = json.dumps(content)
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps({**content, "sha256": sha256(text.encode())}))


def read_json(path):
    """Read a JSON state file. Raises `ValueError` if it is damaged or missing."""
    with reading(path):
        content = json.loads(Path(path).read_text("utf-8"))
        if isinstance(content, dict) and "sha256" in content:
            check(content.pop("sha256"), json.dumps(content).encode())
        return content


def write_arrays(path, about, arrays):
    """Write a dict of arrays, and `about`, a dict of plain values and NumPy scalars."""
    text = json.dumps(about, default=lambda number: number.item())  # NumPy's
    buffer = io.BytesIO()
    np.savez(buffer, about=np.frombuffer(text.encode(), "uint8"), **arrays)
    content = buffer.getbuffer()
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        file.write(content)
        file.write(MARK + sha256(content).encode())


def read_arrays(path, names=None, remedy=REMEDY):
    """Read a file of `write_arrays`.

    Args:
        path: str or path.
        names: collection of the arrays to read. None means all.
        remedy: str, what to do about a damaged file.

    Returns:
        `(about, arrays)`, two dicts.

    Raises:
        ValueError: the file is damaged or missing.
    """
    with reading(path, remedy):
        content, end = Path(path).read_bytes(), len(MARK) + 64
        if content[-end:-64] == MARK:
            check(content[-64:].decode("ascii"), content[:-end])
        check_sizes(content)
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files if names is None or name in names}
            about = json.loads(file["about"].tobytes()) if "about" in file.files else {}
            arrays.pop("about", None)
            return about, arrays


def check_sizes(content):
    """Reject arrays that claim more bytes than the file has, before memory is allocated."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        for part in file.infolist():
            with file.open(part) as data:
                shape, _, dtype = HEADERS[np.lib.format.read_magic(data)](data)
            claimed = math.prod(shape) * dtype.itemsize
            if claimed > part.file_size or part.file_size > part.compress_size:
                raise ValueError(f"{part.filename} claims {claimed:,} bytes, more than it has")


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def check(expected, content):
    if expected != sha256(content):
        raise ValueError("the checksum does not match the content")


@contextlib.contextmanager
def reading(path, remedy=REMEDY):
    """Convert any error of NumPy, zipfile or json to a `ValueError` that names `path`."""
    try:
        yield
    except Exception as error:
        raise ValueError(f"The state file {path} cannot be read: {error}. {remedy}") from error

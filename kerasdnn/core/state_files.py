"""State files with a checksum, which old ones lack: JSON, and NumPy arrays with a part in JSON.

A flipped bit anywhere either changes nothing that is read, or is a ValueError that names the file.
keras-tuner still reads the JSON files (it ignores the key "sha256"), and NumPy the arrays.
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

MARK = b"sha256:"  # between the arrays of a file and the hexadecimal digits of its checksum
HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
REMEDY = (
    "Restore it from a copy, or start the search anew with `resume=False` or another `directory`."
)


def write_json(path, content):
    """Write `content`, a dict."""
    text = json.dumps(content)
    with atomic_write(path) as beside:
        beside.write_text(json.dumps({**content, "sha256": sha256(text.encode())}))


def read_json(path):
    """Content of a state file. Raises ValueError, naming it, where it is damaged or missing."""
    with reading(path):
        content = json.loads(Path(path).read_text("utf-8"))
        if isinstance(content, dict) and "sha256" in content:
            check(content.pop("sha256"), json.dumps(content).encode())
        return content


def write_arrays(path, about, arrays):
    """Write `about`, a dict that JSON takes, and `arrays`, a dict."""
    text = json.dumps(about, default=lambda number: number.item())  # NumPy's
    buffer = io.BytesIO()
    np.savez(buffer, about=np.frombuffer(text.encode(), "uint8"), **arrays)
    content = buffer.getbuffer()
    with atomic_write(path) as beside, open(beside, "wb") as file:
        file.write(content)
        file.write(MARK + sha256(content).encode())


def read_arrays(path, names=None, remedy=REMEDY):
    """`(about, arrays)` of a file; the arrays of `names`, or all.

    Raises:
        ValueError: the file is damaged.
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
    """Refuse arrays that claim more bytes than the file holds, before there is room for them."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        for part in file.infolist():
            with file.open(part) as data:
                shape, _, dtype = HEADERS[np.lib.format.read_magic(data)](data)
            claimed = math.prod(shape) * dtype.itemsize
            if claimed > part.file_size or part.file_size > part.compress_size:
                raise ValueError(f"{part.filename} claims {claimed:,} bytes, which it has not")


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def check(expected, content):
    if expected != sha256(content):
        raise ValueError("its checksum does not match its content")


@contextlib.contextmanager
def reading(path, remedy=REMEDY):
    """Whatever goes wrong within, from NumPy, zipfile or json, as a ValueError about `path`."""
    try:
        yield
    except Exception as error:
        raise ValueError(f"The state file {path} cannot be read: {error}. {remedy}") from error

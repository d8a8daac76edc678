"""Files that are whole: written beside their target, then renamed over it."""

import contextlib
import os
import uuid
from pathlib import Path


@contextlib.contextmanager
def written_whole(path):
    """Give a path beside `path` to write to; rename it to `path` if the block ends well.

    A program killed while it writes leaves the old file as it was. The temporary name keeps the
    endings of `path`, which Keras checks.
    """
    path = Path(path)
    beside = path.with_name(f".{uuid.uuid4().hex}.{path.name}")
    try:
        yield beside
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)

"""Atomic file writes: write to a temporary file in the same folder, then rename it.

Also folders that are deleted with the object that needs them.
"""

import contextlib
import errno
import hashlib
import os
import re
import shutil
import socket
import stat
import tempfile
import time
import uuid
import weakref
from pathlib import Path

PROCESS_MARK = uuid.uuid4().hex[:8]  # a process id may be reused
ABANDONED_SECONDS = 24 * 3600  # age at which a temporary file of another machine is removed


@contextlib.contextmanager
def atomic_write(path):
    """Yield a temporary path in the same folder, and rename it to `path` if the block succeeds.

    An interrupted program leaves the old file unchanged, and a temporary file that the next write
    to the same path removes. The temporary name keeps the suffixes of `path`, which Keras checks.
    Mode and owner of an existing file are kept, and a symbolic link is followed. Anything but a
    regular file, such as a pipe, is written directly.

    Args:
        path: str or path of the file to write.

    Raises:
        FileNotFoundError: the folder of `path` is not there; the message names it.
        PermissionError: the existing file is not writable.
    """
    path = Path(os.path.realpath(path))
    old = path.stat() if path.exists() else None
    if old is not None and not stat.S_ISREG(old.st_mode):
        yield path
        return
    if old is not None and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(
            errno.ENOENT, "The folder to write to is not there; create it", str(path.parent)
        )
    start = temporary_start(path)
    remove_leftovers(path.parent, start)
    ending = re.search(r"(\.weights)?(\.\w{1,12})?$", path.name, re.ASCII)[0]
    temporary = path.with_name(f"{start}{os.getpid()}-{PROCESS_MARK}-{uuid.uuid4().hex}{ending}")
    try:
        if old is not None:  # readable by no one who could not read the old contents
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield temporary
        if old is not None:
            with contextlib.suppress(OSError, AttributeError):  # not permitted; Windows
                os.chown(temporary, old.st_uid, old.st_gid)
            os.chmod(temporary, stat.S_IMODE(old.st_mode))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_start(path):
    """Return the prefix of all temporary names of a file, whose length does not depend on it."""
    name = f"{socket.gethostname()}/{path.name}".encode("utf-8", "surrogateescape")
    return f".kerasdnn-{hashlib.sha256(name).hexdigest()[:16]}-"


def remove_leftovers(folder, start):
    """Remove temporary files of the same target whose process has ended."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(start) and is_abandoned(entry, entry.name[len(start) :]):
                os.unlink(entry.path)


def is_abandoned(entry, rest):
    """Return whether the process that made a temporary file has ended, or the file is old."""
    number, _, mark = rest.partition("-")
    if time.time() - entry.stat(follow_symlinks=False).st_mtime > ABANDONED_SECONDS:
        return True
    if os.name == "nt" or not number.isdecimal():  # signal 0 ends a process on Windows
        return False
    if int(number) == os.getpid():
        return mark.split("-")[0] != PROCESS_MARK  # otherwise another thread writes it
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # alive, owned by another user
        pass
    return False


def write_bytes(path, content):
    """Write bytes to a file atomically, and return its path; missing folders are created."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
    return path


class TemporaryFolder:
    """A folder that is deleted with this object, or at the end of the program.

    `tempfile.TemporaryDirectory` warns unless it is closed, and results of a search are not closed.

    Args:
        prefix: str, how the name of the folder begins.
    """

    def __init__(self, prefix):
        self.name = tempfile.mkdtemp(prefix=prefix)
        weakref.finalize(self, shutil.rmtree, self.name, ignore_errors=True)

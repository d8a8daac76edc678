"""Write files atomically, and read and write JSON."""

import contextlib
import errno
import hashlib
import os
import re
import socket
import stat
import time
import uuid
from pathlib import Path

MARK = uuid.uuid4().hex[:8]  # of this process, whose number may serve another one later
FORGOTTEN = 24 * 3600  # seconds after which a file that nobody touched is nobody's


@contextlib.contextmanager
def atomic_write(path):
    """Give a path beside `path` to write to; rename it to `path` if the block ends well.

    A program killed while it writes leaves the old file as it was, and a temporary one that the
    next save of the same file removes. The temporary name keeps the endings of `path`, which Keras
    checks. Mode and owner of an older file stay, and a symbolic link stays one: the file that it
    points to is written. What is no file, such as a pipe, is written as it is.

    Raises:
        PermissionError: the file may not be written to.
    """
    path = Path(os.path.realpath(path))
    old = path.stat() if path.exists() else None
    if old is not None and not stat.S_ISREG(old.st_mode):
        yield path
        return
    if old is not None and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    start = temporary_start(path)
    remove_leftovers(path.parent, start)
    ending = re.search(r"(\.weights)?(\.\w{1,12})?$", path.name, re.ASCII)[0]
    beside = path.with_name(f"{start}{os.getpid()}-{MARK}-{uuid.uuid4().hex}{ending}")
    try:
        if old is not None:  # nobody may read the new contents who could not read the old ones
            os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield beside
        if old is not None:
            with contextlib.suppress(OSError, AttributeError):  # not ours to give; Windows
                os.chown(beside, old.st_uid, old.st_gid)
            os.chmod(beside, stat.S_IMODE(old.st_mode))
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def temporary_start(path):
    """How the temporary names of a file begin: of the same length whatever its own name is."""
    told = f"{socket.gethostname()}/{path.name}".encode("utf-8", "surrogateescape")
    return f".kerasdnn-{hashlib.sha256(told).hexdigest()[:16]}-"


def remove_leftovers(folder, start):
    """Remove what processes that are gone have left of the same file."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(start) and is_left(entry, entry.name[len(start) :]):
                os.unlink(entry.path)


def is_left(entry, rest):
    """Whether the process that made a temporary file is gone; of another machine, by its age."""
    number, mark, *_ = [*rest.split("-"), ""]
    if time.time() - entry.stat(follow_symlinks=False).st_mtime > FORGOTTEN:
        return True
    if os.name == "nt" or not number.isdecimal():  # on Windows signal 0 ends a process
        return False
    if int(number) == os.getpid():
        return mark != MARK  # else it is another thread's
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # alive, and of another user
        pass
    return False


def write_bytes(path, content):
    """Writes a file whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as beside:
        beside.write_bytes(content)
    return path

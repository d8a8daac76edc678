"""The project's own environment: `.venv`, created on first use and repaired if it is incomplete.

Uses only the standard library, on Linux, macOS and Windows. The stamp in `.venv` records completed
installations. It is removed before an installation begins, so that the next call repeats one that
failed or was interrupted. The package itself is installed in place (`-e`).
"""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)


def python(extras=(), root=ROOT):
    """The path of the environment's Python with the package and `extras` installed."""
    if sys.version_info < OLDEST:
        sys.exit(
            f"Python {'.'.join(map(str, OLDEST))} or newer is needed. "
            f"This is {sys.version.split()[0]}: {sys.executable}. "
            "Start the script with a newer one, as in `python3.12 scripts/run ...`."
        )
    wanted = set(extras) | {"test"}
    if not wanted <= installed(root):
        with locked(root):
            have = installed(root)  # another process may have done it while this one waited
            if not wanted <= have:
                install(sorted(wanted | have), root)
    return executable(root)


def executable(root=ROOT):
    folder = root / ".venv"
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def installed(root=ROOT):
    """The extras that are installed for the present pyproject.toml and constraints.txt."""
    try:
        stamp = json.loads((root / ".venv" / "stamp.json").read_text("utf-8"))
    except (OSError, ValueError):
        return set()
    whole = stamp.get("fingerprint") == fingerprint(root) and executable(root).exists()
    return set(stamp.get("extras", ())) if whole else set()


def fingerprint(root=ROOT):
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((root / name).read_bytes())
    digest.update(f"{root} {sys.version_info[:2]}".encode())
    return digest.hexdigest()


def install(extras, root=ROOT):
    stamp = root / ".venv" / "stamp.json"
    stamp.unlink(missing_ok=True)
    if not works(root):
        print("Making .venv ...", file=sys.stderr, flush=True)
        venv.create(root / ".venv", with_pip=True, clear=True)
    print("Installing (the first time takes a few minutes) ...", file=sys.stderr, flush=True)
    target = f"{root}[{','.join(extras)}]"
    command = [executable(root), "-m", "pip", "install", "--disable-pip-version-check", "-q"]
    done = subprocess.run([*command, "-c", root / "constraints.txt", "-e", target], check=False)
    if done.returncode:
        sys.exit(
            "The installation failed (pip's words are above). Is the network there, and are 3 GB "
            "free on the disk? The same command tries again."
        )
    beside = stamp.with_suffix(".new")
    beside.write_text(json.dumps({"fingerprint": fingerprint(root), "extras": extras}), "utf-8")
    os.replace(beside, stamp)


def works(root=ROOT):
    """Whether the environment's Python starts, is of this version, and has pip."""
    code = f"import pip, sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    with contextlib.suppress(OSError):
        return subprocess.run([executable(root), "-c", code], check=False).returncode == 0
    return False


@contextlib.contextmanager
def locked(root=ROOT):
    """Hold the lock of the environment; the system lets go of it when the process dies."""
    with open(root / ".venv.lock", "w") as file:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(command, **kwargs):
    """The exit status of `command`, run in the environment; Ctrl-C is the command's to handle."""
    process = subprocess.Popen([str(part) for part in command], **kwargs)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue

"""Atomic writes: what stays of an older file, what a killed program leaves, names of any length."""

import gc
import os
import signal
import stat
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from kerasdnn import Population, build_classifier, plots
from kerasdnn.core.atomic_files import (
    ABANDONED_SECONDS,
    TemporaryFolder,
    atomic_write,
    temporary_start,
    write_bytes,
)
from kerasdnn.plots.styles import figure

SAVING = Path(__file__).parents[2] / "kerasdnn" / "core/atomic_files.py"
WRITER = """
import importlib.util, os, signal, sys
spec = importlib.util.spec_from_file_location("saving", sys.argv[1])
saving = importlib.util.module_from_spec(spec)
spec.loader.exec_module(saving)
with saving.atomic_write(sys.argv[2]) as beside:
    beside.write_bytes(b"half")
    print("writing", flush=True)
    if sys.argv[3] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.stdin.read()
"""


def writer(path, then):
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(SAVING), str(path), then],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "writing\n"
    return process


def write(path, data=b"new"):
    with atomic_write(path) as beside:
        beside.write_bytes(data)


def test_the_next_save_removes_what_a_killed_one_left_and_nothing_else(tmp_path):
    path, other = tmp_path / "model.keras", tmp_path / "other.keras"
    running = writer(path, "wait")
    for target in (path, other):
        with writer(target, "die") as process:
            pass
        assert process.returncode == -signal.SIGKILL
    (tmp_path / ".mine.model.keras").write_bytes(b"of somebody else")
    left = {entry.name for entry in tmp_path.iterdir()}
    assert len(left) == 4
    write(path)
    kept = {entry.name for entry in tmp_path.iterdir()} - {path.name}
    assert len(kept) == 3  # that of `other`, that of a program still writing, and a stranger's
    assert kept < left
    with running:  # which ends its write
        running.stdin.close()
    assert path.read_bytes() == b"half"
    write(other)
    assert {entry.name for entry in tmp_path.iterdir()} == {
        ".mine.model.keras", "model.keras", "other.keras"
    }  # fmt: skip


def test_what_another_machine_left_goes_after_a_day(tmp_path):
    path = tmp_path / "model.keras"
    left = tmp_path / f"{temporary_start(path)}{os.getppid()}-abc-def.keras"
    left.write_bytes(b"")
    write(path)
    assert left.exists()  # its process lives
    os.utime(left, (0, left.stat().st_mtime - ABANDONED_SECONDS - 60))
    write(path)
    assert not left.exists()


@pytest.mark.skipif(os.name == "nt", reason="modes and links of POSIX")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_mode_and_link_survive(mode, tmp_path):
    path, link, chain = tmp_path / "a.keras", tmp_path / "link.keras", tmp_path / "chain.keras"
    network = build_classifier(2, hidden_units=(2,), seed=0)
    network.save(path)
    fresh = stat.S_IMODE(path.stat().st_mode)
    umask = os.umask(0)
    os.umask(umask)
    assert fresh == 0o666 & ~umask
    path.chmod(mode)
    link.symlink_to(path.name)
    chain.symlink_to(link)
    for target, save in {
        path: network.save,
        chain: network.save,
        link: lambda p: Population([{}], 2, problem="binary").save(p),
    }.items():
        before = path.stat().st_ino
        save(target)
        assert path.stat().st_ino != before
        assert stat.S_IMODE(path.stat().st_mode) == mode
        assert link.is_symlink()
        assert chain.is_symlink()
    nowhere = tmp_path / "dangling.bin"
    nowhere.symlink_to("new.bin")
    write(nowhere)
    assert nowhere.is_symlink()
    assert (tmp_path / "new.bin").read_bytes() == b"new"


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_nobody_else_reads_a_private_file_while_it_is_written(tmp_path):
    path = tmp_path / "model.keras"
    path.touch(0o600)
    with atomic_write(path) as beside, open(beside, "wb"):
        assert stat.S_IMODE(beside.stat().st_mode) == 0o600


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anything")
def test_a_file_that_may_not_be_written_is_not_replaced(tmp_path):
    path = tmp_path / "model.keras"
    path.touch(0o444)
    with pytest.raises(PermissionError):
        write(path)
    assert path.read_bytes() == b""


@pytest.mark.skipif(os.name == "nt", reason="devices of POSIX")
def test_what_is_no_file_is_written_as_it_is():
    write("/dev/null")
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize("ending", [".keras", ".weights.h5", ".kerasdnn", ".npz", "", ".a-b c"])
def test_a_name_as_long_as_may_be_keeps_its_ending(ending, tmp_path):
    letter = "x" if ending == ".keras" else "\u00e9"  # two bytes
    length = (255 - len(ending)) // len(letter.encode())
    path = tmp_path / (letter * length + ending)
    with atomic_write(path) as beside:
        assert beside.name.endswith(ending) or ending == ".a-b c"
        beside.write_bytes(b"1")
    assert path.read_bytes() == b"1"
    if ending in (".keras", ".weights.h5"):
        network = build_classifier(2, hidden_units=(2,), seed=0)
        (network.save if ending == ".keras" else network.save_weights)(path)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_picture_is_written_in_the_same_way(tmp_path):
    path, link = tmp_path / "deep" / "a.png", tmp_path / "link.png"
    drawing, _ = figure()
    plots.save(drawing, path)
    assert path.read_bytes().startswith(b"\x89PNG")
    link.symlink_to(path)
    assert write_bytes(link, b"1") == link
    assert link.is_symlink()
    assert path.read_bytes() == b"1"


def test_a_missing_folder_is_named_instead_of_a_temporary_file(tmp_path):
    path = tmp_path / "none" / "a.bin"
    with pytest.raises(FileNotFoundError, match="create it") as error, atomic_write(path):
        pass
    assert error.value.filename == str(path.parent)


def test_a_temporary_folder_is_deleted_with_its_object_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        folder = TemporaryFolder("kerasdnn-test-")
        path = Path(folder.name)
        (path / "file").write_text("x")
        del folder
        gc.collect()
    assert path.name.startswith("kerasdnn-test-")
    assert not path.exists()

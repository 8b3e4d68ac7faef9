"""Full, read-only and strange file systems: one line, and nothing lost."""
import contextlib
import errno
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import filelock
import pytest
from commands import ROOT, assert_one_error, run, table2
from on_disk import contents, networks

from npgm import cache, storage
from npgm.errors import StorageError
from npgm.experiments.store.process import lock


@contextlib.contextmanager
def tmpfs(folder, size):
    """A file system of its own, of that size."""
    folder.mkdir()
    if os.getuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "x",
                                      str(folder)], capture_output=True).returncode:
        pytest.skip("cannot mount a file system here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("size", ["64k", "512k", "2m", "8m", "12m"])
def test_a_disk_that_fills_up_at_any_moment(size, data, finished, tmp_path):
    """Told in one line; with room, the same command goes on to the same bits."""
    with tmpfs(tmp_path / "small", size) as small:
        done = run(*table2(data, small / "out"))
        assert done.returncode in (0, 1) and "Traceback" not in done.stderr
        if done.returncode:
            assert "No space left" in done.stderr
        shutil.copytree(small, tmp_path / "roomy", dirs_exist_ok=True)
    done = run(*table2(data, tmp_path / "roomy" / "out"))
    assert done.returncode == 0, done.stderr
    assert networks(tmp_path / "roomy" / "out") == networks(finished[0])


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    storage.write_json(path, 1)
    for call in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, call, lambda *args: (_ for _ in ()).throw(
                OSError(errno.ENOSPC, "No space left on device")))
            with pytest.raises(StorageError, match="No space left"):
                storage.write_json(path, 2)
    assert contents(tmp_path) == {"x.json": b"1\n"}


def test_a_folder_removed_in_the_middle_is_told(tmp_path):
    with pytest.raises(StorageError, match="choose a folder that exists"):
        storage.write_json(tmp_path / "gone" / "x.json", 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["with spaces", "naïve-Ω-名前", "a'b\"c", "%d{x}$HOME"])
def test_strange_names(name, data, tmp_path):
    done = run(*table2(shutil.copytree(data, tmp_path / f"data {name}"),
                       tmp_path / name, steps=2))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / name / "table2.png").exists()


@pytest.mark.slow
def test_a_name_that_is_not_unicode(data, tmp_path):
    name = os.fsdecode(b"\xff\xfe")
    try:
        folder = shutil.copytree(data, tmp_path / name)
    except OSError:
        pytest.skip("the file system knows no such names")
    done = run(*table2(folder, tmp_path / "out", steps=2))
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert "data from" in (tmp_path / "out" / "table2.md").read_text()


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0,
                    reason="nothing is read-only for root")
def test_a_read_only_folder_is_refused_before_the_work(data, tmp_path):
    tmp_path.chmod(0o500)
    assert_one_error(run(*table2(data, tmp_path / "out")), "cannot write")


def test_a_folder_that_is_a_file_is_refused_before_the_work(data, tmp_path):
    (tmp_path / "out").write_text("mine")
    assert_one_error(run(*table2(data, tmp_path / "out")), "it is a file")
    assert (tmp_path / "out").read_text() == "mine"


# Locks


class NoLocks:
    """A file system that knows none."""

    def __init__(self, path):
        pass

    def acquire(self, timeout):
        raise OSError(errno.ENOLCK, "No locks available")

    def release(self):
        pass


def test_without_locks_it_goes_on_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(filelock, "FileLock", NoLocks)
    with pytest.warns(UserWarning, match="cannot be locked.*one command at a time"):
        with lock(tmp_path / "run", patience=0):
            pass


def test_a_lock_is_not_told_as_held_when_the_folder_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with warnings.catch_warnings(), pytest.raises(StorageError, match="cannot write"):
        warnings.simplefilter("error")
        with lock(tmp_path / "file" / "run", patience=0):
            pass


# The cache of compiled code


def cache_in(monkeypatch, base):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(base))


def test_a_cache_folder_that_is_a_file_is_done_without(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    cache_in(monkeypatch, tmp_path / "file")
    assert cache.folder() is None


def test_processes_then_share_one_that_is_removed(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    cache_in(monkeypatch, tmp_path / "file")
    with cache.shared():
        folder = cache.folder()
        assert folder.is_dir()
    assert not folder.exists() and "NUMBA_CACHE_DIR" not in os.environ


def test_a_lasting_one_stays(tmp_path, monkeypatch):
    cache_in(monkeypatch, tmp_path)
    with cache.shared():
        assert cache.folder().is_relative_to(tmp_path)
    assert cache.folder().is_dir()


@pytest.mark.slow
def test_without_a_cache_nothing_is_left_behind(data, finished, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "tmp").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "npgm.experiments", *map(str, table2(
            data, tmp_path / "out", steps=2))],
        cwd=ROOT, text=True, capture_output=True,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "file"),
             "NUMBA_CACHE_DIR": "", "TMPDIR": str(tmp_path / "tmp")})
    assert done.returncode == 0, done.stderr
    assert not [path for path in Path(tmp_path / "tmp").iterdir()
                if path.name.startswith("npgm")]

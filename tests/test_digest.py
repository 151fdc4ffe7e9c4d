"""Checksums in one pass, compared with hashlib over the whole file and with md5sum."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import threading
import tracemalloc

import pytest
from tools import needs

from imgbuild.algorithms import ALGORITHMS, algorithm_name
from imgbuild.digest import BUFFER_BYTES, BUFFERS, FileChanged, digest
from imgbuild.errors import SourceError, UsageError
from imgbuild.source import open_source

MIB = 1 << 20


class Recorder:
    """A progress that keeps what it was told."""

    def __init__(self, on_advance=None):
        self.told = []
        self._on_advance = on_advance

    def start(self, path, size):
        self.told.append(("start", os.path.basename(path), size))

    def advance(self, count):
        self.told.append(count)
        if self._on_advance:
            self._on_advance()

    def finish(self):
        self.told.append("finish")


def written(tmp_path, data):
    path = tmp_path / "disk.raw"
    path.write_bytes(data)
    return str(path)


def noise(size, seed=0):
    return random.Random(seed).randbytes(size)  # noqa: S311 - bytes that repeat nothing, the same in each run


def expected(data, *names):
    return {name: hashlib.new(name, data).hexdigest() for name in names}


SIZES = [0, 1, 511, BUFFER_BYTES - 1, BUFFER_BYTES, BUFFER_BYTES + 1, BUFFER_BYTES * BUFFERS, BUFFER_BYTES * 9 + 7]


@pytest.mark.parametrize("size", SIZES)
def test_all_algorithms_agree_with_hashlib_at_the_edges_of_buffers(tmp_path, size):
    data = noise(size)
    with open_source(written(tmp_path, data)) as source:
        assert digest(source, ALGORITHMS) == expected(data, *ALGORITHMS)


def test_the_order_is_the_one_asked_for_and_each_algorithm_comes_once(tmp_path):
    with open_source(written(tmp_path, b"x")) as source:
        assert list(digest(source, ["sha256", "MD5", "sha-256"])) == ["sha256", "md5"]


def test_no_algorithm_reads_nothing(tmp_path):
    progress = Recorder()
    with open_source(written(tmp_path, b"x")) as source:
        assert digest(source, [], progress=progress) == {}
    assert progress.told == []


@needs("md5sum")
def test_md5sum_says_the_same(tmp_path):
    path = written(tmp_path, noise(3 * MIB + 5))
    said = subprocess.run(["md5sum", path], capture_output=True, text=True, check=True).stdout.split()[0]
    with open_source(path) as source:
        assert digest(source, ["md5"]) == {"md5": said}


HOLES = [  # (offset, length) of the data, size of the file
    ([], 5 * MIB), ([(0, 10)], 5 * MIB), ([(5 * MIB - 1, 1)], 5 * MIB),
    ([(MIB, 4096), (3 * MIB + 17, 2 * MIB)], 9 * MIB + 3), ([(0, MIB + 1), (7 * MIB, MIB)], 8 * MIB),
]


@pytest.mark.parametrize(("parts", "size"), HOLES)
def test_holes_are_hashed_as_zeros(tmp_path, parts, size):
    path = tmp_path / "sparse.raw"
    with path.open("wb") as file:
        file.truncate(size)
        for offset, length in parts:
            file.seek(offset)
            file.write(noise(length, offset))
    with open_source(str(path)) as source:
        assert digest(source, ["md5", "sha1"]) == expected(path.read_bytes(), "md5", "sha1")


def test_holes_are_not_read(tmp_path, monkeypatch):
    path = tmp_path / "sparse.raw"
    with path.open("wb") as file:
        file.truncate(64 * MIB)
        file.write(b"x" * 4096)
    if path.stat().st_blocks * 512 > MIB:
        pytest.skip("the file system of the temporary folder keeps no holes")
    read = []
    preadv = os.preadv
    monkeypatch.setattr(os, "preadv", lambda fd, buffers, at: read.append(len(buffers[0])) or preadv(fd, buffers, at))
    with open_source(str(path)) as source:
        digest(source, ["md5"])
    assert sum(read) <= MIB


@pytest.mark.parametrize("answer", ["EINVAL", "same", "past"])
def test_a_file_system_that_cannot_tell_holes_is_read_whole(tmp_path, monkeypatch, answer):
    data = b"\0" * MIB + b"data" * 300_000

    def seek(_fd, offset, _whence):
        if answer == "EINVAL":
            raise OSError(22, "Invalid argument")
        return offset if answer == "same" else len(data) * 2

    with open_source(written(tmp_path, data)) as source:
        monkeypatch.setattr(type(source), "allocated", 4096)
        if answer != "past":
            monkeypatch.setattr(os, "lseek", seek)
        assert digest(source, ["md5"]) == expected(data, "md5")


def test_progress_hears_every_byte(tmp_path):
    progress = Recorder()
    with open_source(written(tmp_path, bytes(2 * MIB + 3))) as source:
        digest(source, ["md5"], progress=progress)
    assert progress.told == [("start", "disk.raw", 2 * MIB + 3), MIB, MIB, 3, "finish"]


def test_a_file_that_shrinks_gives_no_checksum(tmp_path):
    path = written(tmp_path, bytes(9 * MIB))
    with open_source(path) as source, pytest.raises(FileChanged) as caught:
        digest(source, ["md5"], progress=Recorder(lambda: os.truncate(path, 5 * MIB + 1)))
    assert str(caught.value) == (
        "the file was changed while it was read: 5242881 of 9437184 bytes are left; its checksums would be of no file")


def touch(path, _other):
    os.utime(path, ns=(0, 0))


def replace(path, other):
    if os.path.exists(other):
        os.replace(other, path)


def remove(path, _other):
    if os.path.exists(path):
        os.remove(path)


@pytest.mark.parametrize("change", [touch, replace, remove])
def test_a_file_that_is_changed_meanwhile_gives_no_checksum(tmp_path, change):
    path, other = written(tmp_path, bytes(3 * MIB)), tmp_path / "other.raw"
    other.write_bytes(bytes(3 * MIB))
    with open_source(path) as source, pytest.raises(FileChanged) as caught:
        digest(source, ["md5"], progress=Recorder(lambda: change(path, other)))
    assert str(caught.value) == ("the file was changed while it was read: it was written to or replaced;"
                                 " its checksums would be of no file")


def test_an_error_of_the_disk_is_an_error(tmp_path, monkeypatch):
    def fail(*_args):
        raise OSError(5, "Input/output error")

    path = written(tmp_path, bytes(MIB))
    monkeypatch.setattr(os, "preadv", fail)
    with open_source(path) as source, pytest.raises(SourceError) as caught:
        digest(source, ["md5"])
    assert str(caught.value) == f"cannot read {path!r} at byte 0: Input/output error"


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupt_ends_the_threads(tmp_path, error):
    def interrupt():
        raise error

    progress = Recorder(interrupt)
    with open_source(written(tmp_path, bytes(20 * MIB))) as source, pytest.raises(error):
        digest(source, ["md5", "sha256"], progress=progress)
    assert progress.told[-1] == "finish"
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("digest-")]


@pytest.mark.parametrize(("said", "name"), [("md5", "md5"), ("SHA256", "sha256"), ("sha-512", "sha512"),
                                            ("SHA3-256", "sha3_256"), ("blake2b", "blake2b")])
def test_names_are_taken_as_people_write_them(said, name):
    assert algorithm_name(said) == name


@pytest.mark.parametrize("said", ["crc32", "", "sha", "md5 "])
def test_an_unknown_algorithm_is_named_with_those_that_are_known(said):
    with pytest.raises(UsageError) as caught:
        algorithm_name(said)
    assert str(caught.value) == (f"unknown checksum {said!r}: md5, sha1, sha224, sha256, sha384, sha512, sha3_256,"
                                 " sha3_512, blake2b, blake2s are known")


def test_memory_does_not_follow_the_size(tmp_path):
    path = tmp_path / "large.raw"
    with path.open("wb") as file:
        file.truncate(300 * MIB)
    tracemalloc.start()
    try:
        with open_source(str(path)) as source:
            digest(source, ["md5", "sha256"])
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()


def test_the_module_names_only_what_hashlib_always_has():
    assert set(ALGORITHMS) <= hashlib.algorithms_guaranteed

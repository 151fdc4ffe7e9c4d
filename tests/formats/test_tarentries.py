"""The entries of a tar archive: what GNU tar and Python write is found, read in place, and never followed blindly."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tools import needs

from imgbuild.formats import tarentries
from imgbuild.formats.tarentries import read_archive
from imgbuild.readers import BrokenImage, Memory

KIB = 1024
SCATTERED = b"".join(bytes([number]) * 4 * KIB + bytes(100 * KIB) for number in range(1, 60)) + b"end"
LONG = "folder/" * 30 + "disk.raw"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a sparse file, one with a long name, a link, and what is no file."""
    folder = tmp_path_factory.mktemp("tarred")
    with open(folder / "disk.raw", "wb") as disk:
        for start in range(0, len(SCATTERED), 104 * KIB):
            disk.seek(start)
            disk.write(SCATTERED[start : start + 4 * KIB])
    (folder / LONG).parent.mkdir(parents=True)
    (folder / LONG).write_bytes(b"long")
    (folder / "link").symlink_to("disk.raw")
    os.mkfifo(folder / "pipe")
    return folder


def packed(folder, *words: str, names=("disk.raw", "folder", "link", "pipe")) -> bytes:
    made = subprocess.run(["tar", "-C", str(folder), *words, "-cf", "-", *names], capture_output=True, check=True)
    return made.stdout


@needs("tar")
@pytest.mark.parametrize("words", [["--format=gnu"], ["--format=posix"], ["--format=gnu", "-S"],
                                   ["--format=oldgnu", "-S"], ["--format=posix", "-S"]], ids=" ".join)
def test_what_tar_packs_is_found_whole(folder, words):
    data = packed(folder, *words)
    archive = read_archive(Memory(data))
    assert archive.failure is None
    kinds = {entry.name.rstrip("/"): entry.kind for entry in archive.entries}
    assert (kinds["disk.raw"], kinds[LONG], kinds["link"], kinds["pipe"]) == ("file", "file", "link", "special")
    found = {entry.name: entry for entry in archive.entries}
    assert found["disk.raw"].size == len(SCATTERED)
    assert found["disk.raw"].content.read_at(0, len(SCATTERED)) == SCATTERED
    assert found["disk.raw"].content.read_at(104 * KIB - 10, 50) == SCATTERED[104 * KIB - 10 :][:50]
    assert found[LONG].content.read_at(0, 4) == b"long"
    if "-S" in words:
        assert len(data) < len(SCATTERED)
    else:
        assert data[found["disk.raw"].offset :][: len(SCATTERED)] == SCATTERED


@needs("tar")
@pytest.mark.parametrize("words", [["--format=posix", "-S", "--sparse-version=0.1"],
                                   ["--format=posix", "-S", "--sparse-version=0.0"]], ids=["0.1", "0.0"])
def test_sparse_forms_of_before_are_named_and_not_read(folder, words):
    [entry] = read_archive(Memory(packed(folder, *words, names=["disk.raw"]))).entries
    assert (entry.name, entry.content) == ("disk.raw", None)


@needs("tar")
@pytest.mark.parametrize("format_name", ["v7", "ustar"])
def test_formats_without_sparse_files_are_read(folder, format_name):
    [entry] = read_archive(Memory(packed(folder, f"--format={format_name}", names=["disk.raw"]))).entries
    assert entry.content.read_at(0, entry.size) == SCATTERED


def archived(*entries: tuple[str, bytes], kind: int = tarfile.GNU_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as tar:
        for name, content in entries:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def headed(size: int = 0, kind: bytes = b"0", patches: dict[int, bytes] | None = None) -> bytes:
    """Return one header whose checksum is right, whatever else is in it."""
    entry = tarfile.TarInfo("disk.raw")
    entry.size, entry.type = size, kind
    block = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    for at, data in (patches or {}).items():
        block[at : at + len(data)] = data
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


SPARSE = {386: b"00000000000\0" + b"00000001000\0", 483: b"00000002000\0"}


@pytest.mark.parametrize(("data", "code", "words"), [
    (archived(("a", b"x" * 700))[:1024], "truncated", "'a' ends at byte 1212 of the archive, which has 1024"),
    (archived(("a", b"x"))[:1024], "truncated", "the archive ends at 1024 without the zeros that mark its end"),
    (headed() + b"\1" * 512, "header-invalid", "at byte 512 of the archive there is no header of an entry"),
    (headed(patches={124: b"12345678901x"}), "header-invalid", "the size of the entry at byte 0"),
    (headed(patches={124: b"\xff" * 12}), "header-invalid", "the size of the entry at byte 0"),
    (headed(1 << 62) + bytes(1024), "truncated", "'disk.raw' ends at byte 4611686018427388416"),
    (headed(512, b"S", {**SPARSE, 483: b"x" * 12}) + bytes(1536), "header-invalid", "size of the sparse entry"),
    (headed(511, b"S", SPARSE) + bytes(1536), "header-invalid", "the map of the sparse entry 'disk.raw' contradicts"),
    (headed(1024, b"S", {**SPARSE, 410: b"00000000777\0" + b"00000000001\0"}) + bytes(2048), "header-invalid",
     "contradicts its size"),
    (headed(512, b"S", {**SPARSE, 482: b"\1"}) + (bytes(504) + b"\1" + bytes(7)) * 4, "truncated", "bytes 2560"),
    (headed(1 << 40, b"x") + bytes(1024), "truncated", "the archive ends at"),
])
def test_what_cannot_be_followed_ends_it(data, code, words):
    archive = read_archive(Memory(data))
    assert archive.failure.problem.code == code
    assert words in archive.failure.problem.message


@pytest.mark.parametrize("head", [b"", b"\n", b"x\n", b"99999999\n", b"2\n0\n512\n", b"1\n0\n-5\n", b"70000\n"])
def test_a_sparse_map_of_pax_that_cannot_be_read_is_refused(head):
    records = b"".join(b"%d %s\n" % (len(text) + 4, text) for text in (
        b"GNU.sparse.major=1", b"GNU.sparse.name=disk.raw", b"GNU.sparse.realsize=1024"))
    data = (headed(len(records), b"x") + records.ljust(512, b"\0") + headed(512) + head.ljust(512, b"\0")
            + bytes(1024))
    assert read_archive(Memory(data)).failure.problem.code == "header-invalid"


def test_no_more_entries_are_read_than_there_is_time_for(monkeypatch):
    monkeypatch.setattr(tarentries, "MOST_ENTRIES", 5)
    archive = read_archive(Memory(archived(*((str(number), b"") for number in range(9)))))
    assert ([entry.name for entry in archive.entries], archive.failure) == (["0", "1", "2", "3", "4"], None)


def test_a_name_that_is_no_utf_8_is_escaped():
    [entry] = read_archive(Memory(headed(patches={0: b"\xff\xfe.raw\0"}) + bytes(1024))).entries
    assert entry.name == r"\xff\xfe.raw"


SEED = archived(("folder/a.raw", b"a" * 900), ("b" * 150, b"b"), kind=tarfile.PAX_FORMAT)
SPARSE_SEED = headed(512, b"S", SPARSE) + bytes(1536)


@given(seed=st.sampled_from([SEED, SPARSE_SEED]), cut=st.integers(0, 8192),
       changes=st.lists(st.tuples(st.integers(0, 4096), st.integers(0, 255)), max_size=6))
def test_whatever_is_changed_nothing_but_the_archive_is_at_fault(seed, cut, changes):
    data = bytearray(seed)
    for at, value in changes:
        data[at % len(data)] = value
    archive = read_archive(Memory(bytes(data[:cut])))
    for entry in archive.entries:
        if entry.content is not None:
            with suppress(BrokenImage):
                assert len(entry.content.read_at(0, min(entry.size, 4096))) == min(entry.size, 4096)

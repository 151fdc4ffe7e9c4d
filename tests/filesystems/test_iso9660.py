from __future__ import annotations

import os
import random
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from images import discs
from pace import ENDLESS, Clock
from tools import needs

from imgbuild.filesystems import isonames, udf
from imgbuild.filesystems.base import Stat
from imgbuild.filesystems.iso9660 import open_iso9660
from imgbuild.readers import BrokenImage, Memory

if TYPE_CHECKING:
    from pathlib import Path

DEEP = "1/2/3/4/5/6/7/8/9/10"
LINKS = {"link": "dir/second.txt", "absolute": "/etc/os-release", "up": "../../x"}


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small tree: long names, upper case, links, an empty file, a file of several blocks, a deep directory."""
    top = tmp_path_factory.mktemp("content")
    files = {"README.TXT": b"read me\n", "dir/second.txt": b"second\n", "dir/A long name with spaces.tar.gz": b"long",
             "empty": b"", f"{DEEP}/deep.txt": b"deep\n",
             "large.bin": random.Random(1).randbytes(100_001)}  # noqa: S311 - content, no secret
    for name, data in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(data)
    for name, target in LINKS.items():
        (top / name).symlink_to(target)
    return top


def master(folder: Path, content: Path, *options: str) -> bytes:
    target = folder / "x.iso"
    subprocess.run(["genisoimage", "-quiet", *options, "-o", target, content], check=True, capture_output=True)
    return target.read_bytes()


def opened(data: bytes):
    return open_iso9660(Memory(data))


def walk(fs, path: str = "/"):
    for name in fs.listdir(path):
        place = path.rstrip("/") + "/" + name
        yield place
        if fs.stat(place).kind == "directory":
            yield from walk(fs, place)


@needs("genisoimage")
class TestRockRidge:
    def test_names_and_contents_are_those_that_were_written(self, content, tmp_path):
        fs = opened(master(tmp_path, content, "-R", "-J"))
        expected = {"/" + os.path.relpath(os.path.join(folder, name), content)
                    for folder, folders, files in os.walk(content) for name in [*folders, *files]}
        assert fs.kind == "iso9660"
        assert set(walk(fs)) - {"/rr_moved"} == expected
        for path in expected:
            original = content / path[1:]
            if original.is_file() and not original.is_symlink():
                assert fs.read(path, 1 << 20) == original.read_bytes()

    def test_links_are_links_and_not_followed(self, content, tmp_path):
        fs = opened(master(tmp_path, content, "-R"))
        for name, target in LINKS.items():
            assert fs.readlink(f"/{name}") == target
            assert fs.stat(f"/{name}").kind == "link"
        for path in ("/README.TXT", "/dir", "/none"):
            with pytest.raises(FileNotFoundError):
                fs.readlink(path)
        with pytest.raises(FileNotFoundError):
            fs.read("/link", 10)

    def test_modes_and_sizes(self, content, tmp_path):
        (content / "dir/second.txt").chmod(0o640)
        fs = opened(master(tmp_path, content, "-R"))
        assert fs.stat("/dir/second.txt").mode & 0o7000 == 0
        assert (fs.stat("/large.bin").kind, fs.stat("/large.bin").size) == ("file", 100_001)
        assert fs.stat("/empty").size == 0
        assert fs.stat("/").kind == fs.stat("/dir").kind == fs.stat("/dir/").kind == "directory"

    def test_names_tell_upper_from_lower_case(self, content, tmp_path):
        fs = opened(master(tmp_path, content, "-R"))
        assert fs.stat("/readme.txt") is None

    def test_reads_have_a_limit_and_an_offset(self, content, tmp_path):
        fs = opened(master(tmp_path, content, "-R"))
        data = (content / "large.bin").read_bytes()
        assert fs.read("/large.bin", 5) == data[:5]
        assert fs.read("/large.bin", 5, 2046) == data[2046:2051]
        assert fs.read("/large.bin", 5, 99_999) == data[-2:]
        assert fs.read("/large.bin", 5, 100_001) == fs.read("/large.bin", 0) == b""

    def test_what_is_not_there(self, content, tmp_path):
        fs = opened(master(tmp_path, content, "-R"))
        for path in ("/none", "/README.TXT/x", "/none/x", "/dir/none"):
            assert fs.stat(path) is None
            with pytest.raises(FileNotFoundError):
                fs.read(path, 1)
            with pytest.raises(FileNotFoundError):
                fs.listdir(path)
        with pytest.raises(FileNotFoundError):
            fs.listdir("/README.TXT")
        with pytest.raises(FileNotFoundError):
            fs.read("/dir", 1)


@needs("genisoimage")
@pytest.mark.parametrize(("options", "names", "long_name"), [
    (("-J",), isonames.Records, "/dir/A long name with spaces.tar.gz"),
    (("-udf",), udf.UdfNames, "/dir/A long name with spaces.tar.gz"),
    ((), isonames.Records, "/dir/a_long_n.tgz")])
def test_other_name_spaces_do_not_tell_cases_apart(content, tmp_path, options, names, long_name):
    fs = opened(master(tmp_path, content, *options))
    assert type(fs._names) is names
    assert fs.read("/readme.txt", 100) == fs.read("/README.TXT", 100) == b"read me\n"
    assert fs.read("/Dir/Second.Txt", 100) == b"second\n"
    assert fs.read(long_name, 100) == b"long"
    assert fs.read("/large.bin", 1 << 20) == (content / "large.bin").read_bytes()
    assert fs.stat("/dir") == Stat("directory", 0)
    assert fs.stat("/empty") == Stat("file", 0)
    with pytest.raises(FileNotFoundError):
        fs.readlink("/readme.txt")


@needs("genisoimage", "isoinfo")
def test_isoinfo_lists_the_same_names(content, tmp_path):
    fs = opened(master(tmp_path, content, "-R"))
    words = ["isoinfo", "-R", "-f", "-i", tmp_path / "x.iso"]
    said = subprocess.run(words, check=True, capture_output=True, text=True)
    moved = ("/rr_moved", "/1/2/3/4/5/6/7/")  # which isoinfo shows where it lies
    assert {path for path in walk(fs) if not path.startswith(moved)} == {
        path for path in said.stdout.splitlines() if path.startswith("/") and not path.startswith(moved)}


@needs("xorriso", "mkfs.vfat", "mmd", "mcopy")
@pytest.mark.parametrize("kind", ["hybrid", "uefi", "data"])
def test_xorriso_extracts_the_same_files(iso, kind, tmp_path):
    target = tmp_path / "out"
    words = ["xorriso", "-osirrox", "on:auto_chmod_on", "-indev", iso(kind), "-extract", "/", target]
    subprocess.run(words, check=True, capture_output=True)
    fs = opened(iso(kind).read_bytes())
    files = [path for path in target.rglob("*") if path.is_file()]
    assert len(files) >= 3
    assert {"/" + str(path.relative_to(target)) for path in target.rglob("*")} == set(walk(fs))
    for path in files:
        if path.suffix != ".cat":
            assert fs.read("/" + str(path.relative_to(target)), 1 << 22) == path.read_bytes()
    shutil.rmtree(target)


class TestHostileDiscs:
    @pytest.mark.parametrize("data", [
        b"", bytes(100_000), discs.plain(), discs.plain()[:40_000],
        discs.disc(discs.primary(block_size=0), discs.terminator()),
        discs.disc(discs.primary(at_132=discs.both(0xFFFFFFFF, 4)), discs.terminator()),
        discs.disc(*discs.recognition(b"BEA01", b"NSR02", b"TEA01"), size=310, at=discs.udf_volume(length=10))])
    def test_a_disc_that_cannot_be_followed_is_broken(self, data):
        with pytest.raises(BrokenImage) as refusal:
            opened(data).listdir("/")
        assert refusal.value.problem.code == "filesystem-damaged"

    def test_a_directory_of_gigabytes_is_not_read(self):
        root = bytes([34, 0]) + discs.both(20, 4) + discs.both(0xFFFFFFFF, 4) + bytes(7) + b"\x02" + bytes(6) + b"\x01"
        volume = discs.primary()
        volume[156 : 156 + len(root)] = root
        data = discs.disc(volume, discs.terminator())

        class Sparse(Memory):
            size = 8 << 30

            def read_at(self, offset: int, length: int) -> bytes:
                assert length <= 1 << 20
                return data[offset : offset + length].ljust(length, b"\0")

        with pytest.raises(BrokenImage) as refusal:
            open_iso9660(Sparse(b"")).listdir("/")
        assert refusal.value.problem.code == "filesystem-too-large"

    @needs("genisoimage")
    @pytest.mark.parametrize("options", [("-R", "-J"), ("-udf",)])
    def test_mutations_are_broken_or_read_and_soon(self, content, tmp_path, options):
        rng = random.Random(len(options))  # noqa: S311 - cases, no secret
        data = master(tmp_path, content, *options)
        noise = data.index((content / "large.bin").read_bytes())
        places = [place for place in range(32768, len(data)) if data[place] and not noise <= place < noise + 100_001]
        for _ in range(150):
            mutant = bytearray(data)
            for place in rng.sample(places, rng.randint(1, 12)):
                mutant[place] = rng.choice((0, 1, 0x22, 0x7F, 0xFF, rng.randrange(256)))
            clock = Clock()
            exercise(bytes(mutant))
            assert clock.seconds() < ENDLESS

    @needs("genisoimage")
    def test_a_cut_disc_is_broken_or_read(self, content, tmp_path):
        data = master(tmp_path, content, "-R", "-J")
        for size in range(0, len(data), len(data) // 50):
            exercise(data[:size])


def exercise(data: bytes) -> None:
    """Open, list and read the disc; nothing but BrokenImage and FileNotFoundError may come out."""
    try:
        fs = opened(data)
        for number, path in enumerate(walk(fs)):
            found = fs.stat(path)
            if found is not None and found.kind == "file":
                fs.read(path, 4096)
            if found is not None and found.kind == "link":
                fs.readlink(path)
            if number > 500:
                break
    except (BrokenImage, FileNotFoundError):
        pass

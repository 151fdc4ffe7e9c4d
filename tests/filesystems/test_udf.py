from __future__ import annotations

import random
import subprocess
from typing import TYPE_CHECKING

import pytest
from images import discs, udfdiscs
from images.udfdiscs import SECTOR, Disc, Hole
from tools import needs

from imgbuild.filesystems.base import Stat
from imgbuild.filesystems.iso9660 import open_iso9660
from imgbuild.readers import BrokenImage, Memory
from imgbuild.source import open_source

if TYPE_CHECKING:
    from pathlib import Path

GIB = 1 << 30


@pytest.fixture
def opened():
    """Open discs, and close their files in the end."""
    sources = []

    def get(path: Path):
        sources.append(open_source(str(path)))
        return open_iso9660(sources[-1])

    yield get
    for source in sources:
        source.close()


def test_the_real_tree_is_shown_and_not_the_readme_beside_it(tmp_path, opened):
    tree = {"setup.exe": b"MZ", "sources/install.wim": b"MSWIM\0\0\0", "sources/lang/de-de/x.txt": b"deep",
            "empty": b""}
    fs = opened(udfdiscs.build(tmp_path / "x.iso", tree))
    assert fs.kind == "iso9660"
    assert fs.listdir("/") == ["empty", "setup.exe", "sources"]
    assert fs.read("/SOURCES/Install.WIM", 100) == b"MSWIM\0\0\0"
    assert fs.read("/sources/lang/de-de/x.txt", 2, 1) == b"ee"
    assert fs.stat("/sources/lang") == Stat("directory", 0)
    assert fs.stat("/empty") == Stat("file", 0)
    assert fs.stat("/sources/none") is fs.stat("/setup.exe/x") is None


def test_a_file_of_several_gib_is_read_at_its_end_with_few_bytes(tmp_path, opened):
    size = 5 * GIB + 4321
    edges = {0: b"begin", GIB - SECTOR - 2: b"edge", size - 3: b"end"}
    fs = opened(udfdiscs.build(tmp_path / "x.iso", {"sources/install.wim": Hole(size, edges)}))
    assert fs.stat("/sources/install.wim").size == size
    for place, data in edges.items():
        assert fs.read("/sources/install.wim", len(data), place) == data
    assert fs.read("/sources/install.wim", 100, size) == b""


@pytest.mark.parametrize(("what", "make"), [
    ("extended file entry", lambda disc: disc.file(b"content", extended=True)),
    ("long descriptors", lambda disc: disc.put(
        udfdiscs.entry(5, 7, udfdiscs.long(7, disc.put(b"content")), allocation=1))),
    ("data in the entry", lambda disc: disc.put(udfdiscs.entry(5, 7, b"content", allocation=3))),
    ("descriptors that go on elsewhere", lambda disc: disc.put(udfdiscs.entry(5, 7, udfdiscs.short(
        3 << 30 | SECTOR, disc.put(discs.tagged(258, at_20=(8).to_bytes(4, "little"),
                                                at_24=udfdiscs.short(7, disc.put(b"content")))))))),
    ("an entry longer than its content", lambda disc: disc.put(
        udfdiscs.entry(5, 7, udfdiscs.short(SECTOR, disc.put(b"content and more"))))),
])
def test_every_way_to_say_where_a_file_is(what, make, tmp_path, opened):
    disc = Disc()
    disc.directory({what: make(disc)}, block=1)
    fs = opened(disc.write(tmp_path / "x.iso"))
    assert fs.read(f"/{what}", 100) == b"content"
    assert fs.stat(f"/{what}").size == 7


def test_what_was_never_recorded_is_zeros(tmp_path, opened):
    disc = Disc()
    disc.directory({"hole": disc.put(udfdiscs.entry(5, 4000, udfdiscs.short(1 << 30 | 4000, 0)))}, block=1)
    assert opened(disc.write(tmp_path / "x.iso")).read("/hole", 5000) == bytes(4000)


def test_names_of_two_bytes_and_deleted_ones(tmp_path, opened):
    disc = Disc()
    place = disc.file(b"1")
    data = (udfdiscs.identifier("", 1, 0x0A) + udfdiscs.identifier("\u9e92\u9e9f", place)
            + udfdiscs.identifier("gone", place, 4))
    disc.at[disc._place(1)] = udfdiscs.entry(4, len(data), data, allocation=3)
    fs = opened(disc.write(tmp_path / "x.iso"))
    assert fs.listdir("/") == ["\u9e92\u9e9f"]
    assert fs.read("/\u9e92\u9e9f", 9) == b"1"


@needs("genisoimage")
def test_pycdlib_sees_the_same_tree(tmp_path):
    """The second witness: pycdlib reads UDF as well, all of it at once."""
    pycdlib = pytest.importorskip("pycdlib")
    content = tmp_path / "content"
    rng = random.Random(3)  # noqa: S311 - content, no secret
    files = {f"dir{number % 7}/sub/name {number}.bin": rng.randbytes(number * 97) for number in range(60)}
    for name, data in files.items():
        (content / name).parent.mkdir(parents=True, exist_ok=True)
        (content / name).write_bytes(data)
    target = tmp_path / "x.iso"
    subprocess.run(["genisoimage", "-quiet", "-udf", "-o", target, content], check=True, capture_output=True)
    fs = open_iso9660(Memory(target.read_bytes()))
    disc = pycdlib.PyCdlib()
    disc.open(str(target))
    seen = [f"{folder.rstrip('/')}/{name}" for folder, _, names in disc.walk(udf_path="/") for name in names]
    disc.close()
    assert sorted(seen) == sorted(f"/{name}" for name in files)
    for name, data in files.items():
        assert fs.read(f"/{name}", 1 << 20) == data


def _disc(**parts: bytes) -> bytes:
    volume = discs.udf_volume(length=10)
    usual = {"at_212": SECTOR.to_bytes(4, "little"), "at_248": udfdiscs.long(SECTOR, 0),
             "at_268": (1).to_bytes(4, "little"), "at_440": b"\1\6\1\0\0\0"}
    root = {300: discs.tagged(256, at_400=udfdiscs.long(SECTOR, 1)), 301: udfdiscs.entry(4, 0, b"", allocation=3)}
    places = volume | {262: discs.tagged(6, **(usual | parts)), 263: discs.tagged(8)} | root
    return discs.disc(*discs.recognition(b"BEA01", b"NSR02", b"TEA01"), size=320, at=places)


class TestHostileDiscs:
    def test_a_disc_of_udf_alone_is_read(self):
        fs = open_iso9660(Memory(_disc()))
        assert (fs.kind, fs.listdir("/")) == ("udf", [])

    @pytest.mark.parametrize(("parts", "code"), [
        ({"at_212": (512).to_bytes(4, "little")}, "filesystem-feature-unknown"),
        ({"at_268": (2).to_bytes(4, "little")}, "filesystem-feature-unknown"),
        ({"at_440": b"\2\x40"}, "filesystem-feature-unknown"),
        ({"at_248": udfdiscs.long(SECTOR, 0xFFFFFFF0)}, "filesystem-damaged"),
        ({"at_248": udfdiscs.long(SECTOR, 1)}, "filesystem-damaged"),
    ])
    def test_what_cannot_be_followed_is_said(self, parts, code):
        with pytest.raises(BrokenImage) as refusal:
            open_iso9660(Memory(_disc(**parts)))
        assert refusal.value.problem.code == code

    @pytest.mark.parametrize(("made", "code"), [
        (udfdiscs.entry(4, 1 << 40, udfdiscs.short(0x3FFFFFFF, 2) * 4000)[:SECTOR], "filesystem-damaged"),
        (udfdiscs.entry(4, 1 << 30, udfdiscs.short(0x3FFFFFFF, 2)), "filesystem-too-large"),
        (udfdiscs.entry(4, SECTOR, udfdiscs.short(SECTOR, 2)), "filesystem-damaged"),
        (udfdiscs.entry(4, SECTOR, udfdiscs.short(SECTOR, 2), allocation=2), "filesystem-feature-unknown"),
        (udfdiscs.entry(4, 1 << 30, udfdiscs.short(3 << 30 | SECTOR, 1)), "filesystem-damaged"),
    ])
    def test_a_root_that_cannot_be_read_is_said(self, made, code):
        data = bytearray(_disc())
        data[301 * SECTOR : 302 * SECTOR] = made
        with pytest.raises(BrokenImage) as refusal:
            open_iso9660(Memory(bytes(data))).listdir("/")
        assert refusal.value.problem.code == code

    def test_descriptors_that_lead_to_themselves_come_to_an_end(self):
        data = bytearray(_disc())
        circle = discs.tagged(258, at_20=(16).to_bytes(4, "little"),
                              at_24=udfdiscs.short(1, 3) + udfdiscs.short(3 << 30 | SECTOR, 2))
        data[301 * SECTOR : 303 * SECTOR] = udfdiscs.entry(5, 1 << 50, udfdiscs.short(3 << 30 | SECTOR, 2)) + circle
        with pytest.raises(BrokenImage):
            open_iso9660(Memory(bytes(data)))
        data[301 * SECTOR + 27] = 4
        with pytest.raises(BrokenImage):
            open_iso9660(Memory(bytes(data))).listdir("/")

    def test_mutants_are_broken_or_read(self, tmp_path):
        tree = {"sources/install.wim": b"MSWIM\0\0\0" * 100, "efi/boot/bootx64.efi": b"MZ", "a": b"1", "b/c/d": b"2"}
        data = udfdiscs.build(tmp_path / "x.iso", tree).read_bytes()
        rng = random.Random(7)  # noqa: S311 - cases, no secret
        places = [place for place in range(256 * SECTOR, len(data)) if data[place]]
        for _ in range(400):
            mutant = bytearray(data[: rng.choice((len(data), rng.randrange(len(data))))])
            for place in rng.sample(places, rng.randint(1, 6)):
                if place < len(mutant):
                    mutant[place] = rng.randrange(256)
            _walk(bytes(mutant))


def _walk(data: bytes) -> None:
    try:
        fs = open_iso9660(Memory(data))
        todo = ["/"]
        for _ in range(100):
            if not todo:
                return
            path = todo.pop()
            for name in fs.listdir(path):
                place = f"{path.rstrip('/')}/{name}"
                found = fs.stat(place)
                if found is not None and found.kind == "directory":
                    todo.append(place)
                elif found is not None and found.kind == "file":
                    fs.read(place, 4096)
    except (BrokenImage, FileNotFoundError):
        pass

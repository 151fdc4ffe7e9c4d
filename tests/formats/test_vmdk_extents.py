"""Disks in several files: never opened unasked, and then only what lies in the image's own folder."""

from __future__ import annotations

import os
import struct

import pytest
from program import run
from vmdk_images import SECTOR, Builder, patch, plain, text

from imgbuild.folder import open_folder
from imgbuild.formats import find
from imgbuild.formats.vmdk.container import open_vmdk
from imgbuild.readers import BrokenImage, Memory
from imgbuild.source import open_source

FLAT = bytes(range(256)) * 16


class Shelf:
    """A folder in memory, which notes what was asked for."""

    def __init__(self, **files: bytes) -> None:
        self.files = files
        self.asked: list[str] = []

    def open(self, name: str) -> Memory:
        self.asked.append(name)
        return Memory(self.files[name])


def split(*lines: str, create_type: str = "custom", **files: bytes):
    """Return the disk of a descriptor with these extent lines beside ``files``."""
    return open_vmdk(Memory(text(*lines, create_type=create_type).encode()), Shelf(**files))


def failure(*lines: str, **files: bytes):
    disk = split(*lines, **files)
    assert (disk.readable, disk.problems[0].code, len(disk.problems)) == (False, "external-extent", 2)
    with pytest.raises(BrokenImage):
        disk.read_at(0, 1)
    return disk.problems[1].code, disk.problems[1].message


def cowd(pattern: str = "ab.c") -> tuple[bytes, bytes]:
    """Return an ESX Server sparse extent of grains of one sector, and its content."""
    fields = (1, 3, len(pattern), 1, 4, 1, 0, 0, 0, 0)
    grains = [letter.encode() * SECTOR for letter in pattern if letter != "."]
    places = iter(range(5 + 32, 5 + 32 + len(grains)))
    table = struct.pack(f"<{len(pattern)}I", *(0 if letter == "." else next(places) for letter in pattern))
    header = struct.pack("<4s10I", b"COWD", *fields).ljust(4 * SECTOR, b"\0")
    image = header + struct.pack("<I", 5).ljust(SECTOR, b"\0") + table.ljust(32 * SECTOR, b"\0") + b"".join(grains)
    return image, b"".join(bytes(SECTOR) if letter == "." else letter.encode() * SECTOR for letter in pattern)


def test_every_kind_of_extent_is_read_in_the_order_of_the_lines():
    esx, content = cowd()
    sparse = plain()
    disk = split('RW 4 FLAT "flat" 1', f'RW {sparse.sectors} SPARSE "sparse"', "RW 3 ZERO", 'RW 4 VMFSSPARSE "esx"',
                 'RW 8 VMFS "flat"', flat=FLAT, sparse=sparse.image(), esx=esx)
    assert [problem.message for problem in disk.problems] == [
        "the disk was read from files beside the image: 'flat' (4 KiB), 'sparse' (37.5 KiB), 'esx' (20 KiB)"]
    assert disk.problems[0].code == "external-parts-read"
    expected = FLAT[512:2560] + sparse.content + bytes(1536) + content + FLAT
    assert (disk.readable, disk.virtual_size) == (True, len(expected))
    assert disk.read_at(0, disk.size) == expected
    for start in range(0, len(expected), 701):
        assert disk.read_at(start, min(5000, disk.size - start)) == expected[start : start + 5000]
    with pytest.raises(BrokenImage):
        disk.read_at(disk.size, 1)


def test_without_a_folder_nothing_is_opened():
    disk = open_vmdk(Memory(text('RW 8 FLAT "flat" 0', create_type="monolithicFlat").encode()))
    assert ([problem.code for problem in disk.problems], disk.readable) == (["external-extent"], False)


@pytest.mark.parametrize(("line", "code", "message"), [
    ('RW 9 FLAT "flat" 0', "truncated", "'flat': the extent ends at 4608, but the file at 4096"),
    ('RW 1 FLAT "flat" 8', "truncated", "'flat': the extent ends at 4608, but the file at 4096"),
    ('RW 8 FLAT "flat"', "vmdk-extent-unread",
     "the extent 'flat' (RW 8 'FLAT') is not read; FLAT has a first sector after the name, the others have none"),
    ('RW 8 VMFS "flat" 0', "vmdk-extent-unread",
     "the extent 'flat' (RW 8 'VMFS') is not read; FLAT has a first sector after the name, the others have none"),
    ('RDONLY 8 FLAT "flat" 0', "vmdk-extent-unread",
     "the extent 'flat' (RDONLY 8 'FLAT') is not read; an extent is RW and has at least one sector"),
    ('rw 8 FLAT "flat" 0', "vmdk-extent-unread",
     "the extent 'flat' (rw 8 'FLAT') is not read; an extent is RW and has at least one sector"),
    ('RW 8 FLAT "flat" 0\nRW 0 FLAT "flat" 0', "vmdk-extent-unread",
     "the extent 'flat' (RW 0 'FLAT') is not read; an extent is RW and has at least one sector"),
    ('RW 8 VMFSRDM "flat"', "vmdk-extent-unread",
     "the extent 'flat' (RW 8 'VMFSRDM') is not read; FLAT, VMFS, SPARSE, VMFSSPARSE and ZERO are read"),
    ('RW 8 SESPARSE "flat"', "vmdk-extent-unread",
     "the extent 'flat' (RW 8 'SESPARSE') is not read; FLAT, VMFS, SPARSE, VMFSSPARSE and ZERO are read"),
    ('RW 8 SPARSE "flat"', "header-invalid",
     r"'flat': the file begins with b'\x00\x01\x02\x03'; a sparse extent begins with b'KDMV' or b'COWD'"),
    ('RW 8 SPARSE "sparse"', "vmdk-sizes-differ",
     "'sparse': the extent has 56 sectors, its line in the descriptor 8"),
    ('RW 56 SPARSE "bad"', "header-invalid", "'bad': the version is 9; 1 to 3 are defined"),
    ('RW 56 SPARSE "empty"', "header-invalid",
     "'empty': capacity gives a disk of 0 bytes; a disk has more than 0 and less than 2**63"),
    ('RW 56 SPARSE "short"', "truncated", "'short': the data ends at 40, but bytes 0 to 79 are asked for"),
    ('RW 4 SPARSE "esx"', "header-invalid",
     ("'esx': numSectors, grainSize and gdOffset are 4, 0 and 4; none of them can be 0, and a grain has at most 2097152"
      " sectors")),
    ('RW 4 SPARSE "esxcut"', "truncated", "'esxcut': the grain directory ends at 2052, but the file at 2051"),
])
def test_a_part_that_is_not_what_its_line_says_ends_it(line, code, message):
    sparse, esx = plain().image(), cowd()[0]
    files = {"flat": FLAT, "sparse": sparse, "bad": patch(sparse, version=9), "empty": patch(sparse, capacity=0),
             "short": sparse[:40], "esx": esx[:16] + bytes(4) + esx[20:], "esxcut": esx[:2051]}
    assert failure(line, **files) == (code, message)


def test_what_a_part_objects_to_is_said_with_its_name():
    disk = split('RW 56 SPARSE "sparse"', sparse=patch(plain().image(), uncleanShutdown=1)[:-512])
    assert [problem.code for problem in disk.problems] == ["external-parts-read", "needs-check", "truncated"]
    assert all(problem.message.startswith("'sparse': ") for problem in disk.problems[1:])
    assert disk.readable


def test_a_part_with_a_footer_is_read_by_it():
    builder = Builder([b"a" * 4096, None, b"b" * 4096], compressed=True, footer=True)
    disk = split('RW 24 SPARSE "sparse"', sparse=builder.image())
    assert disk.read_at(0, disk.size) == builder.content


@pytest.mark.parametrize("extra", ['encryption.keySafe = "x"', "nonsense"])
def test_keys_and_faults_keep_the_parts_closed(extra):
    shelf = Shelf(flat=FLAT)
    disk = open_vmdk(Memory((text('RW 8 FLAT "flat" 0') + extra + "\n").encode()), shelf)
    assert (disk.readable, shelf.asked) == (False, [])


def test_a_delta_in_several_files_is_not_read_without_its_parent():
    shelf = Shelf(flat=FLAT)
    disk = open_vmdk(Memory((text('RW 8 FLAT "flat" 0') + 'parentFileNameHint="base"\n').encode()), shelf)
    assert ([problem.code for problem in disk.problems], shelf.asked) == (["backing-file", "external-parts-read"],
                                                                         ["flat"])
    assert (disk.readable, disk.parent.names) == (False, ("base",))
    with pytest.raises(BrokenImage, match="cannot be read"):
        disk.read_at(0, 1)


def test_an_embedded_descriptor_opens_nothing_even_with_a_folder():
    shelf = Shelf(**{"disk.vmdk": FLAT})
    assert find("vmdk").open_with(Memory(plain().image()), shelf).readable
    hostile = plain(descriptor=text('RW 56 FLAT "disk.vmdk" 0')).image()
    assert not find("vmdk").open_with(Memory(hostile), shelf).readable
    assert shelf.asked == []


# The same through a real folder and the command line.


@pytest.fixture
def folder(tmp_path):
    """A folder with a split disk, and a secret beside the folder."""
    (tmp_path / "secret").write_bytes(b"root:x:0:0:" + bytes(4085))
    home = tmp_path / "images"
    home.mkdir()
    (home / "disk-flat.vmdk").write_bytes(FLAT)
    (home / "link.vmdk").symlink_to("../secret")
    return home


def describe(folder, name: str) -> str:
    path = folder / "disk.vmdk"
    path.write_text(text(f'RW 8 FLAT "{name}" 0', create_type="monolithicFlat"))
    return str(path)


def opened_through(path: str):
    with open_source(path) as source, open_folder(path) as folder:
        disk = find("vmdk").open_with(source, folder)
        return disk, disk.read_at(0, disk.size) if disk.readable else None


def test_a_flat_disk_is_read_through_its_folder(folder):
    disk, content = opened_through(describe(folder, "disk-flat.vmdk"))
    assert ([problem.code for problem in disk.problems], content) == (["external-parts-read"], FLAT)


@pytest.mark.parametrize(("name", "code"), [
    ("../secret", "external-outside"), ("/etc/passwd", "external-outside"), ("link.vmdk", "external-outside"),
    ("json:{}", "external-outside"), ("nbd:localhost:1", "external-outside"), ("http://localhost/", "external-outside"),
    ("..", "external-outside"), ("", "external-outside"), ("none.vmdk", "external-missing")])
def test_what_is_not_in_the_folder_is_never_opened(folder, name, code, monkeypatch):
    path = describe(folder, name)
    real, tried = os.open, []

    def noting(where, *flags, **more):
        tried.append(where)
        return real(where, *flags, **more)

    monkeypatch.setattr(os, "open", noting)
    monkeypatch.setattr(os, "supports_dir_fd", {noting})
    disk, content = opened_through(path)
    assert ([problem.code for problem in disk.problems], content) == (["external-extent", code], None)
    assert set(tried) <= {path, str(folder), name if name in {"link.vmdk", "none.vmdk"} else path}


def test_the_command_opens_the_parts_only_when_it_is_allowed(folder):
    path = describe(folder, "disk-flat.vmdk")
    shut = run("inspect", path, "--format", "json", folder=folder).document
    assert [problem["code"] for problem in shut["problems"]] == ["external-extent"]
    allowed = run("inspect", path, "--allow-external", "--run-facts", "--format", "json", folder=folder).document
    assert [problem["code"] for problem in allowed["problems"]] == ["external-parts-read", "nothing-inside"]
    assert (allowed["size"], allowed["checksums"]) == (shut["size"], shut["checksums"])
    assert (allowed["run"]["qemu"] or {}).get("format") is None
    assert allowed["run"]["bytes_read"] > shut["size"]


def test_the_command_reads_more_parts_than_a_process_has_open_files_by_default(folder):
    lines = []
    for number in range(100):
        name = f"disk-f{number:03}.vmdk"
        (folder / name).write_bytes(FLAT)
        lines.append(f'RW 8 FLAT "{name}" 0')
    (folder / "disk.vmdk").write_text(text(*lines, create_type="twoGbMaxExtentFlat"))
    facts = run("inspect", folder / "disk.vmdk", "--allow-external", "--format", "json", folder=folder).document
    assert facts["problems"][0]["code"] == "external-parts-read"
    assert facts["problems"][0]["message"].endswith("'disk-f003.vmdk' (4 KiB), 96 more")
    assert facts["virtual_size"] == 100 * 4096


def test_no_more_than_512_parts_are_opened(folder):
    lines = [f'RW 8 FLAT "p{number}" 0' for number in range(513)]
    for number in range(513):
        (folder / f"p{number}").write_bytes(FLAT)
    (folder / "disk.vmdk").write_text(text(*lines, create_type="twoGbMaxExtentFlat"))
    facts = run("inspect", folder / "disk.vmdk", "--allow-external", "--format", "json", folder=folder).document
    assert [problem["code"] for problem in facts["problems"]] == ["external-extent", "external-too-many"]

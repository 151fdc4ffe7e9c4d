from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

import pytest
from images.filesystems import fat
from images.run import run
from mutating import visit_mutants
from tools import needs

from imgbuild.filesystems import identify, open_filesystem
from imgbuild.filesystems.base import Stat
from imgbuild.filesystems.fat import open_fat
from imgbuild.readers import BrokenImage, Memory

if TYPE_CHECKING:
    from pathlib import Path

    from imgbuild.filesystems.fat import FatFileSystem

pytestmark = needs("mkfs.vfat", "mmd", "mcopy")
MIB = 1 << 20
LOADER = bytes(range(256)) * 2000
FILES = {"EFI/BOOT/BOOTX64.EFI": LOADER, "EFI/debian/grubx64.efi": b"grub",
         "A long name with Q and spaces.text": b"long",
         "empty": b"", "lower.txt": b"1", "MixedCase.Txt": b"2", "deep/a/b/c/d/e": b"deep"}
SIZES = {12: 4, 16: 20, 32: 40}


def opened(path: Path) -> FatFileSystem:
    return opened_bytes(path.read_bytes())


def opened_bytes(data: bytes) -> FatFileSystem:
    reader = Memory(data)
    identity = identify(reader)
    assert identity is not None
    filesystem = open_filesystem(reader, identity.kind)
    assert filesystem.kind == identity.kind
    return filesystem


@pytest.mark.parametrize("bits", [12, 16, 32])
def test_all_that_was_put_in_comes_out(tmp_path: Path, bits: int) -> None:
    filesystem = opened(fat(tmp_path / "fs", SIZES[bits], FILES, bits=bits))
    assert filesystem.kind == f"fat{bits}"
    assert {path: filesystem.read("/" + path, 1 << 24) for path in FILES} == FILES
    assert filesystem.listdir("/") == [
        "A long name with Q and spaces.text", "EFI", "MixedCase.Txt", "deep", "empty", "lower.txt"]
    assert filesystem.listdir("/EFI") == ["BOOT", "debian"]
    assert filesystem.stat("/") == Stat("directory", 0)
    assert filesystem.stat("/EFI") == Stat("directory", 0)
    assert filesystem.stat("/EFI/BOOT/BOOTX64.EFI") == Stat("file", len(LOADER))


def test_case_does_not_matter(tmp_path: Path) -> None:
    filesystem = opened(fat(tmp_path / "fs", 4, FILES, bits=12))
    for path in ("/efi/boot/bootx64.efi", "/Efi/Boot/BootX64.Efi", "//EFI//BOOT/bootx64.EFI"):
        assert filesystem.read(path, 4) == LOADER[:4]
    assert filesystem.read("/a LONG name WITH q and spaces.TEXT", 9) == b"long"
    assert filesystem.listdir("/efi/Debian") == ["grubx64.efi"]


def test_names_are_utf_16(tmp_path: Path) -> None:
    data = fat(tmp_path / "fs", 4, FILES, bits=12).read_bytes()
    filesystem = open_fat(Memory(data.replace(b"Q\0", b"\xfc\0")))
    assert filesystem.read("/A long name with \u00fc and spaces.text", 9) == b"long"
    assert filesystem.read("/A LONG NAME WITH \u00dc AND SPACES.TEXT", 9) == b"long"
    broken = open_fat(Memory(data.replace(b"Q\0", b"\0\xd8")))
    assert broken.listdir("/EFI") == ["BOOT", "debian"]


def test_what_is_not_there(tmp_path: Path) -> None:
    filesystem = opened(fat(tmp_path / "fs", 4, FILES, bits=12))
    for path in ("/nope", "/EFI/nope", "/empty/x", "/deep/a/b/c/d/e/f"):
        assert filesystem.stat(path) is None
        for call in (filesystem.listdir, filesystem.readlink, lambda place: filesystem.read(place, 1)):
            with pytest.raises(FileNotFoundError):
                call(path)
    for call, path in ((filesystem.listdir, "/empty"), (filesystem.readlink, "/empty"),
                       (lambda place: filesystem.read(place, 1), "/EFI")):
        with pytest.raises(FileNotFoundError):
            call(path)


def test_a_read_has_a_limit_and_an_offset(tmp_path: Path) -> None:
    filesystem = opened(fat(tmp_path / "fs", 4, FILES, bits=12))
    for offset, limit in ((0, 1), (0, 10**9), (len(LOADER) - 1, 10), (len(LOADER), 10), (10**12, 10), (511, 514)):
        assert filesystem.read("/efi/boot/bootx64.efi", limit, offset) == LOADER[offset : offset + limit]


@needs("mdel", "mlabel")
def test_deleted_files_and_the_label_are_no_files(tmp_path: Path) -> None:
    path = fat(tmp_path / "fs", 20, FILES, bits=16, label="EFI")
    run("mdel", "-i", path, "::lower.txt", "::A long name with Q and spaces.text")
    assert opened(path).listdir("/") == ["EFI", "MixedCase.Txt", "deep", "empty"]


def test_folders_over_many_clusters(tmp_path: Path) -> None:
    files = {f"many/a rather long name {number}.conf": b"%d" % number for number in range(200)}
    filesystem = opened(fat(tmp_path / "fs", 20, files, bits=16))
    assert filesystem.listdir("/many") == sorted(path.removeprefix("many/") for path in files)
    assert filesystem.read("/many/a rather long name 199.conf", 9) == b"199"


def test_a_file_in_pieces(tmp_path: Path) -> None:
    path = fat(tmp_path / "fs", 4, {"one": b"1" * 40_000, "two": b"2" * 40_000, "three": b"3" * 40_000}, bits=12)
    run("mdel", "-i", path, "::two")
    (tmp_path / "large").write_bytes(LOADER)
    run("mcopy", "-i", path, tmp_path / "large", "::large")
    assert opened(path).read("/large", 1 << 24) == LOADER


def test_a_cut_file_system_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = fat(tmp_path / "fs", 20, {"first": b"1", "last": LOADER * 8}, bits=16)
    os.truncate(path, MIB)
    filesystem = opened(path)
    assert filesystem.read("/first", 9) == b"1"
    with pytest.raises(BrokenImage) as raised:
        filesystem.read("/last", 1 << 24)
    assert raised.value.problem.code in {"truncated", "filesystem-damaged"}


@pytest.mark.parametrize("sectors", [131073, 0xFFFFFFFF])
def test_a_table_that_cannot_be_is_damage(tmp_path: Path, sectors: int) -> None:
    data = bytearray(fat(tmp_path / "fs", 40, {}, bits=32).read_bytes())
    struct.pack_into("<I", data, 36, sectors)
    with pytest.raises(BrokenImage) as raised:
        open_fat(Memory(bytes(data))).listdir("/")
    assert raised.value.problem.code == "filesystem-damaged"


def test_a_fat32_of_few_clusters_is_fat32_as_for_linux(tmp_path: Path) -> None:
    # mtools and libfsfat take it for FAT16; so it is made large, and then cut to where its files end.
    data = bytearray(fat(tmp_path / "fs", 40, FILES, bits=32).read_bytes()[: 20 * MIB])
    struct.pack_into("<I", data, 32, 20 * MIB // 512)
    filesystem = opened_bytes(bytes(data))
    assert filesystem.kind == "fat32"
    assert filesystem.read("/efi/boot/bootx64.efi", 1 << 24) == LOADER


def test_a_directory_that_runs_in_a_circle_is_damage(tmp_path: Path) -> None:
    files = {f"many/a rather long name {number}.conf": b"" for number in range(200)}
    data = bytearray(fat(tmp_path / "fs", 20, files, bits=16).read_bytes())
    table = struct.unpack_from("<H", data, 14)[0] * 512
    for cluster in range(2, 200):
        struct.pack_into("<H", data, table + 2 * cluster, cluster - 1 if cluster > 2 else 3)
    with pytest.raises(BrokenImage) as raised:
        opened_bytes(bytes(data)).listdir("/many")
    assert raised.value.problem.code == "filesystem-damaged"


@pytest.mark.parametrize("place", [11, 13, 510])
def test_boot_sectors_that_make_no_sense(tmp_path: Path, place: int) -> None:
    data = bytearray(fat(tmp_path / "fs", 4, FILES, bits=12).read_bytes())
    data[place : place + 2] = b"\0\0"
    with pytest.raises(BrokenImage) as raised:
        open_fat(Memory(bytes(data)), "fat12").listdir("/")
    assert raised.value.problem.code == "filesystem-damaged"


@pytest.mark.parametrize("bits", [12, 16, 32])
def test_mutants(tmp_path: Path, bits: int) -> None:
    visit_mutants(fat(tmp_path / "fs", SIZES[bits], FILES, bits=bits).read_bytes(), f"fat{bits}", 80)

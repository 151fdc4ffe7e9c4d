from __future__ import annotations

import random
import struct
import subprocess
from typing import TYPE_CHECKING

import pytest
from pace import ENDLESS, Clock
from table_writer import Disk, boot_sector, record
from tools import needs

from imgbuild.crc32c import crc32c
from imgbuild.filesystems import Identity, identify
from imgbuild.filesystems.superblocks.base import START_BYTES, Start, serial, text, uuid
from imgbuild.readers import BrokenImage, Memory

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20
ID = "11111111-2222-4333-8444-555555555555"
RAW_ID = bytes.fromhex(ID.replace("-", ""))
BLKID_NAMES = {"fat12": "vfat", "fat16": "vfat", "fat32": "vfat", "luks": "crypto_LUKS", "lvm2": "LVM2_member",
               "md": "linux_raid_member", "verity": "DM_verity_hash", "zfs": "zfs_member", "bitlocker": "BitLocker",
               "integrity": "DM_integrity"}


def blkid(path: Path) -> dict[str, str]:
    """Return what blkid says: TYPE, UUID, LABEL."""
    said = subprocess.run(["blkid", "-p", "-o", "export", path], capture_output=True, text=True, check=False).stdout
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)


def made(path: Path, size: int, *command: str) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
    subprocess.run([*command, path], check=True, capture_output=True)
    return path


MADE = {
    "ext2": (8, "mke2fs", "-q", "-F", "-t", "ext2", "-L", "two"),
    "ext3": (16, "mke2fs", "-q", "-F", "-t", "ext3", "-U", ID),
    "ext4": (16, "mke2fs", "-q", "-F", "-t", "ext4", "-L", "sixteen-letters!"),
    "ext4 without journal": (16, "mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal"),
    "ext4 by its features": (16, "mke2fs", "-q", "-F", "-t", "ext2", "-O", "extent"),
    "jbd": (16, "mke2fs", "-q", "-F", "-O", "journal_dev"),
    "xfs": (300, "mkfs.xfs", "-q", "-L", "x-label"),
    "xfs of 1 KiB blocks": (300, "mkfs.xfs", "-q", "-b", "size=1024", "-s", "size=512"),
    "btrfs": (128, "mkfs.btrfs", "-q", "-L", "b-label", "-U", ID),
    "fat12": (4, "mkfs.vfat", "-F", "12", "-n", "TWELVE"),
    "fat16": (40, "mkfs.vfat", "-F", "16", "-n", "SIXTEEN"),
    "fat32": (40, "mkfs.vfat", "-F", "32", "-i", "ABCD1234"),
    "fat32 on a small disk": (8, "mkfs.vfat", "-F", "32", "-n", "SMALL"),
    "fat32 of 4096-byte sectors": (300, "mkfs.vfat", "-F", "32", "-S", "4096", "-n", "FOURK"),
    "ntfs": (16, "mkntfs", "-q", "-F", "-f", "-L", "Windows"),
    "ntfs of 64 KiB clusters": (16, "mkntfs", "-q", "-F", "-f", "-c", "65536"),
    "ntfs of 4096-byte sectors": (16, "mkntfs", "-q", "-F", "-f", "-s", "4096", "-c", "4096", "-L", "four"),
    "f2fs": (64, "mkfs.f2fs", "-q", "-l", "flash"),
    "exfat": (16, "mkfs.exfat", "-n", "Stick"),
    "nilfs2": (160, "mkfs.nilfs2", "-q", "-L", "n-label"),
    "reiserfs": (64, "mkfs.reiserfs", "-q", "-ff", "-l", "r-label"),
    "jfs": (32, "mkfs.jfs", "-q", "-L", "j-label"),
    "swap": (8, "mkswap", "-L", "s-label", "-U", ID),
    "swap of 64 KiB pages": (8, "mkswap", "-p", "65536", "-L", "big"),
    "swap of 16 KiB pages": (8, "mkswap", "-p", "16384"),
}


@needs("blkid", "mke2fs", "mkfs.xfs", "mkfs.btrfs", "mkfs.vfat", "mkntfs", "mkswap", "mkfs.f2fs", "mkfs.exfat",
       "mkfs.nilfs2", "mkfs.reiserfs", "mkfs.jfs")
@pytest.mark.parametrize("name", MADE)
def test_what_tools_make_is_what_blkid_says(tmp_path: Path, name: str) -> None:
    mib, *command = MADE[name]
    path = made(tmp_path / "fs", mib * MIB, *command)
    found = identify(Memory(path.read_bytes()))
    said = blkid(path)
    assert found is not None
    assert (BLKID_NAMES.get(found.kind, found.kind), found.uuid, found.label) == (
        said["TYPE"], said["UUID"], said.get("LABEL"))
    assert found.kind == name.split(maxsplit=1)[0]
    assert found.size is not None
    assert mib * MIB - (8192 if found.kind != "jfs" else 2 * MIB) <= found.size <= mib * MIB  # JFS leaves out its log


LOCKED = {
    "bcache": ("bcache", 16, "make-bcache", "-B"), "bcache, the cache": ("bcache", 64, "make-bcache", "-C"),
    "luks 1": ("luks", 8, "cryptsetup", "-q", "luksFormat", "--type", "luks1", "--pbkdf-force-iterations", "1000",
               "--key-file", __file__),
    "luks 2": ("luks", 32, "cryptsetup", "-q", "luksFormat", "--type", "luks2", "--label", "crypt", "--pbkdf", "pbkdf2",
               "--pbkdf-force-iterations", "1000", "--key-file", __file__),
    "verity": ("verity", 1, "veritysetup", "format", __file__),
}


@needs("blkid", "make-bcache", "cryptsetup", "veritysetup")
@pytest.mark.parametrize("name", LOCKED)
def test_what_holds_something_else_is_what_blkid_says(tmp_path: Path, name: str) -> None:
    kind, mib, *command = LOCKED[name]
    path = made(tmp_path / "fs", mib * MIB, *command)
    said = blkid(path)
    assert identify(Memory(path.read_bytes())) == Identity(kind, said["UUID"], said.get("LABEL"))
    assert said["TYPE"] == BLKID_NAMES.get(kind, kind)


@needs("blkid", "mkfs.erofs", "makefs")
@pytest.mark.parametrize(("kind", "command"), [("erofs", ("mkfs.erofs", "fs", "tree")),
                                               ("ufs", ("makefs", "-t", "ffs", "-s", "8m", "fs", "tree")),
                                               ("ufs", ("makefs", "-t", "ffs", "-B", "be", "-s", "8m", "fs", "tree"))])
def test_what_is_made_of_a_folder_is_what_blkid_says(tmp_path: Path, kind: str, command: tuple[str, ...]) -> None:
    (tmp_path / "tree").mkdir()
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    said = blkid(tmp_path / "fs")
    found = identify(Memory((tmp_path / "fs").read_bytes()))
    assert found is not None
    assert (found.kind, found.uuid, found.readable) == (kind, said["UUID"], False)
    assert said["TYPE"] == kind


@needs("mksquashfs", "blkid")
def test_squashfs_says_its_size(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    subprocess.run(["mksquashfs", tmp_path / "tree", tmp_path / "fs", "-quiet", "-no-progress"], check=True,
                   capture_output=True)
    assert blkid(tmp_path / "fs")["TYPE"] == "squashfs"
    data = (tmp_path / "fs").read_bytes()
    found = identify(Memory(data))
    assert found is not None
    assert (found.kind, found.uuid, found.readable) == ("squashfs", None, False)
    assert found.size == len(data.rstrip(b"\0")) or len(data) - 4096 < found.size <= len(data)


@needs("mke2fs", "debugfs")
@pytest.mark.parametrize(("command", "clean"), [
    ("set_super_value state 1", True), ("set_super_value state 0", False), ("set_super_value state 3", False),
    ("feature needs_recovery", False),
])
def test_ext_says_whether_it_is_clean(tmp_path: Path, command: str, clean: bool) -> None:
    path = made(tmp_path / "fs", 8 * MIB, "mke2fs", "-q", "-F", "-t", "ext4")
    subprocess.run(["debugfs", "-w", "-R", command, path], check=True, capture_output=True)
    found = identify(Memory(path.read_bytes()))
    assert found is not None
    assert (found.kind, found.clean) == ("ext4", clean)


@needs("mkfs.vfat")
@pytest.mark.parametrize(("bits", "place"), [("16", 2), ("32", 4)])
def test_fat_says_whether_it_is_clean(tmp_path: Path, bits: str, place: int) -> None:
    data = bytearray(made(tmp_path / "fs", 40 * MIB, "mkfs.vfat", "-F", bits).read_bytes())
    reserved = int.from_bytes(data[14:16], "little") * 512
    assert identify(Memory(bytes(data))).clean is True
    data[reserved + 2 * place - 1] &= 0x77
    assert identify(Memory(bytes(data))).clean is False
    data[reserved + 2 * place - 1] |= 0x88
    data[65 if bits == "32" else 37] |= 1
    assert identify(Memory(bytes(data))).clean is False


@needs("mkfs.vfat", "mlabel")
def test_the_label_in_the_root_directory_of_fat_counts(tmp_path: Path) -> None:
    path = made(tmp_path / "fs", 4 * MIB, "mkfs.vfat", "-n", "BEFORE")
    data = path.read_bytes()
    boot = data.index(b"BEFORE     ")
    assert identify(Memory(data[:boot] + b"ELSEWHERE  " + data[boot + 11 :])).label == "BEFORE"
    path = made(tmp_path / "unnamed", 4 * MIB, "mkfs.vfat")
    assert identify(Memory(path.read_bytes())).label is None


@needs("mkntfs")
def test_ntfs_says_whether_it_is_clean(tmp_path: Path) -> None:
    data = bytearray(made(tmp_path / "fs", 16 * MIB, "mkntfs", "-q", "-F", "-f", "-L", "n\u00e4me").read_bytes())
    assert (identify(Memory(bytes(data))).clean, identify(Memory(bytes(data))).label) == (True, "n\u00e4me")
    record_3 = int.from_bytes(data[48:56], "little") * data[13] * 512 + 3 * 1024
    information = data.index(struct.pack("<I", 0x70), record_3)
    flags = information + int.from_bytes(data[information + 20 : information + 22], "little") + 10
    data[flags] |= 1
    assert identify(Memory(bytes(data))).clean is False
    data[record_3] = 0
    found = identify(Memory(bytes(data)))
    assert (found.kind, found.clean, found.label) == ("ntfs", None, None)


def md(version: int, place: int = 0) -> bytes:
    head = struct.pack("<III4x", 0xA92B4EFC, version, 0) + RAW_ID + b"host:0".ljust(32, b"\0")
    body = bytearray(head.ljust(256, b"\0"))
    struct.pack_into("<Q", body, 80, 1)
    struct.pack_into("<Q", body, 144, place // 512)
    total = sum(struct.unpack("<64I", body))
    struct.pack_into("<I", body, 216, (total & 0xFFFFFFFF) + (total >> 32))
    return bytes(body)


def md_old() -> bytes:
    words = struct.unpack(">4I", RAW_ID)
    return struct.pack("<III8xI", 0xA92B4EFC, 0, 90, words[0]) + bytes(28) + struct.pack("<3I", *words[1:])


def zfs_pairs() -> bytes:
    def pair(name: bytes, kind: int, value: bytes) -> bytes:
        padded = name + bytes(-len(name) % 4)
        body = struct.pack(">I", len(name)) + padded + struct.pack(">II", kind, 1) + value
        return struct.pack(">II", len(body) + 8, len(body) + 8) + body

    pairs = pair(b"version", 8, struct.pack(">Q", 5000)) + pair(b"name", 9, struct.pack(">I", 4) + b"tank")
    return b"\1\1\0\0" + struct.pack(">II", 0, 1) + pairs + pair(b"pool_guid", 8, struct.pack(">Q", 123456789012345))


def exfat() -> dict[int, bytes]:
    boot = bytearray(b"\xeb\x76\x90EXFAT   ".ljust(512, b"\0"))
    struct.pack_into("<QQIIIII", boot, 64, 0, 16384, 24, 8, 32, 100, 4)
    struct.pack_into("<IHHBBBB", boot, 100, 0xABCD1234, 0x100, 0, 9, 3, 1, 0x80)
    boot[510:] = b"\x55\xaa"
    name = "Stick"
    return {0: bytes(boot), (32 + 2 * 8) * 512: b"\x83\x05" + name.encode("utf-16-le").ljust(30, b"\0")}


def stratis() -> bytes:
    digits = ID.replace("-", "").encode()
    body = b"!Stra0tis\x86\xff\x02^\x41rh" + struct.pack("<Q4x", MIB // 512) + b"5" * 32 + digits
    body = body.ljust(508, b"\0")
    return struct.pack("<I", crc32c(body)) + body


def gfs2(own: int, multihost: int) -> bytes:
    head = struct.pack(">IIQIIII", 0x01161970, 1, 0, 100, 0, own, multihost).ljust(160, b"\0")
    return (head + b"cluster:fs").ljust(256, b"\0") + RAW_ID


UFS2 = {65536 + 52: struct.pack("<I", 4096), 65536 + 144: struct.pack("<II", 0x65432100, 0x1234),
        65536 + 680: b"ufs-label", 65536 + 1080: struct.pack("<Q", 256), 65536 + 1372: b"\x19\x01\x54\x19"}
CRAFTED = {
    "md 1.0": (4 * MIB, {4 * MIB - 8192: md(1, 4 * MIB - 8192)}, Identity("md", ID, "host:0")),
    "md 1.1": (4 * MIB, {0: md(1)}, Identity("md", ID, "host:0")),
    "md 1.2": (4 * MIB, {4096: md(1, 4096)}, Identity("md", ID, "host:0")),
    "md 0.90": (4 * MIB + 5, {4 * MIB - 65536: md_old()}, Identity("md", ID)),
    "luks 1": (MIB, {0: b"LUKS\xba\xbe\0\1", 168: ID.encode()}, Identity("luks", ID)),
    "luks 2": (MIB, {0: b"LUKS\xba\xbe\0\2", 24: b"crypt", 168: ID.encode()}, Identity("luks", ID, "crypt")),
    "verity": (MIB, {0: b"verity\0\0\1\0\0\0\1\0\0\0" + RAW_ID}, Identity("verity", ID)),
    "bitlocker": (MIB, {0: b"\xeb\x58\x90-FVE-FS-"}, Identity("bitlocker")),
    "bitlocker to go": (MIB, {0: b"\xeb\x58\x90MSWIN4.1", 424: bytes.fromhex("3bd66749292ed84a8399f6a339e3d001")},
                        Identity("bitlocker")),
    "refs": (MIB, {0: b"\0\0\0ReFS\0\0\0\0\0"}, Identity("refs")),
    "exfat": (8 * MIB, exfat(), Identity("exfat", "ABCD-1234", "Stick", 8 * MIB, clean=True)),
    "ufs": (MIB, UFS2, Identity("ufs", "6543210000001234", "ufs-label", MIB)),
    "ufs, big-endian, version 1": (MIB, {8192 + 144: b"\x65\x43\x21\0\0\0\x12\x34", 8192 + 1372: b"\0\1\x19\x54"},
                                   Identity("ufs", "6543210000001234")),
    "zfs": (MIB, {16384: zfs_pairs()}, Identity("zfs", "123456789012345", "tank")),
    "apfs": (MIB, {32: b"NXSB" + struct.pack("<IQ", 4096, 256), 72: RAW_ID}, Identity("apfs", ID, size=MIB)),
    "hfsplus": (MIB, {1024: b"H+\0\4", 1064: struct.pack(">II", 4096, 256)}, Identity("hfsplus", size=MIB)),
    "f2fs": (MIB, {1024: b"\x10\x20\xf5\xf2", 1040: b"\x0c", 1060: struct.pack("<Q", 256), 1132: RAW_ID,
                   1148: "flash".encode("utf-16-le")}, Identity("f2fs", ID, "flash", MIB)),
    "bcachefs": (MIB, {4120: bytes.fromhex("c68573f666ce90a9d96a60cf803df7ef"), 4152: RAW_ID, 4168: b"bc"},
                 Identity("bcachefs", ID, "bc")),
    "erofs": (MIB, {1024: b"\xe2\xe1\xf5\xe0", 1036: b"\x0c", 1060: struct.pack("<I", 256), 1072: RAW_ID, 1088: b"ero"},
              Identity("erofs", ID, "ero", MIB)),
    "jfs": (MIB, {32768: b"JFS1", 32776: struct.pack("<Q", 2048), 32792: struct.pack("<I", 512), 32904: RAW_ID,
                  32920: b"j"},
            Identity("jfs", ID, "j", MIB)),
    "reiserfs": (MIB, {65536: struct.pack("<I", 256), 65580: b"\0\x10", 65588: b"ReIsEr2Fs", 65620: RAW_ID,
                       65636: b"r"},
                 Identity("reiserfs", ID, "r", MIB)),
    "nilfs2": (MIB, {1030: b"\x34\x34", 1056: struct.pack("<Q", MIB), 1176: RAW_ID, 1192: b"n"},
               Identity("nilfs2", ID, "n", MIB)),
    "integrity": (MIB, {0: b"integrt\0"}, Identity("integrity")),
    "vdo": (MIB, {0: b"dmvdo001", 40: RAW_ID}, Identity("vdo", ID)),
    "bcache": (MIB, {4104: struct.pack("<QQ", 8, 1) + bytes.fromhex("c68573f64e1a45ca8265f57f48ba6d81") + RAW_ID,
                     4168: b"fast"}, Identity("bcache", ID, "fast")),
    "bcachefs with the magic of bcache": (MIB, {4120: bytes.fromhex("c68573f64e1a45ca8265f57f48ba6d81"), 4152: RAW_ID,
                                                4168: b"bc"}, Identity("bcachefs", ID, "bc")),
    "stratis": (4 * MIB, {512: stratis()}, Identity("stratis", ID, size=MIB)),
    "geli": (MIB, {MIB - 512: b"GEOM::ELI"}, Identity("geli")),
    "geli on 4096-byte sectors": (MIB + 100, {MIB - 4096: b"GEOM::ELI"}, Identity("geli")),
    "gfs2": (32 * MIB, {65536: gfs2(1801, 1900)}, Identity("gfs2", ID, "cluster:fs")),
    "gfs": (32 * MIB, {65536: gfs2(1309, 1401)}, Identity("gfs", ID, "cluster:fs")),
    "ocfs2": (16 * MIB, {8192: b"OCFSV2", 8192 + 272: b"o", 8192 + 336: RAW_ID}, Identity("ocfs2", ID, "o")),
    "cramfs": (MIB, {0: b"\x45\x3d\xcd\x28" + struct.pack("<I", MIB), 16: b"Compressed ROMFS", 48: b"c"},
               Identity("cramfs", label="c", size=MIB)),
    "hibernated swap": (MIB, {4086: b"S1SUSPEND\0", 1036: RAW_ID}, Identity("swsuspend", ID)),
    "swap of the first version": (MIB, {4086: b"SWAP-SPACE"}, Identity("swap")),
    "iso9660": (MIB, {32768: b"\1CD001\1", 32808: b"LABEL".ljust(32), 32848: struct.pack("<I", 512), 32896: b"\0\x08",
                      32768 + 813: b"2026112314152300\0", 32768 + 830: b"0" * 16 + b"\0"},
                Identity("iso9660", "2026-11-23-14-15-23-00", "LABEL", MIB, readable=True)),
    "udf": (MIB, {32769: b"BEA01", 34817: b"NSR03", 36865: b"TEA01"}, Identity("udf", readable=True)),
    "lvm2": (MIB,
             {512: b"LABELONE" + struct.pack("<QII", 1, 0,
                                             32) + b"LVM2 001" + b"abcdef" * 5 + b"gh" + struct.pack("<Q", MIB)},
             Identity("lvm2", "abcdef-abcd-efab-cdef-abcd-efab-cdefgh", size=MIB)),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_superblocks_laid_down_by_hand(name: str) -> None:
    size, written, expected = CRAFTED[name]
    disk = Disk(size)
    for offset, data in written.items():
        disk.write(offset, data)
    assert identify(disk) == expected


STRICT = {"md 0.90", "md 1.0", "md 1.1", "md 1.2", "luks 2", "verity", "ufs", "vdo", "stratis", "gfs2", "gfs", "ocfs2"}


@needs("blkid")
@pytest.mark.parametrize("name", ["md 0.90", "luks 1", "luks 2", "verity", "bitlocker", "bitlocker to go", "ufs", "jfs",
                                  "reiserfs", "udf", "iso9660", "cramfs", "swap of the first version",
                                  "hibernated swap", "vdo", "stratis", "gfs2", "gfs", "ocfs2", "md 1.0", "md 1.1",
                                  "md 1.2"])
def test_blkid_agrees_on_superblocks_laid_down_by_hand(tmp_path: Path, name: str) -> None:
    size, written, expected = CRAFTED[name]
    disk = Disk(size)
    for offset, data in written.items():
        disk.write(offset, data)
    said = blkid(disk.save(tmp_path / "fs"))
    if said or name in STRICT:  # blkid also wants checksums and copies that are not laid down for the others
        assert said["TYPE"] == BLKID_NAMES.get(expected.kind, expected.kind)
        assert said.get("UUID") == expected.uuid


@pytest.mark.parametrize("disk", [
    Disk(0), Disk(1), Disk(511), Disk(4096), Disk(MIB), Disk(MIB).write(0, boot_sector(record(0x83, 2048, 4096))),
    Disk(MIB).write(0, b"\xeb\x3c\x90".ljust(510, b"\0") + b"\x55\xaa"),
    Disk(MIB).write(0, boot_sector(record(0x0C, 2048, 4096), code=b"\xeb\x58\x90MSDOS5.0\0\2\x08\x20\0\2\0\0\0\0\xf8")),
    Disk(MIB).write(1024 + 56, b"\x53\xef"), Disk(MIB).write(0, b"XFSB"), Disk(MIB).write(3, b"NTFS    "),
    Disk(MIB).write(3, b"EXFAT   "), Disk(MIB).write(65600, b"_BHRfS_M"), Disk(MIB).write(0, b"LUKS\xba\xbe\0\7"),
])
def test_a_signature_alone_is_no_superblock(disk: Disk) -> None:
    assert identify(disk) is None


def test_members_of_something_larger_come_first() -> None:
    ext = {1028: struct.pack("<I", 256), 1080: b"\x53\xef", 1064: struct.pack("<I", 100)}
    disk = Disk(MIB)
    for offset, data in ext.items():
        disk.write(offset, data)
    assert identify(disk).kind == "ext2"
    assert identify(disk.write((MIB // 512 - 16) // 8 * 4096, md(1))).kind == "md"


def test_few_and_small_reads() -> None:
    disk = Disk(MIB)
    identify(disk)
    assert len(disk.reads) <= 7
    assert disk.reads[0] == (0, START_BYTES)
    assert sum(length for _, length in disk.reads[1:]) < 4096


def test_a_reader_that_fails_is_not_hidden() -> None:
    class Failing:
        size = MIB

        def read_at(self, offset: int, length: int) -> bytes:
            return Memory(b"").read_at(offset, length)

    with pytest.raises(BrokenImage):
        identify(Failing())


@pytest.mark.parametrize(("raw", "expected"), [(b"name\0rest", "name"), (b"a b   ", "a b"), (b"\0\0", None),
                                               (b"caf\xe9", "caf\ufffd")])
def test_names(raw: bytes, expected: str | None) -> None:
    assert text(raw) == expected


def test_identifiers() -> None:
    assert (uuid(RAW_ID), uuid(bytes(16))) == (ID, None)
    assert (serial(b"\x34\x12\xcd\xab"), serial(bytes(4))) == ("ABCD-1234", None)


def test_what_lies_after_the_end_is_zero() -> None:
    start = Start(Memory(b"abc"))
    assert (start.at(1, 4), start.at(2**70, 2), start.at(-5, 2)) == (b"bc\0\0", b"\0\0", b"\0\0")


@needs("mke2fs", "mkfs.vfat", "mkntfs", "mkfs.btrfs", "mkswap")
def test_mutants_are_something_or_nothing_in_time(tmp_path: Path) -> None:
    chance = random.Random(20261123)  # noqa: S311 - cases, no secret
    for number, name in enumerate(("ext4", "fat12", "fat16", "fat32", "ntfs", "btrfs", "swap")):
        mib, *command = MADE[name]
        start = made(tmp_path / str(number), mib * MIB, *command).read_bytes()[: 160 * 1024]
        used = [place for place in range(0, len(start), 16) if any(start[place : place + 16])]
        for _ in range(60):
            data = bytearray(start)
            for _ in range(chance.randrange(1, 6)):
                data[chance.choice(used) + chance.randrange(16)] = chance.choice((0, 1, 0x80, 0xFF,
                                                                                  chance.randrange(256)))
            clock = Clock()
            identify(Disk(chance.choice((mib * MIB, 100_000))).write(0, bytes(data[:100_000])))
            assert clock.seconds() < ENDLESS


@needs("mkntfs")
def test_mutants_of_the_ntfs_volume_record(tmp_path: Path) -> None:
    whole = made(tmp_path / "fs", 16 * MIB, "mkntfs", "-q", "-F", "-f", "-L", "name").read_bytes()
    place = int.from_bytes(whole[48:56], "little") * whole[13] * 512 + 3 * 1024
    chance = random.Random(20261123)  # noqa: S311 - cases, no secret
    for _ in range(300):
        data = bytearray(whole[place : place + 1024])
        for _ in range(chance.randrange(1, 8)):
            data[chance.randrange(600)] = chance.choice((0, 1, 0x60, 0x70, 0xFF, chance.randrange(256)))
        found = identify(Disk(16 * MIB).write(0, whole[:512]).write(place, bytes(data)))
        assert found is not None
        assert found.kind == "ntfs"

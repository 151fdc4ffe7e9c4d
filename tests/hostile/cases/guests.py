"""A11, A13, A15 and A20: what a guest can write into its own file systems, and what the tables around them say."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import lvm_writer
import qcow2_images as q
import vdi_images as vdi
import vhd_writer as vhd
from hostile.case import Case, Content
from hostile.cases.references import alone, backed, embedded
from images import discs
from images import filesystems as fs
from images.run import run
from images.tree import X86_64, Link, Tree, elf
from table_writer import LINUX, Disk, Gpt, Part

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MIB = 1 << 20
TOOLS = ("mke2fs", "debugfs")
DAMAGED, TRUNCATED = ("image-filesystem-damaged",), ("image-filesystem-truncated",)
ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\r\n::error file=x::owned\n##vso[task.complete]\n<b>&\"'\u202e\u2028\x00"
SHORT = "\x1b[31m\n::error::<b>"
GUEST: Tree = {"usr/bin/sh": elf(X86_64), "bin": Link("usr/bin"), "etc/hostname": b"guest\n",
               "etc/os-release": b'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n'}


def ext4(tree: Tree, *commands: str, mib: int = 8, patches: Callable[[Path], None] | None = None,
         options: tuple[str, ...] = ()) -> Callable[[Path], None]:
    """Return a maker of a disk that is an ext4 file system; then debugfs runs ``commands`` on it."""

    def make(path: Path) -> None:
        work = path.parent / "work"
        work.mkdir()
        fs.ext(work / "root", mib, tree, "-O", "^metadata_csum,^64bit,^has_journal", *options).rename(path)
        if commands:
            run("debugfs", "-w", "-f", "-", path, stdin="".join(f"{command}\n" for command in commands))
        if patches:
            patches(path)

    return make


def guest(**files: bytes | Link | None) -> Tree:
    """Return the small guest with other files; ``__`` stands for a slash, ``_`` for a dash."""
    return GUEST | {name.replace("__", "/").replace("_", "-"): content for name, content in files.items()}


def without(*names: str) -> Tree:
    return {name: content for name, content in GUEST.items() if name not in names}


def extent_tree(name: str, index_block: int) -> tuple[str, ...]:
    """Return the words for debugfs that make the extents of a file one index node that leads to a block."""
    node = struct.pack("<HHHHI", 0xF30A, 1, 4, 1, 0) + struct.pack("<IIHH", 0, index_block, 0, 0)
    words = struct.unpack("<15I", node.ljust(60, b"\0"))
    return tuple(f"sif {name} block[{number}] {word}" for number, word in enumerate(words[:12])) + tuple(
        f"sif {name} block[{place}] {word}" for place, word in zip(("IND", "DIND", "TIND"), words[12:], strict=True))


def self_index(path: Path) -> None:
    """Write an index node to block 4000 that leads to itself, over and over."""
    with path.open("r+b") as file:
        file.seek(4000 * 1024)
        file.write(struct.pack("<HHHHI", 0xF30A, 84, 84, 1, 0) + struct.pack("<IIHH", 0, 4000, 0, 0) * 84)


def at(offset: int, form: str, *values: int) -> Callable[[Path], None]:
    """Return what writes numbers into a file, counted from the superblock."""

    def patch(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(1024 + offset)
            file.write(struct.pack(form, *values))

    return patch


OS = "etc/os-release"
LINKS = {f"etc/chain{number}": Link(f"chain{number + 1}") for number in range(100)}
TREES: list[tuple[str, str, str, Callable[[], Callable], tuple[str, ...]]] = [
    ("os-release-up", "A13", "os-release links to ../../../../../../etc/passwd",
     lambda: ext4(GUEST | {OS: Link("../../../../../../etc/passwd")}), ()),
    ("os-release-host", "A13", "os-release links to /proc/1/root/etc/os-release",
     lambda: ext4(GUEST | {OS: Link("/proc/1/root/etc/os-release")}), ()),
    ("os-release-itself", "A13", "os-release links to itself", lambda: ext4(GUEST | {OS: Link("os-release")}), ()),
    ("links-two", "A13", "two links that lead to each other",
     lambda: ext4(GUEST | {OS: Link("other"), "etc/other": Link("/etc/os-release")}), ()),
    ("links-100", "A13", "a chain of 100 links", lambda: ext4(GUEST | LINKS | {OS: Link("chain0")}), ()),
    ("links-grow", "A13", "a link that makes its path longer each time",
     lambda: ext4(GUEST | {OS: Link("a/a/x"), "etc/a": Link("a/../a/a")}), ()),
    ("link-long", "A13", "a link with 330 times ../", lambda: ext4(GUEST | {OS: Link("../" * 330)}), ()),
    ("folder-link", "A13", "/etc links to /",
     lambda: ext4(without("etc/os-release", "etc/hostname") | {"etc": Link("/")}), ()),
    ("os-release-fifo", "A13", "os-release is a FIFO",
     lambda: ext4(without(OS), "cd /etc", "mknod os-release p"), ()),
    ("os-release-device", "A13", "os-release is /dev/mem",
     lambda: ext4(without(OS), "cd /etc", "mknod os-release c 1 1"), ()),
    ("os-release-disk", "A13", "os-release is a block device",
     lambda: ext4(without(OS), "cd /etc", "mknod os-release b 8 0"), ()),
    ("os-release-folder", "A13", "os-release is a directory", lambda: ext4(without(OS) | {OS: None}), ()),
    ("os-release-10-mb", "A13", "an os-release of 10 MB",
     lambda: ext4(GUEST | {OS: b"ID=debian\n" + b"X=" + b"x" * 10_000_000}, mib=24), ()),
    ("os-release-lines", "A13", "an os-release of 300,000 lines",
     lambda: ext4(GUEST | {OS: b"".join(b"K%d=1\n" % number for number in range(300_000))}, mib=24), ()),
    ("os-release-quotes", "A13", "an os-release of 60,000 quotes and backslashes",
     lambda: ext4(GUEST | {OS: b"NAME=" + b"\"\\'" * 20_000}), ()),
    ("os-release-bytes", "A13", "an os-release that is no text",
     lambda: ext4(GUEST | {OS: bytes(range(256)) * 40}), ()),
    ("os-release-size", "A13", "an os-release of 2**40 bytes",
     lambda: ext4(GUEST, "sif /etc/os-release size 1099511627776"), ()),
    ("fstab-lines", "A13", "an fstab of 100,000 lines",
     lambda: ext4(GUEST | {"etc/fstab": b"".join(b"LABEL=l%d /m%d ext4\n" % (n, n) for n in range(100_000))}, mib=16),
     ()),
    ("fstab-up", "A13", "an fstab that mounts /dev/sda on ../../..",
     lambda: ext4(GUEST | {"etc/fstab": b"/dev/sda /../../etc ext4 defaults 0 0\n/etc/passwd / auto bind\n"}), ()),
    ("names-bytes", "A13", "file names that are not UTF-8",
     lambda: ext4(GUEST, "cd /etc", "ln os-release os-\\xff", "ln os-release \x01\x02"), ()),
    ("names-controls", "A20", "kernels whose names are escape sequences",
     lambda: ext4(GUEST | {f"boot/vmlinuz-{SHORT.replace('/', '')}": b"MZ", f"usr/lib/modules/{SHORT}/x": b""}), ()),
    ("deep", "A13", "directories 200 deep", lambda: ext4(GUEST | {"/".join(["d"] * 200): None}), ()),
    ("many", "A15", "a directory of 3,000 kernels",
     lambda: ext4(GUEST | {f"boot/vmlinuz-{number}": b"" for number in range(3000)}, mib=24,
                  options=("-N", "4000")), ()),
    ("os-release-escapes", "A20", "escape sequences, line breaks and commands in os-release",
     lambda: ext4(GUEST | {OS: f'ID="{SHORT}"\nVERSION_ID="{ESCAPES}"\nPRETTY_NAME="{ESCAPES}"'.encode()}), ()),
    ("label-escapes", "A20", "escape sequences in the label", lambda: ext4(
        GUEST, patches=at(120, "16s", b"\x1b[31m\n::error::")), ()),
    ("extents-loop", "A11", "an extent index that leads to itself", lambda: ext4(
        GUEST, *extent_tree("/etc/os-release", 4000), patches=self_index), ()),
    ("extents-inode-table", "A11", "the extents of a file are the superblock",
     lambda: ext4(GUEST, *extent_tree("/etc/os-release", 1)), ()),
    ("folder-loop", "A11", "a directory that holds its parent", lambda: ext4(
        GUEST, "mkdir /usr/loop", "cd /usr/loop", "ln <2> up", "ln <2> usr"), ()),
    ("folder-size", "A11", "a directory of 2**40 bytes", lambda: ext4(GUEST, "sif /etc size 1099511627776"), ()),
    ("root-is-file", "A11", "a root directory that is a file", lambda: ext4(GUEST, "sif <2> mode 0100644"), DAMAGED),
    ("blocks-per-group-0", "A8", "0 blocks in a group", lambda: ext4(GUEST, patches=at(32, "<I", 0)), ()),
    ("inodes-per-group-0", "A8", "0 inodes in a group", lambda: ext4(GUEST, patches=at(40, "<I", 0)), DAMAGED),
    ("inode-size", "A8", "inodes of 65,535 bytes", lambda: ext4(GUEST, patches=at(88, "<H", 0xFFFF)), DAMAGED),
    ("inodes-most", "A8", "2**32 - 1 inodes in a group", lambda: ext4(GUEST, patches=at(40, "<I", 0xFFFFFFFF)), ()),
    ("first-block", "A8", "a first data block behind the end",
     lambda: ext4(GUEST, patches=at(20, "<I", 0xFFFFFFF0)), ()),
    ("descriptors", "A8", "group descriptors that lead behind the end",
     lambda: ext4(GUEST, patches=at(1024, "<8I", *[0xFFFFFFF0] * 8)), DAMAGED),
    ("features-most", "A8", "all features", lambda: ext4(GUEST, patches=at(92, "<3I", *[0xFFFFFFFF] * 3)),
     ()),
]
EXT4 = [Case(f"{name}.raw", attack, what, make, expect, tools=TOOLS) for name, attack, what, make, expect in TREES]


def record(name: bytes, block: int, length: int = discs.SECTOR, *, folder: bool = True) -> bytes:
    """Return a directory record of ISO 9660."""
    body = (b"\0" + discs.both(block, 4) + discs.both(length, 4) + bytes(7) + bytes([2 * folder, 0, 0])
            + discs.both(1, 2) + bytes([len(name)]) + name)
    body += bytes((len(body) + 1) % 2)
    return bytes([len(body) + 1]) + body


def disc_with(*records: bytes, **options: bytes) -> bytes:
    """Return a disc whose root directory has these records."""
    root = b"".join((record(b"\0", 20), record(b"\1", 20), *records))
    return discs.disc(discs.primary(**options), discs.terminator(), at={20: root.ljust(discs.SECTOR, b"\0")})


def _rock_ridge(more: bytes = b"") -> bytes:
    use = (b"SP\x07\x01\xbe\xef\0" + b"RR\5\1\xff" + (more or b"SL\x20\1\0" + b"\4\0" * 3 + b"\0\3etc\0\6passwd"))
    name = record(b"\0", 20)
    return disc_with(bytes([name[0] + len(use)]) + name[1:] + use)


def _disk_info() -> bytes:
    folder = b"".join((record(b"\0", 21), record(b"\1", 20), record(b"INFO", 22, 200, folder=False)))
    root = b"".join((record(b"\0", 20), record(b"\1", 20), record(b".disk", 21)))
    return discs.disc(discs.primary(), discs.terminator(), at={
        20: root.ljust(discs.SECTOR, b"\0"), 21: folder.ljust(discs.SECTOR, b"\0"),
        22: f"Debian GNU/Linux 12 {ESCAPES}".encode()})


DISCS = [
    Case("folder-itself.iso", "A11", "a directory that is its parent", lambda: disc_with(
        record(b"BOOT", 20), record(b"EFI", 20), record(b"CASPER", 20)), ()),
    Case("folder-past-end.iso", "A11", "a directory behind the end", lambda: disc_with(
        record(b"EFI", 0xFFFFFFF0, 0xFFFFFFFF)), ()),
    Case("record-0.iso", "A11", "a directory record of one byte", lambda: disc_with(b"\1", b"\1" * 100), ()),
    Case("record-most.iso", "A11", "a directory record that is longer than its sector",
         lambda: disc_with(b"\xff" + b"\xfe" * 300), ()),
    Case("link.iso", "A13", "a Rock Ridge link to ../../../etc/passwd", _rock_ridge, ()),
    Case("rock-ridge-loop.iso", "A11", "a Rock Ridge continuation that continues itself", lambda: _rock_ridge(
        b"CE\x1c\1" + discs.both(20, 4) + discs.both(0, 4) + discs.both(2048, 4)), ()),
    Case("label-escapes.iso", "A20", "escape sequences in the volume id",
         lambda: discs.disc(discs.primary(label=b"\x1b[31m\n::error::<b>"), discs.terminator()), ()),
    Case("texts-escapes.iso", "A20", "escape sequences in all texts", lambda: discs.disc(discs.primary(
        at_8=SHORT.encode().ljust(32), at_318=ESCAPES.encode("latin-1", "replace").ljust(128)[:128],
        at_446=(b"\x9b31m" * 20).ljust(128), at_574=b'"</testcase><!--'.ljust(128)), discs.terminator()), ()),
    Case("disk-info.iso", "A20", "escape sequences in .disk/info", _disk_info, ()),
]


def fat(make: Callable[[Path], None]) -> Callable[[], Callable[[Path], None]]:
    """Return the maker of a FAT16 file system with an EFI loader, changed by ``make``."""

    def write(path: Path) -> None:
        work = path.parent / "work"
        work.mkdir()
        fs.fat(work / "esp", 16, {"EFI/BOOT/BOOTX64.EFI": b"MZ".ljust(4096, b"\0")}, bits=16).rename(path)
        make(path)

    return lambda: write


def chains(value: int) -> Callable[[Path], None]:
    """Return what makes all entries of both FATs lead to one cluster."""

    def patch(path: Path) -> None:
        raw = bytearray(path.read_bytes())
        sector, reserved, fats, length = (struct.unpack_from(form, raw, place)[0] for form, place in
                                          (("<H", 11), ("<H", 14), ("<B", 16), ("<H", 22)))
        for number in range(fats):
            start = (reserved + number * length) * sector
            raw[start + 4 : start + length * sector] = struct.pack("<H", value) * ((length * sector - 4) // 2)
        path.write_bytes(raw)

    return patch


def named(label: bytes) -> Callable[[Path], None]:
    def patch(path: Path) -> None:
        raw = bytearray(path.read_bytes())
        while (place := raw.find(b"ESP        ")) >= 0:
            raw[place : place + 11] = label.ljust(11)
        path.write_bytes(raw)

    return patch


FAT_TOOLS = ("mkfs.vfat", "mmd", "mcopy")
FATS = [
    Case("fat-loop.raw", "A11", "cluster chains that never end", fat(chains(3)), (), tools=FAT_TOOLS),
    Case("fat-past-end.raw", "A11", "cluster chains that lead behind the end", fat(chains(0xFFE0)), (),
         tools=FAT_TOOLS),
    Case("fat-free.raw", "A11", "cluster chains that lead to the free cluster 0", fat(chains(0)), (), tools=FAT_TOOLS),
    Case("fat-label.raw", "A20", "escape sequences in the label", fat(named(b"\x1b[31m\n<b>")), (), tools=FAT_TOOLS),
]


def lvm(text: str) -> Content:
    return lvm_writer.physical_volume(text)


def linear(extents: str, name: str = "root", count: int = 2) -> str:
    return lvm_writer.volume(name, lvm_writer.striped(0, count, ("pv0", 0)).replace('"pv0", 0', extents))


LVM_DAMAGED = ("image-lvm-metadata-damaged",)
LVM = [
    Case("lvm-itself.raw", "A11", "a logical volume that lies in itself", lambda: lvm(
        lvm_writer.group(linear('"root", 0'))), LVM_DAMAGED),
    Case("lvm-each-other.raw", "A11", "two logical volumes that lie in each other", lambda: lvm(lvm_writer.group(
        linear('"b", 0', "a") + "\n" + linear('"a", 0', "b"))), LVM_DAMAGED),
    Case("lvm-past-end.raw", "A6", "a logical volume behind the end", lambda: lvm(
        lvm_writer.group(linear('"pv0", 1000000000'))), ("image-lvm-past-end",)),
    Case("lvm-huge.raw", "A8", "a logical volume of 2**62 extents", lambda: lvm(
        lvm_writer.group(linear('"pv0", 0', count=1 << 62))), ()),
    Case("lvm-negative.raw", "A8", "a logical volume at extent -1", lambda: lvm(
        lvm_writer.group(linear('"pv0", -1'))), ()),
    Case("lvm-deep.raw", "A11", "metadata sections 30,000 deep", lambda: lvm("a {\n" * 30_000), LVM_DAMAGED),
    Case("lvm-digits.raw", "A8", "an extent size of 5,000 digits", lambda: lvm(
        lvm_writer.group("").replace("extent_size = 8192", "extent_size = " + "9" * 5000)), LVM_DAMAGED),
    Case("lvm-extent-0.raw", "A8", "an extent size of 0", lambda: lvm(lvm_writer.group(linear('"pv0", 0')).replace(
        "extent_size = 8192", "extent_size = 0")), LVM_DAMAGED),
    Case("lvm-many.raw", "A15", "3,000 logical volumes", lambda: lvm(lvm_writer.group("\n".join(
        linear('"pv0", 0', f"v{number}") for number in range(3000)))), ()),
    Case("lvm-area.raw", "A8", "a metadata area at 2**64 - 1", lambda: lvm_writer.physical_volume(
        lvm_writer.group("")).write(512, lvm_writer.label(lvm_writer.PVS[0], 64 * MIB, ((2**64 - 1, 2**64 - 1),))), ()),
    Case("lvm-names.raw", "A20", "escape sequences in names", lambda: lvm(lvm_writer.group(
        linear('"pv0", 0', "\x1b[31mroot"), name="vg\x1b]0;x\x07")), ()),
    Case("lvm-dots.raw", "A13", "a volume group called ../../etc", lambda: lvm(lvm_writer.group(
        linear('"pv0", 0', "passwd"), name="../../etc")), ()),
]

INJECTED = [
    Case("gpt-name.raw", "A20", "escape sequences in the name of a partition", lambda: Gpt([
        Part(2048, 4095, LINUX, name=SHORT + "\u202e\u2028")]).write(Disk(4 * MIB)), ()),
    Case("gpt-name-surrogates.raw", "A20", "halves of surrogate pairs in the name of a partition", lambda: Gpt([
        Part(2048, 4095, LINUX, name=b"\0\xd8\xff\xdf\x1b\0")]).write(Disk(4 * MIB)), ()),
    Case("backing-name.qcow2", "A20", "escape sequences in the name of the backing file",
         lambda: backed(ESCAPES.encode()), ("image-backing-file",)),
    Case("backing-commands.qcow2", "A20", "commands for GitHub, Azure and TeamCity where a line may wrap",
         lambda: backed(" ".join(["::error::x ##vso[task.complete]x ##[x]x ##teamcity[x"] * 4).encode()),
         ("image-backing-file",)),
    Case("backing-bytes.qcow2", "A20", "a name that is not UTF-8", lambda: backed(bytes(range(128, 256))),
         ("image-backing-file",)),
    Case("feature-names.qcow2", "A20", "escape sequences in the names of features", lambda: q.patch(q.put(
        q.plain(), 112, q.extension(0x6803F857, b"\0\x05" + b"\x1b[31m\n::error::".ljust(46, b"\0"))),
        incompatible_features=1 << 5), ("image-unknown-feature",)),
    Case("extent-name.vmdk", "A20", "escape sequences in the name of an extent",
         lambda: alone(f'RW 1 FLAT "{SHORT.replace(chr(10), "")}" 0'), ("image-external-extent",)),
    Case("descriptor-keys.vmdk", "A20", "escape sequences in the disk data base", lambda: embedded(
        'RW 56 SPARSE "disk.vmdk"', 'ddb.\x1b[31m = "\x9b31m\x07"', 'ddb.x = "]]><b>"'), ()),
    Case("parent-name.vhd", "A20", "escape sequences in the name of the parent", lambda: vhd.differencing(ESCAPES),
         ("image-differencing",)),
    Case("creator.vhd", "A20", "escape sequences as the creator", lambda: vhd.fixed(bytes(MIB), app=b"\x1b[3m"), ()),
    Case("comment.vdi", "A20", "escape sequences in the comment", lambda: q.put(
        vdi.vdi(), 0, ESCAPES.encode("latin-1", "replace")[:64]), ()),
    Case("luks-label.img", "A20", "escape sequences in the label", lambda: (
        b"LUKS\xba\xbe\0\2" + bytes(16) + SHORT.encode().ljust(48, b"\0")).ljust(4096, b"\0"), ("image-encrypted",)),
    Case("names-swap.raw", "A20", "escape sequences in the label of swap space", lambda: Disk(MIB).write(
        1024, struct.pack("<III", 1, 255, 0) + bytes(16) + b"\x1b[31m\n::error:").write(4086, b"SWAPSPACE2"), ()),
]

CASES = [*EXT4, *DISCS, *FATS, *LVM, *INJECTED]

"""A15, A16, A18 and A19: files by their size, their names, and what they are or become."""

from __future__ import annotations

import os
import socket
from functools import partial
from pathlib import Path

import qcow2_images as q
import vhd_writer as vhd
from hostile.case import Case, sparse
from hostile.cases.references import alone
from images import discs
from table_writer import Disk, Gpt, Part

MIB, GIB, TIB = 1 << 20, 1 << 30, 1 << 40
NOTHING = ("image-nothing-inside",)
CHANGED = ("image-changed",)


def partitioned() -> Disk:
    return Gpt([Part(2048, 4095)]).write(Disk(4 * MIB))


def path_table() -> bytes:
    """Return a disc whose path table and root directory are 4 GiB long."""
    root = bytes([34, 0]) + discs.both(20, 4) + discs.both(0xFFFFF800, 4)
    return discs.disc(discs.primary(at_132=discs.both(0xFFFFFFFF, 4), at_156=root), discs.terminator())


UNBOUNDED = [
    Case("zeros-8-gib.raw", "A15", "8 GiB of holes", lambda: sparse(8 * GIB), NOTHING),
    Case("zeros-1-tib.vhd", "A15", "1 TiB of holes and a VHD footer", lambda: sparse(
        TIB + 512, **{f"at_{TIB}": vhd.footer(TIB)}), NOTHING),
    Case("descriptor-lines.vmdk", "A15", "a descriptor of 20,000 extents", lambda: alone(
        *(f'RW 1 FLAT "f{number}" 0' for number in range(20000))), ("image-external-extent",)),
    Case("descriptor-line.vmdk", "A15", "a descriptor with one line of 1 MiB",
         lambda: alone('RW 1 FLAT "' + "x" * MIB + '" 0'), ("image-external-extent",)),
    Case("comments.vmdk", "A15", "a descriptor that begins with 64 KiB of comments",
         lambda: b"# comment\n" * 6500 + alone('RW 1 FLAT "/etc/passwd" 0'), ("image-external-extent",)),
    Case("path-table.iso", "A15", "a path table and a root directory of 4 GiB", path_table, ()),
    Case("descriptors-endless.iso", "A15", "volume descriptors without an end",
         lambda: discs.disc(*[discs.primary()] * 200, size=240), ()),
    Case("boot-entries.iso", "A15", "a boot catalog of 65,535 entries", lambda: discs.disc(
        discs.primary(), discs.boot_record(19), discs.terminator(), at={
            19: discs.validation() + discs.boot_entry(20) + discs.section(0xEF, 65535)}), ()),
    Case("slashes.txt", "A15", "64 KiB of white space and no descriptor", lambda: b"\n" * 65536, ("image-text-file",)),
]

NAMES = {
    "-o.qcow2": "an option", "--claim=raw.qcow2": "an option of our own", "json:{}.qcow2": "json:",
    "nbd:localhost:10809.qcow2": "nbd:", "fat:rw:x.qcow2": "fat:", "a,size=1,b.qcow2": "commas",
    "$(reboot);`id`|x.qcow2": "words of a shell", "%s%n%x.qcow2": "words of printf", "new\nline.qcow2": "a line break",
    "::error::x.qcow2": "a command for GitHub", "\x1b[2J\x1b]0;x\x07.qcow2": "escape sequences",
    "<script>alert(1)<!--]]>.qcow2": "HTML and XML", "\udcff\udcfe.qcow2": "bytes that are not UTF-8",
    "\u202egpj.qcow2": "an override of the writing direction", "n" * 240 + ".qcow2": "245 characters",
}
NAMED = [Case(name, "A16", f"a sound image whose name is {what}", q.plain, NOTHING) for name, what in NAMES.items()]


def truncated(path: Path) -> None:
    os.truncate(path, 1024)


def grown(path: Path) -> None:
    with path.open("ab") as file:
        file.write(bytes(512))


def rewritten(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"QFI\xfb\0\0\0\2")


def replaced(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(q.plain())
    other.replace(path)


MEANWHILE = [
    Case(f"{change.__name__}.raw", "A18", f"{change.__name__} while it is read", partitioned, CHANGED,
         meanwhile=change, beside=("other",))
    for change in (truncated, grown, rewritten, replaced, Path.unlink)
]


def link(target: str, path: Path) -> None:
    path.symlink_to(target)


def listening(path: Path) -> None:
    # The name of a socket has at most 107 bytes.
    here = os.open(path.parent, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(f"/proc/self/fd/{here}/{path.name}")
    finally:
        os.close(here)


SPECIAL = [
    Case("fifo.qcow2", "A19", "a FIFO that nobody writes to", lambda: os.mkfifo, status=3),
    Case("folder.qcow2", "A19", "a directory", lambda: os.mkdir, status=3),
    Case("socket.qcow2", "A19", "a socket", lambda: listening, status=3),
    Case("zero.qcow2", "A19", "a link to /dev/zero", lambda: partial(link, "/dev/zero"), status=3),
    Case("terminal.qcow2", "A19", "a link to /dev/tty", lambda: partial(link, "/dev/tty"), status=3),
    Case("random.qcow2", "A19", "a link to /dev/random", lambda: partial(link, "/dev/random"), status=3),
    Case("memory.qcow2", "A19", "a link to /proc/self/mem", lambda: partial(link, "/proc/self/mem"),
         ("image-empty-file",)),
    Case("trace.qcow2", "A19", "a link to the reader's standard input", lambda: partial(link, "/dev/fd/0"), status=3),
    Case("nowhere.qcow2", "A19", "a link to nothing", lambda: partial(link, "nothing"), status=3),
    Case("circle.qcow2", "A19", "a link to itself", lambda: partial(link, "circle.qcow2"), status=3),
    Case("missing.qcow2", "A19", "nothing at all", lambda: lambda _path: None, status=3),
]

CASES = [*UNBOUNDED, *NAMED, *MEANWHILE, *SPECIAL]

"""Disks whose header and tables our own readers judge, and whose content qemu reads: QCOW 1, QED and Parallels.

A :class:`Served` container is what opens when nothing speaks against giving the file to qemu. Until somebody does, by
:meth:`Served.attach`, its content is not read, and a problem says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.formats.base import Container
from imgbuild.readers import broken, check_range, problem

if TYPE_CHECKING:
    from imgbuild.model import Problem
    from imgbuild.readers import Reader

NAMES = ("qcow", "qed", "parallels")
SECTOR = 512
MAX_DISK = 1 << 63
"""No disk has this many bytes or more: offsets in files are signed 64-bit numbers everywhere."""

_UNREAD = "content-unread"
_SHOWN_CHARACTERS = 120


class Served(Container):
    """A disk that qemu reads; ``disk`` is ``None`` until it does."""

    disk: Reader | None = None

    def attach(self, disk: Reader) -> None:
        """Read the content from ``disk``, if it has the size that the header gives, in whole sectors."""
        if disk.size == self.size // SECTOR * SECTOR:
            self.disk = disk
            self.readable = True
            self.problems = [known for known in self.problems if known.code != _UNREAD]
        else:
            self.refuse(problem("qemu-disagrees", f"qemu-nbd sees a disk of {disk.size} bytes in this {self.format},"
                                f" our reader one of {self.size}"))

    def refuse(self, reason: Problem) -> None:
        """Say why qemu does not read the content."""
        self.problems = [reason if known.code == _UNREAD else known for known in self.problems]

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes of the virtual disk from ``offset``, or raise BrokenImage."""
        if self.disk is None:
            return super().read_at(offset, length)
        check_range(self.disk.size, offset, length, "the virtual disk")
        return self.disk.read_at(offset, length)


def served(bare: Container, title: str) -> Container:
    """Return the container as one that qemu may read, or as it is where a reader objects to more than a mark."""
    bare.readable = False
    if {objection.code for objection in bare.problems} - {"needs-check", "unaligned-size"}:
        return bare
    unread = problem(_UNREAD, f"the content of this {title} was not looked into; qemu-nbd, from the package"
                              " qemu-utils, would read it")
    return Served(bare.format, bare.virtual_size, bare.header, [*bare.problems, unread], readable=False)


def checked_size(size: int, field: str, offset: int, raw: bytes) -> int:
    """Return the virtual size in bytes if a disk can have it, else raise BrokenImage ``header-invalid``."""
    if not 0 < size < MAX_DISK:
        raise broken("header-invalid", f"{field} gives a disk of {size} bytes; a disk has more than 0 and"
                                       " less than 2**63", field=field, offset=offset, raw=raw)
    return size


def quoted(name: bytes) -> str:
    """Return a name out of an image in quotes, everything that is not printable escaped, at most 120 characters."""
    words = name.decode("utf-8", "replace")
    return repr(words if len(words) <= _SHOWN_CHARACTERS else words[: _SHOWN_CHARACTERS - 1] + "…")

"""Raw: every byte of the file is that byte of the disk. There is no header, so nothing can say that a file is raw.

Detection falls back to it when no other format claims the file; ``matches`` is therefore never true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.formats.base import Container, Format, Probe
from imgbuild.readers import problem

if TYPE_CHECKING:
    from imgbuild.model import Problem
    from imgbuild.readers import Reader

SECTOR = 512


class Raw(Container):
    """A raw disk; ``file`` is ``None`` where there are no bytes."""

    file: Reader | None = None
    flat = True

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes of the disk from ``offset``, or raise BrokenImage."""
        return super().read_at(offset, length) if self.file is None else self.file.read_at(offset, length)


def open_raw(file: Reader) -> Raw:
    """Take the whole file as a disk. An empty file holds none: its virtual size is ``None``."""
    if not file.size:
        return Raw("raw", None, readable=False)
    disk = Raw("raw", file.size, {}, _problems(file.size))
    disk.file = file
    return disk


def _problems(size: int) -> list[Problem]:
    if size % SECTOR == 0:
        return []
    return [problem("unaligned-size", f"the disk has {size} bytes; disks have a multiple of 512")]


def _never(_: Probe) -> bool:
    return False


FORMAT = Format("raw", "Raw disk image", ("raw",), _never, open_raw)

"""A differencing VHD: the sectors that the file has, the others from its parent, and how the parent is known.

A block of the file begins with its sector bitmap: a sector whose bit is 1, the highest bit of a byte first, is in the
block, the others are the parent's, as are all of a block that is not in the file.

The parent has the unique ID ``parent_unique_id``. ``parent_time_stamp`` is when its file was last written, a time that
does not survive a download, so that another one is a warning only.

"Virtual Hard Disk Image Format Specification", Microsoft, October 11, 2006, sections "Dynamic Disk Header Format" and
"Implementing a Differencing Hard Disk". https://www.microsoft.com/en-us/download/details.aspx?id=23850
"""

from __future__ import annotations

import struct
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from imgbuild.formats.parents import Parent, beside, runs
from imgbuild.formats.vhd.container import DynamicDisk, Vhd
from imgbuild.formats.vhd.fields import SECTOR, time_text, unix_time, uuid_text
from imgbuild.formats.vhd.table import UNUSED, bitmap_size
from imgbuild.readers import BrokenImage

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Iterator

    from imgbuild.formats.base import Container
    from imgbuild.formats.vhd.footer import DynamicHeader
    from imgbuild.model import Problem
    from imgbuild.readers import Reader

# Parent locator entry, 24 bytes, big-endian, eight of them from byte 576 of the dynamic disk header on
#
#  off   hex  size  field
#    0  0x00     4  platform code: "W2ru" is a path from the delta's folder on, in UTF-16 little-endian
#    4  0x04     4  platform data space
#    8  0x08     4  platform data length, bytes
#   12  0x0c     4  reserved
#   16  0x10     8  platform data offset, bytes into the file
_LOCATORS_AT, _LOCATORS = 576, 8
_LOCATOR = struct.Struct(">4sIIIQ")
_RELATIVE = b"W2ru"
_LONGEST_PATH = 1024
_CACHED_BITMAPS = 64
_HIGHEST_FIRST = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_CLOCK_SECONDS = 2
"""File systems keep times to 2 s (FAT), and the field has whole seconds."""


class DifferencingDisk(DynamicDisk):
    """A dynamic disk over ``below``, its parent."""

    below: Reader

    def __init__(self, bare: Vhd, reader: Reader, table: array[int], block_size: int) -> None:
        super().__init__(bare, reader, table, block_size)
        self._bitmap = lru_cache(_CACHED_BITMAPS)(self._read_bitmap)

    def put_over(self, disk: Reader) -> None:
        """Read from ``disk`` what is not in the file."""
        self.below = disk

    def _piece(self, block: int, start: int, count: int) -> bytes:
        place = block * self.block_size
        sector = self.table[block]
        if sector == UNUSED:
            return self.below.read_at(place + start, count)
        data = sector * SECTOR + bitmap_size(self.block_size)
        end = start + count
        parts = []
        for here, first, behind in runs(self._bitmap(sector), start // SECTOR, -(-end // SECTOR)):
            begin, stop = max(start, first * SECTOR), min(end, behind * SECTOR)
            source, offset = (self.reader, data) if here else (self.below, place)
            parts.append(source.read_at(offset + begin, stop - begin))
        return b"".join(parts)

    def _read_bitmap(self, sector: int) -> bytes:
        return self.reader.read_at(sector * SECTOR, bitmap_size(self.block_size)).translate(_HIGHEST_FIRST)


def parent_of(reader: Reader, header: DynamicHeader, objection: Problem, join: Callable[[Reader], None]) -> Parent:
    """Return the parent that the header and its locators name: the path from here on first, then the bare name."""
    names = [beside(name) for name in (*_relative_paths(reader, header), header.parent_unicode_name) if name]
    return Parent(tuple(dict.fromkeys(names)), frozenset({"vhd"}), objection, partial(_fits, header), join)


def _relative_paths(reader: Reader, header: DynamicHeader) -> Iterator[str]:
    for number in range(_LOCATORS):
        code, _space, length, _, offset = _LOCATOR.unpack_from(header.raw, _LOCATORS_AT + number * _LOCATOR.size)
        if code == _RELATIVE and 0 < length <= _LONGEST_PATH:
            try:
                yield reader.read_at(offset, length).decode("utf-16-le", "replace").partition("\0")[0]
            except BrokenImage:
                continue  # it leads out of the file; the others may not


def _fits(delta: DynamicHeader, parent: Container, time: int) -> Iterator[Problem]:
    footer = getattr(parent, "footer", None)
    if footer is None:
        return
    if footer.unique_id != delta.parent_unique_id:
        yield delta.complain("parent-mismatch", f"its unique ID is {uuid_text(footer.unique_id)}, but the delta was"
                             f" made over the disk {uuid_text(delta.parent_unique_id)}", "parent_unique_id")
    stamp = delta.parent_time_stamp
    if stamp != footer.time_stamp and abs(unix_time(stamp) - time) > _CLOCK_SECONDS:
        yield delta.complain("parent-changed", f"the delta was made over it when it had last been written at"
                             f" {time_text(stamp)}; its file now has another time", "parent_time_stamp")

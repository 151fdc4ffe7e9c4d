"""Open a VHD: its footer, and what that leads to, in, a :class:`Container` out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.formats.base import Container
from imgbuild.formats.blocks import pieces, stored_bytes
from imgbuild.formats.vhd.checks import Choice, check_dynamic, check_footer, choose_footer
from imgbuild.formats.vhd.fields import SECTOR
from imgbuild.formats.vhd.footer import (
    DIFFERENCING,
    DYNAMIC_DISK,
    DYNAMIC_SIZE,
    FIXED,
    DynamicHeader,
    Footer,
    parse_dynamic,
)
from imgbuild.formats.vhd.table import UNUSED, bitmap_size, check_table, read_table
from imgbuild.readers import BrokenImage, Reader, check_range

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable


class Vhd(Container):
    """A VHD of any kind, with the footer that counts."""

    footer: Footer | None = None


class FixedDisk(Vhd):
    """A fixed disk: the file up to ``data_end`` is the disk."""

    flat = True

    def __init__(self, bare: Vhd, reader: Reader, data_end: int) -> None:
        super().__init__(bare.format, bare.virtual_size, bare.header, bare.problems)
        self.reader = reader
        self.data_end = data_end

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes of the virtual disk from ``offset``, or raise BrokenImage."""
        check_range(self.size, offset, length, "the virtual disk")
        check_range(self.data_end, offset, length, "the data in the file")
        return self.reader.read_at(offset, length)


class DynamicDisk(Vhd):
    """A dynamic disk: its blocks lie where ``table`` says (sectors of the file), the others read as zero."""

    def __init__(self, bare: Vhd, reader: Reader, table: array[int], block_size: int) -> None:
        super().__init__(bare.format, bare.virtual_size, bare.header, bare.problems, readable=bare.readable)
        self.reader = reader
        self.table = table
        self.block_size = block_size

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes of the virtual disk from ``offset``, or raise BrokenImage."""
        if not self.readable:
            return super().read_at(offset, length)
        check_range(self.size, offset, length, "the virtual disk")
        return b"".join([self._piece(*piece) for piece in pieces(offset, length, self.block_size)])

    def stored(self, offset: int, length: int) -> int | None:
        """Return how many bytes of a range are in allocated blocks."""
        return stored_bytes(offset, length, self.block_size, self._used)

    def _used(self, first: int, count: int) -> int:
        return count - self.table[first : first + count].count(UNUSED)

    def _piece(self, block: int, start: int, count: int) -> bytes:
        sector = self.table[block]
        if sector == UNUSED:
            return bytes(count)
        return self.reader.read_at(sector * SECTOR + bitmap_size(self.block_size) + start, count)


def open_vhd(reader: Reader) -> Vhd:
    """Read the footer, and what it leads to, of the VHD in ``reader``.

    Raises:
        BrokenImage: There is no footer at either end (``footer-missing``), or the file is shorter than one.
    """
    choice = choose_footer(reader)
    footer = choice.footer
    bare = Vhd("vhd", footer.current_size, footer.facts(), [*choice.problems, *check_footer(footer)])
    opened = _open(reader, choice, bare)
    opened.footer = footer
    return opened


def _open(reader: Reader, choice: Choice, bare: Vhd) -> Vhd:
    open_type = _OPENERS.get(choice.footer.disk_type, _open_unknown)
    try:
        return open_type(reader, choice.footer, choice.data_end, bare)
    except BrokenImage as error:
        bare.problems.append(error.problem)
        bare.readable = False
        return bare


def _open_fixed(reader: Reader, footer: Footer, data_end: int, bare: Vhd) -> Vhd:
    disk = FixedDisk(bare, reader, data_end)
    size = footer.current_size
    if size > data_end:
        message = f"the disk has {size} bytes, but only {data_end} stand in front of the footer"
        disk.problems.append(footer.complain("truncated", message, "current_size"))
    if size < data_end:
        message = f"{data_end - size} bytes stand between the end of the disk at {size} and the footer"
        disk.problems.append(footer.complain("vhd-data-after-disk", message, "current_size"))
    return disk


def _open_dynamic(reader: Reader, footer: Footer, data_end: int, bare: Vhd) -> Vhd:
    header = _read_dynamic(reader, footer, bare)
    table = read_table(reader, header, footer.current_size)
    bare.problems.extend(check_table(table, header, data_end))
    return DynamicDisk(bare, reader, table, header.block_size)


def _open_differencing(reader: Reader, footer: Footer, data_end: int, bare: Vhd) -> Vhd:
    from imgbuild.formats.vhd import differencing  # noqa: PLC0415 - few disks are

    bare.readable = False
    header = _read_dynamic(reader, footer, bare)
    name = header.parent_unicode_name
    objection = header.complain("differencing", f"a differencing disk: most of its content is in the parent"
                                f" {name!r}, which is not part of this file", "parent_unicode_name")
    bare.problems.append(objection)
    table = read_table(reader, header, footer.current_size)
    bare.problems.extend(check_table(table, header, data_end))
    disk = differencing.DifferencingDisk(bare, reader, table, header.block_size)
    disk.parent = differencing.parent_of(reader, header, objection, disk.put_over)
    return disk


def _open_unknown(_reader: Reader, footer: Footer, _data_end: int, _bare: Vhd) -> Vhd:
    message = f"the disk type is {footer.disk_type}, but it must be 2 (fixed), 3 (dynamic) or 4 (differencing)"
    raise BrokenImage(footer.complain("vhd-disk-type", message, "disk_type"))


def _read_dynamic(reader: Reader, footer: Footer, bare: Vhd) -> DynamicHeader:
    if footer.data_offset + DYNAMIC_SIZE > reader.size:
        message = f"the dynamic disk header should be at byte {footer.data_offset}, but the file ends at {reader.size}"
        raise BrokenImage(footer.complain("truncated", message, "data_offset"))
    header = parse_dynamic(reader.read_at(footer.data_offset, DYNAMIC_SIZE), footer.data_offset)
    bare.problems.extend(check_dynamic(header))
    bare.header["dynamic_disk_header"] = header.facts()
    return header


_OPENERS: dict[int, Callable[[Reader, Footer, int, Vhd], Vhd]] = {
    FIXED: _open_fixed, DYNAMIC_DISK: _open_dynamic, DIFFERENCING: _open_differencing}

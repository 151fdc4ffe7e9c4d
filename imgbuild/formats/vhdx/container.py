"""Open a VHDX: a file that begins with ``vhdxfile`` in, a :class:`Vhdx` container out.

"[MS-VHDX]: Virtual Hard Disk v2 (VHDX) File Format",
https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-vhdx/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.formats.base import Container
from imgbuild.formats.blocks import pieces, stored_bytes
from imgbuild.formats.tables import read_pieces
from imgbuild.formats.vhdx import metadata, parent, regions
from imgbuild.formats.vhdx.bat import BlockTable, check_table, read_table
from imgbuild.formats.vhdx.differences import SPLIT, differences
from imgbuild.formats.vhdx.fields import ALIGNMENT, NO_GUID, quoted
from imgbuild.formats.vhdx.header import Header, check_header, choose_header, read_creator
from imgbuild.formats.vhdx.parameters import Parameters, read_parameters
from imgbuild.readers import BrokenImage, check_range, problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.formats.vhdx.metadata import Item
    from imgbuild.model import Problem
    from imgbuild.readers import Reader


class Vhdx(Container):
    """A VHDX file; ``table`` is ``None`` where the content cannot be read, ``below`` the parent's disk, if any."""

    table: BlockTable | None = None
    file: Reader | None = None
    below: Reader | None = None
    data_write_guid: bytes = NO_GUID

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes of the virtual disk from ``offset``, or raise BrokenImage."""
        if self.table is None or self.file is None or not self.readable:
            return super().read_at(offset, length)
        check_range(self.size, offset, length, "the virtual disk")
        return read_pieces(self._places(self.table, self.file, offset, length))

    def stored(self, offset: int, length: int) -> int | None:
        """Return how many bytes of a range are in blocks that have a place in the file."""
        if self.table is None:
            return None
        return stored_bytes(offset, length, self.table.parameters.block_size, self.table.present)

    def _places(self, table: BlockTable, file: Reader, offset: int,
                length: int) -> Iterator[tuple[Reader | None, int, int]]:
        size = table.parameters.block_size
        for block, start, count in pieces(offset, length, size):
            place = table.place(block)
            if self.below is not None and table.state(block) in SPLIT:
                yield from differences(table, (file, self.below), block, start, count)
            elif place is None:
                yield None, 0, count
            else:
                yield file, place + start, count


def open_vhdx(reader: Reader) -> Vhdx:
    """Read the headers, the tables and, where it must be, the log of the VHDX in ``reader``.

    Raises:
        BrokenImage: ``truncated`` or ``header-invalid`` where there is no header to begin with. Everything else is a
            problem of the container, whose ``virtual_size`` is ``None`` where the way to it is cut off.
    """
    facts = {"creator": quoted(read_creator(reader))[1:-1]}
    header, problems = choose_header(reader)
    container = Vhdx("vhdx", None, facts | header.facts(), problems, readable=False)
    container.data_write_guid = header.data_write_guid
    try:
        _follow(container, reader, header)
    except BrokenImage as broken:
        container.problems.append(broken.problem)
    return container


def _follow(container: Vhdx, reader: Reader, header: Header) -> None:
    """Go from the header to the blocks, and put what is learnt on the way into the container."""
    check_header(header, reader.size)
    file = _replayed(container, reader, header)
    table, problems = regions.read_regions(file)
    container.header["regions"] = [region.facts() for region in table]
    container.problems += problems
    regions.check_regions(table, header, file.size)
    items = metadata.read_items(file, regions.find_region(table, regions.METADATA))
    parameters = read_parameters(items)
    container.header |= parameters.facts()
    container.virtual_size = parameters.virtual_disk_size
    bat = regions.find_region(table, regions.BAT)
    if parameters.has_parent:
        container.problems.append(_differencing(container, items))
    _attach(container, file, read_table(file, bat, parameters), header, table)
    if parameters.has_parent:
        _put_over(container, items, parameters)


def _replayed(container: Vhdx, reader: Reader, header: Header) -> Reader:
    container.header["log_replay_needed"] = header.has_log
    if not header.has_log:
        return reader
    from imgbuild.formats.vhdx import log  # noqa: PLC0415 - few files have one

    sequence = log.active_sequence(reader, header)
    if sequence:
        many = "entry" if len(sequence) == 1 else "entries"
        message = (f"the file was not closed: its log holds {len(sequence)} {many} that must be replayed;"
                   " 'qemu-img check -f vhdx -r all FILE' does it")
        container.problems.append(header.complain("needs-check", message, "LogGuid"))
    else:
        message = ("the file was not closed, and its log holds no whole sequence of entries: what was to be replayed"
                   " is lost")
        container.problems.append(header.complain("vhdx-log-invalid", message, "LogGuid"))
    return log.replay(reader, header, sequence)


def _differencing(container: Vhdx, items: dict[bytes, Item]) -> Problem:
    item = items.get(metadata.PARENT_LOCATOR)
    locator = parent.read_locator(item.raw) if item is not None else {}
    container.header["parent_locator"] = {quoted(key)[1:-1]: quoted(value)[1:-1] for key, value in locator.items()}
    name = parent.parent_name(locator)
    words = f"the parent {quoted(name)}, which" if name else "a parent that the file does not name, and that"
    flags = items[metadata.FILE_PARAMETERS]
    return problem("differencing", f"a differencing disk: most of its content is in {words} is not part of this file",
                   field="HasParent", offset=flags.at + 4, raw=flags.raw[4:8])


def _put_over(container: Vhdx, items: dict[bytes, Item], parameters: Parameters) -> None:
    """Leave the content unread until the parent is there."""
    def join(disk: Reader) -> None:
        container.below = disk

    container.readable = False
    objection = next(found for found in container.problems if found.code == "differencing")
    container.parent = parent.parent_of(items, parameters, objection, join)


def _attach(container: Vhdx, file: Reader, table: BlockTable, header: Header, listed: list[regions.Region]) -> None:
    taken = [("headers", 0, ALIGNMENT), ("log", header.log_offset, header.log_offset + header.log_length),
             *((region.name, region.file_offset, region.end) for region in listed)]
    container.problems += check_table(table, taken, file.size)
    container.problems += _no_bytes(table.parameters)
    container.file, container.table, container.readable = file, table, True


def _no_bytes(parameters: Parameters) -> Iterator[Problem]:
    if not parameters.virtual_disk_size:
        yield problem("empty-disk", "the virtual disk has 0 bytes", field="Virtual Disk Size")

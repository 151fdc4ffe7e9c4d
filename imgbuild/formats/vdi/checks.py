"""What is wrong with a VDI: header and block map in, problems out.

``parents``, ``obstacles`` and ``places`` keep the content from being read, ``map_problems`` do not.

"VDI file format" (VirtualBox forum, 2008), https://forums.virtualbox.org/viewtopic.php?t=8046, and the header of
block/vdi.c of qemu, whose names are used.
"""

from __future__ import annotations

import heapq
from itertools import pairwise
from typing import TYPE_CHECKING

from imgbuild.formats.blocks import MAX_DISK
from imgbuild.formats.tables import NUMBER_BYTES, read_numbers
from imgbuild.formats.vdi.header import DISCARDED, SECTOR, TYPES, VERSION, uuid
from imgbuild.readers import problem
from imgbuild.sizes import human_size

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator

    from imgbuild.formats.vdi.header import Header
    from imgbuild.model import Problem
    from imgbuild.readers import Reader

MAX_ENTRIES = 1 << 20
"""So many entries are looked at when the disk is opened: those of a TiB in blocks of 1 MiB."""
_SUSPECTS = 8
_WHOLE = (1, 2)


def parents(header: Header) -> Iterator[Problem]:
    """Yield a problem where the disk is a delta over another one."""
    kind = TYPES.get(header.image_type)
    parent = "uuid_parent" if any(header.uuid_parent) else "uuid_link"
    if any(getattr(header, parent)):
        yield header.problem("differencing", parent, f"the disk is a delta over a parent with UUID"
                                                     f" {uuid(getattr(header, parent))}; it cannot stand alone")
    elif kind and header.image_type not in _WHOLE:
        yield header.problem("differencing", "image_type", f"the disk is an image of type {header.image_type} ({kind}):"
                                                           " a delta over a parent; it cannot stand alone")


def obstacles(header: Header) -> Iterator[Problem]:
    """Yield what no reader can make a disk of."""
    if header.version != VERSION:
        yield header.problem("header-invalid", "version", f"the version is {header.version >> 16}."
                                                          f"{header.version & 0xFFFF}; 1.1 can be read")
    if header.image_type not in TYPES:
        yield header.problem("header-invalid", "image_type", f"image_type is {header.image_type}; 1 (dynamic) to 4"
                                                             " (differencing) are defined")
    if not 0 < header.size < MAX_DISK:
        yield header.problem("header-invalid", "disk_size", f"disk_size gives a disk of {header.disk_size} bytes; a"
                                                            " disk has more than 0 and less than 2**63")
    if header.sector_size != SECTOR:
        yield header.problem("header-invalid", "sector_size", f"sector_size is {header.sector_size}; 512 can be read")
    if header.block_extra:
        yield header.problem("header-invalid", "block_extra", f"block_extra is {header.block_extra}; qemu takes it for"
                                                              " 0, which is all that VirtualBox writes")
    if not _block_size_is_good(header):
        yield header.problem("block-size-invalid", "block_size", f"block_size is {header.block_size}; a power of two of"
                                                                 " at least 512 is needed, 1 MiB is usual")
    elif header.blocks > header.blocks_in_image:
        yield header.problem("vdi-map-too-small", "blocks_in_image", f"blocks_in_image is {header.blocks_in_image}; a"
                             f" disk of {human_size(header.size)} needs {header.blocks}")


def _block_size_is_good(header: Header) -> bool:
    return header.block_size >= SECTOR and header.block_size & (header.block_size - 1) == 0


def places(reader: Reader, header: Header) -> Iterator[Problem]:
    """Yield what is wrong with the places of block map and data."""
    start, length = header.offset_bmap, header.blocks_in_image * NUMBER_BYTES
    for field in ("offset_bmap", "offset_data"):
        offset = getattr(header, field)
        if offset % SECTOR or offset < SECTOR:
            yield header.problem("header-invalid", field, f"{field} is {offset}; a multiple of 512 after the header is"
                                                          " needed")
    if length > reader.size:
        yield header.problem("table-too-large", "blocks_in_image", f"the block map would take {length} bytes, the file"
                                                                   f" has {reader.size}")
    elif start + length > reader.size:
        yield header.problem("truncated", "offset_bmap", f"the block map is at {start} to {start + length}, but the"
                                                         f" file ends at {reader.size}")
    elif header.offset_data < start + length:
        yield header.problem("header-invalid", "offset_data", f"offset_data is {header.offset_data}, but the block map"
                                                              f" ends at {start + length}")


def map_problems(reader: Reader, header: Header) -> Iterator[Problem]:
    """Yield what is wrong with the entries of the block map, those of the first TiB; it may have more than it needs."""
    entries = read_numbers(reader, header.offset_bmap, min(header.blocks_in_image, MAX_ENTRIES))
    used = [entry for entry in entries if entry < DISCARDED]
    yield from _truncated(reader, header, entries[: header.blocks])
    if len(set(used)) < len(used):
        double = next(one for one, after in pairwise(sorted(used)) if one == after)
        yield _blame(header, entries, double, "block-overlap", "is in the block map twice")
    if max(used, default=0) >= header.blocks_in_image:
        yield _blame(header, entries, max(used), "table-entry-invalid", "is over those of the image, which has"
                                                                        f" {header.blocks_in_image}")
    if len(entries) == header.blocks_in_image and len(used) != header.blocks_allocated:
        yield header.problem("vdi-block-count", "blocks_allocated", f"blocks_allocated is {header.blocks_allocated},"
                                                                    f" but the block map has {len(used)}")


def _truncated(reader: Reader, header: Header, entries: array[int]) -> Iterator[Problem]:
    least = (reader.size - header.offset_data) // header.block_size - 1
    far = heapq.nlargest(_SUSPECTS, ((entry, block) for block, entry in enumerate(entries)
                                     if least < entry < DISCARDED))
    ends = [(header.offset_data + entry * header.block_size
             + min(header.block_size, header.size - block * header.block_size), entry) for entry, block in far]
    end, entry = max(ends, default=(0, 0))
    if end > reader.size:
        yield _blame(header, entries, entry, "truncated", f"ends at byte {end}, but the file at {reader.size}"
                                                          f" ({human_size(end - reader.size)} more)")


def _blame(header: Header, entries: array[int], entry: int, code: str, what: str) -> Problem:
    block = entries.index(entry)
    return problem(code, f"block {block}, number {entry} in the file, {what}", field="block map",
                   offset=header.offset_bmap + block * NUMBER_BYTES, raw=entry.to_bytes(NUMBER_BYTES, "little"))

"""The log of a VHDX: the header in force in, the file as it is after the replay out.

A program that ends without closing the file leaves the last changes of tables in the log. They must be made before
anything else is read; here they are made in memory, over the reader of the file. (qemu-img refuses to open such a file
read-only, so for it the log is replayed first: ``qemu-img check -r all``.)

The log is a ring of 4 KiB sectors. An entry is a header and descriptors, which fill one sector or more, and a sector of
data for each data descriptor. The active sequence are the entries that follow each other, in the ring and in their
numbers, from the one that the last entry names as its tail up to that last one, of all that are there the newest.

[MS-VHDX] section 2.3 "Log", https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-vhdx/
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from imgbuild.crc32c import checksum
from imgbuild.readers import BrokenImage
from imgbuild.sizes import KIB, MIB, ceil_div, human_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.formats.vhdx.header import Header
    from imgbuild.readers import Reader

# Log entry header, 64 bytes, then descriptors of 32 bytes
#
#  off   hex  size  field
#    0  0x00     4  Signature, always b"loge"
#    4  0x04     4  Checksum: CRC-32C of the whole entry
#    8  0x08     4  EntryLength, a multiple of 4 KiB
#   12  0x0c     4  Tail: of the sequence, bytes from the start of the log
#   16  0x10     8  SequenceNumber, over 0
#   24  0x18     4  DescriptorCount
#   28  0x1c     4  Reserved
#   32  0x20    16  LogGuid, as in the header
#   48  0x30     8  FlushedFileOffset: the file was at least so long
#   56  0x38     8  LastFileOffset
# Data descriptor: 0 "desc" · 4 TrailingBytes (4) · 8 LeadingBytes (8) · 16 FileOffset (8) · 24 SequenceNumber (8)
# Zero descriptor: 0 "zero" · 4 Reserved (4) · 8 ZeroLength (8) · 16 FileOffset (8) · 24 SequenceNumber (8)
# Data sector: 0 "data" · 4 SequenceHigh (4) · 8 Data (4084) · 4092 SequenceLow (4)
SECTOR = 4 * KIB
MAX_LOG = 16 * MIB
"""The largest log that is replayed. Writers make logs of 1 MiB; the checksums of this one take 0.5 s."""
MAX_ZEROED = 256 * MIB
"""The most that a log may set to zero. It holds changes of tables only, not of the disk."""
_HEADER = struct.Struct("<4sIIIQI4x16sQQ")
_DESCRIPTOR = struct.Struct("<4s4s8sQQ")
_SIGNATURE = b"loge"
_DATA_DESCRIPTOR, _ZERO_DESCRIPTOR, _DATA_SECTOR = b"desc", b"zero", b"data"
_CHECKSUM_AT = 4
_ZEROS = bytes(SECTOR)


class Entry(NamedTuple):
    """A log entry that is whole; ``at`` and ``tail`` are bytes from the start of the log."""

    at: int
    raw: bytes
    tail: int
    sequence_number: int
    descriptor_count: int
    flushed_file_offset: int


class Replayed:
    """A file with the changes of its log made: ``sectors`` are the 4 KiB sectors that differ, by their number."""

    def __init__(self, reader: Reader, sectors: dict[int, bytes]) -> None:
        self._reader = reader
        self._sectors = sectors

    @property
    def size(self) -> int:
        """The size of the file in bytes."""
        return self._reader.size

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes from ``offset``, or raise BrokenImage."""
        data = self._reader.read_at(offset, length)
        numbers = [number for number in range(offset // SECTOR, ceil_div(offset + length, SECTOR))
                   if number in self._sectors]
        if not numbers:
            return data
        changed = bytearray(data)
        for number in numbers:
            start, end = max(offset, number * SECTOR), min(offset + length, (number + 1) * SECTOR)
            piece = self._sectors[number][start - number * SECTOR : end - number * SECTOR]
            changed[start - offset : end - offset] = piece
        return bytes(changed)


def active_sequence(reader: Reader, header: Header) -> list[Entry]:
    """Return the entries that must be replayed, the oldest first; none where the log holds no whole sequence.

    Raises:
        BrokenImage: ``vhdx-log-invalid`` where the log is too large to be looked through, ``truncated`` where the file
            is shorter than it was when the log was written.
    """
    if header.log_length > MAX_LOG:
        message = f"the log has {human_size(header.log_length)}, of which at most {human_size(MAX_LOG)} are replayed"
        raise BrokenImage(header.complain("vhdx-log-invalid", message, "LogLength"))
    log = reader.read_at(header.log_offset, header.log_length)
    sequence = _newest(_whole_entries(log, header.log_guid), len(log))
    if sequence and sequence[-1].flushed_file_offset > reader.size:
        message = f"the log says that the file had {sequence[-1].flushed_file_offset} bytes, but it has {reader.size}"
        raise BrokenImage(header.complain("truncated", message, "LogOffset"))
    return sequence


def replay(reader: Reader, header: Header, sequence: list[Entry]) -> Reader:
    """Return the file with the changes of the sequence made.

    Raises:
        BrokenImage: ``vhdx-log-invalid`` where the log sets more to zero than the tables of a disk have.
    """
    sectors: dict[int, bytes] = {}
    zeroed = 0
    for entry in sequence:
        for number, content in _changes(entry):
            if content is None:
                zeroed += SECTOR
                if zeroed > MAX_ZEROED:
                    message = f"the log sets over {human_size(MAX_ZEROED)} to zero, more than the tables of a disk have"
                    raise BrokenImage(header.complain("vhdx-log-invalid", message, "LogOffset"))
            sectors[number] = content or _ZEROS
    return Replayed(reader, sectors) if sectors else reader


def _whole_entries(log: bytes, guid: bytes) -> dict[int, Entry]:
    """Return the whole entries by their place.

    Every sector may begin one. No two can overlap, so no byte is looked at much more than once: all sectors of an entry
    but its first begin with the signature of a descriptor or of data.
    """
    ring = memoryview(log + log)
    places = [at for at in range(0, len(log), SECTOR) if log.startswith(_SIGNATURE, at)]
    found = ((at, _read_entry(ring, at, guid)) for at in places)
    return {at: entry for at, entry in found if entry is not None}


def _read_entry(ring: memoryview, at: int, guid: bytes) -> Entry | None:
    _, total, length, tail, number, count, log_guid, flushed, _last = _HEADER.unpack_from(ring, at)
    if log_guid != guid or not number or tail % SECTOR or length > len(ring) // 2:
        return None
    described = _data_at(count)
    if described > length:
        return None
    data = _data_sectors(ring[at + _HEADER.size : at + described], count, number)
    if data is None or described + data * SECTOR != length:
        return None
    if not all(_is_data(ring[start : start + SECTOR], number)
               for start in range(at + described, at + length, SECTOR)):
        return None
    raw = bytes(ring[at : at + length])
    return Entry(at, raw, tail, number, count, flushed) if checksum(raw, _CHECKSUM_AT) == total else None


def _data_sectors(descriptors: memoryview, count: int, sequence_number: int) -> int | None:
    """Return how many sectors of data belong to the descriptors, ``None`` where one of these is not sound."""
    data = 0
    for kind, _, leading, offset, number in _DESCRIPTOR.iter_unpack(descriptors[: count * _DESCRIPTOR.size]):
        if number != sequence_number or offset % SECTOR:
            return None
        if kind == _DATA_DESCRIPTOR:
            data += 1
        elif kind != _ZERO_DESCRIPTOR or int.from_bytes(leading, "little") % SECTOR:
            return None
    return data


def _is_data(sector: memoryview, sequence_number: int) -> bool:
    number = bytes(sector[-4:]) + bytes(sector[4:8])
    return bytes(sector[:4]) == _DATA_SECTOR and int.from_bytes(number, "little") == sequence_number


def _data_at(descriptor_count: int) -> int:
    """Return the byte of an entry at which its sectors of data begin."""
    return ceil_div(_HEADER.size + descriptor_count * _DESCRIPTOR.size, SECTOR) * SECTOR


def _changes(entry: Entry) -> Iterator[tuple[int, bytes | None]]:
    """Yield the numbers of the file's sectors that an entry changes, each with its content (``None``: zeros)."""
    at = _data_at(entry.descriptor_count)
    end = _HEADER.size + entry.descriptor_count * _DESCRIPTOR.size
    for kind, trailing, leading, offset, _ in _DESCRIPTOR.iter_unpack(entry.raw[_HEADER.size : end]):
        if kind == _ZERO_DESCRIPTOR:
            for number in range(offset // SECTOR, (offset + int.from_bytes(leading, "little")) // SECTOR):
                yield number, None
        else:
            yield offset // SECTOR, leading + entry.raw[at + 8 : at + SECTOR - 4] + trailing
            at += SECTOR


def _newest(entries: dict[int, Entry], log_length: int) -> list[Entry]:
    """Return the newest sequence of which the last entry names the first one."""
    runs = _runs(entries, log_length)
    for last in sorted(entries.values(), key=lambda entry: entry.sequence_number, reverse=True):
        first = entries.get(last.tail)
        if first is not None and runs[first.at] == runs[last.at] and first.sequence_number <= last.sequence_number:
            run = [entry for entry in entries.values() if runs[entry.at] == runs[last.at]]
            run.sort(key=lambda entry: entry.sequence_number)
            return [entry for entry in run if first.sequence_number <= entry.sequence_number <= last.sequence_number]
    return []


def _runs(entries: dict[int, Entry], log_length: int) -> dict[int, int]:
    """Return for each entry the place of the first one of those that lead to it without a gap."""
    by_end = {(entry.at + len(entry.raw)) % log_length: entry for entry in entries.values()}
    runs: dict[int, int] = {}
    for entry in sorted(entries.values(), key=lambda entry: entry.sequence_number):
        before = by_end.get(entry.at)
        follows = before is not None and before.sequence_number + 1 == entry.sequence_number
        runs[entry.at] = runs[before.at] if before is not None and follows else entry.at
    return runs

"""File records: the $MFT in, the attributes of a file by its number out.

    off  size  field of a file record, little-endian
      0     4  "FILE"
      4     2  offset of the update sequence array, 6: its length in words (one, and one for each 512 bytes)
     16     2  sequence number
     20     2  offset of the first attribute
     22     2  flags: 1 in use, 2 directory
     32     8  reference of the base record, 0 in a base record

    off  size  field of an attribute
      0     4  type, 4: length, 8 (1): non-resident, 9 (1): characters of the name, 10 (2): their offset
     12     2  flags: 1 compressed, 0x4000 encrypted, 0x8000 sparse
     16     4  resident: length of the value, 20 (2): its offset
     16     8  non-resident: first cluster of these runs within the attribute, 24: the last, 32 (2): offset of the runs,
               34 (1): clusters of a compression unit, as a power of two, 48: size in bytes, 56: bytes that are not zero

    off  size  field of an entry of an attribute list (type 0x20)
      0     4  type, 4 (2): length, 6 (1): characters of the name, 7 (1): their offset, 8 (8): first cluster,
     16     8  reference of the record that holds the attribute

A reference is the record's number (6 bytes) and its sequence number (2 bytes): a file that was deleted since has
another one.

https://flatcap.github.io/linux-ntfs/ntfs/concepts/file_record.html, …/attribute_header.html, …/fixup.html and
…/ntfs/attributes/attribute_list.html
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from imgbuild.filesystems.ntfs.runs import Geometry, Piece, Stream, open_stream
from imgbuild.readers import broken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.readers import BrokenImage, Reader

STANDARD_INFORMATION, ATTRIBUTE_LIST, DATA, INDEX_ROOT, INDEX_ALLOCATION, REPARSE_POINT = (
    0x10, 0x20, 0x80, 0x90, 0xA0, 0xC0)
NUMBER = (1 << 48) - 1
"""The bits of a reference that are the record's number."""
MAX_LIST = 256 * 1024
"""Bytes of an attribute list: Windows refuses a longer one."""
MAX_RECORDS = 1024
"""Records that one file may be spread over."""

_STRIDE = 512
_CACHED = 512
_END = 0xFFFFFFFF
_IN_USE, _DIRECTORY = 1, 2
_HEADER = struct.Struct("<4sHH8xH2xHH8xQ")
_ATTRIBUTE = struct.Struct("<IIBBHH2x")
_RESIDENT = struct.Struct("<IH")
_NON_RESIDENT = struct.Struct("<QQHB13xQQ")
_LIST_ENTRY = struct.Struct("<IHBBQQ")
_SHORTEST = {False: 24, True: 64}


class Record(NamedTuple):
    """A file record with its own attributes, by type and name."""

    number: int
    sequence: int
    is_directory: bool
    base: int
    pieces: tuple[Piece, ...]

    def find(self, kind: int, name: str = "") -> tuple[Piece, ...]:
        """Return the pieces of an attribute in the order of their clusters; none where there is no such attribute."""
        found = (piece for piece in self.pieces if piece.kind == kind and piece.name == name)
        return tuple(sorted(found, key=lambda piece: piece.first))


class FileTable:
    """The $MFT: records by number."""

    def __init__(self, reader: Reader, geometry: Geometry, start: int) -> None:
        self._reader = reader
        self._geometry = geometry
        self._kept: dict[int, Record] = {}
        first = self._parse(0, reader.read_at(start, geometry.record))
        data = first.find(DATA)
        if not data or data[0].value is not None:
            raise damaged("the $MFT does not say where it is")
        self._stream = Stream(reader, geometry, data[0])
        self._add_rest(first)

    def record(self, reference: int) -> Record:
        """Return the file that a reference leads to, with the attributes that other records hold for it."""
        number, sequence = reference & NUMBER, reference >> 48
        if number not in self._kept:
            if len(self._kept) >= _CACHED:
                self._kept.clear()
            self._kept[number] = self._gathered(self._read(number))
        found = self._kept[number]
        if sequence not in {0, found.sequence}:
            raise damaged(f"file record {number} is of another file than the one looked for")
        return found

    def open(self, pieces: tuple[Piece, ...]) -> Reader:
        """Return the bytes of an attribute."""
        return open_stream(self._reader, self._geometry, pieces)

    def _add_rest(self, first: Record) -> None:
        """Add the parts of the $MFT that its first record had no room to name: each is in a part named before."""
        for reference in self._listed(first, DATA):
            for piece in self._read(reference & NUMBER).find(DATA):
                self._stream.add(piece)

    def _gathered(self, base: Record) -> Record:
        if base.base:
            raise damaged(f"file record {base.number} is only a part of another one")
        pieces = base.pieces
        for reference in self._listed(base):
            part = self._read(reference & NUMBER)
            if part.base & NUMBER != base.number:
                raise damaged(f"file record {part.number} is not the part of {base.number} that it is said to be")
            pieces += part.pieces
        return base._replace(pieces=pieces)

    def _listed(self, base: Record, kind: int | None = None) -> list[int]:
        """Return the references of the other records that the attribute list names, each once."""
        pieces = base.find(ATTRIBUTE_LIST)
        if not pieces:
            return []
        stream = self.open(pieces)
        if stream.size > MAX_LIST:
            raise damaged(f"the attribute list of file record {base.number} has {stream.size} bytes")
        named = dict.fromkeys(reference for found, reference in _list_entries(stream.read_at(0, stream.size))
                              if kind in {None, found} and reference & NUMBER != base.number)
        if len(named) > MAX_RECORDS:
            raise damaged(f"file record {base.number} is spread over more than {MAX_RECORDS} others")
        return list(named)

    def _read(self, number: int) -> Record:
        size = self._geometry.record
        if (number + 1) * size > self._stream.size:
            raise damaged(f"there is no file record {number}: the $MFT has {self._stream.size // size}")
        return self._parse(number, self._stream.read_at(number * size, size))

    def _parse(self, number: int, raw: bytes) -> Record:
        data = repaired(raw, b"FILE", f"file record {number}")
        _, _, _, sequence, start, flags, base = _HEADER.unpack_from(data)
        if not flags & _IN_USE:
            raise damaged(f"file record {number} is not in use")
        return Record(number, sequence, bool(flags & _DIRECTORY), base, tuple(_pieces(data, start, number)))


def damaged(message: str) -> BrokenImage:
    """Return the objection to a structure of NTFS."""
    return broken("filesystem-damaged", f"NTFS: {message}")


def repaired(raw: bytes, magic: bytes, what: str) -> bytes:
    """Put back the last two bytes of each 512, which the update sequence array keeps.

    Where they do not hold the update sequence number, a write was torn or the bytes are others.
    """
    place, count = struct.unpack_from("<HH", raw, 4)
    if raw[:4] != magic or count != len(raw) // _STRIDE + 1 or place < 6 or place + 2 * count > len(raw):  # noqa: PLR2004 - the field itself
        raise damaged(f"{what} does not begin as one")
    data = bytearray(raw)
    for index in range(1, count):
        end = slice(index * _STRIDE - 2, index * _STRIDE)
        if data[end] != raw[place : place + 2]:
            raise damaged(f"{what} was not written whole")
        data[end] = raw[place + 2 * index : place + 2 * index + 2]
    return bytes(data)


def _pieces(data: bytes, place: int, number: int) -> Iterator[Piece]:
    while place + 4 <= len(data) and data[place : place + 4] != b"\xff\xff\xff\xff":
        if place + _ATTRIBUTE.size > len(data):
            break
        kind, length, outside, characters, name, flags = _ATTRIBUTE.unpack_from(data, place)
        if length < _SHORTEST[bool(outside)] or place + length > len(data) or name + 2 * characters > length:
            raise damaged(f"file record {number} has an attribute of {length} bytes at {place}")
        raw = data[place : place + length]
        text = raw[name : name + 2 * characters].decode("utf-16-le", "replace")
        yield _outside(raw, kind, text, flags) if outside else _inside(raw, kind, text, flags)
        place += length


def _inside(raw: bytes, kind: int, name: str, flags: int) -> Piece:
    size, offset = _RESIDENT.unpack_from(raw, 16)
    if offset + size > len(raw):
        raise damaged(f"an attribute of {len(raw)} bytes has a value of {size}")
    return Piece(kind, name, flags, value=raw[offset : offset + size], size=size, initialized=size)


def _outside(raw: bytes, kind: int, name: str, flags: int) -> Piece:
    first, last, offset, unit, size, initialized = _NON_RESIDENT.unpack_from(raw, 16)
    return Piece(kind, name, flags, first=first, last=last, runs=raw[offset:], unit=unit, size=size,
                 initialized=min(size, initialized))


def _list_entries(data: bytes) -> Iterator[tuple[int, int]]:
    place = 0
    while place + 24 <= len(data):
        kind, length, _, _, _, reference = _LIST_ENTRY.unpack_from(data, place)
        if length < 24 or kind == _END:  # noqa: PLR2004 - without it the list would not end
            return
        yield kind, reference
        place += length

"""The entries of a tar archive: an archive in, the name, place and size of each file in it out. Nothing is unpacked.

Files lie in the archive as they are, so an entry is a part of the file that can be read in place; those that GNU tar
has stored without their holes (``tar -S``, as Google's exports are) are put together from their map.

tar(5), https://man.freebsd.org/cgi/man.cgi?query=tar&sektion=5
"GNU tar: Standard Format", "Storing Sparse Files", https://www.gnu.org/software/tar/manual/html_node/Standard.html
POSIX.1-2017, pax Interchange Format, https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate, islice
from typing import TYPE_CHECKING, NamedTuple

from imgbuild.formats.tar import BLOCK, is_header, number
from imgbuild.readers import BrokenImage, Slice, broken, check_range, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.readers import Reader

# What a header has beside the fields of ``tar.py``
#
#  off   hex  size  field
#  157  0x9d   100  name of the file that a link leads to
#  345 0x159   155  prefix of the name (ustar)
#  386 0x182    96  GNU, sparse: 4 of (offset 12, bytes 12) · 482 whether more follow · 483 real size (12)

MOST_ENTRIES = 4096
MOST_PIECES = 65_536
"""Pieces of a sparse file: with 512 bytes each that would be one of 32 MiB; those of disks are far larger."""

_EXTENDED_BYTES = 1 << 20
_USTAR = b"ustar\0"
_PIECE, _FIRST_PIECES, _NEXT_PIECES = 24, 4, 21
_KINDS = {b"0": "file", b"\0": "file", b"7": "file", b"S": "file", b"5": "folder", b"1": "link", b"2": "link"}


class Entry(NamedTuple):
    """A file of an archive: ``kind`` is file, folder, link or special, ``offset`` where its content begins."""

    name: str
    kind: str
    size: int
    offset: int
    content: Reader | None = None


class Archive(NamedTuple):
    """The entries of an archive in their order, and why there may be more."""

    entries: tuple[Entry, ...]
    failure: BrokenImage | None = None


def read_archive(reader: Reader) -> Archive:
    """Return the first 4,096 entries of an archive, or those before the place where it cannot be followed."""
    found: list[Entry] = []
    try:
        found.extend(islice(_entries(reader), MOST_ENTRIES))
    except BrokenImage as failure:
        return Archive(tuple(found), failure)
    return Archive(tuple(found))


def _entries(reader: Reader) -> Iterator[Entry]:
    offset, extended = 0, dict[str, str]()
    for _ in range(4 * MOST_ENTRIES):
        if offset + BLOCK > reader.size:
            raise broken("truncated", f"the archive ends at {reader.size} without the zeros that mark its end")
        block = reader.read_at(offset, BLOCK)
        if not block.strip(b"\0"):
            return
        if not is_header(block):
            raise broken("header-invalid", f"at byte {offset} of the archive there is no header of an entry",
                         field="checksum", offset=offset + 148, raw=block[148:156])
        kind, size = block[156:157], _size(block, extended, offset)
        start = offset + BLOCK
        if kind in b"xLKg":
            check_range(reader.size, start, size, "the archive")
            extended |= _described(kind, reader.read_at(start, min(size, _EXTENDED_BYTES)))
        else:
            pieces = _further_pieces(reader, block, start) if kind == b"S" else b""
            start += len(pieces)
            yield _entry(reader, block + pieces, extended, start, size)
            extended = {}
        offset = start + -(-size // BLOCK) * BLOCK


def _size(block: bytes, extended: dict[str, str], offset: int) -> int:
    size = int(extended["size"]) if extended.get("size", "").isdecimal() else number(block[124:136])
    if size is None or not 0 <= size < 1 << 63:
        raise broken("header-invalid", f"the size of the entry at byte {offset} of the archive is no number",
                     field="size", offset=offset + 124, raw=block[124:136])
    return size if block[156:157] not in b"12" else 0


def _described(kind: bytes, data: bytes) -> dict[str, str]:
    """Return what a header says of the next entry; what holds for all (``g``) never is a name or a size."""
    if kind == b"L":
        return {"path": _text(data)}
    return dict(_records(data)) if kind == b"x" else {}


def _records(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield the keywords of a pax header: ``length keyword=value`` and a line feed each."""
    at = 0
    while at < len(data):
        digits, _space, _rest = data[at : at + 16].partition(b" ")
        length = int(digits) if digits.isdigit() else 0
        if length <= len(digits) + 1 or at + length > len(data):
            return
        keyword, _equals, value = data[at + len(digits) + 1 : at + length - 1].partition(b"=")
        yield _text(keyword), _text(value)
        at += length


def _entry(reader: Reader, block: bytes, extended: dict[str, str], start: int, size: int) -> Entry:
    """Return the entry of a header (and of what is behind it in a sparse file) whose data begin at ``start``."""
    name = extended.get("GNU.sparse.name") or extended.get("path") or _name(block)
    kind = _KINDS.get(block[156:157], "special")
    if kind != "file":
        return Entry(name, kind, size, start)
    if start + size > reader.size:
        raise broken("truncated", f"{quoted(name)} ends at byte {start + size} of the archive, which has {reader.size}",
                     field="size")
    stored = Slice(reader, start, size)
    if block[156:157] == b"S":
        return _sparse(name, block, stored, start)
    if extended.get("GNU.sparse.major") == "1":
        return _sparse_pax(name, extended, stored, start)
    if any(key.startswith("GNU.sparse.") for key in extended):  # the two forms before, which nobody writes any more
        return Entry(name, kind, size, start)
    return Entry(name, kind, size, start, stored)


def _name(block: bytes) -> str:
    prefix = _text(block[345:500]) if block[257:263] == _USTAR else ""
    return f"{prefix}/{_text(block[:100])}" if prefix else _text(block[:100])


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")


def _further_pieces(reader: Reader, block: bytes, offset: int) -> bytes:
    """Return the blocks behind the header of a sparse file that hold the pieces which have no room in it."""
    found: list[bytes] = []
    more = block[482]
    while more and len(found) < MOST_PIECES // _NEXT_PIECES:
        found.append(reader.read_at(offset + len(found) * BLOCK, BLOCK))
        more = found[-1][504]
    return b"".join(found)


def _sparse(name: str, header: bytes, stored: Reader, start: int) -> Entry:
    """Return a sparse file of GNU tar's own format; its pieces stand in the header and in blocks behind it."""
    raw = header[386 : 386 + _FIRST_PIECES * _PIECE]
    raw += b"".join(header[at : at + _NEXT_PIECES * _PIECE] for at in range(BLOCK, len(header), BLOCK))
    numbers = [number(raw[at : at + 12]) for at in range(0, len(raw), 12)]
    pairs = [(offset, length) for offset, length in zip(numbers[::2], numbers[1::2], strict=True)
             if offset is not None and length is not None]
    return _mapped(name, number(header[483:495]), pairs, stored, start)


def _sparse_pax(name: str, extended: dict[str, str], stored: Reader, start: int) -> Entry:
    """Return a sparse file of the pax format 1.0; its content begins with the number of pieces and the pieces."""
    head = stored.read_at(0, min(stored.size, 1 << 20))
    lines = head.split(b"\n", 1)[0]
    count = int(lines) if lines.isdigit() and len(lines) < 8 else MOST_PIECES + 1  # noqa: PLR2004 - digits enough
    words = head.split(b"\n", 2 * count + 1)[1 : 2 * count + 1] if count <= MOST_PIECES else []
    if len(words) != 2 * count or not all(word.isdigit() for word in words):
        raise broken("header-invalid", f"the map of the sparse entry {quoted(name)} cannot be read")
    end = -(-(len(lines) + 1 + sum(len(word) + 1 for word in words)) // BLOCK) * BLOCK
    numbers = [int(word) for word in words]
    size = extended.get("GNU.sparse.realsize", "")
    return _mapped(name, int(size) if size.isdecimal() else None, list(zip(numbers[::2], numbers[1::2], strict=True)),
                   Slice(stored, end, stored.size - end), start)


def _mapped(name: str, size: int | None, pairs: list[tuple[int, int]], stored: Reader, start: int) -> Entry:
    if size is None or not 0 <= size < 1 << 63:
        raise broken("header-invalid", f"the size of the sparse entry {quoted(name)} is no number", field="realsize")
    ends = [0, *(offset + length for offset, length in pairs)]
    apart = all(end <= offset for end, (offset, _) in zip(ends, pairs, strict=False))
    if not apart or ends[-1] > size or sum(length for _, length in pairs) > stored.size:
        raise broken("header-invalid", f"the map of the sparse entry {quoted(name)} contradicts its size")
    return Entry(name, "file", size, start, Sparse(stored, size, pairs))


class Sparse:
    """A file without its holes: ``pairs`` are offset and length of the pieces, which lie one behind the other."""

    def __init__(self, stored: Reader, size: int, pairs: list[tuple[int, int]]) -> None:
        self.size = size
        self._stored = stored
        self._pairs = pairs
        self._starts = [start for start, _ in pairs]
        self._places = [0, *accumulate(length for _, length in pairs)]

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes from ``offset``, or raise BrokenImage."""
        check_range(self.size, offset, length, "the sparse file")
        data, end = bytearray(length), offset + length
        for index in range(max(0, bisect_right(self._starts, offset) - 1), bisect_right(self._starts, end)):
            start, count = self._pairs[index]
            low, high = max(start, offset), min(start + count, end)
            if low < high:
                piece = self._stored.read_at(self._places[index] + low - start, high - low)
                data[low - offset : high - offset] = piece
        return bytes(data)

"""A header of RPM as a database holds it: bytes in, name and version out. All numbers are big-endian.

  off   size  field
    0      4  il, number of index entries
    4      4  dl, bytes of the data store
    8  16*il  index entries: tag, type, offset into the store, count; 4 bytes each
    …     dl  data store

"RPM V4 Package format", section Header, https://rpm.org/docs/latest/manual/format_header.html
"""

from __future__ import annotations

import struct

from imgbuild.guests.packages.base import Unseen

_NAME, _VERSION, _RELEASE, _EPOCH = 1000, 1001, 1002, 1003
_WANTED = frozenset({_NAME, _VERSION, _RELEASE, _EPOCH})
_INT32, _STRING = 4, 6
_MOST_ENTRIES = 0xFFFF
_LONGEST = 1024


def parse(header: bytes) -> tuple[str, str]:
    """Return the name and ``[EPOCH:]VERSION-RELEASE``; raises Unseen for what is no header."""
    if len(header) < 8:  # noqa: PLR2004 - as the table says
        raise Unseen("a header ends in its first 8 bytes")
    entries, size = struct.unpack_from(">II", header)
    store = 8 + 16 * entries
    if entries > _MOST_ENTRIES or store + size > len(header):
        raise Unseen(f"a header of {len(header)} bytes says that it has {entries} entries and {size} bytes of data")
    found: dict[int, str] = {}
    for tag, kind, offset, _ in struct.iter_unpack(">IIII", header[8:store]):
        if tag in _WANTED and tag not in found:
            found[tag] = _value(header, store, size, kind, offset)
        if len(found) == len(_WANTED):
            break
    if not found.get(_NAME):
        raise Unseen("a header has no name")
    version = "-".join(part for part in (found.get(_VERSION), found.get(_RELEASE)) if part)
    return found[_NAME], f"{found[_EPOCH]}:{version}" if found.get(_EPOCH, "0") != "0" else version


def _value(header: bytes, store: int, size: int, kind: int, offset: int) -> str:
    if offset >= size or kind not in {_INT32, _STRING}:
        raise Unseen("a header has an entry outside its data")
    start = store + offset
    if kind == _INT32:
        return str(int.from_bytes(header[start : start + 4], "big"))
    return header[start : min(start + _LONGEST, store + size)].partition(b"\0")[0].decode("utf-8", "replace")

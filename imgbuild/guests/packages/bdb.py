"""The Berkeley DB hash file ``Packages`` of RPM before 4.16: its bytes in, the headers out.

Nothing is looked up: all pages are gone through once, and the values of all pairs are given. Pages have one size, and
begin with 26 bytes, in the byte order of the machine that wrote them:

  off  size  field                                     off  size  field
    8     4  pgno, number of the page                   22     2  hf_offset; of an overflow page: bytes in it
   16     4  next_pgno, next page of a chain            24     1  level
   20     2  entries on the page                        25     1  type: 2, 13 hash; 7 overflow; 8 first page

The first page has its magic number at 12 and the size of a page at 20. A hash page lists the offsets of its items, a
key and a value in turns; an item begins with its type: 1 for bytes up to the item before, 3 for a chain of overflow
pages (number of the first at 4, length in bytes at 8).

Berkeley DB, https://github.com/berkeleydb/libdb/blob/master/src/dbinc/db_page.h
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from imgbuild.guests.packages.base import Unseen

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAGIC = 0x061561
_HEAD = 26
_HASH_PAGES, _OVERFLOW, _META = frozenset({2, 13}), 7, 8
_BYTES, _CHAIN = 1, 3
_LARGEST_HEADER = 64 << 20
_KEY_SIZE = 4


def headers(data: bytes) -> Iterator[bytes]:
    """Yield the values of the file; raises Unseen where it is none or does not hold together."""
    order = next((sign for sign in "<>" if len(data) > _HEAD + 8 and _at(data, sign, 12) == _MAGIC), None)
    if order is None or data[25] != _META:
        raise Unseen("it is no Berkeley DB hash file")
    size = _at(data, order, 20)
    if size not in {1 << power for power in range(9, 17)}:
        raise Unseen(f"its pages have {size} bytes")
    budget = len(data)
    for start in range(size, len(data) - size + 1, size):
        if data[start + 25] in _HASH_PAGES:
            for value in _values(data[start : start + size], data, order, size):
                budget -= len(value)
                if budget < 0:
                    raise Unseen("its pages are used more than once")
                yield value


def _at(data: bytes, order: str, offset: int) -> int:
    value: int = struct.unpack_from(f"{order}I", data, offset)[0]
    return value


def _values(page: bytes, data: bytes, order: str, size: int) -> Iterator[bytes]:
    count = struct.unpack_from(f"{order}H", page, 20)[0]
    if _HEAD + 2 * count > size:
        raise Unseen(f"a page says that it has {count} entries")
    places = struct.unpack_from(f"{order}{count}H", page, _HEAD)
    for number in range(1, count, 2):
        key, value, end = places[number - 1], places[number], places[number - 1]
        if not _HEAD <= value < end <= size:
            raise Unseen("a page has an entry outside it")
        is_counter = key + 1 + _KEY_SIZE <= size and page[key + 1 : key + 1 + _KEY_SIZE] == bytes(_KEY_SIZE)
        if is_counter:  # package number 0 holds the next free number
            continue
        if page[value] == _BYTES:
            yield page[value + 1 : end]
        elif page[value] == _CHAIN and value + 12 <= size:
            first, length = struct.unpack_from(f"{order}II", page, value + 4)
            yield _chain(data, order, size, first, length)


def _chain(data: bytes, order: str, size: int, number: int, length: int) -> bytes:
    """Return the bytes of a chain of overflow pages; it cannot be longer than its length asks for."""
    if length > min(len(data), _LARGEST_HEADER):
        raise Unseen(f"an entry has {length} bytes, more than the file")
    pieces, left = [], length
    while left > 0:
        start = number * size
        if not 0 < start <= len(data) - size or data[start + 25] != _OVERFLOW:
            raise Unseen("a chain of pages leads nowhere")
        used = struct.unpack_from(f"{order}H", data, start + 22)[0]
        if not 0 < used <= size - _HEAD:
            raise Unseen("a page of a chain is empty")
        pieces.append(data[start + _HEAD : start + _HEAD + min(used, left)])
        left -= used
        number = _at(data, order, start + 16)
    return b"".join(pieces)

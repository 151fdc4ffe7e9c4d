"""The file format of lzop, which the kernel uses for LZO: a flow in, its blocks unpacked out. Big-endian.

 off  size  field
   0     9  magic
   9     6  version of the program, of the library, and the one needed to extract
  15     1  method; 1, 2 and 3 are levels of LZO1X
  16     1  level (from 0x0940 on)
  17     4  flags
  21    12  mode, time, high part of the time (from 0x0940 on), before them 4 bytes of filter with flag 0x800
  33     1  length of the name, the name, 4 bytes of check sum, the extra field with flag 0x40

A block is the size unpacked, the size packed, check sums (two of each by the flags: of what is unpacked, and where the
block did shrink of what is packed), and the bytes. A size of 0 ends the file.

lzop 1.04, src/lzop.c and src/conf.h, https://www.lzop.org/
The kernel's reader, lib/decompress_unlzo.c,
https://github.com/torvalds/linux/blob/master/lib/decompress_unlzo.c (read 2026-11-28)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.guests.initramfs.flow import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.guests.initramfs.flow import Flow

LARGEST_BLOCK = 256 << 10
"""Bytes in a block unpacked: what lzop makes, and the most that the kernel takes."""

_WITH_LEVEL = 0x0940
_FILTER, _EXTRA = 0x800, 0x40
_SUMS_UNPACKED, _SUMS_PACKED = (0x1, 0x100), (0x2, 0x200)


def unpack(flow: Flow) -> Iterator[bytes]:
    """Yield the content of each block; the flow is left at the first byte behind the file."""
    flags = _read_header(flow)
    while size := _number(flow, 4):
        packed = _number(flow, 4)
        if not 0 < packed <= size <= LARGEST_BLOCK:
            raise Unreadable(f"a block of its lzo data has {packed} bytes for {size}")
        sums = _SUMS_UNPACKED + (_SUMS_PACKED if packed < size else ())
        flow.skip(4 * sum(bool(flags & flag) for flag in sums))
        data = flow.read(packed)
        yield data if packed == size else _inflate(data, size)


def _inflate(data: bytes, size: int) -> bytes:
    block = _decompress(data, size)
    if len(block) != size:
        raise Unreadable(f"a block of its lzo data has {len(block)} bytes instead of {size}")
    return block


def _decompress(data: bytes, size: int) -> bytes:
    """Unpack with the library: an archive of 50 MB takes it half a second, and our own reader a minute."""
    try:
        from lzallright import LZOCompressor, LZOError  # noqa: PLC0415 - few archives need it
    except ImportError:  # no wheel for this machine
        return _decompress_slowly(data, size)
    try:
        return LZOCompressor.decompress(data, size)
    except LZOError as error:
        raise Unreadable("its lzo data is damaged") from error


def _decompress_slowly(data: bytes, size: int) -> bytes:
    from imgbuild.lzo import LzoError, decompress  # noqa: PLC0415 - as above

    try:
        return decompress(data, size)
    except LzoError as error:
        raise Unreadable(f"its lzo data is damaged ({error})") from error


def _read_header(flow: Flow) -> int:
    """Take the header and return its flags."""
    flow.skip(9)
    version = _number(flow, 2)
    flow.skip(4 + (2 if version >= _WITH_LEVEL else 1))
    flags = _number(flow, 4)
    flow.skip((4 if flags & _FILTER else 0) + (12 if version >= _WITH_LEVEL else 8))
    flow.skip(_number(flow, 1) + 4)
    if flags & _EXTRA:
        flow.skip(_number(flow, 4) + 4)
    return flags


def _number(flow: Flow, size: int) -> int:
    return int.from_bytes(flow.read(size), "big")

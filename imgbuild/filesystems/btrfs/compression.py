"""Compressed extents of btrfs: the bytes on disk in, those of the file out, never more than the format allows.

zlib and zstd extents are one stream each, with padding behind it. LZO extents are cut into segments so that none
decompresses to more than a sector:

 off   hex  size  field, little-endian
   0  0x00     4  the length of all, this header included
   4  0x04        segments: length (4) and that many bytes. The length of a segment does not cross the end of a sector:
                  where fewer than 4 bytes are left in it, they are passed over.

A stream that ends early is followed by zeros.

https://btrfs.readthedocs.io/en/latest/Compression.html
LZO: fs/btrfs/lzo.c, zeros: btrfs_ioctl_encoded_io_args, https://btrfs.readthedocs.io/en/latest/btrfs-ioctl.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.readers import broken

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BYTES = 128 * 1024
"""An extent that is compressed has at most 128 KiB, before and after (BTRFS_MAX_COMPRESSED, _UNCOMPRESSED)."""

_LENGTH = 4
_WINDOW_LOG = 17
NAMES = {1: "zlib", 2: "lzo", 3: "zstd"}


def decompress(data: bytes, method: int, length: int, sector: int) -> bytes:
    """Return the ``length`` bytes of an extent; ``sector`` is the size of a sector of the file system in bytes.

    Raises:
        BrokenImage: ``filesystem-damaged``, or ``filesystem-feature-unknown`` for a method that is not known.
    """
    if method not in NAMES:
        raise broken("filesystem-feature-unknown", f"the btrfs file system has files compressed by method {method},"
                                                   " which is not known")
    if not 0 < length <= MAX_BYTES or len(data) > MAX_BYTES:
        raise broken("filesystem-damaged", f"a compressed btrfs extent has {len(data)} bytes on disk and {length} in"
                                           f" the file, at most {MAX_BYTES} are allowed")
    found = _METHODS[method](data, length, sector)
    return found.ljust(length, b"\0")


def _unzlib(data: bytes, length: int, _sector: int) -> bytes:
    import zlib  # noqa: PLC0415 - not every file system has it

    stream = zlib.decompressobj()
    try:
        found = stream.decompress(data, length)
    except zlib.error as error:
        raise _damaged("zlib", str(error)) from error
    if len(found) < length and not stream.eof:
        raise _damaged("zlib", "it ends in the middle")
    return found


def _unzstd(data: bytes, length: int, _sector: int) -> bytes:
    from imgbuild.zstd import DecompressionParameter, ZstdDecompressor, ZstdError  # noqa: PLC0415 - as above, 5 ms

    stream = ZstdDecompressor(options={DecompressionParameter.window_log_max: _WINDOW_LOG})
    try:
        found = stream.decompress(data, max_length=length)
    except ZstdError as error:
        raise _damaged("zstd", str(error)) from error
    if len(found) < length and not stream.eof:
        raise _damaged("zstd", "it ends in the middle")
    return found


def _unlzo(data: bytes, length: int, sector: int) -> bytes:
    from imgbuild import lzo  # noqa: PLC0415 - as above

    found, place, end = bytearray(), _LENGTH, _number(data, 0)
    if end > len(data):
        raise _damaged("lzo", f"it should have {end} bytes, there are {len(data)}")
    while place + _LENGTH <= end and len(found) < length:
        if sector - place % sector < _LENGTH:
            place += sector - place % sector
        size = _number(data, place)
        place += _LENGTH
        if not 0 < size <= end - place:
            raise _damaged("lzo", f"a segment of {size} bytes begins at {place} of {end}")
        try:
            found += lzo.decompress(data[place : place + size], sector)
        except lzo.LzoError as error:
            raise _damaged("lzo", str(error)) from error
        place += size
    return bytes(found[:length])


def _number(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + _LENGTH], "little")


def _damaged(method: str, reason: str) -> Exception:
    return broken("filesystem-damaged", f"a btrfs extent that is compressed by {method} cannot be read:"
                                        f" {reason[:200]!r}")


_METHODS: dict[int, Callable[[bytes, int, int], bytes]] = {1: _unzlib, 2: _unlzo, 3: _unzstd}

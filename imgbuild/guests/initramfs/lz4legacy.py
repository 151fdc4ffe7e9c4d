"""LZ4's legacy frame, which the kernel uses: a flow in, its blocks unpacked out.

A frame is the magic number 0x184C2102 and then blocks: 4 bytes with the size of what follows, and that. Each block
holds 8 MiB, the last one less. The frame has no end mark; it ends with the file, with a size of 0 (padding), or with
what cannot be a size (the magic number of another frame or archive).

LZ4 Frame Format 1.6.4, "Legacy frame", https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.guests.initramfs.flow import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.guests.initramfs.flow import Flow

BLOCK = 8 << 20
"""Bytes in a block unpacked."""
PIECE = 1 << 18
"""Bytes that are handed on at once."""
_MAGIC_BYTES = 4
_LONGEST = BLOCK + BLOCK // 255 + 16
"""The most bytes that 8 MiB can take when they do not shrink."""


def unpack(flow: Flow) -> Iterator[bytes]:
    """Yield the content of each block in pieces; the flow is left at the first byte behind the frame."""
    flow.read(_MAGIC_BYTES)
    while 0 < (size := int.from_bytes(flow.peek(4), "little")) <= _LONGEST:
        flow.read(4)
        yield from _pieces(flow.read(size))


def _pieces(packed: bytes) -> Iterator[bytes]:
    from lz4.block import LZ4BlockError, decompress  # noqa: PLC0415 - few archives need it

    try:
        block = decompress(packed, uncompressed_size=BLOCK)
    except LZ4BlockError as error:
        raise Unreadable("its lz4 data is damaged") from error
    for place in range(0, len(block), PIECE):
        yield block[place : place + PIECE]

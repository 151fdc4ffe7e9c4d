"""The compressions of an initramfs: a flow that begins with compressed bytes in, pieces of what is inside out.

Each method leaves the flow behind its own end, for another archive may follow. The pieces are bounded, and so is the
memory for a dictionary; how much comes out in all is for the caller to watch.

Magic numbers and methods: the kernel's lib/decompress.c,
https://github.com/torvalds/linux/blob/master/lib/decompress.c (read 2026-11-28)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from imgbuild import fastzlib
from imgbuild.guests.initramfs.flow import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imgbuild.guests.initramfs.flow import Flow

PIECE = 1 << 16
"""Bytes that are unpacked at once."""

_DICTIONARY = 128 << 20
"""Bytes of memory for one decompressor of xz or lzma; level 9 takes 65 MiB."""
_GZIP = 15 | 16
"""A window of 32 KiB, and the header of gzip."""
_WINDOW_LOG = 27
"""128 MiB, what zstd takes without being asked (--long)."""


class Method(NamedTuple):
    """A compression: its name, how it begins, and what unpacks it. ``slow`` ones take over 10 ms for a MiB."""

    name: str
    magic: bytes
    unpack: Callable[[Flow], Iterator[bytes]]
    slow: bool = False


def method_of(start: bytes) -> Method | None:
    """Return the method whose magic number these bytes begin with, or ``None``."""
    return next((method for method in METHODS if start.startswith(method.magic)), None)


def _gzip(flow: Flow) -> Iterator[bytes]:
    library = fastzlib.library()
    state = library.decompressobj(_GZIP)
    waiting = b""
    try:
        while not state.eof:
            given = waiting or flow.take()
            piece = state.decompress(given, PIECE)
            waiting = state.unconsumed_tail
            if not given and not piece:
                raise Unreadable("its gzip data ends in the middle")
            yield piece
    except library.error as error:
        raise Unreadable(f"its gzip data is damaged ({error})") from error
    flow.give_back(state.unused_data)


def _run(flow: Flow, state: Any, name: str, failure: type[Exception]) -> Iterator[bytes]:  # noqa: ANN401 - the classes of four modules
    """Unpack with a decompressor that has the interface of bz2's."""
    try:
        while not state.eof:
            given = flow.take() if state.needs_input else b""
            if state.needs_input and not given:
                raise Unreadable(f"its {name} data ends in the middle")
            yield state.decompress(given, PIECE)
    except (failure, EOFError, MemoryError) as error:
        raise Unreadable(f"its {name} data is damaged ({error})") from error
    flow.give_back(state.unused_data or b"")


def _bzip2(flow: Flow) -> Iterator[bytes]:
    import bz2  # noqa: PLC0415 - as all of them: only the one that is needed

    return _run(flow, bz2.BZ2Decompressor(), "bzip2", OSError)


def _xz(flow: Flow) -> Iterator[bytes]:
    import lzma  # noqa: PLC0415 - as above

    return _run(flow, lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_DICTIONARY), "xz", lzma.LZMAError)


def _lzma(flow: Flow) -> Iterator[bytes]:
    import lzma  # noqa: PLC0415 - as above

    return _run(flow, lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_DICTIONARY), "lzma", lzma.LZMAError)


def _zstd(flow: Flow) -> Iterator[bytes]:
    from imgbuild.zstd import DecompressionParameter, ZstdDecompressor, ZstdError  # noqa: PLC0415 - as above

    options: dict[int, int] = {DecompressionParameter.window_log_max: _WINDOW_LOG}
    return _run(flow, ZstdDecompressor(options=options), "zstd", ZstdError)


def _lz4_legacy(flow: Flow) -> Iterator[bytes]:
    from imgbuild.guests.initramfs import lz4legacy  # noqa: PLC0415 - as above

    return lz4legacy.unpack(flow)


def _lz4(flow: Flow) -> Iterator[bytes]:
    from lz4.frame import LZ4FrameDecompressor  # noqa: PLC0415 - as above

    return _run(flow, LZ4FrameDecompressor(), "lz4", RuntimeError)


def _lzo(flow: Flow) -> Iterator[bytes]:
    from imgbuild.guests.initramfs import lzop  # noqa: PLC0415 - as above

    return lzop.unpack(flow)


METHODS = (
    Method("gzip", b"\x1f\x8b", _gzip),
    Method("zstd", b"\x28\xb5\x2f\xfd", _zstd),
    Method("xz", b"\xfd7zXZ\0", _xz, slow=True),
    Method("lz4", b"\x02\x21\x4c\x18", _lz4_legacy),
    Method("lz4", b"\x04\x22\x4d\x18", _lz4),
    Method("lzo", b"\x89LZO\0\r\n\x1a\n", _lzo),
    Method("bzip2", b"BZh", _bzip2, slow=True),
    Method("lzma", b"\x5d\0\0", _lzma, slow=True),
)

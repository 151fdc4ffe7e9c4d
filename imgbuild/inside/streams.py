"""Unpack a compressed file from its beginning to its end: a file in, pieces out, and afterwards what was wrong.

A file may be several streams one behind the other (``pigz``, ``pbzip2``, ``cat a.gz b.gz``): members of gzip, streams
of xz and bzip2, frames of zstd. The libraries check each one's own sums. How much comes out is bounded by how much goes
in: bytes that are worth less than that are no disk that anyone sends (rule image-decompression-limit).

RFC 1952 (gzip), https://www.rfc-editor.org/rfc/rfc1952; RFC 8878 (zstd), https://www.rfc-editor.org/rfc/rfc8878;
The .xz File Format 1.2.1, https://tukaani.org/xz/xz-file-format.txt
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.guests.initramfs.compression import METHODS
from imgbuild.guests.initramfs.flow import Flow, Unreadable
from imgbuild.readers import problem
from imgbuild.sizes import MIB, human_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.model import Problem
    from imgbuild.readers import Reader

MOST_FROM_NOTHING = 64 * MIB
MOST_FOR_A_BYTE = 256
"""So much may come out of a file, and so much more for each of its bytes: 64 MiB take half a second."""

FEWEST_STREAMS = 1000
SMALLEST_STREAM = 1024
"""A file may have so many streams, and one more for so many bytes; to begin one takes far longer than to go on."""

_CHUNK = 64 * 1024
_SKIPPABLE = 0x184D2A50
_PADDED = ("gzip", "xz")  # zeros may follow a stream: gzip(1), "tapes"; .xz 2.2, "Stream Padding"
_METHODS = {method.name: method for method in METHODS}
_NO_MEMORY = ("memory usage limit", "too much memory", "memory limit")


class Stream:
    """The content of a compressed file. Read :meth:`pieces` to its end, then ask ``ended`` and ``problems``.

    Attributes:
        ended: Whether all of it came out; else the size and the sums of what did are of no file.
        unread: Why it was not read on, where that is no fault of the file's.
        streams: How many streams it is made of.
    """

    def __init__(self, reader: Reader, name: str) -> None:
        self.problems: list[Problem] = []
        self.ended = False
        self.unread: str | None = None
        self.streams = 0
        self._name = name
        self._method = _METHODS[name]
        self._reader = reader
        self._flow = Flow(_chunks(reader))
        self._left = MOST_FROM_NOTHING + MOST_FOR_A_BYTE * reader.size

    def pieces(self) -> Iterator[bytes]:
        """Yield what comes out, at most 256 KiB at once."""
        try:
            while self._next_stream():
                for piece in self._method.unpack(self._flow):
                    yield piece
                    self._left -= len(piece)
                    if self._left < 0:
                        self._give_up()
                        return
            self.ended = True
        except Unreadable as failure:
            self._object(str(failure))
        except MemoryError:
            self.unread = "it needs more memory than there is"

    def _next_stream(self) -> bool:
        """Go to the next stream; false at the end, or before what is none."""
        while self._name == "zstd" and _is_skippable(self._flow.peek(8)):
            self._flow.skip(8 + int.from_bytes(self._flow.peek(8)[4:8], "little"))
        if self.streams and self._name in _PADDED:
            self._flow.skip_zeros()
        start = self._flow.peek(len(self._method.magic))
        if not start:
            return False
        if not start.startswith(self._method.magic):
            self.problems.append(problem("compressed-trailing-data", f"behind the {self._name} data is something else"
                                         f" (it begins with {start.hex(' ')}); a program that unpacks may refuse the"
                                         " file, or leave that out"))
            return False
        self.streams += 1
        if self.streams > FEWEST_STREAMS + self._reader.size // SMALLEST_STREAM:
            raise Unreadable(f"its {self._name} data are over {self.streams - 1} streams one behind the other")
        return True

    def _give_up(self) -> None:
        most = human_size(MOST_FROM_NOTHING + MOST_FOR_A_BYTE * self._reader.size)
        self.unread = f"over {most} come out of it"
        self.problems.append(problem("decompression-limit", f"over {most} come out of this file of"
                                     f" {human_size(self._reader.size)}; the rest was not unpacked"))

    def _object(self, words: str) -> None:
        if any(sign in words.lower() for sign in _NO_MEMORY):
            self.unread = f"its {self._name} window takes more memory than is given to it"
        elif words.endswith("ends in the middle"):
            self.problems.append(problem("truncated", f"the file is cut: {words}; download or copy it again"))
        else:
            self.problems.append(problem("compressed-damaged", f"the file cannot be unpacked to its end: {words}"))


def _chunks(reader: Reader) -> Iterator[bytes]:
    for offset in range(0, reader.size, _CHUNK):
        yield reader.read_at(offset, min(_CHUNK, reader.size - offset))


def _is_skippable(start: bytes) -> bool:
    return len(start) == 8 and int.from_bytes(start[:4], "little") & ~0xF == _SKIPPABLE  # noqa: PLR2004 - magic, size

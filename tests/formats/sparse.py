"""Files that are mostly zeros, without the zeros: structures that lie MiB or TiB apart, for readers and qemu-img."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.readers import check_range

if TYPE_CHECKING:
    from pathlib import Path


class File:
    """A file as a reader: its size, and by their offsets the pieces that are not zeros; the last one wins."""

    def __init__(self, size: int, pieces: list[tuple[int, bytes]]) -> None:
        self.size = size
        self.pieces = pieces

    def read_at(self, offset: int, length: int) -> bytes:
        check_range(self.size, offset, length, "the file")
        data = bytearray(length)
        for at, piece in self.pieces:
            start, end = max(at, offset), min(at + len(piece), offset + length)
            if start < end:
                data[start - offset : end - offset] = piece[start - at : end - at]
        return bytes(data)

    def patch(self, changes: dict[int, bytes]) -> File:
        return File(self.size, [*self.pieces, *changes.items()])

    def cut(self, size: int) -> File:
        return File(size, self.pieces)

    def save(self, path: Path) -> Path:
        with path.open("wb") as out:
            out.truncate(self.size)
            for at, piece in self.pieces:
                out.seek(at)
                out.write(piece[: max(0, self.size - at)])
        return path

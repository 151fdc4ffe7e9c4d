"""A disk over another one: what a delta says of its parent, and the parent's bytes below it.

A format says what its parent is called and how it is told from others, and opens nothing. ``imgbuild/chain.py`` looks
for it in the image's folder, where a person allows that, and hands over its bytes by :attr:`Parent.join`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imgbuild.formats.base import Container
    from imgbuild.model import Problem
    from imgbuild.readers import Reader


class Parent(msgspec.Struct, frozen=True):
    """What a delta says of the disk that it is over.

    Attributes:
        names: The file names that the delta gives, the one to be tried first at the start. They come out of the image.
        formats: The formats that the parent may have, by the names of the contract; none of them: any.
        objection: What is said of the delta as long as its parent is not read.
        fits: Yields what speaks against a disk as the parent; the second argument is the time of the last change of
            its file, in seconds since 1970.
        join: Gives the delta its content over the bytes of the parent; raises BrokenImage where that cannot be.
        is_it: Where the delta gives no name but an identity: says whether a file has it.
        ending: The ending of the file names that are asked by ``is_it``.
    """

    names: tuple[str, ...]
    formats: frozenset[str]
    objection: Problem
    fits: Callable[[Container, int], Iterator[Problem]]
    join: Callable[[Reader], None]
    is_it: Callable[[Reader], bool] | None = None
    ending: str = ""


class Underlay:
    """A parent as it lies under a delta: its bytes, and zeros behind its end without one."""

    def __init__(self, disk: Reader, size: int) -> None:
        self.size = size
        self._disk = disk

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes from ``offset``, or raise BrokenImage."""
        inside = max(0, min(length, self._disk.size - offset))
        return (self._disk.read_at(offset, inside) if inside else b"") + bytes(length - inside)


def beside(path: str, separators: str = "/\\") -> str:
    r"""Return the name of a file whose path says that it lies in the delta's own folder, ``.\parent.vhd``.

    Every other path is given back as it is; it is refused where the file would be opened.
    """
    return path[2:] if path[:1] == "." and path[1:2] in separators and path[2:] else path


def runs(bitmap: bytes, first: int, end: int) -> Iterator[tuple[bool, int, int]]:
    """Yield the runs of equal bits from bit ``first`` up to ``end``: the bit, the first of the run, the one behind it.

    Bit 0 is the lowest one of the first byte. Bits behind the end of the bitmap are 0.
    """
    bits = int.from_bytes(bitmap, "little") >> first
    while first < end:
        bit = bits & 1
        rest = ~bits if bit else bits
        length = (rest & -rest).bit_length() - 1 if rest else end - first
        length = min(length, end - first)
        yield bool(bit), first, first + length
        bits >>= length
        first += length

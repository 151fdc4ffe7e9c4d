"""Damage a file: a file and the ranges that an inspection reads of it in, :class:`Mutant` by :class:`Mutant` out.

Most damage falls on what is read, the places of short reads (headers, tables) far more often than those of long ones.
Each mutant depends on the seed and its number alone, so a single one can be made again.
"""

from __future__ import annotations

import os
import random
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal import reseal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SECTOR = 512
LONGEST_RUN = 4096
MOST_FIELD_BYTES = 1 << 16
WIDTHS = (1, 2, 4, 4, 8, 8)
ASCII = b"\0\n\r\t \"'#={}[]\\/.%-+0123456789AZaz\x7f\x80\xc3\xff"


@dataclass(frozen=True)
class Mutant:
    """A file with bytes changed at offsets, and perhaps of another size; ``what`` names the kinds of damage."""

    what: str
    size: int
    changes: tuple[tuple[int, bytes], ...]


class Mutator:
    """Makes mutants of the file behind ``descriptor``; ``reads`` are offset and length of what is read of it."""

    def __init__(self, descriptor: int, reads: Sequence[tuple[int, int]], seed: object) -> None:
        self.size = os.fstat(descriptor).st_size
        self._descriptor = descriptor
        self._reads = [(at, length) for at, length in dict.fromkeys(reads) if length]
        self._seed = seed

    def mutant(self, number: int) -> Mutant:
        """Return the mutant of that number."""
        chance = random.Random(f"{self._seed} {number}")  # noqa: S311 - cases, no secret
        kinds = [chance.choice(_KINDS) for _ in range(min(1 + int(chance.expovariate(1.2)), 5))]
        changes = [change for kind in kinds for change in kind(self, chance)]
        size, words = self.size, [kind.__name__.strip("_") for kind in kinds]
        if chance.random() < 0.08:
            size = self._other_size(chance)
            words.append("size")
        changes = [(at, data[: max(0, size - at)]) for at, data in changes if at < size]
        if chance.random() < 0.6:
            changes += reseal(lambda at, length: self._after(changes, at, length), size, [at for at, _ in changes])
            words.append("resealed")
        return Mutant("+".join(words), size, tuple(changes))

    def read(self, at: int, length: int) -> bytes:
        return os.pread(self._descriptor, max(0, length), at) if at >= 0 else b""

    def place(self, chance: random.Random) -> tuple[int, int]:
        """Return a range to be damaged."""
        if not self._reads or chance.random() < 0.05:
            return chance.randrange(max(1, self.size)), 1
        return chance.choice(self._reads)

    def _after(self, changes: list[tuple[int, bytes]], at: int, length: int) -> bytes:
        found = bytearray(self.read(at, length))
        for start, data in changes:
            first, end = max(start, at), min(start + len(data), at + len(found))
            if first < end:
                found[first - at : end - at] = data[first - start : end - start]
        return bytes(found)

    def _other_size(self, chance: random.Random) -> int:
        at, length = self.place(chance)
        return chance.choice((at, at + length, at + length - 1, at + chance.randrange(length), self.size - 1,
                              max(0, self.size - SECTOR), self.size + 1, self.size + SECTOR, chance.randrange(SECTOR)))


def _bits(mutator: Mutator, chance: random.Random) -> Iterator[tuple[int, bytes]]:
    at, length = mutator.place(chance)
    for _ in range(chance.randrange(1, 9)):
        place = at + chance.randrange(length)
        yield place, bytes(byte ^ 1 << chance.randrange(8) for byte in mutator.read(place, 1))


def _field(mutator: Mutator, chance: random.Random) -> Iterator[tuple[int, bytes]]:
    """Set an aligned field of 1, 2, 4 or 8 bytes, in either byte order, to an extreme."""
    at, length = mutator.place(chance)
    width = chance.choice(WIDTHS)
    order = chance.choice(("little", "big"))
    place = at + chance.randrange(0, min(length, MOST_FIELD_BYTES), width)
    old = int.from_bytes(mutator.read(place, width), order)
    most = (1 << 8 * width) - 1
    value = chance.choice((0, 1, 2, most, most - 1, most >> 1, (most >> 1) + 1, old + 1, old - 1, old << 1, old >> 1,
                           mutator.size, mutator.size - 1, mutator.size + 1, mutator.size // SECTOR, at,
                           1 << chance.randrange(8 * width)))
    yield place, (value & most).to_bytes(width, order)


def _run(mutator: Mutator, chance: random.Random) -> Iterator[tuple[int, bytes]]:
    at, length = mutator.place(chance)
    start = chance.randrange(length)
    longest = min(length - start, LONGEST_RUN)
    yield at + start, chance.choice((b"\0", b"\xff", b"A", chance.randbytes(1))) * chance.randint(1, longest)


def _noise(mutator: Mutator, chance: random.Random) -> Iterator[tuple[int, bytes]]:
    at, length = mutator.place(chance)
    yield at + chance.randrange(length), chance.randbytes(chance.choice((1, 2, 4, 8, 16)))


def _text(mutator: Mutator, chance: random.Random) -> Iterator[tuple[int, bytes]]:
    """Put a character that means something to readers of text."""
    at, length = mutator.place(chance)
    for _ in range(chance.randrange(1, 4)):
        yield at + chance.randrange(length), bytes([chance.choice(ASCII)])


def _swap(mutator: Mutator, chance: random.Random) -> Iterator[tuple[int, bytes]]:
    """Swap two sectors that are read."""
    one, other = (place - place % SECTOR for place, _ in (mutator.place(chance), mutator.place(chance)))
    yield one, mutator.read(other, SECTOR)
    yield other, mutator.read(one, SECTOR)


def _copy(mutator: Mutator, chance: random.Random) -> Iterator[tuple[int, bytes]]:
    """Copy a few bytes of a range that is read over another: pointers to elsewhere, names of others."""
    (at, length), (source, _) = mutator.place(chance), mutator.place(chance)
    width = chance.choice((4, 8, 16, 64))
    yield at + chance.randrange(0, length, min(length, width)), mutator.read(source, width)


_KINDS: tuple[Callable[[Mutator, random.Random], Iterator[tuple[int, bytes]]], ...] = (
    _bits, _field, _field, _field, _field, _run, _noise, _text, _swap, _copy)


@contextmanager
def applied(mutant: Mutant, copy: int, pristine: int) -> Iterator[None]:
    """Make the file behind ``copy``, which equals that behind ``pristine``, the mutant, and undo it at the end."""
    size = os.fstat(pristine).st_size
    os.ftruncate(copy, mutant.size)
    for at, data in mutant.changes:
        os.pwrite(copy, data, at)
    try:
        yield
    finally:
        os.ftruncate(copy, min(size, mutant.size))
        os.ftruncate(copy, size)
        for at, data in mutant.changes:
            os.pwrite(copy, os.pread(pristine, len(data), at), at)
        copy_data(pristine, copy, mutant.size)


def copy_data(source: int, target: int, start: int = 0) -> None:
    """Copy the data of a sparse file from ``start`` on to the same places of another of that size."""
    place, end = start, os.fstat(source).st_size
    while place < end:
        try:
            place = os.lseek(source, place, os.SEEK_DATA)
        except OSError:  # nothing but a hole is left
            return
        hole = os.lseek(source, place, os.SEEK_HOLE)
        while place < hole:
            place += os.pwrite(target, os.pread(source, min(hole - place, 1 << 20), place), place)

"""Where the bytes of an attribute are: its pieces in, a reader over its bytes out.

A run is a byte whose low half is the number of bytes of its length and the high half that of its offset, then the
length and the offset (signed, from the last run's cluster), both little-endian and in clusters. Without an offset the
run is sparse: zeros. A zero byte ends the list.

A compressed attribute is cut into units, mostly of 16 clusters. A unit that is sparse throughout is zeros, one with
all its clusters is stored as it is, and one that is sparse at its end is compressed.

https://flatcap.github.io/linux-ntfs/ntfs/concepts/data_runs.html and …/compression.html
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from imgbuild.filesystems.ntfs.lznt1 import expand
from imgbuild.readers import Memory, broken, check_range
from imgbuild.sizes import MIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.readers import BrokenImage, Reader

MAX_RUNS = 100_000
"""Runs of one attribute."""
MAX_UNIT = MIB
"""Bytes of a compression unit; Windows makes 64 KiB."""
MAX_SIZE = 1 << 63

_COMPRESSED, _ENCRYPTED = 0x00FF, 0x4000
_WIDTH = 8
_MOST_UNIT = 16


class Geometry(NamedTuple):
    """What the boot sector says: bytes of a sector, a cluster and a file record, and how many clusters there are."""

    sector: int
    cluster: int
    record: int
    clusters: int


class Piece(NamedTuple):
    """An attribute, or those of its runs that one file record holds.

    ``value`` is that of a resident one; ``first`` and ``last`` count clusters within the attribute; ``size`` and
    ``initialized`` are bytes of the whole attribute, and hold in its first piece only.
    """

    kind: int
    name: str
    flags: int
    value: bytes | None = None
    first: int = 0
    last: int = 0
    runs: bytes = b""
    unit: int = 0
    size: int = 0
    initialized: int = 0


class Run(NamedTuple):
    """Clusters that lie one after the other; ``disk`` is the first of them, ``None`` for zeros."""

    start: int
    length: int
    disk: int | None


def open_stream(reader: Reader, geometry: Geometry, pieces: tuple[Piece, ...]) -> Reader:
    """Return the bytes of an attribute.

    Raises:
        BrokenImage: ``filesystem-damaged`` for pieces that do not fit together, ``filesystem-content-unreadable`` for
            an encrypted file.
    """
    if not pieces:
        return Memory(b"")
    if pieces[0].value is not None:
        return Memory(pieces[0].value)
    if pieces[0].flags & _ENCRYPTED:
        raise broken("filesystem-content-unreadable", "NTFS: the file is encrypted (EFS)")
    plain = Stream(reader, geometry, pieces[0])
    for piece in pieces[1:]:
        plain.add(piece)
    if not pieces[0].flags & _COMPRESSED or pieces[0].unit == 0:
        return plain
    if pieces[0].unit > _MOST_UNIT or geometry.cluster << pieces[0].unit > MAX_UNIT:
        raise _damaged(f"an attribute is compressed in units of 2^{pieces[0].unit} clusters")
    return _Compressed(plain, 1 << pieces[0].unit, geometry.cluster)


class Stream:
    """The bytes of an attribute that is not resident; the pieces after the first are added in their order."""

    def __init__(self, reader: Reader, geometry: Geometry, first: Piece) -> None:
        if first.size >= MAX_SIZE:
            raise _damaged(f"an attribute has {first.size} bytes")
        self.size = first.size
        self.initialized = first.initialized
        self._reader = reader
        self._geometry = geometry
        self._runs: list[Run] = []
        self._starts: list[int] = []
        self._end = 0
        self.add(first)

    def add(self, piece: Piece) -> None:
        """Take the runs of a further piece."""
        if piece.first != self._end:
            raise _damaged(f"the runs of an attribute go on at cluster {piece.first} in place of {self._end}")
        for run in _decoded(piece, self._geometry):
            self._runs.append(run)
            self._starts.append(run.start)
            self._end = run.start + run.length
            if len(self._runs) > MAX_RUNS:
                raise broken("filesystem-beyond-limits", f"NTFS: an attribute has more than {MAX_RUNS} runs")

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes from ``offset``; those after the initialized ones are zeros."""
        check_range(self.size, offset, length, "the attribute")
        wanted = max(0, min(length, self.initialized - offset))
        return self.stored(offset, wanted).ljust(length, b"\0")

    def stored(self, offset: int, length: int) -> bytes:
        """Return bytes as they lie in the runs, whatever the size of the attribute."""
        parts, cluster = [], self._geometry.cluster
        while length > 0:
            run = self._run_at(offset // cluster)
            skip = offset - run.start * cluster
            count = min(length, run.length * cluster - skip)
            parts.append(bytes(count) if run.disk is None else self._reader.read_at(run.disk * cluster + skip, count))
            offset, length = offset + count, length - count
        return b"".join(parts)

    def allocated(self, start: int, count: int) -> int:
        """Return how many of ``count`` clusters from ``start`` on are on the disk, up to the first that is not."""
        cluster = start
        while cluster < start + count:
            run = self._run_at(cluster)
            if run.disk is None:
                break
            cluster = run.start + run.length
        return min(cluster, start + count) - start

    def _run_at(self, cluster: int) -> Run:
        index = bisect_right(self._starts, cluster) - 1
        if index < 0 or cluster >= self._end:
            raise _damaged(f"the runs of an attribute end before its cluster {cluster}")
        return self._runs[index]


def _decoded(piece: Piece, geometry: Geometry) -> Iterator[Run]:
    place, start, disk = 0, piece.first, 0
    raw = piece.runs
    while place < len(raw) and raw[place]:
        long, far = raw[place] & 0x0F, raw[place] >> 4
        end = place + 1 + long + far
        if not 1 <= long <= _WIDTH or far > _WIDTH or end > len(raw):
            raise _damaged(f"a run begins with the byte {raw[place]:#04x}")
        length = int.from_bytes(raw[place + 1 : place + 1 + long], "little")
        disk += int.from_bytes(raw[place + 1 + long : end], "little", signed=True)
        if length == 0 or start + length > MAX_SIZE or (far and not 0 <= disk <= geometry.clusters - length):
            raise _damaged(f"a run of {length} clusters from {disk} on leaves the volume of {geometry.clusters}")
        yield Run(start, length, disk if far else None)
        start += length
        place = end


class _Compressed:
    """The bytes of a compressed attribute; the last unit that was expanded is kept."""

    def __init__(self, stream: Stream, clusters: int, cluster: int) -> None:
        self.size = stream.size
        self._stream = stream
        self._clusters = clusters
        self._cluster = cluster
        self._unit = clusters * cluster
        self._kept: tuple[int, bytes] = (-1, b"")

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes from ``offset``."""
        check_range(self.size, offset, length, "the attribute")
        wanted = max(0, min(length, self._stream.initialized - offset))
        parts, end = [], offset + wanted
        while offset < end:
            number, skip = divmod(offset, self._unit)
            parts.append(self._expanded(number)[skip : skip + end - offset])
            offset += len(parts[-1])
        return b"".join(parts).ljust(length, b"\0")

    def _expanded(self, number: int) -> bytes:
        if self._kept[0] != number:
            self._kept = (number, self._unit_at(number))
        return self._kept[1]

    def _unit_at(self, number: int) -> bytes:
        held = self._stream.allocated(number * self._clusters, self._clusters)
        stored = self._stream.stored(number * self._unit, held * self._cluster)
        return expand(stored, self._unit) if 0 < held < self._clusters else stored.ljust(self._unit, b"\0")


def _damaged(message: str) -> BrokenImage:
    return broken("filesystem-damaged", f"NTFS: {message}")

"""The clusters and file records of an NTFS volume as they fill: where a file's bytes are stored, in each form."""

from __future__ import annotations

from images.ntfsrecords import (
    ALLOCATION,
    BITMAP,
    BLOCK,
    CLUSTER,
    DATA,
    RECORD,
    UNIT,
    File,
    Run,
    compressed,
    index_block,
    index_entry,
    index_root,
    outside,
    record,
    resident,
)

MIB = 1 << 20
FIRST_FILE = 24
MFT_START = 16
ROOM = 500  # bytes of a record that a value may take, beside names

Entry = tuple[int, bytes]  # reference, $FILE_NAME


def reference(number: int) -> int:
    """Return the reference of a record: all have the sequence number 1."""
    return 1 << 48 | number


class Volume:
    """What is written so far: ``records`` by number, ``written`` by cluster."""

    def __init__(self, mib: int, records: int) -> None:
        self.clusters = mib * MIB // CLUSTER
        self.records: dict[int, bytes] = {}
        self.written: dict[int, bytes] = {}
        self.mft_clusters = -(-records * RECORD // CLUSTER)
        self.free = MFT_START + self.mft_clusters
        self.next_record = FIRST_FILE

    def take(self, count: int) -> int:
        """Return the first of ``count`` free clusters."""
        place, self.free = self.free, self.free + count
        if self.free > self.clusters:
            raise ValueError("the volume is full")
        return place

    def store(self, data: bytes) -> list[Run]:
        """Write data into one run."""
        count = -(-len(data) // CLUSTER)
        if not count:
            return []
        place = self.take(count)
        self.written[place] = data
        return [(count, place)]

    def new_record(self) -> int:
        """Return the number of a file record that is free."""
        self.next_record += 1
        if self.next_record > self.mft_clusters * CLUSTER // RECORD:
            raise ValueError("the $MFT is full")
        return self.next_record - 1


def content(volume: Volume, node: File, room: int) -> bytes:
    """Store a file's bytes and return its $DATA; ``room`` is what its record has left."""
    size = len(node.data) + node.zeros
    if node.form == "hole":
        return outside(DATA, [(-(-size // CLUSTER), None)], size, flags=0x8000)
    if node.form == "compressed":
        return outside(DATA, _compressed_runs(volume, node.data), size, flags=1)
    if node.form == "sparse":
        return outside(DATA, _sparse_runs(volume, node.data), size, flags=0x8000)
    if node.form == "scattered":
        return outside(DATA, _scattered(volume, node.data), size)
    if node.form == "plain" and not node.zeros and len(node.data) <= min(ROOM, room):
        return resident(DATA, node.data)
    pieces = volume.store(node.data)
    more = -(-size // CLUSTER) - sum(length for length, _ in pieces)
    pieces += [(more, volume.take(more))] if more else []
    return outside(DATA, pieces, size, flags=0x4000 if node.form == "encrypted" else 0, initialized=len(node.data))


def spread(volume: Volume, node: File, number: int) -> list[tuple[int, int, int]]:
    """Store a file's runs in two records of their own; return type, first cluster and record for its attribute list."""
    pieces = _scattered(volume, node.data)
    half, listed, first = len(pieces) // 2, [], 0
    for part in (pieces[:half], pieces[half:]):
        held = volume.new_record()
        data = outside(DATA, part, len(node.data) if first == 0 else 0, first=first)
        volume.records[held] = record(held, data, base=reference(number), links=0)
        listed.append((DATA, first, held))
        first += len(part)
    return listed


def stream(volume: Volume, name: str, value: bytes) -> bytes:
    """Store an alternate stream and return its $DATA."""
    if len(value) <= 64:
        return resident(DATA, value, name)
    return outside(DATA, volume.store(value), len(value), name)


def _scattered(volume: Volume, data: bytes) -> list[Run]:
    """Store every cluster by itself, the last of them first: offsets of runs go both ways."""
    places = [volume.take(2) for _ in range(0, len(data), CLUSTER)][::-1]
    for index, place in enumerate(places):
        volume.written[place] = data[index * CLUSTER : (index + 1) * CLUSTER]
    return [(1, place) for place in places]


def _sparse_runs(volume: Volume, data: bytes) -> list[Run]:
    """Leave out the units that are zeros."""
    pieces: list[Run] = []
    for place in range(0, len(data), UNIT * CLUSTER):
        unit = data[place : place + UNIT * CLUSTER]
        pieces += volume.store(unit) if any(unit) else [(-(-len(unit) // CLUSTER), None)]
    return pieces


def _compressed_runs(volume: Volume, data: bytes) -> list[Run]:
    pieces: list[Run] = []
    for place in range(0, len(data), UNIT * CLUSTER):
        unit = data[place : place + UNIT * CLUSTER]
        packed = compressed(unit)
        held = -(-len(packed) // CLUSTER)
        if not any(unit):
            pieces.append((UNIT, None))
        elif held < UNIT:
            pieces += [*volume.store(packed), (UNIT - held, None)]
        else:
            pieces += volume.store(unit.ljust(UNIT * CLUSTER, b"\0"))
    return pieces


def index(volume: Volume, entries: list[Entry]) -> bytes:
    """Return the attributes of a directory with these entries, which are sorted; its blocks are stored."""
    if sum(len(key) + 24 for _, key in entries) <= ROOM:
        body = b"".join(index_entry(*entry) for entry in entries) + index_entry(0, b"")
        return index_root(body, has_children=False)
    blocks: list[bytes] = []
    top = _level(blocks, [(*entry, None) for entry in entries], None)
    used = bytearray(-(-len(blocks) // 64) * 8)
    for number in range(len(blocks)):
        used[number // 8] |= 1 << number % 8
    stored = volume.store(b"".join(blocks))
    return (index_root(index_entry(0, b"", top), has_children=True)
            + outside(ALLOCATION, stored, len(blocks) * BLOCK, "$I30") + resident(BITMAP, bytes(used), "$I30"))


def _level(blocks: list[bytes], entries: list[tuple[int, bytes, int | None]], last: int | None) -> int:
    """Write a level of the tree and those above it; ``last`` is the child after all entries. Return the top's block."""
    ups: list[tuple[int, bytes, int | None]] = []
    body = b""
    for number, key, child in entries:
        raw = index_entry(number, key, child)
        if len(body) + len(raw) > BLOCK - 120:
            ups.append((number, key, _block(blocks, body, child)))
            body = b""
        else:
            body += raw
    end = _block(blocks, body, last)
    return _level(blocks, ups, end) if ups else end


def _block(blocks: list[bytes], body: bytes, last: int | None) -> int:
    blocks.append(index_block(len(blocks), body + index_entry(0, b"", last), has_children=last is not None))
    return len(blocks) - 1

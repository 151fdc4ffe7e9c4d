"""The parts of an NTFS volume, byte by byte: attributes, file records, indexes, runs, compression, reparse points.

Layouts: https://flatcap.github.io/linux-ntfs/ntfs/ (as in imgbuild/filesystems/ntfs, which is tested with these).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

CLUSTER, RECORD, BLOCK = 4096, 1024, 4096
UNIT = 16  # clusters of a compression unit
TIME = 133_444_117_800_000_000  # 2023-11-14 22:56:20 UTC in units of 100 ns since 1601
STANDARD, LIST, NAME, VOLUME_NAME, VOLUME, DATA, ROOT, ALLOCATION, BITMAP, POINT = (
    0x10, 0x20, 0x30, 0x60, 0x70, 0x80, 0x90, 0xA0, 0xB0, 0xC0)
DIRECTORY_FLAG, REPARSE_FLAG = 0x10000000, 0x400


@dataclass(frozen=True)
class File:
    """A file and how it is stored.

    ``form`` is plain, compressed, sparse, scattered (many runs), spread (over two more file records) or encrypted;
    ``zeros`` are bytes after the data that are not written (the initialized size ends before them).
    """

    data: bytes = b""
    form: str = "plain"
    streams: dict[str, bytes] = field(default_factory=dict)
    point: bytes | None = None
    zeros: int = 0
    directory: bool = False
    short: str = ""


Run = tuple[int, int | None]  # clusters, the first on the disk


def runs(pieces: list[Run], before: int = 0) -> bytes:
    """Return the mapping pairs of runs."""
    out = b""
    for length, place in pieces:
        long = _signed(length)
        far = b"" if place is None else _signed(place - before)
        before = before if place is None else place
        out += bytes([len(far) << 4 | len(long)]) + long + far
    return out + b"\0"


def _signed(value: int) -> bytes:
    return value.to_bytes((value.bit_length() if value >= 0 else (~value).bit_length()) // 8 + 1, "little", signed=True)


def _padded(data: bytes, to: int = 8) -> bytes:
    return data + bytes(-len(data) % to)


def resident(kind: int, value: bytes, name: str = "", flags: int = 0) -> bytes:
    """Return an attribute whose value stands in the record."""
    text = name.encode("utf-16-le")
    start = 24 + len(_padded(text))
    body = _padded(text) + _padded(value)
    head = struct.pack("<IIBBHHHIHBB", kind, 24 + len(body), 0, len(name), 24, flags, 0, len(value), start,
                       1 if kind == NAME else 0, 0)
    return head + body


def outside(kind: int, pieces: list[Run], size: int, name: str = "", *, flags: int = 0, first: int = 0,
            initialized: int | None = None) -> bytes:
    """Return an attribute whose value stands in runs, or its part from cluster ``first`` on.

    Compressed and sparse ones (``flags``) have units of 16 clusters.
    """
    unit = 4 if flags & 0x8001 else 0
    text = _padded(name.encode("utf-16-le"))
    clusters = sum(length for length, _ in pieces)
    start = (72 if unit else 64) + len(text)
    allocated = sum(length for length, place in pieces if place is not None) * CLUSTER
    whole = (-(-size // CLUSTER) if size and not unit else clusters) * CLUSTER
    body = text + _padded(runs(pieces))
    after = start - len(text)
    head = struct.pack("<IIBBHHHQQHB5xQQQ", kind, after + len(body), 1, len(name), after, flags, 0, first,
                       first + clusters - 1, start, unit, whole, size, size if initialized is None else initialized)
    return head + (struct.pack("<Q", allocated) if unit else b"") + body


def standard(flags: int = 0x20) -> bytes:
    """Return $STANDARD_INFORMATION."""
    return resident(STANDARD, struct.pack("<4QI3I", TIME, TIME, TIME, TIME, flags, 0, 0, 0))


def file_name(parent: int, name: str, size: int, flags: int, *, space: int = 1, tag: int = 0) -> bytes:
    """Return the value of $FILE_NAME; ``space`` is its namespace: 0 POSIX, 1 Win32, 2 DOS, 3 both."""
    text = name.encode("utf-16-le", "surrogatepass")
    allocated = -(-size // CLUSTER) * CLUSTER
    head = struct.pack("<Q4QQQIIBB", parent, TIME, TIME, TIME, TIME, allocated, size, flags, tag, len(text) // 2, space)
    return head + text


def record(number: int, attributes: bytes, *, flags: int = 1, base: int = 0, links: int = 1) -> bytes:
    """Return a file record with its update sequence array."""
    head = struct.pack("<4sHHQHHHHIIQHHI", b"FILE", 48, RECORD // 512 + 1, 0, 1, links, 56, flags,
                       56 + len(attributes) + 8, RECORD, base, 16, 0, number)
    data = (head + bytes(8) + attributes + b"\xff\xff\xff\xff\0\0\0\0").ljust(RECORD, b"\0")
    if len(data) > RECORD:
        raise ValueError(f"file record {number} has {len(data)} bytes")
    return sealed(data)


def sealed(data: bytes) -> bytes:
    """Move the last two bytes of each 512 into the update sequence array."""
    out = bytearray(data)
    place, count = struct.unpack_from("<HH", out, 4)
    out[place : place + 2] = b"\x01\0"
    for index in range(1, count):
        out[place + 2 * index : place + 2 * index + 2] = out[index * 512 - 2 : index * 512]
        out[index * 512 - 2 : index * 512] = b"\x01\0"
    return bytes(out)


def index_entry(reference: int, key: bytes, child: int | None = None) -> bytes:
    """Return an entry of an index; an empty key makes the last one of a node."""
    body = _padded(key) + (b"" if child is None else struct.pack("<Q", child))
    flags = (child is not None) | (2 if not key else 0)
    return struct.pack("<QHHHH", reference, 16 + len(body), len(key), flags, 0) + body


def index_root(entries: bytes, *, has_children: bool) -> bytes:
    """Return $INDEX_ROOT of a directory with these entries."""
    node = struct.pack("<IIIB3x", 16, 16 + len(entries), 16 + len(entries), has_children)
    return resident(ROOT, struct.pack("<IIIB3x", NAME, 1, BLOCK, BLOCK // CLUSTER) + node + entries, "$I30")


def index_block(number: int, entries: bytes, *, has_children: bool) -> bytes:
    """Return a block of $INDEX_ALLOCATION."""
    array = 2 * (BLOCK // 512 + 1)
    start = len(_padded(bytes(24 + 16 + array))) - 24
    node = struct.pack("<IIIB3x", start, start + len(entries), BLOCK - 24, has_children)
    head = struct.pack("<4sHHQQ", b"INDX", 40, BLOCK // 512 + 1, 0, number) + node
    data = (head.ljust(24 + start, b"\0") + entries).ljust(BLOCK, b"\0")
    if len(data) > BLOCK:
        raise ValueError(f"index block {number} has {len(data)} bytes")
    return sealed(data)


def compressed(data: bytes) -> bytes:
    """Return bytes of at most one unit in LZNT1: chunks of 4096 with the longest match that a table of threes finds."""
    return b"".join(_chunk(data[place : place + 4096]) for place in range(0, len(data), 4096)) + b"\0\0"


def _chunk(plain: bytes) -> bytes:
    out, group, flags, count, place = bytearray(), bytearray(), 0, 0, 0
    seen: dict[bytes, int] = {}
    while place < len(plain):
        bits = 12 - max(0, (place - 1).bit_length() - 4) if place else 12
        start, length = seen.get(plain[place : place + 3], -1), 0
        while start >= 0 and place - start <= 1 << (16 - bits) and length < (1 << bits) + 2 and \
                place + length < len(plain) and plain[start + length] == plain[place + length]:
            length += 1
        if length >= 3:
            group += ((place - start - 1) << bits | length - 3).to_bytes(2, "little")
            flags |= 1 << count
        else:
            group.append(plain[place])
            length = 1
        for step in range(place, place + length):
            seen[plain[step : step + 3]] = step
        place, count = place + length, count + 1
        if count == 8 or place == len(plain):
            out += bytes([flags]) + group
            group, flags, count = bytearray(), 0, 0
    if len(out) >= 4096:
        return (0x3000 | len(plain) - 1).to_bytes(2, "little") + plain
    return (0xB000 | len(out) - 1).to_bytes(2, "little") + bytes(out)


def reparse(tag: int, value: bytes) -> bytes:
    """Return a reparse point."""
    return struct.pack("<IHH", tag, len(value), 0) + value


def symlink(target: str, *, relative: bool = True) -> File:
    """Return a symbolic link to a Windows path."""
    text = target.encode("utf-16-le")
    head = struct.pack("<HHHHI", 0, len(text), len(text), 0, relative)
    return File(point=reparse(0xA000000C, head + text))


def junction(target: str) -> File:
    """Return a mount point that leads to a Windows path."""
    text = target.encode("utf-16-le") + b"\0\0"
    head = struct.pack("<HHHH", 0, len(text) - 2, len(text), 0)
    return File(point=reparse(0xA0000003, head + text + b"\0\0"), directory=True)


def system_compressed(size: int) -> File:
    """Return a file that CompactOS compressed: its content is a sparse nothing, the bytes are in another stream."""
    point = reparse(0x80000017, struct.pack("<IIII", 1, 2, 1, 0))
    return File(form="hole", zeros=size, point=point, streams={"WofCompressedData": b"compressed" * 10})

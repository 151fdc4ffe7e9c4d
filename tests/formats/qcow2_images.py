"""qcow2 images made byte by byte, so that every field can be wrong.

Layout in clusters: 0 header, 1 refcount table (empty), 2 L1 table, then the L2 tables, then the data. Refcounts stay
0: readers do not look at them.
"""

from __future__ import annotations

import random
import struct
import zlib
from dataclasses import dataclass, field

from imgbuild.formats.qcow2.container import open_qcow2
from imgbuild.readers import Memory
from imgbuild.zstd import compress

FIELDS = {
    "magic": (0, "4s"), "version": (4, ">I"), "backing_file_offset": (8, ">Q"), "backing_file_size": (16, ">I"),
    "cluster_bits": (20, ">I"), "size": (24, ">Q"), "crypt_method": (32, ">I"), "l1_size": (36, ">I"),
    "l1_table_offset": (40, ">Q"), "refcount_table_offset": (48, ">Q"), "refcount_table_clusters": (56, ">I"),
    "nb_snapshots": (60, ">I"), "snapshots_offset": (64, ">Q"), "incompatible_features": (72, ">Q"),
    "compatible_features": (80, ">Q"), "autoclear_features": (88, ">Q"), "refcount_order": (96, ">I"),
    "header_length": (100, ">I"), "compression_type": (104, ">B"),
}
COPIED = 1 << 63
COMPRESSED = 1 << 62
EXTENDED = 1 << 4


def patch(image: bytes, **fields: int | bytes) -> bytes:
    """Return the image with header fields overwritten."""
    changed = bytearray(image)
    for name, value in fields.items():
        offset, form = FIELDS[name]
        struct.pack_into(form, changed, offset, value)
    return bytes(changed)


def put(image: bytes, offset: int, data: bytes) -> bytes:
    """Return the image with ``data`` at ``offset``, longer if need be."""
    return image[:offset].ljust(offset, b"\0") + data + image[offset + len(data):]


def extension(kind: int, data: bytes) -> bytes:
    return struct.pack(">II", kind, len(data)) + data + bytes(-len(data) % 8)


def deflate(data: bytes, window: int = 12) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -window)
    return packer.compress(data) + packer.flush()


@dataclass
class Builder:
    """Collects clusters in guest order; ``image`` gives the file, ``content`` what the guest should see."""

    cluster_bits: int = 9
    version: int = 3
    extended: bool = False
    compression_type: int = 0
    entries: list[bytes] = field(default_factory=list)
    content: bytes = b""
    data: bytes = b""

    @property
    def cluster_size(self) -> int:
        return 1 << self.cluster_bits

    @property
    def entry_size(self) -> int:
        return 16 if self.extended else 8

    def _tables(self, clusters: int) -> int:
        return -(-clusters * self.entry_size // self.cluster_size)

    def _add(self, entry: int, content: bytes, bitmap: int = 0) -> Builder:
        self.entries.append(struct.pack(">QQ", entry, bitmap)[: self.entry_size])
        self.content += content
        return self

    def _place(self) -> int:
        # The data area begins where 64 L2 tables end, so that places are known while clusters are added.
        return (3 + 64) * self.cluster_size + len(self.data)

    def _align(self) -> None:
        self.data += bytes(-len(self.data) % self.cluster_size)

    def hole(self) -> Builder:
        return self._add(0, bytes(self.cluster_size))

    def zeros(self, *, allocated: bool = False) -> Builder:
        entry = 1
        if allocated:
            self._align()
            entry |= COPIED | self._place()
            self.data += b"\xee" * self.cluster_size
        return self._add(entry, bytes(self.cluster_size))

    def standard(self, data: bytes, allocated: int = 0xFFFFFFFF, zeros: int = 0) -> Builder:
        """Add a cluster; with extended L2 entries only the ``allocated`` subclusters show ``data``."""
        self._align()
        entry = COPIED | self._place()
        self.data += data
        if not self.extended:
            return self._add(entry, data)
        width = self.cluster_size // 32
        seen = (data[i * width : (i + 1) * width] if allocated >> i & 1 else bytes(width) for i in range(32))
        return self._add(entry, b"".join(seen), zeros << 32 | allocated)

    def compressed(self, data: bytes, packed: bytes | None = None) -> Builder:
        """Add a compressed cluster right behind the one before, not aligned to anything."""
        packed = deflate(data) if packed is None else packed
        place = self._place()
        self.data += packed
        further = (place + len(packed) - 1) // 512 - place // 512
        return self._add(COMPRESSED | further << 62 - (self.cluster_bits - 8) | place, data)

    def header(self, size: int) -> bytes:
        features = (EXTENDED if self.extended else 0) | (8 if self.compression_type else 0)
        raw = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", self.version, 0, 0, self.cluster_bits, size, 0,
                          self._tables(len(self.entries)), 2 * self.cluster_size, self.cluster_size, 1, 0, 0)
        if self.version == 2:
            return raw
        return raw + struct.pack(">QQQIIB7x", features, 0, 0, 4, 112, self.compression_type)

    def image(self, size: int | None = None, extensions: bytes = b"") -> bytes:
        """Return the file; ``size`` cuts the virtual disk inside its last cluster."""
        l2_offset = 3 * self.cluster_size
        tables = self._tables(len(self.entries))
        assert tables <= 64
        l1 = b"".join(struct.pack(">Q", COPIED | l2_offset + i * self.cluster_size) for i in range(tables))
        header = self.header(len(self.content) if size is None else size)
        image = put(b"", 0, header + extensions)
        image = put(image, 2 * self.cluster_size, l1)
        image = put(image, l2_offset, b"".join(self.entries).ljust(tables * self.cluster_size, b"\0"))
        image = put(image, (3 + 64) * self.cluster_size, self.data) if self.data else image
        return self._counted(image, 3 + (63 if self.data else tables))

    def _counted(self, image: bytes, block: int) -> bytes:
        """Return the image with refcounts of 1 for all clusters, as far as one refcount block goes."""
        counts = struct.pack(">H", 1) * min(max(block, len(image) // self.cluster_size) + 1, self.cluster_size // 2)
        image = put(image, self.cluster_size, struct.pack(">Q", block * self.cluster_size))
        return put(image, block * self.cluster_size, counts.ljust(self.cluster_size, b"\0"))


def plain(version: int = 3) -> bytes:
    """Return a sound image of 2 KiB with clusters of 512 bytes."""
    builder = Builder(version=version)
    for letter in b"abcd":
        builder.standard(bytes([letter]) * 512)
    return builder.image()


def build(builder: Builder, clusters: list[tuple[str, int, int]]) -> Builder:
    """Add a cluster for each kind, subcluster bits, letter."""
    for kind, bits, letter in clusters:
        data = (bytes([letter]) + dice(bits).randbytes(255)) * (builder.cluster_size // 256)
        if kind == "hole":
            builder.hole()
        elif "zeros" in kind and not builder.extended:
            builder.zeros(allocated=kind != "zeros")
        elif kind == "compressed":
            builder.compressed(data, compress(data) if builder.compression_type else None)
        elif builder.extended:
            builder.standard(data, bits, ~bits & 0xFFFF if kind == "zeros" else 0)
        else:
            builder.standard(data)
    return builder


def dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - a seed, so that each run tries the same


class Counting(Memory):
    """A file that says what was read of it."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.reads: list[tuple[int, int]] = []

    def read_at(self, offset: int, length: int) -> bytes:
        self.reads.append((offset, length))
        return super().read_at(offset, length)


class Sparse:
    """A file of any size that is zeros but for a few places; a read of more than 64 MiB is a failure."""

    def __init__(self, size: int, places: dict[int, bytes]) -> None:
        self.size = size
        self.places = places

    def read_at(self, offset: int, length: int) -> bytes:
        assert length <= 64 << 20
        assert 0 <= offset <= offset + length <= self.size
        data = bytearray(length)
        for place, content in self.places.items():
            start, end = max(place, offset), min(place + len(content), offset + length)
            if start < end:
                data[start - offset : end - offset] = content[start - place : end - place]
        return bytes(data)


def codes(image: bytes) -> list[str]:
    """Return the codes of the problems of an image."""
    return [problem.code for problem in open_qcow2(Memory(image)).problems]


def whole(image: bytes) -> bytes:
    """Return the content of an image."""
    opened = open_qcow2(Memory(image))
    return opened.read_at(0, opened.size)

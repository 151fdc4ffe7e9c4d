"""What is wrong with a qcow2 header: :class:`Header` and the file's size in, problems out.

``obstacles`` are those that keep the content from being read exactly; ``objections`` are all others. Limits that the
standard calls limits of QEMU are taken over: what QEMU cannot open no cloud can import.

Qcow2 Image File Format, https://www.qemu.org/docs/master/interop/qcow2.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.formats.qcow2 import extensions as ext
from imgbuild.formats.qcow2.disk import DEFLATE, ZSTD
from imgbuild.formats.qcow2.header import (
    COMPRESSION_TYPE_OFFSET,
    V3_LENGTH,
    Autoclear,
    Compatible,
    Incompatible,
)
from imgbuild.formats.qcow2.tables import SECTOR, Geometry
from imgbuild.readers import problem, quoted, read_clipped
from imgbuild.sizes import MIB, human_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgbuild.formats.qcow2.extensions import Extension
    from imgbuild.formats.qcow2.header import Header
    from imgbuild.model import Problem
    from imgbuild.readers import Reader

CLUSTER_BITS = range(9, 22)
EXTENDED_CLUSTER_BITS = range(14, 22)
MAX_SIZE = (1 << 63) - 1
MAX_L1_BYTES = 32 * MIB
MAX_REFCOUNT_TABLE_BYTES = 8 * MIB
MAX_SNAPSHOTS = 65536
SNAPSHOT_ENTRY_BYTES = 40
MAX_NAME_BYTES = 1023
MAX_REFCOUNT_ORDER = 6

_ENCRYPTION = {1: "AES", 2: "LUKS"}
_KNOWN = (1 << 5) - 1  # bits 0 to 4
_SHOWN_BITS = 8


def backing_file_name(file: Reader, header: Header) -> str | None:
    """Return the name of the backing file as text, ``None`` where there is none; nothing is opened."""
    if not header.backing_file_offset:
        return None
    length = min(header.backing_file_size, MAX_NAME_BYTES)
    return ext.text(read_clipped(file, header.backing_file_offset, length))


def cluster_bits_are_good(header: Header) -> bool:
    """Say whether the cluster size is one that exists, so that it can be reckoned with."""
    return header.cluster_bits in (EXTENDED_CLUSTER_BITS if header.extended_l2 else CLUSTER_BITS)


def obstacles(file: Reader, header: Header, extensions: Sequence[Extension]) -> Iterator[Problem]:
    """Yield what keeps the content from being read: data that is elsewhere, unknown layouts, no usable L1 table."""
    yield from _backing_file(file, header, extensions)
    yield from _external_data_file(header, extensions)
    yield from _encrypted(header)
    yield from _unknown_features(header, extensions)
    yield from _compression_type(header)
    yield from _size(header)
    if cluster_bits_are_good(header):
        yield from _l1_table(file.size, header)
    else:
        yield from _cluster_bits(header)


def objections(file: Reader, header: Header, extensions: Sequence[Extension]) -> Iterator[Problem]:
    """Yield what else is wrong or worth knowing: marks of damage, snapshots, other tables, fields out of range."""
    yield from _damage_marks(header)
    yield from _features(header, extensions)
    yield from _fields(header)
    yield from _disk_size(header)
    yield from _snapshots(file.size, header)
    if cluster_bits_are_good(header):
        yield from _refcount_table(file.size, header)
        yield from _bitmap_directory(file.size, extensions)


def _backing_file(file: Reader, header: Header, extensions: Sequence[Extension]) -> Iterator[Problem]:
    name = backing_file_name(file, header)
    if name is None:
        return
    kind = ext.find(extensions, ext.BACKING_FORMAT)
    words = f" of format {quoted(ext.text(kind.data))}" if kind else ""
    yield header.problem("backing-file", "backing_file_offset",
                         f"the image needs the backing file {quoted(name)}{words}; a whole image has none")
    if header.backing_file_size > MAX_NAME_BYTES:
        yield header.problem("qcow2-header-invalid", "backing_file_size",
                             f"backing_file_size is {header.backing_file_size}; 1023 bytes is the longest name")


def _external_data_file(header: Header, extensions: Sequence[Extension]) -> Iterator[Problem]:
    named = ext.find(extensions, ext.EXTERNAL_DATA_FILE)
    words = f"the external data file {quoted(ext.text(named.data))}" if named else "an external data file"
    if header.incompatible_features & Incompatible.EXTERNAL_DATA_FILE:
        yield header.problem("external-data-file", "incompatible_features",
                             f"the image keeps its data in {words}; a whole image has none")
    elif header.autoclear_features & Autoclear.RAW_EXTERNAL_DATA:
        yield header.problem("external-data-file", "autoclear_features",
                             f"autoclear bit 1 says that the data is in {words}; a whole image has none")
    elif named:
        yield problem("external-data-file", f"a header extension names {words}; a whole image has none",
                      field="header extension", offset=named.offset, raw=named.type.to_bytes(4, "big"))


def _encrypted(header: Header) -> Iterator[Problem]:
    if header.crypt_method:
        method = _ENCRYPTION.get(header.crypt_method, "not known")
        yield header.problem("encrypted", "crypt_method",
                             f"crypt_method is {header.crypt_method} ({method}); 0 is no encryption")


def _unknown_features(header: Header, extensions: Sequence[Extension]) -> Iterator[Problem]:
    unknown = [bit for bit in range(64) if (header.incompatible_features & ~_KNOWN) >> bit & 1]
    names = ext.feature_names(extensions, "incompatible")
    words = [f"bit {bit} {names.get(bit, '')}".rstrip() for bit in unknown[:_SHOWN_BITS]]
    if unknown:
        more = f" and {len(unknown) - _SHOWN_BITS} more" if len(unknown) > _SHOWN_BITS else ""
        yield header.problem("unknown-feature", "incompatible_features",
                             f"the image needs features that are not known: {', '.join(words)}{more}; bits 0 to 4 are"
                             " defined")


def _compression_type(header: Header) -> Iterator[Problem]:
    bit = bool(header.incompatible_features & Incompatible.COMPRESSION_TYPE)
    if bit and header.header_length <= COMPRESSION_TYPE_OFFSET:
        yield header.problem("qcow2-header-invalid", "header_length",
                             f"incompatible bit 3 is set, but header_length {header.header_length} leaves no room for"
                             " compression_type; 112 would")
    elif header.compression_type not in (DEFLATE, ZSTD):
        yield header.problem("qcow2-header-invalid", "compression_type",
                             f"compression_type is {header.compression_type}; 0 (deflate) and 1 (zstd) are defined")
    elif bit != bool(header.compression_type):
        yield header.problem("qcow2-header-invalid", "compression_type",
                             f"compression_type is {header.compression_type}, but incompatible bit 3 is"
                             f" {int(bit)}; it is set for all types but 0")


def _size(header: Header) -> Iterator[Problem]:
    if header.size > MAX_SIZE:
        yield header.problem("size-overflow", "size", f"size is {header.size}; {MAX_SIZE} bytes is the most")


def _cluster_bits(header: Header) -> Iterator[Problem]:
    good = EXTENDED_CLUSTER_BITS if header.extended_l2 else CLUSTER_BITS
    what = " with extended L2 entries" if header.extended_l2 else ""
    yield header.problem("qcow2-header-invalid", "cluster_bits",
                         f"cluster_bits is {header.cluster_bits}; {good[0]} to {good[-1]} are good{what}")


def _l1_table(file_size: int, header: Header) -> Iterator[Problem]:
    length = header.l1_size * 8
    needed = Geometry.of(header).l1_entries
    yield from _table(file_size, header, "l1_table_offset", ("l1_size", length, MAX_L1_BYTES), "the L1 table")
    if header.l1_size < needed and header.size <= MAX_SIZE:
        yield header.problem("table-too-small", "l1_size",
                             f"l1_size is {header.l1_size}; a disk of {human_size(header.size)} needs at least"
                             f" {needed}")


def _table(file_size: int, header: Header, field: str, extent: tuple[str, int, int], name: str) -> Iterator[Problem]:
    """Yield what is wrong with a table's place; ``extent`` is its size field, its bytes, and the most it may take."""
    size_field, length, limit = extent
    offset = getattr(header, field)
    if length > min(limit, file_size):
        whose = "QEMU takes" if limit <= file_size else "the file has"
        yield header.problem("table-too-large", size_field,
                             f"{name} would take {length} bytes; {whose} {min(limit, file_size)}")
    elif not length:
        return
    elif offset % (1 << header.cluster_bits) or not offset:
        yield header.problem("table-misplaced", field,
                             f"{field} is {offset}; a multiple of the cluster size {1 << header.cluster_bits}, after"
                             " the header, is needed")
    elif offset + length > file_size:
        yield header.problem("truncated", field,
                             f"{name} is at {offset} to {offset + length}, but the file ends at {file_size}")


def _damage_marks(header: Header) -> Iterator[Problem]:
    if header.incompatible_features & Incompatible.DIRTY:
        lazy = "lazy refcounts are on and " if header.compatible_features & Compatible.LAZY_REFCOUNTS else ""
        yield header.problem("dirty", "incompatible_features",
                             f"the dirty bit is set: {lazy}the image was not closed, its refcounts may be wrong")
    if header.incompatible_features & Incompatible.CORRUPT:
        yield header.problem("corrupt", "incompatible_features",
                             "the corrupt bit is set: any structure of the image may be damaged")


def _features(header: Header, extensions: Sequence[Extension]) -> Iterator[Problem]:
    if header.compression_type == ZSTD and header.incompatible_features & Incompatible.COMPRESSION_TYPE:
        yield header.problem("zstd-compression", "compression_type",
                             "compression_type is 1 (zstd), which QEMU before 5.1 cannot open; 0 (deflate) opens"
                             " everywhere")
    if header.extended_l2 and cluster_bits_are_good(header):
        yield header.problem("extended-l2", "incompatible_features",
                             "the image has extended L2 entries, which QEMU before 5.2 cannot open; standard entries"
                             " open everywhere")
    if header.autoclear_features & Autoclear.BITMAPS and not ext.find(extensions, ext.BITMAPS):
        yield header.problem("qcow2-header-invalid", "autoclear_features",
                             "autoclear bit 0 is set, but there is no bitmaps extension")
    if ext.find(extensions, ext.ENCRYPTION_HEADER) and header.crypt_method != 2:  # noqa: PLR2004 - LUKS
        yield header.problem("qcow2-header-invalid", "crypt_method",
                             f"crypt_method is {header.crypt_method}, but there is an encryption header; only 2 (LUKS)"
                             " has one")


def _fields(header: Header) -> Iterator[Problem]:
    cluster_size = 1 << min(max(header.cluster_bits, CLUSTER_BITS[0]), CLUSTER_BITS[-1])
    if header.version > 2 and (header.header_length < V3_LENGTH or header.header_length % 8  # noqa: PLR2004 - the version
                               or header.header_length > cluster_size):
        yield header.problem("qcow2-header-invalid", "header_length",
                             f"header_length is {header.header_length}; a multiple of 8 from 104 to the cluster size is"
                             " good")
    if header.refcount_order > MAX_REFCOUNT_ORDER:
        yield header.problem("qcow2-header-invalid", "refcount_order",
                             f"refcount_order is {header.refcount_order}; 0 to 6 are good")
    if header.backing_file_offset > cluster_size:
        yield header.problem("qcow2-header-invalid", "backing_file_offset",
                             f"backing_file_offset is {header.backing_file_offset}; the name is in the first cluster")


def _disk_size(header: Header) -> Iterator[Problem]:
    if not header.size:
        yield header.problem("empty-disk", "size", "the virtual disk has 0 bytes")
    elif header.size % SECTOR:
        yield header.problem("unaligned-size", "size",
                             f"the virtual disk has {header.size} bytes; disks have a multiple of 512")


def _snapshots(file_size: int, header: Header) -> Iterator[Problem]:
    if not header.nb_snapshots:
        return
    yield header.problem("snapshots", "nb_snapshots",
                         f"the image has {header.nb_snapshots} internal snapshot{'s'[: header.nb_snapshots > 1]}, so"
                         " older states of the disk go along with it")
    if cluster_bits_are_good(header):
        limit = MAX_SNAPSHOTS * SNAPSHOT_ENTRY_BYTES
        length = header.nb_snapshots * SNAPSHOT_ENTRY_BYTES
        yield from _table(file_size, header, "snapshots_offset", ("nb_snapshots", length, limit), "the snapshot table")


def _refcount_table(file_size: int, header: Header) -> Iterator[Problem]:
    length = header.refcount_table_clusters << header.cluster_bits
    extent = ("refcount_table_clusters", length, MAX_REFCOUNT_TABLE_BYTES)
    yield from _table(file_size, header, "refcount_table_offset", extent, "the refcount table")
    if not length:
        yield header.problem("qcow2-header-invalid", "refcount_table_clusters",
                             "refcount_table_clusters is 0; an image has a refcount table")


def _bitmap_directory(file_size: int, extensions: Sequence[Extension]) -> Iterator[Problem]:
    bitmaps = ext.find(extensions, ext.BITMAPS)
    facts = bitmaps.facts() if bitmaps else {}
    if not bitmaps or "bitmap_directory_offset" not in facts:
        return
    offset, size = facts["bitmap_directory_offset"], facts["bitmap_directory_size"]
    if offset + size > file_size:
        yield problem("truncated", f"the bitmap directory is at {offset} to {offset + size}, but the file ends at"
                                   f" {file_size}", field="bitmap_directory_offset", offset=bitmaps.offset + 24,
                      raw=offset.to_bytes(8, "big"))

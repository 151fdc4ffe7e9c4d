r"""The qcow2 header: the first bytes of a file in, :class:`Header` with the standard's own field names out.

Nothing is judged here but what makes the header unreadable: a file that ends inside it, and a version whose layout
nobody has written down. All numbers are as the file says them; ``checks.py`` says which of them can be believed.

    off   hex  size  field                      (big-endian)
      0  0x00     4  magic, always b"QFI\xfb"
      4  0x04     4  version, 2 or 3
      8  0x08     8  backing_file_offset
     16  0x10     4  backing_file_size
     20  0x14     4  cluster_bits
     24  0x18     8  size, of the virtual disk in bytes
     32  0x20     4  crypt_method
     36  0x24     4  l1_size, in entries
     40  0x28     8  l1_table_offset
     48  0x30     8  refcount_table_offset
     56  0x38     4  refcount_table_clusters
     60  0x3c     4  nb_snapshots
     64  0x40     8  snapshots_offset            (version 2 ends here)
     72  0x48     8  incompatible_features
     80  0x50     8  compatible_features
     88  0x58     8  autoclear_features
     96  0x60     4  refcount_order
    100  0x64     4  header_length
    104  0x68     1  compression_type            (there if header_length is over 104)

Qcow2 Image File Format, section "Header", https://www.qemu.org/docs/master/interop/qcow2.html
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import msgspec

from imgbuild.readers import broken, problem, read_clipped

if TYPE_CHECKING:
    from imgbuild.model import Problem
    from imgbuild.readers import Reader

VERSIONS = (2, 3)
V2_LENGTH = 72
V3_LENGTH = 104
COMPRESSION_TYPE_OFFSET = 104
HEADER_BYTES = 112

_V2 = struct.Struct(">IQIIQIIQQIIQ")
_V3 = struct.Struct(">QQQII")

FIELDS: dict[str, tuple[int, int]] = {
    "version": (4, 4), "backing_file_offset": (8, 8), "backing_file_size": (16, 4), "cluster_bits": (20, 4),
    "size": (24, 8), "crypt_method": (32, 4), "l1_size": (36, 4), "l1_table_offset": (40, 8),
    "refcount_table_offset": (48, 8), "refcount_table_clusters": (56, 4), "nb_snapshots": (60, 4),
    "snapshots_offset": (64, 8), "incompatible_features": (72, 8), "compatible_features": (80, 8),
    "autoclear_features": (88, 8), "refcount_order": (96, 4), "header_length": (100, 4), "compression_type": (104, 1),
}


class Incompatible:
    """The bits of ``incompatible_features`` that have a meaning."""

    DIRTY = 1 << 0
    CORRUPT = 1 << 1
    EXTERNAL_DATA_FILE = 1 << 2
    COMPRESSION_TYPE = 1 << 3
    EXTENDED_L2_ENTRIES = 1 << 4


class Compatible:
    """The bits of ``compatible_features`` that have a meaning."""

    LAZY_REFCOUNTS = 1 << 0


class Autoclear:
    """The bits of ``autoclear_features`` that have a meaning."""

    BITMAPS = 1 << 0
    RAW_EXTERNAL_DATA = 1 << 1


class Header(msgspec.Struct, frozen=True):
    """The fields of the header; a version 2 file has those of version 3 at the values the standard assumes.

    ``raw`` holds its first bytes, up to 112, for evidence. Sizes and offsets are bytes.
    """

    raw: bytes
    version: int
    backing_file_offset: int
    backing_file_size: int
    cluster_bits: int
    size: int
    crypt_method: int
    l1_size: int
    l1_table_offset: int
    refcount_table_offset: int
    refcount_table_clusters: int
    nb_snapshots: int
    snapshots_offset: int
    incompatible_features: int = 0
    compatible_features: int = 0
    autoclear_features: int = 0
    refcount_order: int = 4
    header_length: int = V2_LENGTH
    compression_type: int = 0

    @property
    def extended_l2(self) -> bool:
        """Whether L2 entries are 16 bytes long and describe 32 subclusters each."""
        return bool(self.incompatible_features & Incompatible.EXTENDED_L2_ENTRIES)

    def problem(self, code: str, field: str, message: str) -> Problem:
        """Return a problem with ``field`` of this header as its evidence."""
        offset, length = FIELDS[field]
        return problem(code, message, field=field, offset=offset, raw=self.raw[offset : offset + length])

    def facts(self) -> dict[str, Any]:
        """Return the fields that this file has, in the standard's order, as values that fit JSON."""
        present = COMPRESSION_TYPE_OFFSET + 1 if self.version > 2 else V2_LENGTH  # noqa: PLR2004 - the version
        if self.header_length <= COMPRESSION_TYPE_OFFSET:
            present = min(present, V3_LENGTH)
        return {name: getattr(self, name) for name, (offset, _) in FIELDS.items() if offset < present}


def read_header(file: Reader) -> Header:
    """Read the header of a file that begins with the magic.

    Raises:
        BrokenImage: ``truncated`` where the file ends inside the header, ``unsupported-version`` where the version
            is neither 2 nor 3.
    """
    raw = read_clipped(file, 0, HEADER_BYTES)
    _require(raw, FIELDS["version"][0] + 4)
    version = int.from_bytes(raw[4:8], "big")
    if version not in VERSIONS:
        raise broken("unsupported-version", f"version is {version}; 2 and 3 are the versions of qcow2",
                     field="version", offset=4, raw=raw[4:8])
    _require(raw, V2_LENGTH)
    fields = _V2.unpack_from(raw, 4)
    if version == VERSIONS[0]:
        return Header(raw[:V2_LENGTH], *fields)
    _require(raw, V3_LENGTH)
    more = _V3.unpack_from(raw, V2_LENGTH)
    return Header(raw, *fields, *more, *_compression_type(raw, header_length=more[-1]))


def _require(raw: bytes, length: int) -> None:
    if len(raw) >= length:
        return
    name, (offset, size) = next((name, place) for name, place in FIELDS.items() if sum(place) > len(raw))
    raise broken("truncated", f"the file ends at {len(raw)}, inside the header: {name} is at {offset} to"
                              f" {offset + size}", field=name, offset=offset, raw=raw[offset:])


def _compression_type(raw: bytes, *, header_length: int) -> bytes:
    # A field is not present where header_length does not reach past its offset; absent means 0, deflate.
    if header_length <= COMPRESSION_TYPE_OFFSET:
        return b""
    _require(raw, COMPRESSION_TYPE_OFFSET + 1)
    return raw[COMPRESSION_TYPE_OFFSET : COMPRESSION_TYPE_OFFSET + 1]

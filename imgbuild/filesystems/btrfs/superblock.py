"""The superblock of btrfs: a reader over a partition in, what it says in its own names out.

 off   hex  size  field of the superblock at 64 KiB, little-endian
   0  0x00    32  csum, over the rest of its 4096 bytes
  32  0x20    16  fsid
  48  0x30     8  bytenr, where this copy is
  64  0x40     8  magic, "_BHRfS_M"
  72  0x48     8  generation
  80  0x50     8  root, the logical address of the root tree
  88  0x58     8  chunk_root
 128  0x80     8  root_dir_objectid
 136  0x88     8  num_devices
 144  0x90     4  sectorsize
 148  0x94     4  nodesize
 160  0xA0     4  sys_chunk_array_size
 164  0xA4     8  chunk_root_generation
 188  0xBC     8  incompat_flags; those of compat_ro_flags do not matter for reading
 196  0xC4     2  csum_type
 198  0xC6     1  root_level
 199  0xC7     1  chunk_root_level
 201  0xC9     8  dev_item.devid
 571 0x23B    16  metadata_uuid, with that feature what nodes have in place of fsid
 811 0x32B  2048  sys_chunk_array

The other copies (at 64 MiB and 256 GiB) are not looked at, as the kernel does not when it mounts.

https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html
include/uapi/linux/btrfs_tree.h, https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/btrfs_tree.h
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from imgbuild.filesystems.btrfs.checksums import ALGORITHMS, is_intact
from imgbuild.readers import broken

if TYPE_CHECKING:
    from imgbuild.readers import Reader

OFFSET = 64 * 1024
BYTES = 4096

_FIELDS = struct.Struct("<32s16sQQ8sQQQ32xQQII8xIQ16xQHBBxQ362x16s224x2048s")
_MIN_NODE, _MAX_NODE = 4096, 65536
_MAX_LEVEL = 7
_METADATA_UUID = 0x400
_FEATURES = {
    0x1: "mixed-backref", 0x2: "default-subvol", 0x4: "mixed-bg", 0x8: "compress-lzo", 0x10: "compress-zstd",
    0x20: "big-metadata", 0x40: "extref", 0x80: "raid56", 0x100: "skinny-metadata", 0x200: "no-holes",
    0x400: "metadata-uuid", 0x800: "raid1c34", 0x1000: "zoned", 0x2000: "extent-tree-v2", 0x4000: "raid-stripe-tree",
    0x10000: "simple-quota",
}
_READ = 0xFFF | 0x10000
"""Up to raid1c34, and simple-quota: those after it move the superblock, the roots or the data."""


class Superblock(NamedTuple):
    """What the superblock says, by its own names."""

    csum: bytes
    fsid: bytes
    bytenr: int
    flags: int
    magic: bytes
    generation: int
    root: int
    chunk_root: int
    root_dir_objectid: int
    num_devices: int
    sectorsize: int
    nodesize: int
    sys_chunk_array_size: int
    chunk_root_generation: int
    incompat_flags: int
    csum_type: int
    root_level: int
    chunk_root_level: int
    devid: int
    metadata_uuid: bytes
    sys_chunk_array: bytes

    @property
    def node_uuid(self) -> bytes:
        """The identifier that nodes carry."""
        return self.metadata_uuid if self.incompat_flags & _METADATA_UUID else self.fsid


def read_superblock(reader: Reader) -> Superblock:
    """Return the superblock.

    Raises:
        BrokenImage: ``filesystem-damaged``, ``filesystem-feature-unknown``, or ``filesystem-device-missing`` where the
            file system has further devices.
    """
    raw = reader.read_at(OFFSET, BYTES)
    found = Superblock(*_FIELDS.unpack_from(raw))
    if found.magic != b"_BHRfS_M" or found.bytenr != OFFSET:
        raise broken("filesystem-damaged", "there is no btrfs superblock at 64 KiB", field="magic", raw=raw[64:72])
    if found.csum_type not in ALGORITHMS:
        raise broken("filesystem-feature-unknown", "the btrfs file system has checksums of an unknown kind,"
                     f" {found.csum_type}", field="csum_type", raw=raw[196:198])
    if not is_intact(raw, found.csum_type):
        raise broken("filesystem-damaged", "the checksum of the btrfs superblock does not match", field="csum",
                     raw=raw[:32])
    _check_features(found, raw)
    _check_sizes(found, raw)
    return found


def _check_features(found: Superblock, raw: bytes) -> None:
    unknown = found.incompat_flags & ~_READ
    if unknown:
        names = [_FEATURES.get(1 << bit, f"{1 << bit:#x}") for bit in range(64) if unknown >> bit & 1]
        raise broken("filesystem-feature-unknown", "the btrfs file system uses features that cannot be read:"
                     f" {', '.join(names)}", field="incompat_flags", raw=raw[188:196])
    if found.num_devices != 1:
        raise broken("filesystem-device-missing", f"the btrfs file system lies on {found.num_devices} devices, of which"
                     f" this one has the number {found.devid}: its files were not looked at", field="num_devices",
                     raw=raw[136:144])


def _check_sizes(found: Superblock, raw: bytes) -> None:
    for field, value, shown in (("nodesize", found.nodesize, raw[148:152]),
                                ("sectorsize", found.sectorsize, raw[144:148])):
        if not _MIN_NODE <= value <= _MAX_NODE or value & (value - 1):
            raise broken("filesystem-damaged", f"the btrfs superblock gives {value} as {field}, it should be a power of"
                         f" two from {_MIN_NODE} to {_MAX_NODE}", field=field, raw=shown)
    if max(found.root_level, found.chunk_root_level) > _MAX_LEVEL:
        raise broken("filesystem-damaged", f"the btrfs superblock gives {found.root_level} and {found.chunk_root_level}"
                     f" as the levels of trees, at most {_MAX_LEVEL} are allowed", field="root_level", raw=raw[198:200])
    if found.sys_chunk_array_size > len(found.sys_chunk_array):
        raise broken("filesystem-damaged", f"the btrfs superblock has {found.sys_chunk_array_size} bytes of chunks,"
                     f" there is room for {len(found.sys_chunk_array)}", field="sys_chunk_array_size", raw=raw[160:164])

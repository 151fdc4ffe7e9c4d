"""What is in a partition by its superblock: a reader in, an :class:`Identity` out, without a library.

Each kind is one function that looks for its signature and distrusts the rest; the order of the table decides where two
would claim the same bytes, as it does in libblkid: members of something larger (RAID, LVM, encryption) before file
systems, boot sectors before superblocks further in.

libblkid/src/superblocks/superblocks.c in util-linux, https://github.com/util-linux/util-linux/tree/v2.38/libblkid/src/superblocks
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.filesystems.superblocks import containers, ext, fat, linux, media, others, windows
from imgbuild.filesystems.superblocks.base import Identity, Start

if TYPE_CHECKING:
    from imgbuild.readers import Reader

__all__ = ["Identity", "identify"]

_TABLE = (
    containers.raid, containers.lvm2, containers.luks, windows.bitlocker, containers.verity, containers.integrity,
    containers.vdo, containers.bcache, containers.stratis, containers.geli,
    windows.ntfs, windows.exfat, windows.refs, fat.fat, linux.swap, linux.xfs, ext.ext, linux.reiserfs, linux.jfs,
    media.iso9660, media.udf, linux.btrfs, linux.f2fs, linux.bcachefs, linux.nilfs2, linux.gfs2, linux.ocfs2,
    media.squashfs, media.erofs, media.cramfs, others.ufs, others.zfs, others.apfs, others.hfsplus,
)


def identify(reader: Reader) -> Identity | None:
    """Return what the bytes of a partition, a volume or a disk say they are, or ``None``.

    Raises:
        BrokenImage: The bytes of the superblock cannot be read.
    """
    start = Start(reader)
    return next((found for look in _TABLE if (found := look(start)) is not None), None)

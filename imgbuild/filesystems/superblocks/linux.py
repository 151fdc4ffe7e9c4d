"""XFS, btrfs, swap and the rarer file systems of Linux.

XFS at 0, big-endian: 0 "XFSB", 4 sb_blocksize (4), 8 sb_dblocks (8), 32 sb_uuid, 84 sb_agblocks (4), 88 sb_agcount (4),
102 sb_sectsize (2), 108 sb_fname (12); of its log see ``xfslog.py``. XFS Algorithms & Data Structures, "Superblocks",
https://mirrors.edge.kernel.org/pub/linux/utils/fs/xfs/docs/xfs_filesystem_structure.pdf

btrfs at 64 KiB: 32 fsid, 64 "_BHRfS_M", 96 log_root (8, not 0: a log is to be replayed), 144 sectorsize (4), 201
dev_item (its total_bytes at 8), 299 label (256).
https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html

swap: "SWAPSPACE2" ends the first page; at 1024: version (4), last_page (4), nr_badpages (4), uuid, label (16).
mkswap(8), https://man7.org/linux/man-pages/man8/mkswap.8.html

F2FS at 1024: 0 0xF2F52010, 16 log_blocksize (4), 36 block_count (8), 108 uuid, 124 volume_name (UTF-16LE, 512).
https://www.kernel.org/doc/html/latest/filesystems/f2fs.html

bcachefs at 4096: 24 magic, 56 user_uuid, 72 label (32). https://bcachefs.org/bcachefs-principles-of-operation.pdf

JFS at 32 KiB: 0 "JFS1", 8 s_size (8), 24 s_pbsize (4), 136 s_uuid, 152 s_label (16). ReiserFS at 64 KiB: 0
s_block_count (4), 44 s_blocksize (2), 52 s_magic, 84 s_uuid, 100 s_label (16). NILFS2 at 1024: 6 s_magic (2), 20
s_log_block_size (4), 32 s_dev_size (8), 152 s_uuid, 168 s_volume_name (80).
https://github.com/torvalds/linux/tree/v6.1/fs

GFS2 at 64 KiB, big-endian: 0 0x01161970, 4 type 1 (4), 24 sb_fs_format (4), 160 sb_locktable (64), 256 sb_uuid. https://github.com/torvalds/linux/blob/v6.1/include/uapi/linux/gfs2_ondisk.h
OCFS2 in the block 2 of 512 to 4096 bytes: 0 "OCFSV2"; 272 s_label (64), 336 s_uuid.
https://github.com/torvalds/linux/blob/v6.1/fs/ocfs2/ocfs2_fs.h
"""

from __future__ import annotations

from imgbuild.filesystems.superblocks import xfslog
from imgbuild.filesystems.superblocks.base import Identity, Start, is_power_of_two, text, uuid

_KIB = 1024
_PAGE_SIZES = (4096, 8192, 16384, 32768, 65536)
_HIBERNATED = frozenset({b"S1SUSPEND\0", b"S2SUSPEND\0", b"ULSUSPEND\0", b"LINHIB0001"})
_BCACHEFS = frozenset({bytes.fromhex("c68573f666ce90a9d96a60cf803df7ef"),
                       bytes.fromhex("c68573f64e1a45ca8265f57f48ba6d81")})
_GFS2_FORMAT = 1801
_MIN_XFS_BLOCK, _MAX_XFS_BLOCK = 512, 65536


def xfs(start: Start) -> Identity | None:
    """Look for XFS."""
    block, sector = start.number(4, 4, "big"), start.number(102, 2, "big")
    if start.at(0, 4) != b"XFSB" or not start.number(84, 4, "big") or not start.number(88, 4, "big"):
        return None
    if not is_power_of_two(block, _MIN_XFS_BLOCK, _MAX_XFS_BLOCK) or not is_power_of_two(sector, 512, 32768):
        return None
    return Identity("xfs", uuid(start.at(32, 16)), text(start.at(108, 12)), start.number(8, 8, "big") * block,
                    xfslog.is_clean(start), readable=True)


def btrfs(start: Start) -> Identity | None:
    """Look for btrfs; the size is that of this device, which need not be the only one."""
    place = 64 * _KIB
    if start.at(place + 64, 8) != b"_BHRfS_M" or not is_power_of_two(start.number(place + 144, 4), 4096, 65536):
        return None
    return Identity("btrfs", uuid(start.at(place + 32, 16)), text(start.at(place + 299, 256)),
                    start.number(place + 209, 8), not start.number(place + 96, 8), readable=True)


def swap(start: Start) -> Identity | None:
    """Look for swap space of any page size, or for the memory that a hibernated system left in it."""
    for page in _PAGE_SIZES:
        mark = start.at(page - 10, 10)
        if mark == b"SWAPSPACE2" and start.number(1024, 4) == 1:
            return Identity("swap", uuid(start.at(1036, 16)), text(start.at(1052, 16)),
                            (start.number(1028, 4) + 1) * page)
        if mark == b"SWAP-SPACE":
            return Identity("swap")
        if mark in _HIBERNATED:
            return Identity("swsuspend", uuid(start.at(1036, 16)), text(start.at(1052, 16)))
    return None


def f2fs(start: Start) -> Identity | None:
    """Look for F2FS."""
    if start.number(1024, 4) != 0xF2F52010 or start.number(1040, 4) not in range(12, 17):  # noqa: PLR2004 - the magic number
        return None
    return Identity("f2fs", uuid(start.at(1132, 16)), text(start.at(1148, 512), "utf-16-le"),
                    start.number(1060, 8) << start.number(1040, 4))


def bcachefs(start: Start) -> Identity | None:
    """Look for bcachefs."""
    if start.at(4096 + 24, 16) not in _BCACHEFS or not any(start.at(4096 + 56, 16)):
        return None
    return Identity("bcachefs", uuid(start.at(4096 + 56, 16)), text(start.at(4096 + 72, 32)))


def jfs(start: Start) -> Identity | None:
    """Look for JFS."""
    place = 32 * _KIB
    if start.at(place, 4) != b"JFS1":
        return None
    return Identity("jfs", uuid(start.at(place + 136, 16)), text(start.at(place + 152, 16)),
                    start.number(place + 8, 8) * start.number(place + 24, 4))


def reiserfs(start: Start) -> Identity | None:
    """Look for ReiserFS of version 3.5 or 3.6."""
    place = 64 * _KIB
    if start.at(place + 52, 8) not in {b"ReIsErFs", b"ReIsEr2F", b"ReIsEr3F"}:
        return None
    return Identity("reiserfs", uuid(start.at(place + 84, 16)), text(start.at(place + 100, 16)),
                    start.number(place, 4) * start.number(place + 44, 2))


def nilfs2(start: Start) -> Identity | None:
    """Look for NILFS2."""
    if start.number(1024 + 6, 2) != 0x3434 or start.number(1024 + 20, 4) > 6:  # noqa: PLR2004 - the magic number, 64 KiB
        return None
    return Identity("nilfs2", uuid(start.at(1024 + 152, 16)), text(start.at(1024 + 168, 80)),
                    start.number(1024 + 32, 8))


def gfs2(start: Start) -> Identity | None:
    """Look for GFS2 or GFS; its label is the name of its lock table."""
    place = 64 * _KIB
    if start.at(place, 8) != b"\x01\x16\x19\x70\0\0\0\1":
        return None
    return Identity("gfs2" if start.number(place + 24, 4, "big") >= _GFS2_FORMAT else "gfs",
                    uuid(start.at(place + 256, 16)), text(start.at(place + 160, 64)))


def ocfs2(start: Start) -> Identity | None:
    """Look for OCFS2."""
    for place in (1024, 2048, 4096, 8192):
        if start.at(place, 8) == b"OCFSV2\0\0":
            return Identity("ocfs2", uuid(start.at(place + 336, 16)), text(start.at(place + 272, 64)))
    return None

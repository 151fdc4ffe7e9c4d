"""ext2, ext3 and ext4.

 off   hex  size  field of the superblock at byte 1024, little-endian
   4  0x04     4  s_blocks_count_lo
  24  0x18     4  s_log_block_size, the size is 1024 << this
  56  0x38     2  s_magic, 0xEF53
  58  0x3A     2  s_state: 1 cleanly unmounted, 2 errors detected
  92  0x5C     4  s_feature_compat: 0x4 has_journal
  96  0x60     4  s_feature_incompat: 0x4 recover, 0x8 journal_dev, 0x80 64bit
 100  0x64     4  s_feature_ro_compat
 104  0x68    16  s_uuid
 120  0x78    16  s_volume_name
 336 0x150     4  s_blocks_count_hi, with 64bit

https://www.kernel.org/doc/html/latest/filesystems/ext4/globals.html#super-block
"""

from __future__ import annotations

from imgbuild.filesystems.superblocks.base import Identity, Start, text, uuid

OFFSET = 1024
MAGIC = 0xEF53

_HAS_JOURNAL = 0x4
_RECOVER = 0x4
_JOURNAL_DEV = 0x8
_64BIT = 0x80
_EXT2_INCOMPAT = 0x2 | 0x10  # filetype, meta_bg: what the ext2 driver of Linux reads
_EXT2_RO_COMPAT = 0x1 | 0x2 | 0x4  # sparse_super, large_file, btree_dir
_CLEAN, _ERRORS = 1, 2
_MAX_LOG_BLOCK_SIZE = 6


def ext(start: Start) -> Identity | None:
    """Look for an ext superblock; the features tell 2, 3 and 4 apart as libblkid has them."""
    log_block_size = start.number(OFFSET + 24, 4)
    if start.number(OFFSET + 56, 2) != MAGIC or log_block_size > _MAX_LOG_BLOCK_SIZE or not start.number(OFFSET + 4, 4):
        return None
    compat, incompat, ro_compat = (start.number(OFFSET + place, 4) for place in (92, 96, 100))
    blocks = start.number(OFFSET + 4, 4) | (start.number(OFFSET + 336, 4) << 32 if incompat & _64BIT else 0)
    state = start.number(OFFSET + 58, 2)
    kind = _kind(compat, incompat, ro_compat)
    clean = bool(state & _CLEAN) and not state & _ERRORS and not incompat & _RECOVER
    return Identity(kind, uuid(start.at(OFFSET + 104, 16)), text(start.at(OFFSET + 120, 16)),
                    blocks * (1024 << log_block_size), clean, readable=kind != "jbd")


def _kind(compat: int, incompat: int, ro_compat: int) -> str:
    if incompat & _JOURNAL_DEV:
        return "jbd"
    if ro_compat & ~_EXT2_RO_COMPAT or incompat & ~(_EXT2_INCOMPAT | _RECOVER):
        return "ext4"
    if compat & _HAS_JOURNAL:
        return "ext3"
    return "ext4" if incompat & _RECOVER else "ext2"

"""Whether an XFS was unmounted: its superblock and its log in, yes, no or unknown out.

The superblock has no flag for it. The last record of a clean log tells of the unmount; after any other record the log
holds changes that are nowhere else, the root directory perhaps among them.

 off   hex  size  field of the superblock, big-endian
   4  0x04     4  sb_blocksize
  32  0x20    16  sb_uuid
  48  0x30     8  sb_logstart: group << sb_agblklog | block in the group; 0 for a log on another device
  84  0x54     4  sb_agblocks
  96  0x60     4  sb_logblocks
 124  0x7C     1  sb_agblklog

 off   hex  size  field of a record's header, one block of 512 bytes
   0  0x00     4  h_magicno 0xFEEDBABE
   4  0x04     4  h_cycle, how often the log was filled, counted from 1
   8  0x08     4  h_version
  12  0x0C     4  h_len, bytes after the header
  16  0x10     8  h_lsn: cycle << 32 | block where the record starts
  40  0x28     4  h_num_logops
 304  0x130   16  h_fs_uuid
 320  0x140    4  h_size, in version 2; the header has a block for each 32 KiB of it

The first operation of a record follows its header: oh_flags is its byte 9. All other blocks of the log start with the
number of the cycle that wrote them, so that the place where the next record would go can be searched for.

XFS Algorithms & Data Structures, "Journaling Log",
https://mirrors.edge.kernel.org/pub/linux/utils/fs/xfs/docs/xfs_filesystem_structure.pdf
What counts as clean: xlog_find_tail, https://github.com/torvalds/linux/blob/v6.1/fs/xfs/xfs_log_recover.c
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import msgspec

from imgbuild.readers import BrokenImage

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.filesystems.superblocks.base import Start

BLOCK = 512
"""The log's own unit (basic block), whatever the block of the file system is."""
MAX_LOG_BYTES = 2 << 30
_MAGIC = bytes.fromhex("feedbabe")
_HEADER = struct.Struct(">4sIIIQ16xI260x16sI")
_HEADER_COVERS = 32 * 1024
_MAX_RECORD = 256 * 1024
_UNMOUNT_TRANS = 0x20
_VERSIONS = (1, 2)
# An unmount record without stripe units has at most 8 blocks of header and one more: most often the first will do.
_LOOK_BACK = (16, _MAX_RECORD // BLOCK)


class Log(msgspec.Struct, frozen=True):
    """Where the log is: its first byte, its length in blocks of 512 bytes, the UUID of its file system."""

    start: Start
    place: int
    blocks: int
    uuid: bytes

    def read(self, block: int, count: int = 1) -> bytes:
        """Return blocks of the log, which must lie within it."""
        return self.start.at(self.place + block * BLOCK, count * BLOCK)

    def cycle(self, block: int) -> int:
        """Return the cycle that wrote a block; 0 for none."""
        raw = self.read(block)
        return int.from_bytes(raw[4:8] if raw[:4] == _MAGIC else raw[:4], "big")


class Record(msgspec.Struct, frozen=True):
    """What the header of a record says, as far as it is used; ``block`` is where it was found."""

    block: int
    cycle: int
    version: int
    length: int
    lsn: int
    operations: int
    uuid: bytes
    size: int

    @property
    def body(self) -> int:
        """The block after its header, where the log may have ended in between."""
        return self.block + (max(1, -(-self.size // _HEADER_COVERS)) if self.version > 1 else 1)

    @property
    def end(self) -> int:
        """The block after it, where the log may have ended in between."""
        return self.body - (-self.length // BLOCK)


def is_clean(start: Start) -> bool | None:
    """Say whether the log needs no replay; ``None`` where it is elsewhere, cannot be read or is not as logs are."""
    log = _find_log(start)
    if log is None:
        return None
    try:
        return _ends_with_unmount(log)
    except BrokenImage:
        return None  # whoever needs those bytes will say so


def _find_log(start: Start) -> Log | None:
    block, logstart = start.number(4, 4, "big"), start.number(48, 8, "big")
    group_blocks, shift = start.number(84, 4, "big"), start.number(124, 1)
    group, first = logstart >> shift, logstart & (1 << shift) - 1
    place, length = (group * group_blocks + first) * block, start.number(96, 4, "big") * block
    if not logstart or not 0 < length <= min(MAX_LOG_BYTES, group_blocks * block) or place + length > start.size:
        return None
    return Log(start, place, length // BLOCK, start.at(32, 16))


def _ends_with_unmount(log: Log) -> bool | None:
    first, last = log.cycle(0), log.cycle(log.blocks - 1)
    if first == 0:
        return True if last == 0 else None
    if first < last:
        return None
    head = log.blocks if first == last else _first_where(lambda block: log.cycle(block) != first, 1, log.blocks - 1)
    record = _last_record(log, head)
    if record is None:
        return None
    whole = (record.end - head) % log.blocks == 0
    return whole and record.operations == 1 and bool(log.read(record.body % log.blocks)[9] & _UNMOUNT_TRANS)


def _first_where(is_old: Callable[[int], bool], low: int, high: int) -> int:
    """Return the first block from ``low`` on that is of an older cycle; ``high`` is one."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_old(middle) else (middle + 1, high)
    return low


def _last_record(log: Log, head: int) -> Record | None:
    """Return the record before ``head``, be it across the end of the log, or ``None`` where there is no valid one."""
    for count in _LOOK_BACK:
        back = min(count, log.blocks)
        raw = log.read(max(0, head - back), min(back, head))
        if back > head:
            raw = log.read(log.blocks + head - back, back - head) + raw
        for place in range(len(raw) - BLOCK, -1, -BLOCK):
            if raw[place : place + 4] == _MAGIC:
                return _read_record(raw[place : place + BLOCK], (head - back + place // BLOCK) % log.blocks, log)
    return None


def _read_record(raw: bytes, block: int, log: Log) -> Record | None:
    _, *values = _HEADER.unpack_from(raw)
    record = Record(block, *values)
    likely = record.version in _VERSIONS and record.length <= _MAX_RECORD and record.size <= _MAX_RECORD
    return record if likely and record.lsn == record.cycle << 32 | block and record.uuid == log.uuid else None

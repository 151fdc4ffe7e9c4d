"""ext2, ext3 and ext4: a reader over a partition in, a :class:`FileSystem` out.

Only the incompatible features change how files are read; a file system that uses one which is not known is named with
it. The reading itself is that of ``filesystems/ext4``: libfsext walks to each name from the root anew, refuses what it
does not know though it would not matter, and gives wrong bytes for files that are kept in their inode.

Superblock fields: see ``superblocks/ext.py``. Features, and what a reader may ignore:
https://www.kernel.org/doc/html/latest/filesystems/ext4/globals.html#super-block
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.filesystems.ext4 import open_ext4
from imgbuild.readers import broken

if TYPE_CHECKING:
    from imgbuild.filesystems.base import FileSystem
    from imgbuild.readers import Reader

SUPERBLOCK = 1024
SUPERBLOCK_BYTES = 1024

_INCOMPAT_AT = 96
_IGNORED_INCOMPAT = 0x100 | 0x400 | 0x4000
"""mmp: who has it mounted; ea_inode: large attributes; largedir: more levels of an index that is not used."""
_INCOMPAT = {
    0x1: "compression", 0x2: "filetype", 0x4: "recover", 0x8: "journal_dev", 0x10: "meta_bg", 0x40: "extents",
    0x80: "64bit", 0x100: "mmp", 0x200: "flex_bg", 0x400: "ea_inode", 0x1000: "dirdata", 0x2000: "csum_seed",
    0x4000: "largedir", 0x8000: "inline_data", 0x10000: "encrypt", 0x20000: "casefold",
}
_READ_INCOMPAT = 0x2 | 0x4 | 0x10 | 0x40 | 0x80 | 0x200 | 0x2000 | 0x8000 | 0x10000 | 0x20000 | _IGNORED_INCOMPAT


def open_ext(reader: Reader, kind: str = "ext4") -> FileSystem:
    """Open an ext file system; ``kind`` is what its features make it: ext2, ext3 or ext4.

    Raises:
        BrokenImage: ``filesystem-feature-unknown`` where it uses a feature that changes how files are read and that is
            not known, ``filesystem-damaged``, or the reason why its bytes could not be had.
    """
    raw = reader.read_at(SUPERBLOCK, SUPERBLOCK_BYTES)[_INCOMPAT_AT : _INCOMPAT_AT + 4]
    unknown = int.from_bytes(raw, "little") & ~_READ_INCOMPAT
    if unknown:
        names = [_INCOMPAT.get(1 << bit, f"{1 << bit:#x}") for bit in range(32) if unknown >> bit & 1]
        raise broken("filesystem-feature-unknown", "the ext file system uses features that cannot be read:"
                     f" {', '.join(names)}", field="s_feature_incompat", raw=raw)
    return open_ext4(reader, kind)

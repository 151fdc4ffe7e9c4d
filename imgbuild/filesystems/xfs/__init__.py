"""XFS by a reader of our own: superblock, inodes, extents, directories.

Modules, from the disk up: ``superblock`` (features and sizes), ``inodes`` (where they are, and what is in them),
``extents`` (where the bytes of a file are), ``filesystem`` (directories, links, and the interface).

libfsxfs, which read it before, walks to each name from the root anew: 1827 reads for the 190 names of a usual look,
which was half of its time. It is the witness in the tests.

XFS Algorithms & Data Structures, 3rd edition, of which the modules name the chapters:
https://mirrors.edge.kernel.org/pub/linux/utils/fs/xfs/docs/xfs_filesystem_structure.pdf
"""

from imgbuild.filesystems.xfs.filesystem import XfsFileSystem, open_xfs

__all__ = ["XfsFileSystem", "open_xfs"]

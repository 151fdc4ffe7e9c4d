"""ext2, ext3 and ext4 by a reader of our own: inodes, block maps and extents, directories, files in their inodes.

Modules, from the disk up: ``superblock``, ``inodes`` (where they are, and what is in them), ``blocks`` (extents and
block maps), ``inline`` (data in inodes), ``filesystem`` (directories, and the interface). ``filesystems/ext.py`` looks
at the features before.

https://www.kernel.org/doc/html/latest/filesystems/ext4/index.html
"""

from imgbuild.filesystems.ext4.filesystem import Ext4FileSystem, open_ext4

__all__ = ["Ext4FileSystem", "open_ext4"]

"""ext by a reader of our own, for what libfsext does not read: files kept in their inodes, and very many groups.

Modules, from the disk up: ``superblock``, ``inodes`` (where they are, and what is in them), ``blocks`` (extents and
block maps), ``inline`` (data in inodes), ``filesystem`` (directories, and the interface). ``filesystems/ext.py``
chooses between the two readers.

https://www.kernel.org/doc/html/latest/filesystems/ext4/index.html
"""

from imgbuild.filesystems.ext4.filesystem import Ext4FileSystem, open_ext4

__all__ = ["Ext4FileSystem", "open_ext4"]

"""btrfs on one device: a reader over a partition in, a :class:`FileSystem` with its subvolumes out.

Modules, from the device up: ``checksums``, ``superblock``, ``chunks`` (where logical addresses are), ``nodes`` and
``btree`` (the trees), ``items`` (what is in them), ``subvolumes``, ``compression`` and ``files`` (bytes of files),
``filesystem`` (the interface). They are our own: the library that was at hand took 65 ms to import, a gigabyte for one
damaged inode, and did not say which subvolume a system mounts.

https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html
"""

from imgbuild.filesystems.btrfs.filesystem import BtrfsFileSystem, open_btrfs

__all__ = ["BtrfsFileSystem", "open_btrfs"]

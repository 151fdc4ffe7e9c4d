"""NTFS by our own reader: a reader over a partition in, a :class:`FileSystem` out.

Not through libfsntfs, which builds the whole index of a directory again for each name that is looked up in it (7 ms for
the 4,500 files of System32), gives no tag of a reparse point, and knows no junctions. Windows goes down the B-tree of
the index, and so does this.

Modules: ``records`` (the $MFT and the attributes of a file), ``runs`` (where the bytes of an attribute are), ``lznt1``
(its compression), ``index`` (names in a directory), ``reparse`` (links and their kind), ``volume`` (the file system).

The Linux-NTFS project's documentation, https://flatcap.github.io/linux-ntfs/ntfs/
[MS-FSCC]: File System Control Codes, https://learn.microsoft.com/openspecs/windows_protocols/ms-fscc/
"""

from __future__ import annotations

from imgbuild.filesystems.ntfs.volume import NtfsFileSystem, open_ntfs

__all__ = ["NtfsFileSystem", "open_ntfs"]

"""File systems: a reader over a partition or a volume in, its identity and the files in it out.

Modules: ``superblocks`` (what it is, without a library), ``ext``, ``xfs``, ``fat``, ``iso9660`` (readers of one kind
each, loaded when they are used), ``tree`` (the guest's joined tree with the one resolver of links).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from imgbuild.filesystems.superblocks import Identity, identify
from imgbuild.readers import broken

if TYPE_CHECKING:
    from imgbuild.filesystems.base import FileSystem
    from imgbuild.readers import Reader

__all__ = ["Identity", "identify", "open_filesystem"]

_READERS = {
    "ext2": ("ext", "open_ext"), "ext3": ("ext", "open_ext"), "ext4": ("ext", "open_ext"),
    "xfs": ("xfs", "open_xfs"),
    "fat12": ("fat", "open_fat"), "fat16": ("fat", "open_fat"), "fat32": ("fat", "open_fat"),
    "iso9660": ("iso9660", "open_iso9660"),
}


def open_filesystem(reader: Reader, kind: str) -> FileSystem:
    """Open the file system of a kind as ``Identity.kind`` has it.

    Raises:
        BrokenImage: ``filesystem-unreadable`` where there is no reader for the kind, ``filesystem-feature-unknown``
            where the reader does not know a feature in use, ``filesystem-damaged`` where it cannot be followed.
    """
    if kind not in _READERS:
        raise broken("filesystem-unreadable", f"the content of a {kind} file system is not read; readable are"
                                              f" {', '.join(sorted(_READERS))}")
    module, function = _READERS[kind]
    opened: FileSystem = getattr(import_module(f"{__name__}.{module}"), function)(reader)
    return opened

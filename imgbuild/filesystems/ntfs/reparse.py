"""Reparse points: the value of one in, what it makes of its file out.

    off  size  field, little-endian
      0     4  tag; 0x20000000 in it: the file stands for another one
      8     2  offset of the target from the path's start, 10 (2): its bytes
     16        the path of a mount point, UTF-16; that of a symbolic link is at 20

Targets that begin with a drive letter other than C, with a volume or with a server lead nowhere: what they would be in
the guest is not on this volume, or cannot be told.

[MS-FSCC] 2.1.2 "Reparse Point Data Structures",
https://learn.microsoft.com/openspecs/windows_protocols/ms-fscc/c8e77b37-3909-4fe6-a4ea-2b9d423b1ee4
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, NamedTuple

from imgbuild.filesystems.ntfs.records import damaged

if TYPE_CHECKING:
    from imgbuild.filesystems.base import Kind

MOUNT_POINT, SYMLINK, WOF = 0xA0000003, 0xA000000C, 0x80000017
NOWHERE = "\N{REPLACEMENT CHARACTER}"
MAX_TARGET = 4096

_NAMES = {WOF: "compressed by the system (CompactOS)", 0x80000013: "deduplicated", 0x80000018: "in another layer"}
_PATHS = {MOUNT_POINT: 16, SYMLINK: 20}
_SURROGATE = 0x20000000
_CLOUD, _CLOUD_MASK = 0x9000001A, 0xFFFF0FFF
_DRIVE = re.compile(r"(?:\\\?\?\\)?([A-Za-z]):(?=\\|$)")
_HEAD = struct.Struct("<I4xHH")


class Point(NamedTuple):
    """A reparse point: its tag, and the target of a link."""

    tag: int
    target: str | None

    def kind(self, *, directory: bool) -> Kind:
        """Return what the file is: what stands for another file without being a link is something else."""
        if self.target is not None:
            return "link"
        if self.tag & _SURROGATE:
            return "other"
        return "directory" if directory else "file"

    @property
    def content(self) -> str:
        """Why the content cannot be read: what the tag means."""
        if self.tag & _CLOUD_MASK == _CLOUD:
            return "kept in a cloud"
        return _NAMES.get(self.tag, f"behind the reparse point {self.tag:#010x}")


def read_point(value: bytes) -> Point:
    """Return the reparse point of this value."""
    if len(value) < 8:  # noqa: PLR2004 - its header
        raise damaged(f"a reparse point has {len(value)} bytes")
    tag = int.from_bytes(value[:4], "little")
    return Point(tag, _target(value, _PATHS[tag]) if tag in _PATHS else None)


def _target(value: bytes, path: int) -> str:
    if len(value) < path:
        raise damaged(f"a link has a reparse point of {len(value)} bytes")
    _, start, size = _HEAD.unpack_from(value)
    raw = value[path + start : path + start + size]
    if len(raw) != size or size > MAX_TARGET:
        raise damaged(f"a link has a target of {size} bytes in a reparse point of {len(value)}")
    return _translated(raw.decode("utf-16-le", "replace"))


def _translated(target: str) -> str:
    """Return the target with the names of this volume: ``C:`` is taken for its own letter."""
    drive = _DRIVE.match(target)
    if drive is not None:
        inner = target[drive.end() :] or "\\"
        return inner.replace("\\", "/") if drive[1] in "Cc" else NOWHERE
    if target.startswith(("\\\\", "\\??\\", "\\Device\\")) or not target:
        return NOWHERE
    return target.replace("\\", "/")

"""What the formats say whose header is read and whose content is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.readers import broken, problem

if TYPE_CHECKING:
    from imgbuild.model import Problem

MAX_DISK = 1 << 63
"""No disk has this many bytes or more: offsets in files are signed 64-bit numbers everywhere."""


def content_unread(title: str) -> Problem:
    """Return the problem that the disk inside was not looked into."""
    return problem("content-unread", f"the content of this {title} was not looked into: only its header was read")


def checked_size(size: int, field: str, offset: int, raw: bytes) -> int:
    """Return the virtual size in bytes if a disk can have it, else raise BrokenImage ``header-invalid``."""
    if not 0 < size < MAX_DISK:
        raise broken("header-invalid", f"{field} gives a disk of {size} bytes; a disk has more than 0 and"
                                       " less than 2**63", field=field, offset=offset, raw=raw)
    return size

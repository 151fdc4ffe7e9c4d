"""The parent of a differencing VDI: it has no name in the file, but two UUIDs.

``uuid_link`` is the ``uuid_image`` of the parent, ``uuid_parent`` what its ``uuid_last_snap`` was, which VirtualBox
renews whenever it writes to a disk: a parent with another one has changed since the delta was made over it. VirtualBox,
whose headers call the four uuidLinkage, uuidCreate, uuidParentModify and uuidModify, finds the file in its registry; we
look for it among the other VDI files of the folder.

https://github.com/VirtualBox/virtualbox/blob/main/src/VBox/Storage/VDICore.h
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from imgbuild.formats.parents import Parent
from imgbuild.formats.vdi import SIGNATURE
from imgbuild.formats.vdi.header import read_header, uuid
from imgbuild.readers import read_clipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imgbuild.formats.base import Container
    from imgbuild.formats.vdi.header import Header
    from imgbuild.model import Problem
    from imgbuild.readers import Reader

_SIGNATURE_AT = 64


class Identity(NamedTuple):
    """The UUIDs of a disk: its own, and that of its last change."""

    image: bytes
    last_snap: bytes

    @classmethod
    def of(cls, header: Header) -> Identity:
        """Take both out of a header."""
        return cls(header.uuid_image, header.uuid_last_snap)


def parent_of(header: Header, objection: Problem, join: Callable[[Reader], None]) -> Parent | None:
    """Return the parent that a header has the UUID of, ``None`` where it has none."""
    if not any(header.uuid_link):
        return None
    return Parent((), frozenset({"vdi"}), objection, partial(_fits, header), join,
                  is_it=partial(_is_it, header.uuid_link), ending=".vdi")


def _is_it(wanted: bytes, file: Reader) -> bool:
    signature = read_clipped(file, _SIGNATURE_AT, len(SIGNATURE))
    return signature == SIGNATURE and read_header(file).uuid_image == wanted


def _fits(delta: Header, parent: Container, _time: int) -> Iterator[Problem]:
    identity = getattr(parent, "identity", None)
    if identity is None or not any(delta.uuid_parent):
        return  # a parent that cannot be read says so itself
    if identity.last_snap != delta.uuid_parent:
        yield delta.problem("parent-mismatch", "uuid_parent", f"its last change has the UUID"
                              f" {uuid(identity.last_snap)}, but the delta was made over the state"
                              f" {uuid(delta.uuid_parent)}: it was written to since")

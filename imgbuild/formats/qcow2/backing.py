"""What a qcow2 file says of its backing file: its name, and the format that it is to be read as.

Without a format qemu guesses it, which is what CVE-2015-5163 was made of; we take what the file is by its content.
Where there is one, the content must be of it.

Qcow2 Image File Format, sections "Header" and "Backing file format name",
https://www.qemu.org/docs/master/interop/qcow2.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.formats.parents import Parent, beside
from imgbuild.formats.qcow2 import extensions as ext
from imgbuild.readers import read_clipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from imgbuild.formats.base import Container
    from imgbuild.formats.qcow2.extensions import Extension
    from imgbuild.formats.qcow2.header import Header
    from imgbuild.model import Problem
    from imgbuild.readers import Reader

# qemu's names that are not ours; an ISO is a raw disk to it.
_FORMATS = {"raw": frozenset({"raw", "iso"}), "vpc": frozenset({"vhd"})}


def parent_of(file: Reader, header: Header, extensions: Sequence[Extension], objection: Problem,
              join: Callable[[Reader], None]) -> Parent:
    """Return the backing file of a header that names one; ``join`` gives the disk its content over it."""
    raw = read_clipped(file, header.backing_file_offset, header.backing_file_size)
    name = beside(raw.decode("utf-8", "surrogateescape"), "/")
    kind = ext.find(extensions, ext.BACKING_FORMAT)
    return Parent((name,), frozenset() if kind is None else _formats(kind.data), objection, _fits, join)


def _formats(raw: bytes) -> frozenset[str]:
    name = ext.text(raw)
    return _FORMATS.get(name, frozenset({name}))


def _fits(_parent: Container, _time: int) -> Iterator[Problem]:
    """Say nothing: the format has nothing by which a backing file could be told from another one."""
    yield from ()

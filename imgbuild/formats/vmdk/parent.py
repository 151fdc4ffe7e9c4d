"""The parent of a VMDK delta: its file name, and the content ID by which it is known.

A disk gets a new CID whenever it is opened and written to, so a parent with another CID has changed since the delta was
made over it, and what the two give together is no disk that ever was. qemu (block/vmdk.c) and VMware's products refuse.

"VMware Virtual Disk Format 1.1", VMware, 2007, sections "The Header" and "The Descriptor".
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from imgbuild.formats.parents import Parent, beside
from imgbuild.formats.vmdk.descriptor import NO_PARENT
from imgbuild.readers import problem, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imgbuild.formats.base import Container
    from imgbuild.formats.vmdk.descriptor import Descriptor
    from imgbuild.model import Problem
    from imgbuild.readers import Reader


def parent_of(descriptor: Descriptor, objection: Problem, join: Callable[[Reader], None]) -> Parent | None:
    """Return the parent that a descriptor names, ``None`` where it only hints at one."""
    name = descriptor.pairs.get("parentfilenamehint")
    if name is None:
        return None
    return Parent((beside(name),), frozenset({"vmdk"}), objection,
                  partial(_fits, descriptor.pairs.get("parentcid", NO_PARENT)), join)


def _fits(wanted: str, parent: Container, _time: int) -> Iterator[Problem]:
    found = getattr(parent, "cid", "")
    if _number(found) is None or _number(found) != _number(wanted):
        yield problem("parent-mismatch", f"its CID is {quoted(found)}, but the delta was made over a disk with CID"
                                         f" {quoted(wanted)}", field="parentCID")


def _number(digits: str) -> int | None:
    try:
        return int(digits, 16)
    except ValueError:
        return None

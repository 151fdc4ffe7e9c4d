"""Open a VMDK: a file in, a :class:`Vmdk` container out, and the other files of its disk where there is a folder."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from imgbuild.formats.base import Container
from imgbuild.formats.blocks import MAX_DISK
from imgbuild.formats.vmdk import ESX_MAGIC, SE_MAGIC, SPARSE_MAGIC, checks, parent
from imgbuild.formats.vmdk.descriptor import LIMIT, SECTOR, Descriptor, parse
from imgbuild.formats.vmdk.grains import Grains, hosted_geometry
from imgbuild.formats.vmdk.header import AT_END, read_cowd, read_footer, read_header, read_se
from imgbuild.formats.vmdk.scan import table_problems
from imgbuild.readers import BrokenImage, problem, read_clipped

if TYPE_CHECKING:
    from imgbuild.formats.vmdk.extents import Joined
    from imgbuild.formats.vmdk.header import Header
    from imgbuild.model import Problem
    from imgbuild.readers import Folder, Reader

# qemu looks for a parent here, whatever descriptorOffset and descriptorSize say: in the 20 sectors after the first.
_USUAL_OFFSET, _USUAL_SIZE = 1, 20


class Vmdk(Container):
    """A VMDK; ``disk`` is ``None`` where the content cannot be read."""

    disk: Grains | Joined | None = None
    cid: str = ""

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes of the virtual disk from ``offset``, or raise BrokenImage."""
        if self.disk is None or not self.readable:
            return super().read_at(offset, length)
        return self.disk.read_at(offset, length)

    def stored(self, offset: int, length: int) -> int | None:
        """Return how many bytes of a range are in grains that have a place; not known of a disk in several files."""
        return self.disk.stored(offset, length) if isinstance(self.disk, Grains) else None


def open_vmdk(reader: Reader, folder: Folder | None = None) -> Vmdk:
    """Read headers, descriptor and tables of a VMDK; the other files of its disk only where there is a ``folder``.

    Raises:
        BrokenImage: The file ends inside the header (``truncated``). Everything else is a problem of the container.
    """
    magic = read_clipped(reader, 0, 8)
    if magic.startswith(SPARSE_MAGIC):
        return _open_sparse(reader)
    if magic.startswith(ESX_MAGIC):
        return _lone({"extentType": "COWD", **read_cowd(reader)})
    if magic == SE_MAGIC:
        return _lone({"extentType": "SESPARSE", **read_se(reader)})
    return _open_descriptor(reader, folder)


def _open_sparse(reader: Reader) -> Vmdk:
    header = read_header(reader)
    size = min(header.descriptor_size * SECTOR, LIMIT + 1)
    text = read_clipped(reader, header.descriptor_offset * SECTOR, size) if header.descriptor_offset else b""
    descriptor = parse(text, header.descriptor_offset * SECTOR)
    if not descriptor.pairs and not descriptor.extents:
        return _lone(header.facts())
    facts = header.facts() | descriptor.facts()
    obstacles = [*checks.references(descriptor, embedded=True), *_hidden_parent(reader, header, descriptor),
                 *checks.descriptor_faults(descriptor, embedded=True)]
    try:
        footer = read_footer(reader, header) if header.gd_offset == AT_END else None
    except BrokenImage as cut:
        return _unreadable(header, facts, [*obstacles, cut.problem])
    if footer is not None:
        facts["footer"] = footer.facts()
    used = footer or header
    differences = [] if footer is None else list(checks.footer_problems(header, footer))
    obstacles += [*checks.size_obstacles(used)] or [*checks.obstacles(reader, used)]
    problems = [*obstacles, *differences, *checks.objections(used, descriptor)]
    container = _unreadable(used, facts, problems)
    container.cid = descriptor.pairs.get("cid", "")
    if not obstacles:
        _attach(container, reader, used)
    elif [obstacle.code for obstacle in obstacles] == ["backing-file"]:
        container.parent = parent.parent_of(descriptor, obstacles[0], partial(_attach, container, reader, used))
    return container


def _attach(container: Vmdk, reader: Reader, header: Header, below: Reader | None = None) -> None:
    geometry = hosted_geometry(header)
    container.problems += table_problems(reader, geometry)
    container.disk = Grains(reader, geometry, container.problems)
    container.disk.below = below
    container.readable = True


def _unreadable(header: Header, facts: dict[str, Any], problems: list[Problem]) -> Vmdk:
    size = header.capacity * SECTOR
    return Vmdk("vmdk", size if 0 < size < MAX_DISK else None, facts, problems, readable=False)


def _lone(facts: dict[str, Any]) -> Vmdk:
    alone = problem("extent-alone", "the file is one extent of a split VMDK: it has no descriptor;"
                                    " convert the whole disk with its .vmdk descriptor", field="descriptorOffset")
    return Vmdk("vmdk", None, facts, [alone], readable=False)


def _hidden_parent(reader: Reader, header: Header, descriptor: Descriptor) -> list[Problem]:
    """Look for a parent where qemu does: not where the header says that the descriptor is."""
    looked = header.descriptor_offset == _USUAL_OFFSET and header.descriptor_size >= _USUAL_SIZE
    if looked or descriptor.mentions_parent:
        return []
    text = read_clipped(reader, _USUAL_OFFSET * SECTOR, _USUAL_SIZE * SECTOR)
    return list(checks.parents(parse(text, _USUAL_OFFSET * SECTOR)))


def _open_descriptor(reader: Reader, folder: Folder | None) -> Vmdk:
    descriptor = parse(read_clipped(reader, 0, LIMIT + 1))
    size = descriptor.size if 0 < descriptor.size < MAX_DISK else None
    container = Vmdk("vmdk", size, descriptor.facts(), [], readable=False)
    container.cid = descriptor.pairs.get("cid", "")
    container.problems += [*checks.references(descriptor, embedded=False),
                           *checks.descriptor_faults(descriptor, embedded=False)]
    if folder is not None and size is not None:
        _join(container, descriptor, folder)
    return container


def _join(container: Vmdk, descriptor: Descriptor, folder: Folder) -> None:
    """Read the disk from the files that its descriptor names; where one of them fails it stays unread."""
    *others, last = container.problems
    if last.code != "external-extent" or any(other.code != "backing-file" for other in others):
        return
    from imgbuild.formats.vmdk import extents  # noqa: PLC0415 - few disks are split, and fewer allowed to be read

    problems: list[Problem] = []
    try:
        disk = extents.join(descriptor.extents, folder, problems)
    except BrokenImage as failure:
        container.problems.append(failure.problem)
        return
    problems[:0] = others
    container.disk, container.problems, container.readable = disk, problems, not others
    if others:
        container.parent = parent.parent_of(descriptor, others[0], disk.put_over)

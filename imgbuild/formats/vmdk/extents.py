"""The disk of a VMDK that lies in several files: the lines of its descriptor and a folder in, one reader out.

Files are opened through the folder, which lets nothing but plain files of its own through. A part is read as its line
says; that a sparse part has another size than its line is no matter of taste (qemu believes the part, VMware's products
the line) and ends it.

"VMware Virtual Disk Format 1.1", VMware, 2007, section "The Extent Description".
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

from imgbuild.formats.vmdk import ESX_MAGIC, SPARSE_MAGIC, checks
from imgbuild.formats.vmdk.descriptor import SECTOR, parse
from imgbuild.formats.vmdk.grains import Geometry, Grains, esx_geometry, hosted_geometry
from imgbuild.formats.vmdk.header import AT_END, read_cowd, read_footer, read_header
from imgbuild.formats.vmdk.scan import table_problems
from imgbuild.model import Problem
from imgbuild.readers import BrokenImage, Slice, broken, check_range, problem, quoted, read_clipped
from imgbuild.sizes import human_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgbuild.formats.vmdk.descriptor import Extent
    from imgbuild.readers import Folder, Reader

_SHOWN_PARTS = 4


class Joined:
    """Disks one after the other as one."""

    def __init__(self, parts: Sequence[Reader]) -> None:
        self._parts = parts
        self._ends = list(accumulate(part.size for part in parts))

    @property
    def size(self) -> int:
        """The bytes of all of them."""
        return self._ends[-1] if self._ends else 0

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes from ``offset``, or raise BrokenImage."""
        check_range(self.size, offset, length, "the virtual disk")
        return b"".join(self._pieces(offset, offset + length))

    def put_over(self, disk: Reader) -> None:
        """Let the sparse parts read what they do not have from ``disk``, each at its own place."""
        for part, end in zip(self._parts, self._ends, strict=True):
            if isinstance(part, Grains):
                part.below = Window(disk, end - part.size, part.size)

    def _pieces(self, offset: int, end: int) -> Iterator[bytes]:
        number = bisect_right(self._ends, offset)
        while offset < end:
            part, stop = self._parts[number], min(end, self._ends[number])
            yield part.read_at(offset - self._ends[number] + part.size, stop - offset)
            offset, number = stop, number + 1


class Window:
    """The ``size`` bytes of a disk from ``start`` on, which may reach over its end as a delta's parent lets them."""

    def __init__(self, disk: Reader, start: int, size: int) -> None:
        self.size = size
        self._disk = disk
        self._start = start

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes from ``offset``, or raise BrokenImage."""
        return self._disk.read_at(self._start + offset, length)


class Zeros:
    """A disk of ``size`` bytes that are all zero."""

    def __init__(self, size: int) -> None:
        self.size = size

    def read_at(self, offset: int, length: int) -> bytes:
        """Return ``length`` zeros; raises BrokenImage past the end."""
        check_range(self.size, offset, length, "the extent")
        return bytes(length)


def join(extents: Sequence[Extent], folder: Folder, problems: list[Problem]) -> Joined:
    """Return the disk that the extents make; all files are opened now. What they object to is added to ``problems``.

    Raises:
        BrokenImage: A file may not be opened (``external-outside``, ``external-missing``, ``external-too-many``), is
            not what its line says, or the line is of a kind that is not read (``vmdk-extent-unread``).
    """
    files: dict[str, Reader] = {}
    parts = [_open(extent, folder, files, problems) for extent in extents]
    problems.insert(0, _parts_read(files))
    return Joined(parts)


def _open(extent: Extent, folder: Folder, files: dict[str, Reader], problems: list[Problem]) -> Reader:
    if extent.sectors == 0 or extent.access != "RW":
        raise _unread(extent, "an extent is RW and has at least one sector")
    if extent.type == "ZERO" and not extent.file:
        return Zeros(extent.sectors * SECTOR)
    flat, sparse = extent.type in {"FLAT", "VMFS"}, extent.type in {"SPARSE", "VMFSSPARSE"}
    if not flat and not sparse:
        raise _unread(extent, "FLAT, VMFS, SPARSE, VMFSSPARSE and ZERO are read")
    if (extent.offset is None) == (extent.type == "FLAT"):
        raise _unread(extent, "FLAT has a first sector after the name, the others have none")
    file = files[extent.file] = folder.open(extent.file)
    try:
        return _flat(extent, file) if flat else _sparse(extent, file, problems)
    except BrokenImage as failure:
        raise BrokenImage(_named(failure.problem, extent)) from failure


def _flat(extent: Extent, file: Reader) -> Reader:
    start, size = (extent.offset or 0) * SECTOR, extent.sectors * SECTOR
    if start + size > file.size:
        raise broken("truncated", f"the extent ends at {start + size}, but the file at {file.size}")
    return Slice(file, start, size)


def _sparse(extent: Extent, file: Reader, problems: list[Problem]) -> Reader:
    geometry = _geometry(extent, file, problems)
    if geometry.size != extent.sectors * SECTOR:
        raise broken("vmdk-sizes-differ", f"the extent has {geometry.size // SECTOR} sectors, its line in the"
                                          f" descriptor {extent.sectors}", field="capacity")
    problems += [_named(found, extent) for found in table_problems(file, geometry)]
    return Grains(file, geometry, problems)


def _geometry(extent: Extent, file: Reader, problems: list[Problem]) -> Geometry:
    magic = read_clipped(file, 0, 4)
    if magic == ESX_MAGIC:
        return _checked_esx(file)
    if magic != SPARSE_MAGIC:
        raise broken("header-invalid", f"the file begins with {magic!r}; a sparse extent begins with {SPARSE_MAGIC!r}"
                                       f" or {ESX_MAGIC!r}", field="magicNumber", offset=0, raw=magic)
    header = read_header(file)
    if header.gd_offset == AT_END:
        header = read_footer(file, header)
    obstacles = [*checks.size_obstacles(header), *checks.obstacles(file, header)]
    if obstacles:
        raise BrokenImage(obstacles[0])
    problems += [_named(found, extent) for found in checks.objections(header, parse(b""))]
    return hosted_geometry(header)


def _checked_esx(file: Reader) -> Geometry:
    fields = read_cowd(file)
    if not fields["numSectors"] or not 0 < fields["grainSize"] <= checks.MAX_GRAIN or not fields["gdOffset"]:
        raise broken("header-invalid", f"numSectors, grainSize and gdOffset are {fields['numSectors']},"
                                       f" {fields['grainSize']} and {fields['gdOffset']}; none of them can be 0, and a"
                                       f" grain has at most {checks.MAX_GRAIN} sectors", field="numSectors")
    geometry = esx_geometry(fields)
    end = geometry.directory + 4 * geometry.tables
    if end > file.size:
        raise broken("truncated", f"the grain directory ends at {end}, but the file at {file.size}", field="gdOffset")
    return geometry


def _unread(extent: Extent, right: str) -> BrokenImage:
    return broken("vmdk-extent-unread", f"the extent {quoted(extent.file)} ({extent.access} {extent.sectors}"
                                        f" {quoted(extent.type)}) is not read; {right}")


def _named(found: Problem, extent: Extent) -> Problem:
    return Problem(code=found.code, message=f"{quoted(extent.file)}: {found.message}", field=found.field,
                   offset=found.offset, length=found.length, hex=found.hex)


def _parts_read(files: dict[str, Reader]) -> Problem:
    shown = [f"{quoted(name)} ({human_size(file.size)})" for name, file in list(files.items())[:_SHOWN_PARTS]]
    more = [f"{len(files) - _SHOWN_PARTS} more"] if len(files) > _SHOWN_PARTS else []
    return problem("external-parts-read", f"the disk was read from files beside the image: {', '.join(shown + more)}")

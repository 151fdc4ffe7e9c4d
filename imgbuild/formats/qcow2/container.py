"""Open a qcow2 file: its headers and tables in, a :class:`Qcow2` container out."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from imgbuild.formats.base import Container
from imgbuild.formats.blocks import stored_bytes
from imgbuild.formats.qcow2 import backing, checks
from imgbuild.formats.qcow2.counting import allocated
from imgbuild.formats.qcow2.disk import Disk
from imgbuild.formats.qcow2.extensions import read_extensions
from imgbuild.formats.qcow2.header import Autoclear, Compatible, Header, Incompatible, read_header
from imgbuild.formats.qcow2.owners import Owners
from imgbuild.formats.qcow2.refcounts import refcount_problems
from imgbuild.formats.qcow2.scan import table_problems
from imgbuild.formats.qcow2.sharing import shared_tables
from imgbuild.formats.qcow2.tables import Geometry, Tables, big_endian

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imgbuild.formats.qcow2.extensions import Extension
    from imgbuild.readers import Reader


# Where one of these is said, wrong owners and counts only follow from it.
_DAMAGE = frozenset({"corrupt", "dirty", "table-entry-invalid", "table-misplaced", "table-too-large", "tables-overlap",
                     "truncated"})


class Qcow2(Container):
    """A qcow2 file; ``disk`` is ``None`` where the content cannot be read.

    ``allocated`` says how many clusters have a place in the file, from a cluster on so many.
    """

    disk: Disk | None = None
    allocated: Callable[[int, int], int | None] | None = None

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes of the virtual disk from ``offset``, or raise BrokenImage."""
        if self.disk is None or not self.readable:
            return super().read_at(offset, length)
        return self.disk.read_at(offset, length)

    def stored(self, offset: int, length: int) -> int | None:
        """Return how many bytes of a range are in clusters that have a place in the file."""
        if self.allocated is None:
            return None
        return stored_bytes(offset, length, 1 << self.header["cluster_bits"], self.allocated)


def open_qcow2(file: Reader) -> Qcow2:
    """Read the headers and tables of a qcow2 file.

    Raises:
        BrokenImage: ``truncated`` where the file ends inside the header, ``unsupported-version`` for versions but
            2 and 3. Everything else is a problem of the container, whose ``virtual_size`` is known.
    """
    header = read_header(file)
    extensions, problems = read_extensions(file, header)
    obstacles = list(checks.obstacles(file, header, extensions))
    problems = [*obstacles, *checks.objections(file, header, extensions), *problems]
    container = Qcow2("qcow2", header.size if header.size <= checks.MAX_SIZE else None,
                      _facts(file, header, extensions), problems, readable=not obstacles)
    if container.readable:
        _attach_disk(container, file, header)
    elif [obstacle.code for obstacle in obstacles] == ["backing-file"]:
        container.parent = backing.parent_of(file, header, extensions, obstacles[0],
                                          partial(_attach_disk, container, file, header))
    return container


def _attach_disk(container: Qcow2, file: Reader, header: Header, below: Reader | None = None) -> None:
    geometry = Geometry.of(header)
    l1 = big_endian(file.read_at(header.l1_table_offset, 8 * geometry.l1_entries) if header.size else b"")
    container.problems += shared_tables(header, l1, file.size)
    owners = Owners(header, l1)
    container.problems += table_problems(file, geometry, l1, header.l1_table_offset, owners)
    if not _DAMAGE & {known.code for known in container.problems}:
        container.problems += list(owners.problems()) or refcount_problems(file, header, l1, owners.ends)
    container.allocated = partial(allocated, file, geometry, l1)
    tables = Tables(file, geometry, l1, header.l1_table_offset)
    container.disk = Disk(file, geometry, tables, header.compression_type, below)


def _facts(file: Reader, header: Header, extensions: Sequence[Extension]) -> dict[str, Any]:
    facts = header.facts()
    if header.backing_file_offset:
        facts["backing_file_name"] = checks.backing_file_name(file, header)
    if "incompatible_features" in facts:
        facts["features"] = {"incompatible": _names(Incompatible, header.incompatible_features),
                             "compatible": _names(Compatible, header.compatible_features),
                             "autoclear": _names(Autoclear, header.autoclear_features)}
    facts["header_extensions"] = [extension.facts() for extension in extensions]
    return facts


def _names(kind: type, bits: int) -> list[str]:
    names = {value: name.lower().replace("_", " ") for name, value in vars(kind).items() if name.isupper()}
    return [names.get(1 << bit, f"bit {bit}") for bit in range(64) if bits >> bit & 1]

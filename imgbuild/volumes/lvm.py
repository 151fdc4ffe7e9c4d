"""LVM2: readers over physical volumes in, logical volumes with readers over their bytes out.

Linear and striped volumes are read, of any number of segments. What needs the device mapper to be understood (mirrors,
RAID, thin and cached volumes, snapshots) is named by a problem, and its bytes cannot be read.

LVM2, lib/format_text/import_vsn1.c, https://sourceware.org/git/?p=lvm2.git;a=tree;f=lib/format_text, and lvm(8),
https://man7.org/linux/man-pages/man8/lvm.8.html. Sizes in the metadata are in sectors of 512 bytes, or in extents of
``extent_size`` sectors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.readers import BrokenImage, broken
from imgbuild.volumes.base import LogicalVolume
from imgbuild.volumes.lvmlabel import SECTOR, PhysicalVolume, read_label
from imgbuild.volumes.lvmmap import MappedVolume, Segment, UnreadableVolume
from imgbuild.volumes.lvmtext import Section, checked, items, number, parse, subsection, word

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgbuild.model import Problem
    from imgbuild.readers import Reader

MAX_VOLUMES = 1024
MAX_SEGMENTS = 16384
MAX_BYTES = 1 << 62
MAX_EXTENTS = 1 << 40
MAX_SECTORS = 1 << 53

_READABLE = {"striped", "linear"}


def open_volumes(pvs: Sequence[Reader]) -> tuple[list[LogicalVolume], list[Problem]]:
    """Return the visible logical volumes of all groups that the physical volumes make up, and what is wrong with them.

    A volume that cannot be read is in the list too; its reader then raises BrokenImage with the same problem.
    """
    problems: list[Problem] = []
    members = list(_members(pvs, problems))
    volumes: list[LogicalVolume] = []
    for name, group in _groups(members, problems):
        try:
            volumes += _Group(name, group, members).volumes()
        except BrokenImage as error:
            problems.append(error.problem)
    return volumes, problems + [found for volume in volumes for found in volume.problems]


def _members(pvs: Sequence[Reader], problems: list[Problem]) -> Iterator[PhysicalVolume]:
    for reader in pvs:
        try:
            member = read_label(reader)
        except BrokenImage as error:
            problems.append(error.problem)
        else:
            problems += member.problems
            yield member


def _groups(members: list[PhysicalVolume], problems: list[Problem]) -> list[tuple[str, Section]]:
    """Return each group once, by name, with the newest of its metadata copies."""
    newest: dict[str, tuple[int, str, Section]] = {}
    for text in dict.fromkeys(text for member in members for text in member.texts):
        try:
            name, group = _group(parse(text))
            serial, identity = number(group, "seqno", MAX_BYTES), word(group, "id")
        except BrokenImage as error:
            problems.append(error.problem)
        else:
            if identity not in newest or newest[identity][0] < serial:
                newest[identity] = (serial, name, group)
    return [(name, group) for _, name, group in newest.values()]


def _group(sections: Section) -> tuple[str, Section]:
    for name, group in sections.items():
        if isinstance(group, dict) and "extent_size" in group:
            return name, group
    raise broken("lvm-metadata-damaged", "the LVM metadata names no volume group")


class _Group:
    """One volume group with the members that are here."""

    def __init__(self, name: str, group: Section, members: list[PhysicalVolume]) -> None:
        self._name = name
        self._members = subsection(group, "physical_volumes")
        self._entries = subsection(group, "logical_volumes")
        self._extent = number(group, "extent_size", MAX_SECTORS) * SECTOR
        if not self._extent:
            raise broken("lvm-metadata-damaged", f"volume group {name!r} has extents of 0 bytes", field="extent_size")
        self._readers = {member.uuid: member.reader for member in reversed(members)}

    def volumes(self) -> list[LogicalVolume]:
        """Return the volumes that a system shows; the parts of others are hidden."""
        entries = {name: entry for name, entry in self._entries.items() if isinstance(entry, dict)}
        stores = {segment.get("cow_store") for entry in entries.values() for segment in _segments(entry)
                  if segment.get("type") == "snapshot" and isinstance(segment.get("cow_store"), str)}
        visible = [name for name, entry in entries.items() if "VISIBLE" in items(entry, "status")]
        return [self._volume(name, entries[name], snapshot=name in stores) for name in visible[:MAX_VOLUMES]]

    def _volume(self, name: str, entry: Section, *, snapshot: bool) -> LogicalVolume:
        full = f"{self._name}/{name}"
        try:
            if snapshot:
                raise _unsupported(full, "snapshot")
            return LogicalVolume("lvm", full, MappedVolume(self._mapped(full, entry)))
        except BrokenImage as error:
            reader = UnreadableVolume(self._size(entry), error.problem)
            return LogicalVolume("lvm", full, reader, (error.problem,))

    def _size(self, entry: Section) -> int:
        counts = (segment.get("extent_count") for segment in _segments(entry)[:MAX_SEGMENTS])
        return min(sum(count for count in counts if isinstance(count, int) and count > 0) * self._extent, MAX_BYTES)

    def _mapped(self, name: str, entry: Section) -> list[Segment]:
        sections = _segments(entry)
        if not sections or len(sections) > MAX_SEGMENTS:
            raise broken("lvm-metadata-damaged", f"logical volume {name!r} has {len(sections)} segments, it should have"
                                                 f" 1 to {MAX_SEGMENTS}")
        found = sorted((self._segment(name, section) for section in sections), key=lambda segment: segment.start)
        ends = [0, *(segment.start + segment.size for segment in found)]
        if any(segment.start != end for segment, end in zip(found, ends, strict=False)):
            raise broken("lvm-metadata-damaged", f"the segments of logical volume {name!r} leave gaps or overlap")
        return found

    def _segment(self, name: str, section: Section) -> Segment:
        kind = word(section, "type")
        if kind not in _READABLE:
            raise _unsupported(name, kind)
        start, count = (number(section, key, MAX_EXTENTS) for key in ("start_extent", "extent_count"))
        stripes = items(section, "stripes")
        pairs = list(zip(stripes[::2], stripes[1::2], strict=False))
        width = number(section, "stripe_size", MAX_SECTORS) * SECTOR if len(pairs) > 1 else self._extent
        if not pairs or not width or not count or count % len(pairs) or (start + count) * self._extent > MAX_BYTES:
            raise broken("lvm-metadata-damaged", f"a segment of logical volume {name!r} has impossible stripes",
                         field="stripes")
        length = count // len(pairs) * self._extent
        return Segment(start * self._extent, count * self._extent, width,
                       tuple(self._stripe(name, str(pv), extent, length) for pv, extent in pairs))

    def _stripe(self, name: str, pv: str, extent: object, length: int) -> tuple[Reader, int]:
        member = subsection(self._members, pv)
        identity = word(member, "id")
        reader = self._readers.get(identity.replace("-", ""))
        if reader is None:
            raise broken("lvm-pv-missing", f"logical volume {name!r} lies on physical volume {identity!r}, which is not"
                                           " in this image")
        base = number(member, "pe_start", MAX_SECTORS) * SECTOR + checked(extent, "stripes", MAX_EXTENTS) * self._extent
        if base + length > reader.size:
            raise broken("lvm-past-end", f"logical volume {name!r} uses its physical volume up to byte {base + length},"
                                         f" but that ends at {reader.size}", field="stripes")
        return reader, base


def _segments(entry: Section) -> list[Section]:
    return [value for key, value in entry.items() if key.startswith("segment") and isinstance(value, dict)]


def _unsupported(name: str, kind: str) -> BrokenImage:
    return broken("lvm-unsupported-segment", f"logical volume {name!r} is of type {kind!r}, which only the device"
                                             " mapper can put together: its content was not looked at")

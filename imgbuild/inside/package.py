"""What an OVA says of its disks: the entries in; descriptor and manifest, and where they contradict the content, out.

The descriptor is XML that nobody vouches for: at most 1 MiB of it is read, without document type and entities. A file
that it names outside of the package is never fetched.

DMTF DSP0243 2.1.0, Open Virtualization Format Specification, on the package, its manifest file, References and
DiskSection, https://www.dmtf.org/sites/default/files/standards/documents/DSP0243_2.1.0.pdf
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

from imgbuild.formats.blocks import MAX_DISK
from imgbuild.guests.media import xmltree
from imgbuild.guests.osrelease import clean
from imgbuild.inside.hashes import digests_of
from imgbuild.readers import problem, quoted
from imgbuild.sizes import MIB, human_size
from imgbuild.sums import SUMS_BYTES, entry_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from imgbuild.documents.inspection import Inside
    from imgbuild.formats.tarentries import Entry
    from imgbuild.guests.media.xmltree import Element
    from imgbuild.model import Problem

MOST_DISKS = 64
_ALGORITHMS = ("sha1", "sha256", "sha512")
_POWER = re.compile(r"byte\s*\*\s*(2|10)\s*\^\s*(\d{1,2})")
_OLD_UNITS = {"bytes": 1, "kilobytes": 1 << 10, "megabytes": 1 << 20, "gigabytes": 1 << 30}


class Disk(NamedTuple):
    """A disk of the descriptor: its id, the file that holds it, its capacity and the unit of that in bytes."""

    identifier: str
    file: str | None
    capacity: int | None
    unit: int
    format: str


class Package(NamedTuple):
    """What the descriptor says, ``fault`` being why it cannot be read; files are names and sizes in bytes."""

    descriptor: str
    files: Mapping[str, int | None]
    disks: tuple[Disk, ...]
    fault: str | None = None

    @property
    def disk_files(self) -> frozenset[str]:
        """The names of the files that hold a disk."""
        return frozenset(disk.file for disk in self.disks if disk.file)

    def facts(self) -> dict[str, object]:
        """Return the facts of the package."""
        disks = [{"diskId": disk.identifier, "file": disk.file, "capacity": disk.capacity, "format": disk.format}
                 for disk in self.disks]
        return {"descriptor": self.descriptor, "disks": disks}

    def problems(self, entries: Sequence[Entry]) -> Iterator[Problem]:
        """Yield what is wrong with the descriptor, and what it names that is not there."""
        if self.fault is not None:
            yield problem("ova-descriptor-invalid", f"the descriptor {quoted(self.descriptor)} cannot be read:"
                                                    f" {self.fault}")
        sizes = {entry.name: entry.size for entry in entries}
        for name, size in self.files.items():
            if name not in sizes:
                yield problem("ova-incomplete", f"the descriptor names the file {quoted(name)}, which is not in the"
                                                " package")
            elif size not in {None, sizes[name]}:
                yield problem("ova-descriptor-differs", f"{quoted(name)} has {sizes[name]} bytes, the descriptor says"
                                                        f" {size}")
        if len(self.disks) > 1:
            yield problem("ova-several-disks", f"the package has {len(self.disks)} disks; an image holds one, so each"
                                               " becomes an image of its own")

    def contradictions(self, images: Sequence[Inside]) -> Iterator[Problem]:
        """Yield a problem for each disk whose size is not the capacity in the descriptor; units may round it up."""
        sizes = {image.name: image.virtual_size for image in images}
        for disk in self.disks:
            size = sizes.get(disk.file)
            if None in (size, disk.capacity):
                continue
            assert size is not None  # noqa: S101 - looked at in the line before
            assert disk.capacity is not None  # noqa: S101 - as above
            if abs(size - disk.capacity) >= max(disk.unit, MIB):
                yield problem("ova-descriptor-differs", f"the disk in {quoted(disk.file or '')} has {size} bytes"
                                                        f" ({human_size(size)}), the descriptor says {disk.capacity}"
                                                        f" ({human_size(disk.capacity)})")

    def verify(self, entries: Sequence[Entry], known: Mapping[int, Mapping[str, str]] | None) -> Iterator[Problem]:
        """Yield a problem for each file of the manifest that is not there, or is not as it says.

        ``known`` are the digests of entries that have been read, by their offsets; with ``None`` no file is read.
        """
        files = {entry.name: entry for entry in entries}
        manifest = _manifest(entries)
        for algorithm, value, name in recorded(entries):
            entry = files.get(name)
            if entry is None or entry.content is None:
                yield problem("ova-incomplete", f"the manifest names the file {quoted(name)}, which is not in the"
                                                " package")
            elif known is not None and (found := _digest(entry, algorithm, known)) != value:
                yield problem("ova-manifest-mismatch", f"the {algorithm} of {quoted(name)} is {found}, the manifest"
                                                       f" {quoted(manifest.name if manifest else '')} says {value}")


def recorded(entries: Sequence[Entry]) -> list[tuple[str, str, str]]:
    """Return what the manifest says: algorithm, digest and name of each file; nothing where there is none."""
    manifest = _manifest(entries)
    if manifest is None or manifest.content is None:
        return []
    text = manifest.content.read_at(0, min(manifest.size, SUMS_BYTES)).decode("utf-8", "replace")
    return list(_lines(text))


def _manifest(entries: Sequence[Entry]) -> Entry | None:
    return next((entry for entry in entries if entry.name.lower().endswith(".mf")), None)


def read(entries: Sequence[Entry]) -> Package:
    """Return what the descriptor among the entries says."""
    entry = next(entry for entry in entries if entry.name.lower().endswith(".ovf"))
    if entry.content is None or entry.size > xmltree.MOST_BYTES:
        return Package(entry.name, {}, (), "it is larger than a MiB, or no file")
    try:
        root = xmltree.parse(entry.content.read_at(0, entry.size))
    except xmltree.XmlError as error:
        return Package(entry.name, {}, (), clean(str(error)))
    files = {_get(file, "id"): file for file in _below(root, "References", "File")}
    disks = (_disk(element, files) for element in _below(root, "DiskSection", "Disk"))
    found = tuple(disk for disk, _ in zip(disks, range(MOST_DISKS), strict=False))
    return Package(entry.name, {_get(file, "href"): _number(_get(file, "size")) for file in files.values()}, found)


def _disk(element: Element, files: Mapping[str, Element]) -> Disk:
    file = files.get(_get(element, "fileRef"))
    unit = _unit(_get(element, "capacityAllocationUnits"))
    count = _number(_get(element, "capacity"))
    capacity = None if count is None or unit is None else count * unit
    return Disk(clean(_get(element, "diskId")), _get(file, "href") if file is not None else None,
                capacity if capacity is None or capacity < MAX_DISK else None, unit or 1,
                clean(_get(element, "format")))


def _unit(words: str) -> int | None:
    """Return the bytes of an allocation unit, such as ``byte * 2^30``; ``None`` for one that is not known."""
    power = _POWER.fullmatch(words.strip())
    if power:
        return int(math.pow(int(power[1]), int(power[2])))
    return 1 if words.strip() in {"", "byte"} else _OLD_UNITS.get(words.strip().lower())


def _below(root: Element, section: str, name: str) -> Iterator[Element]:
    """Yield the elements of a name in a section, whatever prefix the namespace has."""
    for part in root.children:
        if _local(part.name) == section:
            yield from (child for child in part.children if _local(child.name) == name)


def _get(element: Element, name: str) -> str:
    return next((value for key, value in element.attributes.items() if _local(key) == name), "")


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None  # noqa: PLR2004 - below 2**64


def _lines(text: str) -> Iterator[tuple[str, str, str]]:
    for line in text.splitlines()[:MOST_DISKS * 4]:
        found = entry_of(line.strip())
        if found is not None and found[0] in _ALGORITHMS and found[2]:
            yield found[0], found[1].lower(), found[2]


def _digest(entry: Entry, algorithm: str, known: Mapping[int, Mapping[str, str]]) -> str:
    assert entry.content is not None  # noqa: S101 - who asks has looked
    return known.get(entry.offset, {}).get(algorithm) or digests_of(entry.content, (algorithm,))[algorithm]

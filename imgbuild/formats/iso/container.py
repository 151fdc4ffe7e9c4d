"""Open an ISO: its descriptors in, header facts and a container that reads the file out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imgbuild.formats import overlaps
from imgbuild.formats.base import HEAD_BYTES, Container, Probe
from imgbuild.formats.iso import descriptors, eltorito, udf
from imgbuild.readers import problem, read_clipped
from imgbuild.sizes import human_size

if TYPE_CHECKING:
    from imgbuild.model import Problem
    from imgbuild.readers import Reader


class Iso(Container):
    """An ISO: its content is the file."""

    flat = True

    def __init__(self, file: Reader, header: dict[str, Any], problems: list[Problem], *, readable: bool) -> None:
        super().__init__("iso", file.size, header, problems, readable=readable)
        self._file = file

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes of the file from ``offset``, or raise BrokenImage."""
        return self._file.read_at(offset, length)


def open_iso(reader: Reader) -> Iso:
    """Return the facts of the descriptors; what is wrong with them is a problem, not an exception."""
    area = descriptors.read(reader)
    head = read_clipped(reader, 0, HEAD_BYTES)
    table = overlaps.partition_table(Probe(reader.size, head, b""))
    disc = udf.read(reader, area.recognition)
    catalog = eltorito.read(reader, area.boot_catalog)
    facts = {"udf": disc.revision if disc else None, **_boot_facts(catalog)}
    header = {**area.facts, **facts, "isohybrid": table is not None, "partition_table": table}
    if disc and "volume_id" not in header:
        header["volume_id"] = disc.volume_id
    problems = [*area.problems, *catalog.problems, *_cut(reader.size, area, disc)]
    readable = area.facts != {} or disc is not None
    return Iso(reader, header, problems, readable=readable)


def _boot_facts(catalog: eltorito.Catalog) -> dict[str, object]:
    """Return the boot entries and the platforms that they are for, ``None`` where the catalog cannot be read."""
    platforms = sorted({str(entry["platform"]) for entry in catalog.entries if entry["bootable"]})
    return {"el_torito": list(catalog.entries), "boot_platforms": None if catalog.problems else platforms}


def _cut(size: int, area: descriptors.Area, disc: udf.Disc | None) -> list[Problem]:
    """Return the problem ``iso-truncated`` if the volume or the UDF partition ends behind the file."""
    volume_end = area.end
    disc_end = disc.end if disc else 0
    end = max(volume_end, disc_end)
    if end <= size:
        return []
    whose = "the volume" if volume_end >= disc_end else "the UDF partition"
    evidence = area.space_size if volume_end >= disc_end else None
    return [problem("iso-truncated", f"{whose} takes {end} bytes, but the file has {size}: the last"
                                     f" {human_size(end - size)} are missing; download or copy it again",
                    field="Volume Space Size" if evidence else "Partition Length",
                    offset=area.space_size_offset if evidence else None, raw=evidence)]

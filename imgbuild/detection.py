"""Detect the format of a file: both ends are read once, every format is asked, and the answers are weighed.

One claim is the format. Two are a problem that names both, with one exception: the system area of an ISO 9660 volume
may hold a partition table (isohybrid). None leaves text, an empty file, or a raw disk. What a person or the file's
name says is compared with that and never changes it (CVE-2024-40767, CVE-2024-44082: a format taken on trust).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from imgbuild.errors import UsageError
from imgbuild.formats import FORMATS, find, overlaps
from imgbuild.formats.base import HEAD_BYTES, TAIL_BYTES, Probe
from imgbuild.formats.text import describe_text
from imgbuild.readers import problem, read_clipped

if TYPE_CHECKING:
    from imgbuild.formats.base import Format
    from imgbuild.model import Problem
    from imgbuild.readers import Reader

_DISKS = frozenset({"raw", "qcow2", "qcow", "qed", "vhd", "vhdx", "vmdk", "vdi", "parallels", "zvhd", "zvhd2"})
_MORE_EXTENSIONS = {"dd": "raw", "qcow": "qcow2", "vhdfixed": "vhd"}
_RAW_EXTENT = re.compile(r"-(?:flat|f\d{3})\.vmdk", re.IGNORECASE)
_PLACES = {"iso": (32769, 5), "vdi": (64, 4), "tar": (0, 265), "ova": (0, 265)}
_FOOTERS = {"vhd": (512, b"conectix"), "dmg": (512, b"koly")}
_BITLOCKER = b"-FVE-FS-"
_INSIDE_BYTES = 4096
_FOOTER_BYTES = 512


class Detection(msgspec.Struct, frozen=True):
    """What a file is: its format and the format's name, ``None`` where it is none or undecidable, and why."""

    format: Format | None
    name: str | None
    problems: tuple[Problem, ...] = ()


def detect(reader: Reader, *, path: str = "", claim: str | None = None) -> Detection:
    """Return the format of the file and what contradicts it.

    Args:
        reader: The file.
        path: Its name, whose ending may claim a format.
        claim: The format that a person says it is, by name or by usual extension.

    Raises:
        UsageError: There is no format ``claim``.
    """
    claimed = formats_meant(claim) if claim else None
    probe = probe_of(reader)
    found = _weigh(probe)
    if found.name is None and any(objection.code == "format-conflict" for objection in found.problems):
        return found
    objections = (*_claim_objections(found, claim, claimed), *_name_objections(found, path))
    return Detection(found.format, found.name, (*found.problems, *objections))


def probe_of(reader: Reader) -> Probe:
    """Read both ends of a file."""
    tail = min(TAIL_BYTES, reader.size)
    return Probe(reader.size, read_clipped(reader, 0, HEAD_BYTES), read_clipped(reader, reader.size - tail, tail))


def detect_inside(disk: Reader, *, to_its_end: bool = True) -> tuple[Problem, ...]:
    """Return a problem where the disk inside a container begins or ends as an image does.

    The disk is raw; whoever writes it out as a file has that other image, with all that its header asks for, as soon as
    somebody guesses the file's format (CVE-2024-40767, CVE-2026-24708). ``to_its_end`` is False where the end of the
    disk cannot be read without all that comes before.
    """
    tail = min(_FOOTER_BYTES, disk.size) if to_its_end else 0
    probe = Probe(disk.size, read_clipped(disk, 0, _INSIDE_BYTES), read_clipped(disk, disk.size - tail, tail))
    row = next((row for row in FORMATS if row.name in _DISKS and row.matches(probe)), None)
    if row is None:
        return ()
    offset, raw = _evidence(probe, row)
    return (problem("disk-is-an-image", f"the disk in this image is itself a {row.title} (byte {offset} of the disk:"
                    f" {raw[:8].hex(' ')}); a disk holds a partition table or a file system", raw=raw),)


def _weigh(probe: Probe) -> Detection:
    claims = [row for row in FORMATS if row.matches(probe)]
    if not claims:
        return _unclaimed(probe)
    rivals = _rivals(probe, claims)
    if len(rivals) > 1:
        return Detection(None, None, (_conflict(probe, rivals),))
    return Detection(claims[0], claims[0].name)


def _unclaimed(probe: Probe) -> Detection:
    if probe.size == 0:
        return Detection(None, None, (problem("empty-file", "the file is empty; an image has at least one sector"),))
    words = describe_text(probe.head, probe.tail)
    if words:
        return Detection(None, None, (problem("text-file", f"the file is text ({words}), not a disk image",
                                              offset=0, raw=probe.head[:32]),))
    row = find("raw")
    if probe.at(3, 8) == _BITLOCKER:
        objection = problem("encrypted", "the file is a volume encrypted with BitLocker; an image must be plain",
                            field="signature", offset=3, raw=_BITLOCKER)
        return Detection(row, row.name, (objection,))
    return Detection(row, row.name)


def _rivals(probe: Probe, claims: list[Format]) -> list[tuple[str, int, bytes]]:
    """Return all that the file can be taken for: title, and the offset and bytes that say so."""
    rivals = [(row.title, *_evidence(probe, row)) for row in claims]
    table = overlaps.partition_table(probe)
    names = [row.name for row in claims]
    if names == ["iso"]:
        kind = overlaps.program(probe)
        if kind == "elf" or (kind == "pe" and table is None):
            rivals.append((f"a program ({kind.upper()})", 0, probe.at(0, 4)))
    elif table and (_rests_on_head(probe, claims[0]) or _is_stale(probe, names)):
        rivals.append((f"a raw disk with a partition table ({table.upper()})", 446, probe.at(446, 66)))
    return rivals


def _evidence(probe: Probe, row: Format) -> tuple[int, bytes]:
    distance, cookie = _FOOTERS.get(row.name, (0, b""))
    if cookie and probe.from_end(distance, len(cookie)) == cookie:
        return probe.size - distance, cookie
    offset, length = _PLACES.get(row.name, (0, 8))
    return offset, probe.at(offset, length)


def _rests_on_head(probe: Probe, row: Format) -> bool:
    """Say whether the format is claimed by the head of the file; else the head is the disk, with all it may hold."""
    return row.matches(Probe(probe.size, probe.head, b""))


def _is_stale(probe: Probe, names: list[str]) -> bool:
    """Say whether a fixed VHD's footer gives a size that is not what lies before it: it may belong to another disk."""
    footer = probe.from_end(512, 512)
    fixed = footer[60:64] == b"\0\0\0\x02"
    return names == ["vhd"] and fixed and int.from_bytes(footer[48:56], "big") + 512 != probe.size


def _conflict(probe: Probe, rivals: list[tuple[str, int, bytes]]) -> Problem:
    named = " and ".join(f"{title} (byte {offset}: {raw[:8].hex(' ')})" for title, offset, raw in rivals)
    _title, offset, raw = max(rivals, key=lambda rival: rival[1] % max(1, probe.size))
    return problem("format-conflict", f"the file can be taken for {named}; what reads it next may choose either",
                   field="signature", offset=offset, raw=raw)


def formats_meant(word: str) -> frozenset[str]:
    """Return the formats that a person means by a format's name or by an extension."""
    name = word.lower().removeprefix(".")
    if any(row.name == name for row in FORMATS):
        return frozenset({name})
    meant = _formats_of(name)
    if not meant:
        known = ", ".join(row.name for row in FORMATS)
        raise UsageError(f"there is no image format {word!r}", cure=f"known are {known}")
    return meant


def _formats_of(extension: str) -> frozenset[str]:
    """Return the formats that a file name ending claims; none for ``img``, ``bin`` and the like."""
    names = {row.name for row in FORMATS if extension in row.extensions}
    if extension in _MORE_EXTENSIONS:
        names.add(_MORE_EXTENSIONS[extension])
    return frozenset(names)


def _claim_objections(found: Detection, claim: str | None, claimed: frozenset[str] | None) -> list[Problem]:
    if claimed is None or found.name in claimed:
        return []
    content = found.name or "no disk image"
    return [problem("claim-contradicted", f"the image is claimed to be {claim!r}, but its content is {content}")]


def _name_objections(found: Detection, path: str) -> list[Problem]:
    """Compare the name's last ending with the content.

    Between two disk formats, or where a disk format hides under another name, trusting the name opens the file as
    something it is not; elsewhere the name only misleads people.
    """
    name = re.split(r"[/\\]", path)[-1]
    _stem, dot, extension = name.rpartition(".")
    meant = frozenset({"raw"}) if _RAW_EXTENT.search(name) else _formats_of(extension.lower())
    if found.name is None or not dot or not meant or found.name in meant:
        return []
    risky = found.name in _DISKS and (meant <= _DISKS or found.name != "raw")
    code = "extension-contradicted" if risky else "extension-mismatch"
    return [problem(code, f"the name ends in {'.' + extension!r}, but the content is {found.name};"
                          " name the file after what it is, or convert it")]

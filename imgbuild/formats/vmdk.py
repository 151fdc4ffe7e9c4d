"""VMDK: sparse extents with an embedded descriptor, and bare descriptors; header facts and the references they make.

A descriptor that names other files is reported, never followed (CVE-2022-47951, CVE-2024-40767).

Document: "VMware Virtual Disk Format 5.0", VMware, 2011; its findings beside, with what practice adds:
https://github.com/libyal/libvmdk/blob/main/documentation/VMWare%20Virtual%20Disk%20Format%20(VMDK).asciidoc
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from imgbuild.formats.base import Container, Format, Probe
from imgbuild.formats.unread import checked_size, content_unread
from imgbuild.readers import problem, read_clipped

if TYPE_CHECKING:
    from imgbuild.model import Problem
    from imgbuild.readers import Reader

# Sparse extent header, 512 bytes, little-endian
#
#  off   hex  size  field
#    0  0x00     4  magicNumber "KDMV"
#    4  0x04     4  version 1 to 3
#    8  0x08     4  flags; bit 16: grains are compressed
#   12  0x0c     8  capacity in sectors of 512 bytes
#   20  0x14     8  grainSize in sectors
#   28  0x1c     8  descriptorOffset in sectors
#   36  0x24     8  descriptorSize in sectors
#   44  0x2c     4  numGTEsPerGT
#   48  0x30     8  rgdOffset
#   56  0x38     8  gdOffset; 2**64 - 1: a footer at the end has it
#   64  0x40     8  overHead
#   72  0x48     1  uncleanShutdown
#   77  0x4d     2  compressAlgorithm: 0 none, 1 deflate

_HEADER = struct.Struct("<4sIIQQQQIQQQB4xH")
_SECTOR = 512
_SPARSE = b"KDMV"
_ESX_SPARSE = b"COWD"
_SE_SPARSE = b"\xbe\xba\xfe\xca\0\0\0\0"
_DESCRIPTOR_LIMIT = 64 * 1024
_SELF_CONTAINED = ("monolithicsparse", "streamoptimized")
_ACCESS = ("RW", "RDONLY", "NOACCESS")
_EXTENT_LIMIT = 64
_DESCRIPTOR = re.compile(rb"\s*(?:#[^\n]*\n\s*)*?(?:#[ \t]*Disk DescriptorFile|version=[123][\r\n])", re.IGNORECASE)


class _Descriptor(NamedTuple):
    """The pairs of a descriptor by lower-case key, and its extents: sectors, type and file name."""

    pairs: dict[str, str]
    extents: tuple[tuple[int, str, str], ...]

    @property
    def size(self) -> int:
        return sum(sectors for sectors, _kind, _name in self.extents) * _SECTOR


def matches(probe: Probe) -> bool:
    """Say whether the file begins as a sparse extent of any kind, or as a descriptor that qemu would take for one."""
    return (probe.head.startswith((_SPARSE, _ESX_SPARSE, _SE_SPARSE))
            or _DESCRIPTOR.match(probe.at(0, _DESCRIPTOR_LIMIT)) is not None)


def open_vmdk(reader: Reader) -> Container:
    """Return the header's facts; raises BrokenImage ``header-invalid`` when it gives no size a disk can have."""
    magic = read_clipped(reader, 0, 8)
    if magic.startswith(_SPARSE):
        return _open_sparse(reader)
    if magic.startswith(_ESX_SPARSE) or magic == _SE_SPARSE:
        kind = "COWD" if magic.startswith(_ESX_SPARSE) else "SESPARSE"
        return Container("vmdk", None, {"extent_type": kind}, [_lone_extent()], readable=False)
    return _open_descriptor(reader)


def _open_sparse(reader: Reader) -> Container:
    raw = reader.read_at(0, _HEADER.size)
    (_magic, version, flags, capacity, grain_size, descriptor_offset, descriptor_size, _entries, _rgd, _gd, _over,
     unclean, algorithm) = _HEADER.unpack(raw)
    header: dict[str, Any] = {"version": version, "flags": flags, "capacity": capacity, "grain_size": grain_size,
                              "unclean_shutdown": bool(unclean), "compress_algorithm": algorithm}
    descriptor = _parse(_embedded(reader, descriptor_offset * _SECTOR, descriptor_size * _SECTOR))
    if not descriptor.pairs:
        return Container("vmdk", None, header, [_lone_extent()], readable=False)
    size = checked_size(capacity * _SECTOR, "capacity", 12, raw[12:20])
    header |= _facts(descriptor)
    problems = [*_references(descriptor, embedded=True), content_unread("VMDK")]
    return Container("vmdk", size, header, problems, readable=False)


def _embedded(reader: Reader, offset: int, size: int) -> bytes:
    return read_clipped(reader, offset, min(size, _DESCRIPTOR_LIMIT)) if offset else b""


def _open_descriptor(reader: Reader) -> Container:
    descriptor = _parse(read_clipped(reader, 0, _DESCRIPTOR_LIMIT))
    size = descriptor.size if 0 < descriptor.size < 1 << 63 else None
    return Container("vmdk", size, _facts(descriptor), _references(descriptor, embedded=False), readable=False)


def _parse(text: bytes) -> _Descriptor:
    """Read a descriptor line by line, without patterns that a crafted line could keep busy."""
    pairs: dict[str, str] = {}
    extents: list[tuple[int, str, str]] = []
    for line in text.split(b"\0", 1)[0].decode("latin-1").splitlines():
        words = line.split(None, 3)
        if words and words[0].upper() in _ACCESS:
            extents.append(_extent(words))
        elif "=" in line and not line.lstrip().startswith("#"):
            key, _, value = line.partition("=")
            pairs[key.strip().lower()] = value.strip().strip('"')
    return _Descriptor(pairs, tuple(extents[:_EXTENT_LIMIT]))


def _extent(words: list[str]) -> tuple[int, str, str]:
    """Return sectors, type and file name of a line such as ``RW 32768 FLAT "disk-flat.vmdk" 0``."""
    _access, sectors, kind, name = (*words, "", "", "")[:4]
    number = int(sectors) if sectors.isascii() and sectors.isdigit() and len(sectors) < 20 else 0  # noqa: PLR2004 - 64 bits
    quoted = name.split('"')
    return number, kind.upper(), quoted[1] if len(quoted) > 1 else name.strip()


def _facts(descriptor: _Descriptor) -> dict[str, Any]:
    keys = {"createtype": "create_type", "cid": "cid", "parentcid": "parent_cid", "ddb.adaptertype": "adapter_type",
            "parentfilenamehint": "parent_file_name_hint"}
    facts: dict[str, Any] = {word: descriptor.pairs[key] for key, word in keys.items() if key in descriptor.pairs}
    return facts | {"extents": [{"sectors": sectors, "type": kind, "file": name}
                                for sectors, kind, name in descriptor.extents]}


def _references(descriptor: _Descriptor, *, embedded: bool) -> list[Problem]:
    """Return a problem for each way in which the disk needs another file."""
    found = []
    pairs = descriptor.pairs
    if "parentfilenamehint" in pairs or pairs.get("parentcid", "ffffffff").lower() != "ffffffff":
        parent = pairs.get("parentfilenamehint", "a disk with CID " + pairs.get("parentcid", ""))
        found.append(problem("backing-file", f"the disk is a delta over {parent!r}; it cannot stand alone",
                             field="parentFileNameHint"))
    if not embedded or not _names_itself(descriptor):
        found.append(_external(descriptor, embedded=embedded))
    return found


def _names_itself(descriptor: _Descriptor) -> bool:
    """Say whether the one extent can be nothing but the file that the descriptor lies in."""
    if len(descriptor.extents) != 1 or descriptor.pairs.get("createtype", "").lower() not in _SELF_CONTAINED:
        return False
    _sectors, kind, name = descriptor.extents[0]
    return kind == "SPARSE" and not re.search(r"[/\\:]", name)


def _external(descriptor: _Descriptor, *, embedded: bool) -> Problem:
    names = ", ".join(repr(name) for _sectors, _kind, name in descriptor.extents[:4]) or "none"
    kind = descriptor.pairs.get("createtype", "")
    place = "the embedded descriptor" if embedded else "the file is a descriptor that"
    return problem("external-extent", f"{place} puts the disk into other files ({names}; createType {kind!r});"
                                      " a monolithicSparse or streamOptimized VMDK has one extent, itself")


def _lone_extent() -> Problem:
    return problem("extent-alone", "the file is one extent of a split VMDK: it has no descriptor;"
                                   " convert the whole disk with its .vmdk descriptor", field="descriptorOffset")


FORMAT = Format("vmdk", "VMware virtual disk (VMDK)", ("vmdk",), matches, open_vmdk)

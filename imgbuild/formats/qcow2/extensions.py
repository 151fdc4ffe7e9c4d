"""Header extensions: the bytes between the header and the end of the first cluster in, a list of extensions out.

    off  size  field                (big-endian)
      0     4  type, 0 ends the area
      4     4  length of the data
      8     n  data, padded to a multiple of 8

Qcow2 Image File Format, section "Header extensions", https://www.qemu.org/docs/master/interop/qcow2.html

A name inside the image is only text: nothing here or above opens what it names.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import msgspec

from imgbuild.formats.qcow2.header import V2_LENGTH, V3_LENGTH, VERSIONS
from imgbuild.readers import problem, read_clipped
from imgbuild.sizes import KIB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from imgbuild.formats.qcow2.header import Header
    from imgbuild.model import Problem
    from imgbuild.readers import Reader

BACKING_FORMAT = 0xE2792ACA
FEATURE_NAMES = 0x6803F857
BITMAPS = 0x23852875
ENCRYPTION_HEADER = 0x0537BE77
EXTERNAL_DATA_FILE = 0x44415441

# The area may be as long as the first cluster, 2 MiB; real ones take a few hundred bytes.
AREA_LIMIT = 64 * KIB
COUNT_LIMIT = 64

_FEATURE_KINDS = {0: "incompatible", 1: "compatible", 2: "autoclear"}
_FEATURE_ENTRY = struct.Struct(">BB46s")
_BITMAPS = struct.Struct(">IIQQ")
_ENCRYPTION_HEADER = struct.Struct(">QQ")


class Extension(msgspec.Struct, frozen=True):
    """One header extension; ``offset`` is that of its type field, in bytes into the file."""

    type: int
    offset: int
    length: int
    data: bytes

    @property
    def name(self) -> str | None:
        """The standard's name of the type, ``None`` where it has none."""
        return _TYPES[self.type][0] if self.type in _TYPES else None

    def facts(self) -> dict[str, Any]:
        """Return what the extension says, as values that fit JSON."""
        shown = {"type": f"0x{self.type:08x}", "name": self.name, "length": self.length}
        return shown | (_TYPES[self.type][1](self.data) if self.type in _TYPES else {})


def text(data: bytes) -> str:
    r"""Return a name inside the image as text; bytes that are no UTF-8 stay visible as ``\xNN``."""
    return data.decode("utf-8", errors="backslashreplace")


def read_extensions(file: Reader, header: Header) -> tuple[list[Extension], list[Problem]]:
    """Return the extensions and what is wrong with their area; the first broken one ends it."""
    start, end = max(header.header_length, V2_LENGTH if header.version == VERSIONS[0] else V3_LENGTH), _area_end(header)
    area = read_clipped(file, start, max(0, min(end - start, AREA_LIMIT)))
    found: list[Extension] = []
    position = 0
    while position + 8 <= len(area):
        kind, length = struct.unpack_from(">II", area, position)
        if kind == 0:
            break
        extension = Extension(kind, start + position, length, area[position + 8 : position + 8 + length])
        if len(extension.data) < length or len(found) == COUNT_LIMIT:
            return found, [_objection(extension, f"does not fit in the {len(area) - position - 8} bytes that are left"
                                      if len(extension.data) < length else f"is one more than {COUNT_LIMIT}")]
        found.append(extension)
        position += 8 + -(-length // 8) * 8
    return found, list(_objections(found))


def find(extensions: Iterable[Extension], kind: int) -> Extension | None:
    """Return the first extension of the type."""
    return next((extension for extension in extensions if extension.type == kind), None)


def feature_names(extensions: Iterable[Extension], kind: str) -> dict[int, str]:
    """Return the names that the image's own table gives to feature bits of a kind, quoted."""
    table = find(extensions, FEATURE_NAMES)
    entries = _features(table.data)["features"] if table else []
    return {entry["bit"]: repr(entry["name"]) for entry in entries if entry["type"] == kind}


def _area_end(header: Header) -> int:
    # The backing file's name stands between the extensions and the end of the first cluster.
    cluster = 1 << min(max(header.cluster_bits, 9), 21)
    return min(cluster, header.backing_file_offset) if header.backing_file_offset else cluster


def _objections(extensions: list[Extension]) -> Iterable[Problem]:
    seen: set[int] = set()
    for extension in extensions:
        if extension.type in seen:
            yield _objection(extension, "is there twice; each type shall appear at most once")
        seen.add(extension.type)
        expected = _LENGTHS.get(extension.type, extension.length)
        if extension.length != expected:
            yield _objection(extension, f"would be {expected} bytes long")


def _objection(extension: Extension, what: str) -> Problem:
    name = extension.name or f"0x{extension.type:08x}"
    return problem("qcow2-header-invalid", f"the header extension {name!r} of {extension.length} bytes {what}",
                   field="header extension", offset=extension.offset,
                   raw=struct.pack(">II", extension.type, extension.length))


def _string(data: bytes) -> dict[str, Any]:
    return {"data": text(data)}


def _features(data: bytes) -> dict[str, Any]:
    whole = data[: len(data) // _FEATURE_ENTRY.size * _FEATURE_ENTRY.size]
    return {"features": [{"type": _FEATURE_KINDS.get(kind, str(kind)), "bit": bit, "name": text(name.rstrip(b"\0"))}
                         for kind, bit, name in _FEATURE_ENTRY.iter_unpack(whole)]}


def _bitmaps(data: bytes) -> dict[str, Any]:
    if len(data) != _BITMAPS.size:
        return {}
    count, _, size, offset = _BITMAPS.unpack(data)
    return {"nb_bitmaps": count, "bitmap_directory_size": size, "bitmap_directory_offset": offset}


def _encryption_header(data: bytes) -> dict[str, Any]:
    if len(data) != _ENCRYPTION_HEADER.size:
        return {}
    offset, length = _ENCRYPTION_HEADER.unpack(data)
    return {"encryption_header_offset": offset, "encryption_header_length": length}


_LENGTHS = {BITMAPS: _BITMAPS.size, ENCRYPTION_HEADER: _ENCRYPTION_HEADER.size}
_TYPES: dict[int, tuple[str, Callable[[bytes], dict[str, Any]]]] = {
    BACKING_FORMAT: ("backing file format name", _string),
    FEATURE_NAMES: ("feature name table", _features),
    BITMAPS: ("bitmaps", _bitmaps),
    ENCRYPTION_HEADER: ("full disk encryption header pointer", _encryption_header),
    EXTERNAL_DATA_FILE: ("external data file name", _string),
}

"""The descriptor of a VMDK, a text: bytes in, :class:`Descriptor` out. Nothing that it names is opened here.

    # Disk DescriptorFile
    version=1
    CID=4e54f404
    parentCID=ffffffff                              (there is no parent)
    createType="monolithicSparse"
    RW 100 SPARSE "disk.vmdk"                       access, sectors, type, file name
    RW 100 FLAT "disk-flat.vmdk" 0                  and the first sector in that file, for FLAT
    ddb.adapterType = "ide"

Programs read it in different ways. qemu looks for ``createType`` and ``parentFileNameHint`` anywhere in the text, in
comments, too, and its pattern for extents runs on over the ends of lines, so that an extent after an empty line is
there twice. Whatever is not of the forms above is a fault, and so is what can be read in two ways.

"VMware Virtual Disk Format 1.1", VMware, 2007, section "The Descriptor"; with what practice adds:
https://github.com/libyal/libvmdk/blob/main/documentation/VMWare%20Virtual%20Disk%20Format%20(VMDK).asciidoc
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from imgbuild.readers import problem, quoted
from imgbuild.sizes import KIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.model import Problem

SECTOR = 512
LIMIT = 64 * KIB
"""The bytes that a descriptor may have: one that names 512 files takes half of them."""

NO_PARENT = "ffffffff"
_SHOWN_KEYS = {"version": "version", "cid": "CID", "parentcid": "parentCID", "createtype": "createType",
               "parentfilenamehint": "parentFileNameHint", "encoding": "encoding"}
_ONCE = ("cid", "parentcid", "createtype", "parentfilenamehint")
_MOST_DDB = 64
_MOST_FAULTS = 8
_EXTENT = re.compile(r'(RW|RDONLY|NOACCESS)[ \t]+(\d{1,19})[ \t]+(\w{1,32})(?:[ \t]+"([^"]*)"(?:[ \t]+(\d{1,19})'
                     r"(?:[ \t]+partitionUUID[ \t]+\S+)?)?)?", re.ASCII | re.IGNORECASE)


class Extent(msgspec.Struct, frozen=True):
    """A line of the extent description; ``sectors`` of 512 bytes, ``offset`` in sectors or ``None``."""

    access: str
    sectors: int
    type: str
    file: str
    offset: int | None

    def facts(self) -> dict[str, Any]:
        """Return the words of the line as they are shown."""
        facts: dict[str, Any] = {"access": self.access, "sectors": self.sectors, "type": self.type,
                                 "file": quoted(self.file)[1:-1]}
        return facts if self.offset is None else facts | {"offset": self.offset}


class Descriptor(msgspec.Struct, frozen=True):
    """The pairs of a descriptor, its extents, where they stand, and what in it can be read in two ways.

    Attributes:
        pairs: Values without their quotes by key in lower case.
        ddb: Those of them that are the disk data base, by their keys without ``ddb.``.
        extents: All extents, in their order.
        faults: What is wrong with lines, in words.
        double: Extents that qemu sees twice, in words: of no matter where it does not look for extents.
        mentions_parent: Whether a parent is named anywhere, in a comment, say.
        places: The lines of the pairs by their keys, and the first extent's by the key ``extent``: the offset in the
            file, and the bytes.
    """

    pairs: dict[str, str]
    ddb: dict[str, str]
    extents: tuple[Extent, ...]
    faults: tuple[str, ...]
    double: tuple[str, ...]
    mentions_parent: bool
    places: dict[str, tuple[int, bytes]] = {}

    def problem(self, code: str, message: str, field: str, key: str) -> Problem:
        """Return a problem with the line of ``key`` as its evidence."""
        offset, raw = self.places.get(key, (None, None))
        return problem(code, message, field=field, offset=offset, raw=raw)

    @property
    def create_type(self) -> str:
        """The createType, an empty string where there is none."""
        return self.pairs.get("createtype", "")

    @property
    def size(self) -> int:
        """The bytes of all extents together, as their lines say it."""
        return sum(extent.sectors for extent in self.extents) * SECTOR

    def facts(self) -> dict[str, Any]:
        """Return what the descriptor says, by its own words."""
        facts: dict[str, Any] = {name: quoted(self.pairs[key])[1:-1] for key, name in _SHOWN_KEYS.items()
                                 if key in self.pairs and key != "version"}
        ddb = list(self.ddb.items())[:_MOST_DDB]
        return facts | {"extents": [extent.facts() for extent in self.extents],
                        "ddb": {quoted(key)[1:-1]: quoted(value)[1:-1] for key, value in ddb}}


def parse(data: bytes, at: int = 0) -> Descriptor:
    """Return what the text, which stands at byte ``at`` of its file, says up to its first zero byte.

    More than 64 KiB of it is a fault.
    """
    raw = data.partition(b"\0")[0]
    pairs: dict[str, str] = {}
    ddb: dict[str, str] = {}
    extents: list[Extent] = []
    faults = ["it is longer than 64 KiB"] if len(raw) > LIMIT else []
    double: list[str] = []
    places: dict[str, tuple[int, bytes]] = {}
    after_empty = False
    for number, line in enumerate(raw[:LIMIT].split(b"\n"), start=1):
        words = line.decode("utf-8", "surrogateescape").strip(" \t\r")
        found = _EXTENT.fullmatch(words)
        places.setdefault("extent" if found else words.partition("=")[0].strip(" \t").lower(), (at, line))
        at += len(line) + 1
        if found:
            extents.append(_extent(*found.groups()))
            double += [f"line {number} is an extent after an empty line"] if after_empty else []
        elif words and not words.startswith("#"):
            faults += _add_pair(pairs, ddb, words, number)
        faults += [f"line {number} goes on after a carriage return"] if "\r" in words else []
        after_empty = not words
    return Descriptor(pairs, ddb, tuple(extents), tuple(faults[:_MOST_FAULTS]), tuple(double[:_MOST_FAULTS]),
                      b"parentfilenamehint" in raw.lower(), places)


def _extent(access: str, sectors: str, kind: str, name: str | None, offset: str | None) -> Extent:
    return Extent(access, int(sectors), kind, name or "", None if offset is None else int(offset))


def _add_pair(pairs: dict[str, str], ddb: dict[str, str], words: str, number: int) -> Iterator[str]:
    name, equals, rest = words.partition("=")
    name, value = name.strip(" \t"), rest.strip(" \t").strip('"')
    key = name.lower()
    if not equals or not key or '"' in key:
        yield f"line {number} is {quoted(words)}, neither a pair nor an extent"
    elif key in _ONCE and pairs.get(key, value) != value:
        yield f"line {number} gives {_SHOWN_KEYS[key]} a second time"
    pairs.setdefault(key, value)
    if key.startswith("ddb."):
        ddb.setdefault(name[4:], value)

"""Rock Ridge: the system use area of a directory record in, its POSIX name, mode and link target out.

    Entry, off  size  field
             0     2  signature: SP, CE, ST of SUSP; PX, NM, SL, CL, RE of Rock Ridge
             2     1  length of the entry
             3     1  version
    SP       4        BE EF, 6 bytes to skip in each other area     CE  4 block (8) · 12 offset (8) · 20 length (8)
    PX       4     8  mode                                           NM  4 flags: 1 goes on · 5 name
    SL       4     1  flags: 1 goes on · 5 components of flags (1), length (1), text
    CL       4     8  block of a directory that lies elsewhere       RE  this one is shown elsewhere

IEEE P1281 System Use Sharing Protocol 1.12 and IEEE P1282 Rock Ridge Interchange Protocol 1.12,
https://studylib.net/doc/18849138/ieee-p1282-rock-ridge-interchange-protocol
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Literal

import msgspec

from imgbuild.readers import read_clipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.readers import Reader

_HEAD = 4
_MOST_AREAS = 16
_MOST_BYTES = 64 * 1024
_SLASH = {0x02: ".", 0x04: "..", 0x08: ""}  # flags of a component: this directory, its parent, the root
_GOES_ON = 0x01


class Words(msgspec.Struct):
    """What Rock Ridge says of one record; ``moved`` is the block of the directory that it stands for."""

    name: bytes | None = None
    mode: int = 0
    target: str | None = None
    moved: int | None = None
    relocated: bool = False


def announced(reader: Reader, area: bytes, block: int) -> int | None:
    """Return how many bytes to skip before the entries of each record; ``None`` where there is no Rock Ridge.

    ``area`` is that of the root directory's record for itself.
    """
    if area[:2] != b"SP" or area[4:6] != b"\xbe\xef" or len(area) < 7:  # noqa: PLR2004 - the length of the entry
        return None
    known = any(signature in {b"PX", b"RR"} for signature, _ in _entries(reader, area, block))
    return area[6] if known else None


def read(reader: Reader, area: bytes, block: int) -> Words:
    """Return what the entries of a record say."""
    words, link_goes_on = Words(), False
    parts: list[str] = []
    for signature, data in _entries(reader, area, block):
        if signature == b"NM":
            words.name = (words.name or b"") + data[1:]
        elif signature == b"PX":
            words.mode = int.from_bytes(data[:4], "little") & 0xFFFF
        elif signature == b"SL":
            link_goes_on = _add_components(parts, data[1:], joined=link_goes_on)
        elif signature == b"CL":
            words.moved = int.from_bytes(data[:4], "little")
        elif signature == b"RE":
            words.relocated = True
    if parts:
        words.target = "/".join(parts) or "/"
    return words


def kind_of(mode: int) -> Literal["file", "directory", "link", "other"] | None:
    """Return what the mode makes of the record, ``None`` where it says nothing."""
    kinds: dict[int, Literal["file", "directory", "link"]] = {
        stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}
    return kinds.get(stat.S_IFMT(mode), "other") if stat.S_IFMT(mode) else None


def _entries(reader: Reader, area: bytes, block: int) -> Iterator[tuple[bytes, bytes]]:
    """Give signature and content of each entry, those of the areas behind a CE as well."""
    for _ in range(_MOST_AREAS):
        following = b""
        at = 0
        while at + _HEAD <= len(area):
            signature, length = area[at : at + 2], area[at + 2]
            if length < _HEAD or at + length > len(area) or signature == b"ST":
                break
            data = area[at + _HEAD : at + length]
            if signature == b"CE":
                following = data
            else:
                yield signature, data
            at += length
        if len(following) < 20:  # noqa: PLR2004 - the last of its three numbers begins at 16
            return
        place, offset, size = (int.from_bytes(following[start : start + 4], "little") for start in (0, 8, 16))
        area = read_clipped(reader, place * block + offset, min(size, _MOST_BYTES))


def _add_components(parts: list[str], data: bytes, *, joined: bool) -> bool:
    """Add the components of an SL entry to the target; return whether the last one goes on in the next entry."""
    at = 0
    while at + 2 <= len(data):
        flags, length = data[at], data[at + 1]
        text = _SLASH.get(flags & 0x0E) if flags & 0x0E else data[at + 2 : at + 2 + length].decode("utf-8", "replace")
        if joined and parts:
            parts[-1] += text or ""
        else:
            parts.append(text or "")
        joined = bool(flags & _GOES_ON)
        at += 2 + length
    return joined

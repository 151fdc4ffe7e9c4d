r"""The header and the XML of a Windows image (WIM, ESD, SWM): a few bytes of the file in, its images out.

    off   hex  size  field, little-endian
      0  0x00     8  ImageTag "MSWIM\0\0\0"
      8  0x08     4  cbSize of the header, 208
     12  0x0C     4  dwVersion: 0x10D00, 0xE00 where the resources are solid (ESD)
     16  0x10     4  dwFlags
     40  0x28     2  usPartNumber · 42 usTotalParts (2) · 44 dwImageCount (4)
     72  0x48    24  rhXmlData: size on disk (7), flags (1; 4 is compressed), offset (8), original size (8)

The XML is UTF-16 in little-endian, with a byte order mark, and never compressed. It has an ``IMAGE`` for each system.

Microsoft, "Windows Imaging File Format (WIM)", October 2007,
https://www.microsoft.com/download/details.aspx?id=13096
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from imgbuild.guests.media import xmltree
from imgbuild.guests.osrelease import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.guests.media.xmltree import Element

HEADER = 208
_TAG = b"MSWIM\0\0\0"
_VERSIONS = frozenset({0x10D00, 0x0E00})
_MOST_IMAGES = 128
_COMPRESSED = 0x04


class WimImage(msgspec.Struct, frozen=True):
    """One system in the file, by the names of its XML; ``None`` and empty text where it says nothing."""

    name: str
    display_name: str
    edition_id: str
    installation_type: str
    product_type: str
    architecture: int | None
    version: tuple[int, int, int] | None
    service_pack_build: int | None
    service_pack: int | None
    languages: tuple[str, ...]


def read(size: int, read_at: Callable[[int, int], bytes]) -> tuple[WimImage, ...] | None:
    """Return the images of a file of ``size`` bytes; ``None`` where it is no WIM or cannot be followed.

    ``read_at`` gives up to so many bytes from an offset.
    """
    header = read_at(0, HEADER)
    if len(header) < HEADER or header[:8] != _TAG or _number(header, 12, 4) not in _VERSIONS:
        return None
    length, flags = _number(header, 72, 7), header[79]
    offset, original = _number(header, 80, 8), _number(header, 88, 8)
    if flags & _COMPRESSED or original != length or not 0 < length <= xmltree.MOST_BYTES or offset + length > size:
        return None
    data = read_at(offset, length)
    if len(data) < length:
        return None
    try:
        root = xmltree.parse(data)
    except xmltree.XmlError:
        return None
    return tuple(_image(element) for element in list(root.all("IMAGE"))[:_MOST_IMAGES])


def _image(element: Element) -> WimImage:
    numbers = [_parsed(element.text_at(f"WINDOWS/VERSION/{part}"))
               for part in ("MAJOR", "MINOR", "BUILD", "SPBUILD", "SPLEVEL")]
    major, minor, build, pack_build, pack = numbers
    version = None if major is None or minor is None or build is None else (major, minor, build)
    languages = element.find("WINDOWS/LANGUAGES")
    return WimImage(
        name=clean(element.text_at("NAME")), display_name=clean(element.text_at("DISPLAYNAME")),
        edition_id=clean(element.text_at("WINDOWS/EDITIONID")),
        installation_type=clean(element.text_at("WINDOWS/INSTALLATIONTYPE")),
        product_type=clean(element.text_at("WINDOWS/PRODUCTTYPE")),
        architecture=_parsed(element.text_at("WINDOWS/ARCH")), version=version, service_pack_build=pack_build,
        service_pack=pack,
        languages=tuple(clean(child.text) for child in languages.all("LANGUAGE")) if languages is not None else ())


def _parsed(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None  # noqa: PLR2004 - 32 bits


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")

"""The osinfo database, where it is installed: the fields of a volume descriptor in, the system that it knows out.

It is asked where our own tables are silent on a disc that boots, and only there: what they say does not depend on the
machine. It runs in the process that a person started, for the child that reads images sees no files of the system;
what comes from the image are a few short strings, which are searched with the patterns of the database. A disc that
fits several systems is none of them.

libosinfo, "OS media identification", https://libosinfo.org/documentation/ and data/schema/osinfo.rng of osinfo-db
(``volume-id``, ``system-id``, ``publisher-id`` and ``application-id`` are regular expressions)
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import msgspec

from imgbuild.guests.media import INSTALLER, xmltree
from imgbuild.guests.media.architectures import architecture_in
from imgbuild.guests.osrelease import clean
from imgbuild.model import OperatingSystem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from imgbuild.documents.inspection import Inspection
    from imgbuild.guests.elf import Machine
    from imgbuild.guests.media.xmltree import Element

FOLDER = "/usr/share/osinfo/os"
_MOST_FILES = 4000
_FIELDS = {"volume-id": "volume_id", "system-id": "system_id", "publisher-id": "publisher_id",
           "application-id": "application_id"}
_PATTERNS = re.compile(rb"<volume-id[^>]*>([^<]*)</volume-id>")
_LITERAL = re.compile(r"\^?((?:[A-Za-z0-9 _/-](?![?*+{]))+)")
_LONGEST = 128  # of any field of a volume descriptor

# The ``distro`` of the database -> ID of os-release, where they differ.
_IDS = {"win": "windows", "archlinux": "arch", "alpinelinux": "alpine", "eos": "endless", "popos": "pop",
        "openbsd": "openbsd", "dragonflybsd": "dragonfly", "univention": "univention", "sle": "sles",
        "clearlinux": "clear-linux-os", "circle": "circle", "openanolis.cn": "anolis", "silverblue": "fedora",
        "centos-stream": "centos", "macosx": "macos"}
_TYPES = {"linux": "Linux", "winnt": "Windows", "win9x": "Windows", "win16": "Windows"}


def supplement(image: Inspection, folder: str = FOLDER) -> Inspection:
    """Return the facts of an image, with the system that the database knows for a disc that nobody else knows."""
    header = image.container
    if image.format != "iso" or image.os is not None or header.get("medium") or not header.get("boot_platforms"):
        return image
    system = identify(header, folder)
    if system is None:
        return image
    marked = msgspec.structs.replace(system, source=f"{INSTALLER}, {system.source}")
    return msgspec.structs.replace(image, os=marked, container={**header, "medium": INSTALLER})


def identify(header: Mapping[str, Any], folder: str = FOLDER) -> OperatingSystem | None:
    """Return the one system whose media look like this disc; ``None`` for none, for several, without the database."""
    fields = {name: clean(str(header.get(key) or ""))[:_LONGEST] for name, key in _FIELDS.items()}
    found = [(root, media) for root in _systems(folder, fields["volume-id"]) for media in root.all("media")
             if _fits(media, fields)]
    if len({root.attributes.get("id") for root, _ in found}) != 1:
        return None
    return _system(found[0][0], [media for _, media in found], " ".join(fields.values()))


def _systems(folder: str, label: str) -> Iterator[Element]:
    """Give the ``os`` elements of the database that have media whose pattern may fit the volume name.

    The database is of 3 MB; to parse all of it takes a second, to look for the patterns a hundredth.
    """
    for path in _files(folder):
        try:
            with open(path, "rb") as file:
                data = file.read(xmltree.MOST_BYTES + 1)
            if any(_may_fit(pattern.decode("utf-8", "replace"), label) for pattern in _PATTERNS.findall(data)):
                yield from xmltree.parse(data).all("os")
        except (OSError, xmltree.XmlError):
            continue


def _may_fit(pattern: str, label: str) -> bool:
    """Say whether a pattern may fit, by the literal text that it begins with; one with branches may fit anything."""
    literal = _LITERAL.match(pattern) if "|" not in pattern else None
    return literal is None or literal[1].casefold() in label.casefold()


def _files(folder: str) -> list[str]:
    try:
        vendors = sorted(os.listdir(folder))
        paths = [os.path.join(folder, vendor, name) for vendor in vendors
                 for name in sorted(os.listdir(os.path.join(folder, vendor))) if name.endswith(".xml")]
    except OSError:
        return []
    return paths[:_MOST_FILES]


def _fits(media: Element, fields: Mapping[str, str]) -> bool:
    iso = media.find("iso")
    wanted = {name: text for name in fields if (text := iso.text_at(name))} if iso is not None else {}
    try:
        return bool(wanted) and all(fields[name] and re.search(pattern, fields[name])
                                    for name, pattern in wanted.items())
    except re.error:
        return False


def _system(root: Element, media: list[Element], label: str) -> OperatingSystem:
    name = clean(next((child.text for child in root.all("name") if not child.attributes.get("xml:lang")), ""))
    distro, version = root.text_at("distro"), clean(root.text_at("version")).removesuffix("-unknown")
    if distro == "win":
        version = name.removeprefix("Microsoft Windows").replace("Server", "").strip()
    machine = architecture_in(label) or _machine(media)
    return OperatingSystem(type=_TYPES.get(root.text_at("family"), "Other"), id=_IDS.get(distro, distro) or None,
                           version=version if any(map(str.isdigit, version)) else None, release=None,
                           name=name or None, architecture=machine.architecture if machine else None,
                           bits=machine.bits if machine else None,
                           source=f"osinfo database, {clean(root.attributes.get('id', ''))}")


def _machine(media: list[Element]) -> Machine | None:
    words = {element.attributes.get("arch", "") for element in media}
    return architecture_in(words.pop()) if len(words) == 1 else None

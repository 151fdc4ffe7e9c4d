"""The OS list of one region: the answer of ``GET /v1/cloudimages/os_version`` in, an exact Catalogue out.

https://support.huaweicloud.com/api-ims/ims_03_0610.html, read 2026-11: an array of platforms, each with a
``version_list`` of ``os_version``, ``os_bit`` and ``os_type``. The answer says what may be written, not which
distribution it is: that comes from the built-in row of the same spelling, or from one that differs in numbers only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import msgspec

from imgbuild.errors import RuleBookError
from imgbuild.profiles import Catalogue, CatalogueEntry

if TYPE_CHECKING:
    from pathlib import Path

SOURCES = ("hw-oslist-api",)
_NUMBERS = re.compile(r"\d+(?:\.\d+)*")


class _Version(msgspec.Struct):
    os_version: str
    os_bit: int = 64
    os_type: str = "Linux"


class _Platform(msgspec.Struct):
    platform: str
    version_list: list[_Version]


def read_region(path: Path, cloud: str, known: Catalogue) -> Catalogue:
    """Return the list in the file as the exact catalogue of a cloud; raises RuleBookError for another file."""
    try:
        platforms = msgspec.json.decode(path.read_bytes(), type=list[_Platform])
    except (OSError, msgspec.DecodeError) as error:
        raise RuleBookError(f"the catalogue {str(path)!r} cannot be read: {error}",
                            cure="save the answer of GET /v1/cloudimages/os_version to it") from error
    twins = {_skeleton(entry.os_version): entry for entry in reversed(known.entries)}
    entries = tuple(_entry(version, platform.platform, cloud, known, twins)
                    for platform in platforms for version in platform.version_list)
    return Catalogue(entries, name=str(path), exact=True)


def _skeleton(text: str) -> str:
    return _NUMBERS.sub("#", text)


def _entry(version: _Version, platform: str, cloud: str, known: Catalogue,
           twins: dict[str, CatalogueEntry]) -> CatalogueEntry:
    text = version.os_version
    found = known.find(text)
    if found is not None:
        return msgspec.structs.replace(found, clouds=(cloud,), usable="yes", prefer=None, sources=SOURCES)
    twin = twins.get(_skeleton(text))
    return CatalogueEntry(
        os_version=text, id=twin.id if twin else "other", version=_version(text, twin), platform=platform,
        variant=twin.variant if twin else None, os_type=_os_type(version.os_type), bits=version.os_bit,
        architecture="arm" if re.search(r"\bARM\b", text) else "x86", usable="yes", clouds=(cloud,),
        uefi=twin.uefi if twin else "not-listed", prefer=None, sources=SOURCES,
    )


def _version(text: str, twin: CatalogueEntry | None) -> str | None:
    """Return the version in the spelling, in the form that the row which differs in numbers only has it."""
    numbers: list[str] = _NUMBERS.findall(text)
    if twin is None or twin.version is None or not numbers:
        return None
    if twin.id == "sles" and " SP" in text:
        return ".".join(numbers[:2])
    return f"{numbers[0]} R2" if twin.version.endswith(" R2") else numbers[0]


def _os_type(text: str) -> Literal["Linux", "Windows", "Other"]:
    return "Windows" if text.lower() == "windows" else "Linux" if text.lower() == "linux" else "Other"

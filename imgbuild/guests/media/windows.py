"""Windows installation media: the files under ``sources`` in, the Windows that Setup installs out.

``install.wim`` (or ``.esd``, or the first part of ``.swm``) holds a Windows for each edition, and its XML says which.
A medium for both machines has them in folders of their own, ``x86/sources`` and ``x64/sources``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from imgbuild.guests.elf import Machine
from imgbuild.guests.media import wim
from imgbuild.guests.windows import products
from imgbuild.model import OperatingSystem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imgbuild.guests.media.disc import Disc
    from imgbuild.guests.media.wim import WimImage

_FOLDERS = ("/sources", "/x64/sources", "/x86/sources")
_NAMES = ("install.wim", "install.esd", "install.swm")
# PROCESSOR_ARCHITECTURE of winnt.h
_MACHINES = {0: Machine("x86", 32), 5: Machine("arm", 32), 6: Machine("ia64", 64), 9: Machine("x86_64", 64),
             12: Machine("aarch64", 64)}
_MOST_SHOWN = 64
_T = TypeVar("_T")


class Windows(NamedTuple):
    """The system, and the images that Setup offers by the names of their XML."""

    system: OperatingSystem | None
    images: tuple[dict[str, object], ...]


def identify(disc: Disc) -> Windows | None:
    """Return the Windows on a medium; ``None`` where there is no file of it that can be read."""
    found: list[WimImage] = []
    source = ""
    for path in (f"{folder}/{name}" for folder in _FOLDERS for name in _NAMES):
        images = _images(disc, path)
        found += images
        source = source or (path if images else "")
    return Windows(_system(found, source), tuple(_shown(image) for image in found[:_MOST_SHOWN])) if found else None


def is_setup(disc: Disc) -> bool:
    """Say whether the disc starts Windows PE."""
    return disc.size("/sources/boot.wim") is not None


def _images(disc: Disc, path: str) -> tuple[WimImage, ...]:
    size = disc.size(path)
    if size is None:
        return ()
    images = wim.read(size, lambda offset, length: disc.read(path, length, offset)) or ()
    return tuple(image for image in images if image.version is not None)


def _system(images: list[WimImage], source: str) -> OperatingSystem | None:
    """Return what all images are; what they are not of one mind on stays ``None``."""
    if any(image.installation_type == "WindowsPE" for image in images):
        return None
    server = _same(_is_server(image) for image in images)
    build = _same(image.version[2] for image in images if image.version is not None)
    version = None if server is None else _same(_product(image, server=server) for image in images)
    machine = _same(_MACHINES.get(image.architecture) if image.architecture is not None else None for image in images)
    name = products.product_name(version, server=bool(server)) if version else "Windows"
    editions = dict.fromkeys(products.edition(image.edition_id) for image in images if image.edition_id)
    packs = _same(image.service_pack for image in images)
    return OperatingSystem(type="Windows", id="windows", version=version, release=None,
                           name=f"{name} SP{packs}" if packs else name,
                           architecture=machine.architecture if machine else None,
                           bits=machine.bits if machine else None, build=build,
                           edition=", ".join(editions)[:256] or None, source=source)


def _product(image: WimImage, *, server: bool) -> str | None:
    if image.version is None or products.edition(image.edition_id) == "Azure Stack HCI":
        return None  # it has versions of its own
    return products.product(image.version[2], server=server)


def _is_server(image: WimImage) -> bool | None:
    kind = image.installation_type.lower()
    if kind in {"client", "server", "server core", "nano server"}:
        return kind != "client"
    if image.product_type in {"WinNT", "ServerNT"}:
        return image.product_type == "ServerNT"
    return image.edition_id.lower().startswith("server") if image.edition_id else None


def _same(values: Iterable[_T]) -> _T | None:
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else None


def _shown(image: WimImage) -> dict[str, object]:
    version = None if image.version is None else ".".join(map(str, (*image.version, image.service_pack_build or 0)))
    return {"name": image.display_name or image.name, "edition_id": image.edition_id or None,
            "installation_type": image.installation_type or None, "version": version,
            "languages": list(image.languages)}

"""Which menu boots a guest: its tree in, the entries and the default of its boot loader out.

Where the files of several loaders are there the first one with a kernel counts: GRUB 2, systemd-boot, GRUB Legacy (an
image for BIOS and UEFI has one menu for both), extlinux and its like, zipl.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.guests import bls, uki
from imgbuild.guests.bootentries import LIMIT, MOST_ENTRIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.guests.bls import Type1
    from imgbuild.guests.bootentries import Menu
    from imgbuild.guests.careful import Careful

_GRUB = ("/boot/grub2/grub.cfg", "/boot/grub/grub.cfg", "/boot/efi/EFI/*/grub.cfg", "/efi/EFI/*/grub.cfg",
         "/boot/EFI/*/grub.cfg")
_GRUBENV = ("/boot/grub2/grubenv", "/boot/grub/grubenv", "/boot/efi/EFI/*/grubenv")
_BOOT = ("/boot", "/efi", "/boot/efi")
_LOADER = ("/boot/loader", "/efi/loader", "/boot/efi/loader")
_LEGACY = ("/boot/grub/grub.conf", "/boot/grub/menu.lst", "/etc/grub.conf")
_SYSLINUX = ("/boot/extlinux/extlinux.conf", "/boot/extlinux.conf", "/boot/syslinux/syslinux.cfg",
             "/boot/syslinux/extlinux.conf", "/boot/syslinux.cfg", "/extlinux.conf")
_ZIPL = ("/etc/zipl.conf", "/boot/zipl/config")
_GRUBENV_SIZE = 1024


def read(tree: Careful) -> Menu | None:
    """Return the menu, or ``None`` where no boot loader's configuration names a kernel."""
    return next((menu for reader in (_grub, _systemd_boot, _legacy, _syslinux, _zipl)
                 if (menu := reader(tree)) is not None and any(entry.linux for entry in menu.entries)), None)


def _grub(tree: Careful) -> Menu | None:
    found = ((path, tree.read_text(path, LIMIT)) for path in _globbed(tree, _GRUB))
    return next((menu for path, text in found if text and (menu := _grub_at(tree, path, text)) is not None), None)


def _grub_at(tree: Careful, path: str, text: str) -> Menu | None:
    from imgbuild.guests import grubcfg  # noqa: PLC0415 - not all guests have GRUB

    entries = bls.for_grub(_type1(tree)) if "blscfg" in text else ()
    return grubcfg.parse(text, _environment(tree, path), entries, path)


def _environment(tree: Careful, beside: str) -> dict[str, str]:
    from imgbuild.guests import grubcfg  # noqa: PLC0415 - as above

    places = (beside.rpartition("/")[0] + "/grubenv", *_globbed(tree, _GRUBENV))
    texts = (tree.read_text(path, _GRUBENV_SIZE) for path in dict.fromkeys(places))
    return next((grubcfg.parse_environment(text) for text in texts if text), {})


def _type1(tree: Careful) -> list[Type1]:
    places = {tree.resolve(path): path for folder in _LOADER for path in tree.glob(f"{folder}/entries/*.conf")}
    return [bls.parse_entry(tree.read_text(path, bls.LIMIT) or "", path) for path in [*places.values()][:MOST_ENTRIES]]


def _systemd_boot(tree: Careful) -> Menu | None:
    found = _type1(tree) + [uki.as_entry(image, base) for base in _BOOT for image in uki.find(tree, base)]
    texts = (tree.read_text(f"{folder}/loader.conf", bls.LIMIT) for folder in _LOADER)
    return bls.for_systemd_boot(found, next((text for text in texts if text), "")) if found else None


def _legacy(tree: Careful) -> Menu | None:
    from imgbuild.guests import menus  # noqa: PLC0415 - most guests have one of the menus above

    saved = tree.read_text("/boot/grub/default", bls.LIMIT) or ""
    return _first(menus.parse_legacy(tree.read_text(path, LIMIT) or "", saved, path) for path in _LEGACY)


def _syslinux(tree: Careful) -> Menu | None:
    from imgbuild.guests import menus  # noqa: PLC0415 - as above

    return _first(menus.parse_syslinux(tree.read_text(path, LIMIT) or "", path) for path in _SYSLINUX)


def _zipl(tree: Careful) -> Menu | None:
    from imgbuild.guests import menus  # noqa: PLC0415 - as above

    return _first(menus.parse_zipl(tree.read_text(path, LIMIT) or "", path) for path in _ZIPL)


def _first(found: Iterator[Menu]) -> Menu | None:
    return next((menu for menu in found if any(entry.linux for entry in menu.entries)), None)


def _globbed(tree: Careful, patterns: tuple[str, ...]) -> Iterator[str]:
    for pattern in patterns:
        yield from tree.glob(pattern) if "*" in pattern else (pattern,)

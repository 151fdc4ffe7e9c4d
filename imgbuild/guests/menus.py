"""The menus of the smaller boot loaders: GRUB Legacy, the SYSLINUX family with U-Boot's distro boot, zipl.

Text in, menu out; paths stay as the loader has them.

GNU GRUB Legacy Manual 0.97, "Configuration", https://www.gnu.org/software/grub/manual/legacy/grub.html
SYSLINUX, "Config", https://wiki.syslinux.org/wiki/index.php?title=Config
zipl.conf(5), https://www.ibm.com/docs/en/linux-on-systems?topic=zipl-configuration-file
"""

from __future__ import annotations

import re
from typing import Any

from imgbuild.guests.bootentries import MOST_ENTRIES, MOST_INITRDS, Entry, Menu, by_number, by_title

_DEVICE = re.compile(r"^(?:\([^)]*\))?")
_SECTION = r"\[([^\]]*)\]|:(\w+)"


def parse_legacy(text: str, saved: str = "", source: str = "") -> Menu:
    """Return the menu of ``menu.lst`` or ``grub.conf``; ``saved`` is the content of ``/boot/grub/default``."""
    entries: list[dict[str, Any]] = []
    default = "0"
    for number, line in enumerate(text.split("\n"), start=1):
        head, value = _legacy_command(line)
        if head == "default":
            default = value
        elif head == "title" and len(entries) < MOST_ENTRIES:
            entries.append({"title": value, "id": "", "linux": None, "source": source, "line": number})
        elif head in {"kernel", "module"} and entries and value:
            _legacy_kernel(entries[-1], value, number)
        elif head == "initrd" and entries:
            entries[-1]["initrds"] = (_DEVICE.sub("", value),)
    found = tuple(Entry(**entry) for entry in entries)
    wanted = saved.strip().split("\n")[0].strip() if default == "saved" else default
    return Menu(found, by_number(found, wanted or "0"))


def _legacy_command(line: str) -> tuple[str, str]:
    head, value = (*re.split(r"[\s=]+", line.strip(), maxsplit=1), "")[:2]
    return head, value.strip()


def _legacy_kernel(entry: dict[str, Any], value: str, number: int) -> None:
    """Take a ``kernel`` line; under Xen the kernel and its initramfs are the first and second ``module``."""
    words = [word for word in value.split() if not word.startswith("--")]
    if not words:
        return
    path, options = _DEVICE.sub("", words[0]), " ".join(words[1:])
    if entry["linux"] is None or "/xen" in entry["linux"]:
        entry.update(linux=path, options=options, line=number)
    else:
        entry["initrds"] = (path,)


def parse_syslinux(text: str, source: str = "") -> Menu:
    """Return the menu of ``extlinux.conf`` or ``syslinux.cfg``."""
    entries: list[dict[str, Any]] = []
    common: dict[str, Any] = {}
    default = marked = ""
    for number, line in enumerate(text.split("\n"), start=1):
        head, value = (*line.strip().split(None, 1), "", "")[:2]
        head = head.casefold()
        if head in {"default", "ontimeout"} and not default:
            default = value.strip()
        elif head == "label" and len(entries) < MOST_ENTRIES:
            entries.append({"title": value.strip(), "id": value.strip(), "linux": None, "source": source,
                            "line": number, **common})
        elif head == "menu" and value.casefold().split()[:1] == ["default"] and entries:
            marked = entries[-1]["id"]
        elif value:
            _syslinux_key(entries[-1] if entries else common, head, value.strip(), number)
    found = tuple(Entry(**entry) for entry in entries)
    return Menu(found, by_title(found, marked) or by_title(found, default) or next(iter(found), None))


def _syslinux_key(entry: dict[str, Any], head: str, value: str, number: int) -> None:
    if head in {"linux", "kernel", "fit"}:
        entry["linux"] = value
    elif head == "initrd":
        entry["initrds"] = tuple(value.split(",")[:MOST_INITRDS])
    elif head == "append":
        _append(entry, value, number)
    elif head in {"fdt", "devicetree"}:
        entry["devicetree"] = value


def _append(entry: dict[str, Any], value: str, number: int) -> None:
    """Take the command line; ``initrd=`` in it is the loader's."""
    entry.update(options=value, line=number)
    named = re.search(r"(?:^|\s)initrd=(\S+)", value)
    if named:
        entry["initrds"] = tuple(named[1].split(",")[:MOST_INITRDS])


def parse_zipl(text: str, source: str = "") -> Menu:
    """Return the sections of zipl.conf that have an image."""
    entries: list[dict[str, Any]] = []
    default = ""
    for number, line in enumerate(text.split("\n"), start=1):
        section = re.match(_SECTION, line.strip())
        key, _, value = (part.strip() for part in line.partition("="))
        value = value.strip("\"'")
        if section and len(entries) < MOST_ENTRIES:
            name = section[1] or section[2]
            entries.append({"title": name, "id": name, "linux": None, "source": source, "line": number})
        elif key == "default":
            default = default or value
        elif entries and key == "image":
            entries[-1]["linux"] = value
        elif entries and key == "ramdisk":
            entries[-1]["initrds"] = (value.partition(",")[0],)
        elif entries and key == "parameters":
            entries[-1].update(options=value, line=number)
    found = tuple(Entry(**entry) for entry in entries if entry["linux"])
    return Menu(found, by_title(found, default) or next(iter(found), None))

"""Which system a medium installs, by the files that its makers put beside the packages: a disc in, sightings out.

    .disk/info, README.diskdefines   a line: Debian, Ubuntu and all that are built like them
    .treeinfo                        sections of keys: Fedora, RHEL and all that are built by pungi
    .discinfo                        four lines: a time, the name, the machine
    media.1/media, content           SUSE: the name of the build; the product
    .productinfo                     Kylin: two lines
    .alpine-release, arch/version    Alpine, Arch
    bin/freebsd-version              FreeBSD, whose disc is its root file system

debian-installer, "What is on the media", https://www.debian.org/releases/stable/amd64/
productmd, "Treeinfo files format", https://productmd.readthedocs.io/en/latest/treeinfo-1.0.html
anaconda, .discinfo, https://anaconda-installer.readthedocs.io/
SUSE, "media.1 directory", https://en.opensuse.org/openSUSE:Standards_Media
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from imgbuild.guests import names
from imgbuild.guests.media import volume
from imgbuild.guests.media.architectures import architecture_in
from imgbuild.guests.media.systems import DEBIAN_CODE_NAMES, Words, system_of
from imgbuild.guests.osrelease import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imgbuild.guests.media.disc import Disc
    from imgbuild.model import OperatingSystem

_VERSION = re.compile(r"(?<![\w.])V?(\d+(?:\.\d+)*)(?!\w)", re.IGNORECASE)
_PACK = re.compile(r"(?<![A-Za-z0-9])(SP ?\d{1,2}|U(?:pdate ?)?\d)(?!\d)", re.IGNORECASE)
_KEY = re.compile(r"\s*([A-Za-z_]+)\s*[=:]\s*(.*?)\s*")
_DEBIAN = re.compile(r"Debian GNU/Linux (?:(\d+(?:\.\d+)*)|[a-z/]+) \"?(\w*)", re.IGNORECASE)
_DEFINED = re.compile(r"#define\s+(\w+)\s+(.*)")
_FREEBSD = re.compile(r"^USERLAND_VERSION=\"?(\d+\.\d+)", re.MULTILINE)
_ALPINE = re.compile(r"alpine-[a-z]+[- ](\d+\.\d+\.\d+)")
_MENU = re.compile(r"""(?:menuentry\s+['"]|menu\s+label\s+|menu\s+title\s+)(.{1,120}?)(?:['"]|$)""",
                   re.IGNORECASE | re.MULTILINE)
_VERBS = re.compile(r"^\W*(?:test this \^?media *(?:&|and) *)?\^?(?:install(?:ing)?|welcome to|\u5b89\u88c5) *\^?",
                    re.IGNORECASE)  # the last is Chinese for install
_MENUS = ("/EFI/BOOT/grub.cfg", "/isolinux/isolinux.cfg", "/boot/grub2/grub.cfg", "/boot/grub/grub.cfg")


def sightings(disc: Disc) -> Iterator[OperatingSystem]:
    """Give the system that each file names, with the file as its source."""
    for path, read in _FILES:
        text = disc.text(path)
        system = read(text) if text else None
        if system is not None:
            yield msgspec.structs.replace(system, source=path)


def plain_release(disc: Disc) -> str | None:
    """Return the number in the second line of .discinfo, if that is all it says: 7.9 of a medium called CentOS 7."""
    lines = disc.text("/.discinfo").split("\n")
    number = clean(lines[1]) if len(lines) > 1 else ""
    return number if re.fullmatch(r"\d{1,2}(?:\.\d{1,4}){1,2}", number) else None


def by_menu(disc: Disc) -> OperatingSystem | None:
    """Return the one system that the entries of the boot menus install; ``None`` where they name several or none."""
    for path in _MENUS:
        titles = _MENU.findall(disc.text(path))
        found = [system for title in titles if _VERBS.match(title)
                 and (system := named(_VERBS.sub("", title, count=1))) is not None]
        if found and all((system.id, system.version) == (found[0].id, found[0].version) for system in found):
            return msgspec.structs.replace(found[0], source=path)
    return None


def named(text: str) -> OperatingSystem | None:
    """Return the system that a product's name with its version stands for: ``Rocky Linux 9.4``."""
    line = clean(text)
    word, version = names.identify(line), _VERSION.search(line)
    if word is None or version is None:
        return None
    pack = _PACK.search(line)
    variant = "stream" if word == "centos" and "stream" in line.lower() else None
    words = Words(word, version[1], pack=_short(pack[1]) if pack else "", variant=variant,
                  label=line.replace("(LTS", "-LTS").replace(" LTS", "-LTS"))
    system = system_of(words) if word != "euleros" or pack else None
    machine = architecture_in(line)
    return _on(system, machine.architecture, machine.bits) if system is not None and machine is not None else system


def _short(pack: str) -> str:
    return ("U" if pack[0] in "uU" else "SP") + "".join(filter(str.isdigit, pack))


def _on(system: OperatingSystem, architecture: str | None, bits: int | None) -> OperatingSystem:
    return msgspec.structs.replace(system, architecture=architecture, bits=bits)


def _for(system: OperatingSystem | None, machine: str) -> OperatingSystem | None:
    found = architecture_in(machine)
    return _on(system, found.architecture, found.bits) if system is not None and found is not None else system


def _disk_info(text: str) -> OperatingSystem | None:
    line = clean(text.strip().split("\n")[0])
    debian = _DEBIAN.match(line)
    if debian is None:
        return volume.identify({"volume_id": line}) or named(line.replace("-", " ", 1))
    code = "" if debian[1] else debian[2].lower()
    words = Words("debian", debian[1] or "", "" if debian[1] else code if code in DEBIAN_CODE_NAMES else "sid")
    return _for(system_of(words), line)


def _diskdefines(text: str) -> OperatingSystem | None:
    defined = dict(_DEFINED.findall(text))
    return _for(_disk_info(defined.get("DISKNAME", "")), defined.get("ARCH", "")) if defined.get("DISKNAME") else None


def _treeinfo(text: str) -> OperatingSystem | None:
    section = ""
    found: dict[str, str] = {}
    for line in text.split("\n")[:500]:
        heading, pair = re.fullmatch(r"\[(\w+)\]\s*", line), _KEY.fullmatch(line)
        if heading:
            section = heading[1]
        elif pair:
            found.setdefault(f"{section}/{pair[1].lower()}", pair[2])
    version = found.get("release/version") or found.get("general/version") or ""
    name = found.get("release/name") or found.get("general/family") or ""
    return _for(named(name if version in name else f"{name} {version}"),
                found.get("general/arch") or found.get("tree/arch") or "")


def _discinfo(text: str) -> OperatingSystem | None:
    lines = text.split("\n")
    if len(lines) < 3 or not re.fullmatch(r"\d{9,}\.\d+", lines[0].strip()):  # noqa: PLR2004 - its first three lines
        return None
    return _for(named(lines[1]), lines[2])


def _suse_media(text: str) -> OperatingSystem | None:
    return next((system for line in text.split("\n")[:4]
                 if (system := volume.identify({"application_id": line.removeprefix("SUSE - ").strip()})) is not None),
                None)


def _suse_content(text: str) -> OperatingSystem | None:
    found = dict(re.findall(r"^(LABEL|BASEARCHS)\s+(.*)$", text, re.MULTILINE))
    return _for(named(found.get("LABEL", "")), found.get("BASEARCHS", ""))


def _productinfo(text: str) -> OperatingSystem | None:
    return named(" ".join(text.split("\n")[:2]))


def _alpine(text: str) -> OperatingSystem | None:
    match = _ALPINE.search(text)
    return _for(system_of(Words("alpine", match[1])), text) if match else None


def _arch(text: str) -> OperatingSystem | None:
    return system_of(Words("arch")) if re.fullmatch(r"\d{4}\.\d\d\.\d\d\s*", text) else None


def _freebsd(text: str) -> OperatingSystem | None:
    match = _FREEBSD.search(text)
    return system_of(Words("freebsd", match[1])) if match else None


_FILES: tuple[tuple[str, Callable[[str], OperatingSystem | None]], ...] = (
    ("/.disk/info", _disk_info), ("/README.diskdefines", _diskdefines), ("/.treeinfo", _treeinfo),
    ("/.discinfo", _discinfo), ("/media.1/media", _suse_media), ("/content", _suse_content),
    ("/.productinfo", _productinfo), ("/.alpine-release", _alpine), ("/arch/version", _arch),
    ("/bin/freebsd-version", _freebsd),
)

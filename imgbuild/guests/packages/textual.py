"""Package databases that are text: dpkg's, opkg's, apk's and pacman's.

"Debian Policy", control files, https://www.debian.org/doc/debian-policy/ch-controlfields.html
dpkg, the status file, https://man7.org/linux/man-pages/man1/dpkg.1.html
Apk installed database, https://wiki.alpinelinux.org/wiki/Apk_spec
pacman, local database, https://wiki.archlinux.org/title/Pacman
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.guests.packages.base import Inventory, Versions, add, read_all

if TYPE_CHECKING:
    from imgbuild.filesystems.tree import GuestTree

_DPKG = "/var/lib/dpkg/status"
_DPKG_PARTS = "/var/lib/dpkg/status.d"  # images without dpkg itself
_OPKG = ("/usr/lib/opkg/status", "/var/lib/opkg/status")
_APK = ("/lib/apk/db/installed", "/usr/lib/apk/db/installed")
_PACMAN = "/var/lib/pacman/local"
_MOST_PARTS = 10_000


def read_dpkg(tree: GuestTree) -> Inventory | None:
    """Return what dpkg (or opkg) has installed; ``None`` where it has no database."""
    for path in (_DPKG, *_OPKG):
        if tree.is_file(path):
            versions: Versions = {}
            _add_paragraphs(versions, read_all(tree, path))
            return Inventory("deb", path, versions)
    names = tree.listdir(_DPKG_PARTS)[:_MOST_PARTS]
    if not names:
        return None
    versions = {}
    for name in names:
        _add_paragraphs(versions, read_all(tree, f"{_DPKG_PARTS}/{name}"))
    return Inventory("deb", _DPKG_PARTS, versions)


def _add_paragraphs(versions: Versions, data: bytes) -> None:
    for paragraph in data.replace(b"\r\n", b"\n").split(b"\n\n"):
        fields = _fields(paragraph, b":")
        status = fields.get("Status", "installed").split()
        if "Package" in fields and status and status[-1] == "installed":
            add(versions, fields["Package"], fields.get("Version", ""))


def _fields(paragraph: bytes, sign: bytes) -> dict[str, str]:
    """Return the fields that begin a line; continued lines begin with a blank."""
    pairs = (line.partition(sign) for line in paragraph.split(b"\n") if line[:1].isalpha())
    return {key.decode("ascii", "replace"): value.decode("utf-8", "replace").strip() for key, found, value in pairs
            if found}


def read_apk(tree: GuestTree) -> Inventory | None:
    """Return what apk has installed; ``None`` where it has no database."""
    path = next((path for path in _APK if tree.is_file(path)), None)
    if path is None:
        return None
    versions: Versions = {}
    for paragraph in read_all(tree, path).split(b"\n\n"):
        fields = _fields(paragraph, b":")
        if "P" in fields:
            add(versions, fields["P"], fields.get("V", ""))
    return Inventory("apk", path, versions)


def read_pacman(tree: GuestTree) -> Inventory | None:
    """Return what pacman has installed, by the names of its folders; ``None`` where it has no database."""
    if not tree.is_dir(_PACMAN):
        return None
    versions: Versions = {}
    for entry in tree.listdir(_PACMAN):
        name, _, release = entry.rpartition("-")
        name, _, version = name.rpartition("-")
        if name:
            add(versions, name, f"{version}-{release}")
    return Inventory("pacman", _PACMAN, versions)

"""Which Linux a guest is: its tree in, the contract's ``OperatingSystem`` out.

``id`` and ``version`` are ``ID`` and ``VERSION_ID`` of os-release, or the same words from the release files of before.
``release`` is the most exact version the guest states: 12.5 where VERSION_ID says 12, 15-SP5, 7.9.2009, 22.04.4.
What the guest does not say stays ``None``.

os-release(5), https://www.freedesktop.org/software/systemd/man/latest/os-release.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from imgbuild.guests import elf, names, osrelease, releases
from imgbuild.guests.careful import Careful
from imgbuild.model import OperatingSystem

if TYPE_CHECKING:
    from imgbuild.filesystems.tree import GuestTree
    from imgbuild.guests.releases import Words
    from imgbuild.model import Problem

# NixOS and Guix write /etc at the first boot; their image has the system profile.
_OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release", "/nix/var/nix/profiles/system/etc/os-release",
               "/var/guix/profiles/system/etc/os-release")
_NOT_LINUX = frozenset({"freebsd", "openbsd", "netbsd", "dragonfly", "midnightbsd", "ghostbsd", "hardenedbsd",
                        "openindiana", "omnios", "illumos", "smartos", "solaris"})
_LINUX_SIGNS = ("/lib/modules", "/usr/lib/modules", "/lib/ld-*", "/lib64/ld-*")
_FREEBSD_VERSION = re.compile(r'^USERLAND_VERSION="([\w.-]+)"', re.MULTILINE)
_FILES_OF = {"raspbian": "debian"}  # whose release file it carries
_LEADING_NUMBER = re.compile(r"[\d.]*\d")


def identify(guest: GuestTree, problems: list[Problem] | None = None) -> OperatingSystem | None:
    """Return the system that the tree holds; ``None`` where nothing in it says that it is one.

    Damage on the way is added to ``problems``, and the next file that could tell is asked.
    """
    tree = Careful(guest, problems)
    system = _by_os_release(tree) or _by_release_files(tree) or _by_freebsd_version(tree) or _unnamed(tree)
    machine = elf.machine_of(tree) if system is not None else None
    if system is None or machine is None:
        return system
    return msgspec.structs.replace(system, architecture=machine.architecture, bits=machine.bits)


def _by_os_release(tree: Careful) -> OperatingSystem | None:
    for path in _OS_RELEASE:
        values = osrelease.parse(tree.read_text(path, osrelease.LIMIT) or "")
        if any(values.get(key) for key in ("ID", "NAME", "PRETTY_NAME")):
            return _from_os_release(values, releases.derive(tree), tree.resolve(path) or path)
    return None


def _from_os_release(values: dict[str, str], older: Words | None, path: str) -> OperatingSystem:
    version = values.get("VERSION_ID") or None
    plain = f"{values.get('NAME', '')} {values.get('VERSION') or version or ''}".strip()
    system = _system(values.get("ID") or names.identify(plain) or (older.id if older else None), version,
                     values.get("PRETTY_NAME") or plain, path)
    release = _release(system, values.get("VERSION", ""), older)
    return msgspec.structs.replace(system, release=release, variant=values.get("VARIANT_ID") or None,
                                   id_like=tuple(values.get("ID_LIKE", "").split()))


def _release(system: OperatingSystem, written: str, older: Words | None) -> str | None:
    """The most exact version: a service pack, a longer number in the names, what the release files add."""
    same = older if older is not None and older.id == _FILES_OF.get(system.id or "", system.id) else None
    version, name = system.version, system.name or ""
    if version is None:
        return same.release if same else None
    number = _LEADING_NUMBER.match(written)
    found = (releases.pack_of(number[0] if number else version, written) or releases.pack_of(version, name)
             or releases.extension_of(version, written) or releases.extension_of(version, name))
    if found is None and same and same.release and same.release.startswith((version + ".", version + "-")):
        found = same.release
    return found or (version if "." in version else None)


def _by_release_files(tree: Careful) -> OperatingSystem | None:
    words = releases.derive(tree)
    if words is None:
        return None
    source = tree.resolve(words.source) or words.source
    return msgspec.structs.replace(_system(words.id, words.version, words.name, source), release=words.release)


def _by_freebsd_version(tree: Careful) -> OperatingSystem | None:
    written = _FREEBSD_VERSION.search(tree.read_text("/bin/freebsd-version", osrelease.LIMIT) or "")
    if written is None:
        return None
    number = _LEADING_NUMBER.match(written[1])
    name = f"FreeBSD {osrelease.clean(written[1])}"
    return _system("freebsd", number[0] if number else None, name, "/bin/freebsd-version")


def _unnamed(tree: Careful) -> OperatingSystem | None:
    """A Linux that has no release file at all: embedded systems, Linux from scratch."""
    return _system(None, None, None, None) if any(tree.glob(sign) for sign in _LINUX_SIGNS) else None


def _system(word: str | None, version: str | None, name: str | None, source: str | None) -> OperatingSystem:
    return OperatingSystem(type="Other" if word in _NOT_LINUX else "Linux", id=word, version=version, release=None,
                           name=name or None, architecture=None, bits=None, source=source)

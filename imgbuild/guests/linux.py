"""Which Linux a guest is: its tree in, the contract's ``OperatingSystem`` out.

``id`` and ``version`` are ``ID`` and ``VERSION_ID`` of os-release, or the same words from the release files of before.
``release`` is the most exact version the guest states: 12.5 where VERSION_ID says 12, 15-SP5, 7.9.2009, 22.04.4.
What the guest does not say stays ``None``.

Where several sources disagree:

- The os-release under ``/etc`` counts before the one under ``/usr/lib``, a file without a name is passed over, and a
  link in either ends inside the guest. NixOS and Guix link into their store, before the first boot from the system
  profile alone.
- What os-release says of ``id``, ``version`` and ``name`` stays as it is, also where it is the parent's: Scientific
  Linux 7 calls itself ``rhel``, MX calls itself ``debian``. Other release files add the point release only, and only
  those that speak of the same distribution and continue the same version.
- The point release is taken from the first that has it: ``DEBIAN_VERSION_FULL`` or ``OSTREE_VERSION``, the service
  pack or the longer number in ``VERSION``, then in ``PRETTY_NAME``, then the other release files.
- Without os-release, see ``releases``. A system that is none of the known ones is a Linux if it has the kernel's
  modules or Linux's dynamic loader.

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
    from collections.abc import Mapping

    from imgbuild.filesystems.tree import GuestTree
    from imgbuild.guests.releases import Words
    from imgbuild.model import Problem

# NixOS and Guix write /etc at the first boot; their image has the system profile.
_OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release", "/nix/var/nix/profiles/system/etc/os-release",
               "/var/guix/profiles/system/etc/os-release")
_NOT_LINUX = frozenset({"freebsd", "openbsd", "netbsd", "dragonfly", "midnightbsd", "ghostbsd", "hardenedbsd",
                        "nomadbsd", "openindiana", "omnios", "illumos", "smartos", "solaris", "tribblix", "nexenta"})
_NOT_LINUX_KERNELS = ("GNU/Hurd", "GNU/kFreeBSD")
_LINUX_SIGNS = ("/lib/modules", "/usr/lib/modules", "/lib/ld-*", "/lib64/ld-*")
_KERNELS = (("/bsd", "openbsd", "OpenBSD"), ("/netbsd", "netbsd", "NetBSD"))
_FREEBSD_VERSION = r'^USERLAND_VERSION="([\w.-]+)"'
_EXACT = ("DEBIAN_VERSION_FULL", "OSTREE_VERSION")
_FILES_OF = {"raspbian": "debian"}  # whose release file it carries
_LEADING_NUMBER = re.compile(r"[\d.]*\d")


def identify(guest: GuestTree, problems: list[Problem] | None = None) -> OperatingSystem | None:
    """Return the system that the tree holds; ``None`` where nothing in it says that it is one.

    Damage on the way is added to ``problems``, and the next file that could tell is asked.
    """
    tree = Careful(guest, problems)
    system = (_by_os_release(tree) or _by_freebsd_version(tree) or _by_release_files(tree) or _by_kernel(tree)
              or _unnamed(tree))
    machine = elf.machine_of(tree) if system is not None else None
    if system is None or machine is None:
        return system
    return msgspec.structs.replace(system, architecture=machine.architecture, bits=machine.bits)


def from_os_release(text: str, source: str) -> OperatingSystem | None:
    """Return the system that the text of an os-release alone tells of; ``None`` where it has no name."""
    values = osrelease.parse(text)
    return _from_os_release(values, None, source) if _is_telling(values) else None


def _is_telling(values: Mapping[str, str]) -> bool:
    return any(values.get(key) for key in ("ID", "NAME", "PRETTY_NAME"))


def _by_os_release(tree: Careful) -> OperatingSystem | None:
    for path in _OS_RELEASE:
        values = osrelease.parse(tree.read_text(path, osrelease.LIMIT) or "")
        if _is_telling(values):
            older = releases.derive(tree, guess=False)
            system = _from_os_release(values, older, tree.resolve(path) or path)
            return _with_vendors_words(tree, system, values)
    return None


def _from_os_release(values: Mapping[str, str], older: Words | None, path: str) -> OperatingSystem:
    version = values.get("VERSION_ID") or None
    plain = f"{values.get('NAME', '')} {values.get('VERSION') or version or ''}".strip()
    system = _system(values.get("ID") or names.identify(plain) or (older.id if older else None), version,
                     values.get("PRETTY_NAME") or plain, path)
    like = tuple(values.get("ID_LIKE", "").split())
    return msgspec.structs.replace(system, release=_release(system, values, older), id_like=like,
                                   type="Other" if _NOT_LINUX.intersection(like) else system.type,
                                   variant=values.get("VARIANT_ID") or None)


def _release(system: OperatingSystem, values: Mapping[str, str], older: Words | None) -> str | None:
    """The most exact version: a service pack, a longer number in the names, what the release files add."""
    exact = next((values[key] for key in _EXACT if values.get(key)), None)
    if exact is not None:
        return exact
    same = older if older is not None and older.id == _FILES_OF.get(system.id or "", system.id) else None
    version, name, written = system.version, system.name or "", values.get("VERSION", "")
    if version is None:
        return same.release if same else None
    number = _LEADING_NUMBER.match(written)
    found = (releases.pack_of(number[0] if number else version, written) or releases.pack_of(version, name)
             or releases.extension_of(version, written) or releases.extension_of(version, name))
    return found or _continued(version, same) or (version if "." in version else None)


def _continued(version: str, same: Words | None) -> str | None:
    """Return the release of another file if it continues the version, in the spelling of the version."""
    if same is None or not same.release:
        return None
    rest = same.release[len(version):].split(" ")[0]
    return version + rest if same.release.casefold().startswith(version.casefold()) and rest[:1] in {".", "-"} else None


def _with_vendors_words(tree: Careful, system: OperatingSystem, values: Mapping[str, str]) -> OperatingSystem:
    """Add what a vendor keeps elsewhere: Kylin's service pack, Astra's update, that a SLES is the one for SAP."""
    if system.id == "kylin" and system.version and (system.release or system.version) == system.version:
        found = _continued(system.version, releases.derive_kylin(tree))
        return msgspec.structs.replace(system, release=found or system.release)
    if system.id == "astra":
        build = osrelease.clean(tree.read_text("/etc/astra/build_version", osrelease.LIMIT) or "")
        number = _LEADING_NUMBER.match(system.version or "")
        if number and _LEADING_NUMBER.fullmatch(build) and build.startswith(f"{number[0]}."):
            return msgspec.structs.replace(system, release=build)
    if system.id == "sles" and system.variant is None:
        is_sap = ":sles_sap:" in values.get("CPE_NAME", "") or (
            tree.resolve("/etc/products.d/baseproduct") or "").endswith("/SLES_SAP.prod")
        return msgspec.structs.replace(system, variant="sles-sap" if is_sap else None)
    return system


def _by_release_files(tree: Careful) -> OperatingSystem | None:
    words = releases.derive(tree)
    if words is None:
        return None
    source = tree.resolve(words.source) or words.source
    return msgspec.structs.replace(_system(words.id, words.version, words.name, source), release=words.release)


def _by_freebsd_version(tree: Careful) -> OperatingSystem | None:
    text = tree.read_text("/bin/freebsd-version", osrelease.LIMIT)
    written = re.search(_FREEBSD_VERSION, text, re.MULTILINE) if text else None
    if written is None:
        return None
    number = _LEADING_NUMBER.match(written[1])
    version = number[0] if number else None
    system = _system("freebsd", version, f"FreeBSD {osrelease.clean(written[1])}", "/bin/freebsd-version")
    return msgspec.structs.replace(system, release=version)


def _by_kernel(tree: Careful) -> OperatingSystem | None:
    """A system whose kernel has its name, and that has no release file."""
    return next((_system(word, None, name, None) for path, word, name in _KERNELS if tree.exists(path)), None)


def _unnamed(tree: Careful) -> OperatingSystem | None:
    """A Linux that has no release file at all: embedded systems, Linux from scratch."""
    return _system(None, None, None, None) if any(tree.glob(sign) for sign in _LINUX_SIGNS) else None


def _system(word: str | None, version: str | None, name: str | None, source: str | None) -> OperatingSystem:
    is_other = word in _NOT_LINUX or any(kernel in (name or "") for kernel in _NOT_LINUX_KERNELS)
    return OperatingSystem(type="Other" if is_other else "Linux", id=word, version=version, release=None,
                           name=name or None, architecture=None, bits=None, source=source)

"""The system that a medium installs: the words of its label in, the contract's ``OperatingSystem`` out.

A label writes the version in its own way (``8-1-0``, ``11_2``, ``NETBSD_712``); what comes out is what the os-release
of the installed system says, as ``guests/linux.py`` has it for a disk: Debian and CentOS the major version only, SUSE
the service pack as a second number, and in ``release`` the most exact version that is known.

os-release(5), https://www.freedesktop.org/software/systemd/man/latest/os-release.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from imgbuild.model import OperatingSystem

if TYPE_CHECKING:
    from collections.abc import Callable


class Words(NamedTuple):
    """What a label or a file on a medium says of the system, in its own words."""

    system: str
    version: str = ""
    code_name: str = ""
    pack: str = ""
    tag: str = ""
    edition: str = ""
    variant: str | None = None
    label: str = ""


class _Version(NamedTuple):
    """``VERSION_ID``, the most exact version, and the name where it is not the title and that version."""

    id: str | None
    release: str | None = None
    name: str | None = None


NOT_LINUX = frozenset({"freebsd", "openbsd", "netbsd", "dragonfly"})

# Debian, "Debian Releases", https://www.debian.org/releases/
DEBIAN_CODE_NAMES = {"lenny": "5", "squeeze": "6", "wheezy": "7", "jessie": "8", "stretch": "9", "buster": "10",
                     "bullseye": "11", "bookworm": "12", "trixie": "13", "forky": "14", "duke": "15"}
_DEBIAN_SUITES = frozenset({"testing", "sid", "unstable"})
# CentOS, "Frequently asked questions on CentOS 7", question 4, https://wiki.centos.org/FAQ/CentOS7.html
CENTOS_7_MONTHS = {"1406": "7.0", "1503": "7.1", "1511": "7.2", "1611": "7.3", "1708": "7.4", "1804": "7.5",
                   "1810": "7.6", "1908": "7.7", "2003": "7.8", "2009": "7.9"}
# Fedora, the os-release of each edition: fedora-release.spec, https://src.fedoraproject.org/rpms/fedora-release
_FEDORA_VARIANTS = {"s": "server", "server": "server", "ws": "workstation", "workstation": "workstation",
                    "sb": "silverblue", "silverblue": "silverblue", "kde": "kde", "kinoite": "kinoite", "iot": "iot",
                    "coreos": "coreos", "sericea": "sericea", "onyx": "onyx", "atomic": "atomic.host", "xfce": "xfce",
                    "lxde": "lxde", "mate": "matecompiz", "cloud": "cloud"}
TITLES = {
    "debian": "Debian GNU/Linux", "ubuntu": "Ubuntu", "pop": "Pop!_OS", "linuxmint": "Linux Mint", "pureos": "PureOS",
    "univention": "Univention Corporate Server", "kali": "Kali GNU/Linux", "rhel": "Red Hat Enterprise Linux",
    "centos": "CentOS Linux", "ol": "Oracle Linux Server", "rocky": "Rocky Linux", "almalinux": "AlmaLinux",
    "eurolinux": "EuroLinux", "scientific": "Scientific Linux", "fedora": "Fedora Linux", "sles": "SUSE Linux"
    " Enterprise Server", "sled": "SUSE Linux Enterprise Desktop", "sles_sap": "SUSE Linux Enterprise Server for SAP"
    " Applications", "sle_hpc": "SUSE Linux Enterprise High Performance Computing", "sle-micro": "SUSE Linux Enterprise"
    " Micro", "sl-micro": "SUSE Linux Micro", "opensuse": "openSUSE", "opensuse-leap": "openSUSE Leap",
    "opensuse-leap-micro": "openSUSE Leap Micro", "opensuse-tumbleweed": "openSUSE Tumbleweed",
    "opensuse-microos": "openSUSE MicroOS", "openEuler": "openEuler", "hce": "Huawei Cloud EulerOS",
    "euleros": "EulerOS", "kylin": "Kylin Linux Advanced Server", "neokylin": "NeoKylin Linux Advanced Server",
    "uos": "UnionTech OS Server", "anolis": "Anolis OS", "opencloudos": "OpenCloudOS", "alpine": "Alpine Linux",
    "altlinux": "ALT", "arch": "Arch Linux", "endless": "Endless OS", "gentoo": "Gentoo Linux", "guix": "Guix System",
    "mageia": "Mageia", "nixos": "NixOS", "slackware": "Slackware", "photon": "VMware Photon OS", "freebsd": "FreeBSD",
    "openbsd": "OpenBSD", "netbsd": "NetBSD", "dragonfly": "DragonFly BSD",
    "clear-linux-os": "Clear Linux OS", "trisquel": "Trisquel GNU/Linux",
}


def system_of(words: Words) -> OperatingSystem | None:
    """Return the system of these words; ``None`` where they turn out to name none (a code name that nobody has)."""
    version = _STYLES.get(words.system, _as_written)(words)
    if version is None:
        return None
    word = "opensuse" if words.system == "opensuse-leap" and (version.id or "").startswith("42.") else words.system
    variant = words.variant or _variant(words)
    title = "CentOS Stream" if (word, variant) == ("centos", "stream") else TITLES.get(word, word)
    name = version.name or f"{title} {version.release or version.id or ''}".strip()
    return OperatingSystem(type="Other" if word in NOT_LINUX else "Linux", id=word, version=version.id,
                           release=version.release, name=name, architecture=None, bits=None, variant=variant)


def of_same_release(one: OperatingSystem, other: OperatingSystem) -> bool:
    """Say whether two sightings can be of one system: the same ID, and versions of which none contradicts the other."""
    if one.id != other.id or (one.variant != other.variant and "stream" in (one.variant, other.variant)):
        return False
    versions = [re.findall(r"\d+", system.version or "") for system in (one, other)]
    width = min(map(len, versions))
    return versions[0][:width] == versions[1][:width]


def more_exact(one: OperatingSystem, other: OperatingSystem) -> OperatingSystem:
    """Return what two sightings of one system say together; where both say something, the longer word counts."""
    merged = {field: max(getattr(one, field) or "", getattr(other, field) or "", key=len) or None
              for field in ("version", "release")}
    best = one if merged["release"] == one.release else other
    return msgspec.structs.replace(one, **merged, name=best.name, variant=one.variant or other.variant,
                                   architecture=one.architecture or other.architecture, bits=one.bits or other.bits)


def _as_written(words: Words) -> _Version | None:
    dotted = re.sub(r"[-_]", ".", words.version)
    return _Version(dotted or None, dotted if "." in dotted else None)


def _numbers(words: Words) -> list[str]:
    return [str(int(digits)) for digits in re.findall(r"\d+", words.version)]


def _debian(words: Words) -> _Version | None:
    if words.code_name:
        code = words.code_name.lower()
        if code not in DEBIAN_CODE_NAMES and code not in _DEBIAN_SUITES:
            return None
        return _Version(DEBIAN_CODE_NAMES.get(code), None, f"Debian GNU/Linux {code}")
    numbers = _numbers(words)
    if int(numbers[0]) >= 7 and numbers[2:] == ["0"]:  # noqa: PLR2004 - since 7 a point release is 7.2, its media 7.2.0
        numbers.pop()
    return _Version(numbers[0], ".".join(numbers) if len(numbers) > 1 else None)


def _ubuntu(words: Words) -> _Version | None:
    numbers = words.version.split(".")
    lts = " LTS" if " LTS" in words.label else ""
    return _Version(".".join(numbers[:2]), words.version, f"Ubuntu {words.version}{lts}")


def _point(words: Words) -> _Version | None:
    """Red Hat and who follows it: the first two numbers."""
    numbers = _numbers(words)
    if not numbers:
        return _Version(None)
    if words.system == "scientific" and len(numbers) == 1 and len(numbers[0]) > 1:
        numbers = [numbers[0][0], numbers[0][1:]]  # SL-65
    version = ".".join(numbers[:2])
    return _Version(version, version if "." in version else None)


def _centos(words: Words) -> _Version | None:
    numbers = _numbers(words)
    if not numbers:
        return _Version(None)
    release = ".".join(numbers) if len(numbers) > 1 else None
    if numbers == ["7"] and words.tag in CENTOS_7_MONTHS:
        release = f"{CENTOS_7_MONTHS[words.tag]}.{words.tag}"
    old = f"CentOS {release or numbers[0]}" if int(numbers[0]) < 7 else None  # noqa: PLR2004 - CentOS Linux since then
    return _Version(numbers[0], release, old)


def _suse(words: Words) -> _Version | None:
    version, pack = words.version, words.pack.upper()
    # Since 15 one medium installs each of the products, as the person in front of it decides.
    title = "SUSE Linux Enterprise" if words.variant == "unified-installer" else TITLES[words.system]
    if not pack:
        return _Version(version or None, version if "." in version else None, f"{title} {version}".strip())
    return _Version(f"{version}.{pack[2:]}", f"{version}-{pack}", f"{title} {version} {pack}")


def _openeuler(words: Words) -> _Version | None:
    lts = "-LTS" if "-lts" in words.label.lower() else ""
    pack = f"-{words.pack.upper()}" if words.pack else ""
    return _Version(words.version, f"{words.version}{lts}{pack}",
                    f"openEuler {words.version}{f' ({lts[1:]}{pack})' if lts else ''}")


def _euleros(words: Words) -> _Version | None:
    return _Version(words.version, f"{words.version}-{words.pack.upper()}", f"EulerOS {words.version}"
                    f" ({words.pack.upper()})")


def _kylin(words: Words) -> _Version | None:
    pack = words.pack.upper()
    return _Version(f"V{words.version}", f"V{words.version}-{pack}" if pack else None,
                    f"Kylin Linux Advanced Server V{words.version}{f' ({pack})' if pack else ''}")


def _neokylin(words: Words) -> _Version | None:
    update = words.pack[1:]
    version = f"V{words.version.removesuffix('.0')}"
    return _Version(version, f"{version}-Update{update}" if update else None)


def _freebsd(words: Words) -> _Version | None:
    version = words.version.replace("_", ".")
    return _Version(version, version)


def _netbsd(words: Words) -> _Version | None:
    """The digits of the version without its dots; since 10.0 the major version has two of them."""
    digits = words.version
    numbers = [digits[:2], *digits[2:]] if digits[0] == "1" and len(digits) > 2 else list(digits)  # noqa: PLR2004 - 10.0
    version = ".".join(numbers)
    return _Version(version, version)


def _mageia(words: Words) -> _Version | None:
    return _Version(words.version.split(".")[0], words.version if "." in words.version else None)


def _univention(words: Words) -> _Version | None:
    return _Version(words.version.partition("-")[0], words.version)


def _altlinux(words: Words) -> _Version | None:
    version = words.version.lower()
    return _Version(version or None, version if "." in version else None)


def _variant(words: Words) -> str | None:
    if words.system == "fedora":
        found = (_FEDORA_VARIANTS.get(word.lower()) for word in re.findall(r"[A-Za-z]\w*?(?=[ _-])", words.label))
        return next(filter(None, found), None)
    return words.edition.lower() or None if words.system in {"ubuntu", "rhel"} else None


_STYLES: dict[str, Callable[[Words], _Version | None]] = {
    "debian": _debian, "ubuntu": _ubuntu, "centos": _centos, "openEuler": _openeuler, "euleros": _euleros,
    "kylin": _kylin, "neokylin": _neokylin, "freebsd": _freebsd, "netbsd": _netbsd, "mageia": _mageia,
    "univention": _univention, "altlinux": _altlinux,
    **dict.fromkeys(("rhel", "ol", "rocky", "almalinux", "eurolinux", "scientific", "anolis", "opencloudos"), _point),
    **dict.fromkeys(("sles", "sled", "sles_sap", "sle_hpc", "sle-micro", "sl-micro", "opensuse", "opensuse-leap",
                     "opensuse-leap-micro", "opensuse-tumbleweed", "opensuse-microos"), _suse),
}

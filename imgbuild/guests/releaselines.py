"""What the release files of before os-release say: the text of one file in, the words of os-release out.

One line such as ``CentOS release 6.10 (Final)`` names distribution and version. What comes out are the words that
the same distribution put into os-release later: CentOS, Debian and Fedora write the major version only, Red Hat the
point release too, SUSE the service pack as a second number, OmniOS its release with the r.

Refs:
    lsb_release(1), Linux Standard Base, "Command Behavior", https://refspecs.linuxfoundation.org/lsb.shtml
    os-release(5), https://www.freedesktop.org/software/systemd/man/latest/os-release.html
"""

from __future__ import annotations

import re
from typing import NamedTuple

from imgbuild.guests.names import identify
from imgbuild.guests.osrelease import clean, parse


class Words(NamedTuple):
    """What a release file says, in the words of os-release.

    ``release`` is the most exact version it knows, ``source`` the path of the file.
    """

    id: str | None
    version: str | None
    release: str | None
    name: str | None
    source: str = ""


# Patterns that few guests need are compiled when they are used: that would cost each start a millisecond.
_MAJOR_ONLY = frozenset({"centos", "debian", "raspbian", "fedora", "virtuozzo", "clearos"})
_SUSE_PRODUCTS = frozenset({"sles", "sled"})
_WITH_LETTER = frozenset({"kylin", "neokylin"})
_UNNUMBERED = frozenset({"funtoo"})  # the number in the line is that of baselayout
_VERSION = re.compile(r"(?<![\w.])(V?\d+(?:\.\d+)*)", re.IGNORECASE)
_UPDATE = r"\bUpdate (\d+)\)"
_PACK = re.compile(r"(?<![A-Za-z])((?:LTS-)?SP ?(\d+)|Update\d+)(?:\)? (\d{4})(?!\d))?")
_SUSE = r"^(VERSION|PATCHLEVEL)\s*=\s*(\d[\d.]*)"
_CODE_NAME = r"[\w./-]{1,40}"
_UOS = r"^(SystemName|MajorVersion|MinorVersion|EditionName)=(.*)$"
_KYLIN = r"^dist_id=Kylin\S*?-(V?\d+)(?:-(SP\d+))?(?:-(\d{4})(?=-))?"
_SUNOS = r"OmniOS|OpenIndiana|SmartOS|(?:Oracle )?Solaris"
_SUNOS_VERSION = r"\b(r\d{6}\w*|oi_[\d.]+|\d{8}T\d{6}Z|\d{4}\.\d\d|\d+(?:\.\d+)?)(?=\s|$)"
_NETBSD = r"NetBSD (\d+\.\d+\w*)"


def pack_of(version: str, text: str) -> str | None:
    """Return the version with the service pack that ``text`` names, such as ``15-SP5``, or ``None``."""
    pack = _PACK.search(text)
    if pack is None:
        return None
    # SUSE's VERSION_ID counts the service pack as the second number: 11.4 is 11 SP4.
    base = version.removesuffix(f".{pack[2]}") if pack[2] else version.removesuffix(pack[1])
    return "-".join(filter(None, (base, pack[1].replace(" ", ""), pack[3])))


def extension_of(version: str, text: str) -> str | None:
    """Return the first word of ``text`` that continues ``version``: ``7.9.2009`` for ``7``; ``None`` without one."""
    longer = re.search(rf"(?<![\w.]){re.escape(version)}(?:\.\d+)+(?!\w)", text)
    return longer[0] if longer else None


def line(text: str) -> Words | None:
    """``NAME release VERSION (WORDS)``, the form of Red Hat and of everybody after it."""
    name = clean(text.strip().split("\n")[0])
    word, number = identify(name), _VERSION.search(name)
    if word is None:
        return None
    if number is None or word in _UNNUMBERED:
        return Words(word, None, None, name)
    update = re.search(_UPDATE, name)
    version = number[1] if word in _WITH_LETTER else number[1].lstrip("Vv")
    version = f"{version}.{update[1]}" if update else version
    exact = pack_of(version, name)
    if word in _SUSE_PRODUCTS and exact:
        return Words(word, exact.replace("-SP", "."), exact, name)
    return Words(word, _version_id(word, version), exact or _point(version), name)


def productinfo(text: str) -> Words | None:
    """Two lines that together are one: ``Kylin Linux Advanced Server``, ``release V10 (SP1) /(Tercel)-x86_64-…``."""
    return line(" ".join(text.split("\n")[:2]))


def kyinfo(text: str) -> Words | None:
    """``dist_id=Kylin-Desktop-V10-SP1-2403-Release-…``, Kylin's own; the name of the system is elsewhere."""
    found = re.search(_KYLIN, text, re.MULTILINE)
    if found is None:
        return None
    version = f"V{found[1].lstrip('V')}"
    release = "-".join(filter(None, (version, found[2], found[3]))) if found[2] else None
    return Words("kylin", version, release, f"Kylin {version}")


def lsb(text: str) -> Words | None:
    """``DISTRIB_ID=``, ``DISTRIB_RELEASE=`` and ``DISTRIB_DESCRIPTION=``, the form of Ubuntu."""
    values = parse(text)
    name = values.get("DISTRIB_ID")
    if not name:
        return None
    version = values.get("DISTRIB_RELEASE", "")
    description = values.get("DISTRIB_DESCRIPTION") or f"{name} {version}".strip()
    word = identify(name) or name.casefold().replace(" ", "")
    if not _VERSION.match(version):
        return Words(word, None, None, description)
    return Words(word, version, extension_of(version, description) or _point(version), description)


def suse(text: str) -> Words | None:
    """A line with the name, then ``VERSION = 11`` and ``PATCHLEVEL = 4``."""
    values = dict(re.findall(_SUSE, text, re.MULTILINE))
    name = clean(text.strip().split("\n")[0])
    word, version, pack = identify(name), values.get("VERSION"), values.get("PATCHLEVEL", "0")
    if word is None or version is None:
        return None
    if word not in _SUSE_PRODUCTS:
        return Words(word, version, _point(version), name)
    version = version.partition(".")[0]  # SLES 8 says 8.1, which is that of the SuSE Linux it was made from
    return Words(word, version, None, name) if pack == "0" else Words(
        word, f"{version}.{pack}", f"{version}-SP{pack}", name)


def debian(text: str) -> Words | None:
    """A number, or the code name of what is to come (``trixie/sid``)."""
    version = clean(text)
    name = f"Debian GNU/Linux {version}" if re.fullmatch(_CODE_NAME, version, re.ASCII) else "Debian GNU/Linux"
    if not _VERSION.fullmatch(version):
        return Words("debian", None, None, name)
    # Up to 3.1 the second number made another release, not a point release.
    return Words("debian", version if version < "4" and len(version) == len("3.1") else _version_id("debian", version),
                 _point(version), name)


def alpine(text: str) -> Words | None:
    """The version alone."""
    version = clean(text)
    return Words("alpine", version, _point(version), f"Alpine Linux {version}") if _VERSION.match(version) else None


def cirros(text: str) -> Words | None:
    """The version alone."""
    version = clean(text)
    return Words("cirros", version, _point(version), f"CirrOS {version}") if _VERSION.fullmatch(version) else None


def arch(_text: str) -> Words | None:
    """The file is empty: being there is all it says."""
    return Words("arch", None, None, "Arch Linux")


def pld(text: str) -> Words | None:
    """The number may stand before the name: ``3.0 PLD Linux (Th)``."""
    name, number = clean(text.strip().split("\n")[0]), _VERSION.search(text)
    if "PLD" not in name or number is None:
        return None
    return Words("pld", number[1], _point(number[1]), name)


def uos(text: str) -> Words | None:
    """The INI file ``os-version`` of UnionTech and Deepin; servers are of an edition a, c, d or e."""
    values = {key: clean(value) for key, value in re.findall(_UOS, text, re.MULTILINE)}
    system, version = values.get("SystemName", ""), values.get("MajorVersion")
    word = identify(system)
    if word is None or not version:
        return None
    minor, edition = values.get("MinorVersion", ""), values.get("EditionName", "")
    exact = f"{version}.{minor}" if word == "deepin" else f"{version}-{minor}{edition * (edition in set('acde'))}"
    return Words(word, version, exact if minor.isalnum() else None, f"{system} {version}")


def other(text: str) -> Words | None:
    """``/etc/release`` of NetBSD and of the family of Solaris; Mageia and Mandriva have their usual line there."""
    name = clean(text.strip().split("\n")[0])
    netbsd, sunos, number = re.match(_NETBSD, name), re.match(_SUNOS, name), re.search(_SUNOS_VERSION, name)
    if netbsd:
        return Words("netbsd", netbsd[1], netbsd[1], name)
    if sunos:
        version = number[1] if number else None
        return Words(sunos[0].casefold().removeprefix("oracle "), version, _point(version or ""), name)
    return line(text)


def _version_id(word: str, version: str) -> str:
    return version.split(".", 1)[0] if word in _MAJOR_ONLY else version


def _point(version: str) -> str | None:
    return version if "." in version else None

"""The release files of guests from before os-release: their first lines in, the words of os-release out.

One line such as ``CentOS release 6.10 (Final)`` names distribution and version. What comes out are the words that
the same distribution put into os-release later: CentOS and Debian write the major version only, Red Hat the point
release too, SUSE the service pack as a second number.

Refs:
    lsb_release(1), Linux Standard Base, "Command Behavior", https://refspecs.linuxfoundation.org/lsb.shtml
    os-release(5), https://www.freedesktop.org/software/systemd/man/latest/os-release.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from imgbuild.guests.names import identify
from imgbuild.guests.osrelease import LIMIT, clean, parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.guests.careful import Careful


class Words(NamedTuple):
    """What a release file says, in the words of os-release.

    ``release`` is the most exact version it knows, ``source`` the path of the file.
    """

    id: str | None
    version: str | None
    release: str | None
    name: str | None
    source: str = ""


_MAJOR_ONLY = frozenset({"centos", "debian", "raspbian", "fedora"})
_VERSION = re.compile(r"(?<![\w.])(V?\d+(?:\.\d+)*)", re.IGNORECASE)
_UPDATE = re.compile(r"\bUpdate (\d+)\)")
_PACK = re.compile(r"(?<![A-Za-z])((?:LTS-)?SP ?\d+|Update\d+)")
_SUSE = re.compile(r"^(VERSION|PATCHLEVEL)\s*=\s*(\d[\d.]*)", re.MULTILINE)
_CODE_NAME = re.compile(r"[\w./-]{1,40}", re.ASCII)
_UOS = re.compile(r"^(SystemName|MajorVersion|MinorVersion|EditionName)=(.*)$", re.MULTILINE)


def pack_of(version: str, text: str) -> str | None:
    """Return the version with the service pack that ``text`` names, such as ``15-SP5``, or ``None``."""
    pack = _PACK.search(text)
    return f"{version}-{pack[1].replace(' ', '')}" if pack else None


def extension_of(version: str, text: str) -> str | None:
    """Return the first word of ``text`` that continues ``version``: ``7.9.2009`` for ``7``; ``None`` without one."""
    longer = re.search(rf"(?<![\w.]){re.escape(version)}(?:\.\d+)+(?!\w)", text)
    return longer[0] if longer else None


def _line(text: str) -> Words | None:
    """``NAME release VERSION (WORDS)``, the form of Red Hat and of everybody after it."""
    name = clean(text.strip().split("\n")[0])
    word, number = identify(name), _VERSION.search(name)
    if word is None or number is None:
        return None
    update = _UPDATE.search(name)
    version = f"{number[1]}.{update[1]}" if update else number[1]
    return Words(word, _version_id(word, version), pack_of(version, name) or _point(version), name)


def _productinfo(text: str) -> Words | None:
    """Two lines that together are one: ``Kylin Linux Advanced Server``, ``release V10 (SP1) /(Tercel)-x86_64-…``."""
    return _line(" ".join(text.split("\n")[:2]))


def _lsb(text: str) -> Words | None:
    """``DISTRIB_ID=``, ``DISTRIB_RELEASE=`` and ``DISTRIB_DESCRIPTION=``, the form of Ubuntu."""
    values = parse(text)
    name = values.get("DISTRIB_ID")
    if not name:
        return None
    version = values.get("DISTRIB_RELEASE", "")
    description = values.get("DISTRIB_DESCRIPTION") or f"{name} {version}".strip()
    if not _VERSION.match(version):
        return Words(_lsb_id(name), None, None, description)
    return Words(_lsb_id(name), version, extension_of(version, description) or _point(version), description)


def _lsb_id(name: str) -> str:
    return identify(name) or name.casefold().replace(" ", "")


def _suse(text: str) -> Words | None:
    """A line with the name, then ``VERSION = 11`` and ``PATCHLEVEL = 4``."""
    values = dict(_SUSE.findall(text))
    name = clean(text.strip().split("\n")[0])
    word, version, pack = identify(name), values.get("VERSION"), values.get("PATCHLEVEL", "0")
    if word is None or version is None:
        return None
    if word not in {"sles", "sled"} or pack == "0":
        return Words(word, version, _point(version), name)
    return Words(word, f"{version}.{pack}", f"{version}-SP{pack}", name)


def _debian(text: str) -> Words | None:
    """A number, or the code name of what is to come (``trixie/sid``)."""
    version = clean(text)
    name = f"Debian GNU/Linux {version}" if _CODE_NAME.fullmatch(version) else "Debian GNU/Linux"
    if not _VERSION.fullmatch(version):
        return Words("debian", None, None, name)
    return Words("debian", _version_id("debian", version), _point(version), name)


def _alpine(text: str) -> Words | None:
    version = clean(text)
    return Words("alpine", version, _point(version), f"Alpine Linux {version}") if _VERSION.match(version) else None


def _arch(_text: str) -> Words | None:
    return Words("arch", None, None, "Arch Linux")  # the file is empty: being there is all it says


def _uos(text: str) -> Words | None:
    """The INI file ``os-version`` of UnionTech and Deepin."""
    values = {key: clean(value) for key, value in _UOS.findall(text)}
    system, version = values.get("SystemName", ""), values.get("MajorVersion")
    word = identify(system)
    if word is None or not version:
        return None
    minor = values.get("MinorVersion", "")
    return Words(word, version, f"{version}-{minor}" if minor.isalnum() else None, f"{system} {version}")


def _version_id(word: str, version: str) -> str:
    return version.split(".", 1)[0] if word in _MAJOR_ONLY else version


def _point(version: str) -> str | None:
    return version if "." in version else None


# Specific files come before the ones that derivatives carry along: Oracle Linux 5 has a redhat-release that says
# Red Hat, Ubuntu has a debian_version.
_FILES: tuple[tuple[str, Callable[[str], Words | None]], ...] = (
    ("/etc/.productinfo", _productinfo),
    ("/etc/os-version", _uos),
    ("/etc/lsb-release", _lsb),
    *((f"/etc/{name}-release", _line) for name in (
        "oracle", "enterprise", "centos", "rocky", "almalinux", "fedora", "euleros", "openEuler", "hce", "kylin",
        "neokylin", "UnionTech", "uos", "anolis", "alinux", "tencentos", "tlinux", "opencloudos", "bclinux", "mandriva",
        "mandrake", "mageia", "altlinux", "redhat", "system")),
    ("/etc/SuSE-release", _suse),
    ("/etc/slackware-version", _line),
    ("/etc/gentoo-release", _line),
    ("/etc/alpine-release", _alpine),
    ("/etc/arch-release", _arch),
    ("/etc/debian_version", _debian),
)

PATHS = tuple(path for path, _ in _FILES)
"""The release files from before os-release, in the order in which they are asked."""


def derive(tree: Careful) -> Words | None:
    """Return what the first telling release file says; ``None`` without one."""
    for path, read in _FILES:
        text = tree.read_text(path, LIMIT)
        words = None if text is None else read(text)
        if words is not None:
            return words._replace(source=path)
    return None

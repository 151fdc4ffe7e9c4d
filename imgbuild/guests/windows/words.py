"""What the registry of a Windows says of its version: keys in, its own words out, in one form for all versions.

    HKEY_LOCAL_MACHINE, SOFTWARE, Microsoft, Windows NT, CurrentVersion:
    ProductName, EditionID, InstallationType, CurrentMajorVersionNumber, CurrentMinorVersionNumber (from 10 on),
    CurrentVersion ("6.1"; "6.3" for all after 8.1), CurrentBuildNumber, UBR, CSDVersion (the service pack),
    DisplayVersion, ReleaseId, BuildLabEx ("20348.1.amd64fre.fe_release.210507-1500")
    SYSTEM, the control set, Control, ProductOptions: ProductType ("WinNT", "ServerNT", "LanmanNT"), ProductSuite

https://learn.microsoft.com/windows/win32/sysinfo/operating-system-version and, for types and suites,
https://learn.microsoft.com/windows/win32/api/winnt/ns-winnt-osversioninfoexw
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from imgbuild.guests.windows.products import TEN

if TYPE_CHECKING:
    from imgbuild.guests.windows.hives import Key

XP = 5
"""The major version of XP and Server 2003."""
FIRST_OF_10 = 10_240

_MOST = 1000  # more than any number of a version has been
_NUMBERS = re.compile(r"(\d{1,3})\.(\d{1,3})")
_BUILD = re.compile(r"\d{3,6}")
_BUILD_LAB = re.compile(r"(\d{3,6})\.\d+\.([a-z0-9]+?)(?:fre|chk)\.")
_SUITES_OF_CLIENTS = {"Personal": "Home", "EmbeddedNT": "Embedded"}
_SUITES_OF_SERVERS = {"DataCenter": "Datacenter", "Enterprise": "Enterprise", "Blade": "Web"}


class Words(msgspec.Struct, frozen=True):
    """The words: ``kind`` is the way of installation, ``machine`` as BuildLabEx has it, ``channel`` the release.

    ``major`` is 0 where no version is told.
    """

    product: str = ""
    edition: str | None = None
    kind: str | None = None
    major: int = 0
    minor: int = 0
    build: int | None = None
    revision: int = 0
    pack: str = ""
    machine: str | None = None
    channel: str | None = None
    is_server: bool | None = None


def read_words(current: Key, options: Key | None) -> Words:
    """Return what ``CurrentVersion`` and ``ProductOptions`` say."""
    product = current.text("ProductName") or ""
    kind = current.text("InstallationType") or None
    lab = _BUILD_LAB.match(current.text("BuildLabEx") or "")
    build = _build(current) or (int(lab[1]) if lab else None)
    major, minor = _numbers(current, build)
    is_server = _is_server(product, kind or "", options)
    edition = current.text("EditionID") or _edition_of_suite(major, options, is_server=is_server)
    return Words(product, edition or None, kind, major, minor, build, current.number("UBR") or 0,
                 current.text("CSDVersion") or "", lab[2] if lab else None,
                 current.text("DisplayVersion") or current.text("ReleaseId") or None, is_server)


def _build(current: Key) -> int | None:
    """Return the build; XP has other words in ``CurrentBuild``."""
    written = (current.text(name) or "" for name in ("CurrentBuildNumber", "CurrentBuild"))
    return next((int(number) for number in written if _BUILD.fullmatch(number)), None)


def _numbers(current: Key, build: int | None) -> tuple[int, int]:
    """Return the first two numbers of the version; ``CurrentVersion`` stopped at 6.3."""
    major = current.number("CurrentMajorVersionNumber")
    if major is not None and major < _MOST:
        return major, min(current.number("CurrentMinorVersionNumber") or 0, _MOST)
    if build is not None and build >= FIRST_OF_10:
        return TEN, 0
    written = _NUMBERS.fullmatch(current.text("CurrentVersion") or "")
    return (int(written[1]), int(written[2])) if written else (0, 0)


def _is_server(product: str, kind: str, options: Key | None) -> bool | None:
    """Say whether it is a server; clients of many sessions have the type of a server, but are installed as clients."""
    if kind.casefold() in {"client", "embedded"}:
        return False
    if "server" in kind.casefold():
        return True
    typed = options.text("ProductType") if options is not None else None
    if typed:
        return typed.casefold() != "winnt"
    return "server" in product.casefold() if product else None


def _edition_of_suite(major: int, options: Key | None, *, is_server: bool | None) -> str | None:
    """Return the edition of XP and Server 2003, which have no EditionID."""
    if major != XP or is_server is None or options is None:
        return None
    suites = options.texts("ProductSuite") or ()
    known = _SUITES_OF_SERVERS if is_server else _SUITES_OF_CLIENTS
    named = next((edition for suite, edition in known.items() if suite in suites), None)
    return named or ("Standard" if is_server else "Professional")

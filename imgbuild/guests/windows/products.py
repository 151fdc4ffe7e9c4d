"""The products of Windows by their build, and their editions: numbers and words of an image in, names out.

The first two numbers say little (10.0 since Windows 10); the build decides, and whether it is a client or a server. The
name in the registry says less: that of Windows 11 is still "Windows 10".

Microsoft, "Operating System Version", https://learn.microsoft.com/windows/win32/sysinfo/operating-system-version
Microsoft, "Windows Server release information",
https://learn.microsoft.com/windows-server/get-started/windows-server-release-info
Microsoft, "Windows 11 release information",
https://learn.microsoft.com/windows/release-health/windows11-release-information
Microsoft, "Windows Setup Edition Configuration and Product ID Files" (EditionID),
https://learn.microsoft.com/windows-hardware/manufacture/desktop/windows-setup-edition-configuration-and-product-id-files--eicfg-and-pidtxt
"""

from __future__ import annotations

import re
from bisect import bisect_right

TEN = 10
"""The first number of a version from Windows 10 on."""
FIRST_WITH_BUILDS = 6
"""That of Vista: before it the numbers tell products apart, not the builds."""

# The first build of each product; one before the first is older than Vista.
_CLIENTS = ((6000, "Vista"), (7600, "7"), (9200, "8"), (9600, "8.1"), (10240, "10"), (22000, "11"))
# Servers by exactly their build: those between are previews, or were released twice a year under their own version.
_SERVERS = {
    6001: "2008", 6002: "2008", 6003: "2008", 7600: "2008 R2", 7601: "2008 R2", 9200: "2012", 9600: "2012 R2",
    14393: "2016", 16299: "1709", 17134: "1803", 17763: "2019", 18362: "1903", 18363: "1909", 19041: "2004",
    19042: "20H2", 20348: "2022", 25398: "23H2", 26100: "2025",
}
_YEARLY = frozenset({"1709", "1803", "1903", "1909", "2004", "20H2", "23H2"})
_OLDER = {False: {(5, 0): "2000", (5, 1): "XP", (5, 2): "XP"}, True: {(5, 0): "2000", (5, 2): "2003"}}
_NAMED_FOR_LONG = re.compile(r"\b20\d\d\b|Hyper-V Server")  # the free one has no year in the registry
_MARKS = re.compile(r"\s*\((?:TM|R)\)|[\u2122\u00ae]")
_NEWEST_CLIENT = 30000  # no build of a product that is known is higher

_EDITIONS = {
    "serverstandard": "Standard", "serverdatacenter": "Datacenter", "serverenterprise": "Enterprise",
    "serverweb": "Web", "serversolution": "Essentials", "serveressentials": "Essentials",
    "serverfoundation": "Foundation", "serverhyper": "Hyper-V Server", "serverhpc": "HPC",
    "serverstoragestandard": "Storage Standard", "serverstorageworkgroup": "Storage Workgroup",
    "serverturbine": "Datacenter: Azure Edition", "serverazure": "Azure Stack HCI",
    "core": "Home", "coresinglelanguage": "Home Single Language", "corecountryspecific": "Home China",
    "professional": "Professional", "professionalworkstation": "Professional for Workstations",
    "professionaleducation": "Professional Education", "enterprise": "Enterprise", "enterprises": "Enterprise LTSC",
    "iotenterprise": "IoT Enterprise", "iotenterprises": "IoT Enterprise LTSC", "education": "Education",
    "serverrdsh": "Enterprise multi-session", "ultimate": "Ultimate", "homepremium": "Home Premium",
    "homebasic": "Home Basic", "starter": "Starter", "business": "Business", "cloud": "S",
}
_SUFFIXES = ("evalcore", "evalcor", "eval", "core", "cor", "acor", "v", "n", "k", "kn")


def product(build: int, *, server: bool) -> str | None:
    """Return the version of the product as people say it (``2012 R2``, ``8.1``); ``None`` for a build not known."""
    if server:
        return _SERVERS.get(build)
    place = bisect_right(_CLIENTS, (build, "~"))
    return _CLIENTS[place - 1][1] if place and build < _NEWEST_CLIENT else None


def installed(numbers: tuple[int, int], build: int | None, *, server: bool, written: str = "",
              channel: str | None = None) -> str | None:
    """Return the version of an installed product.

    ``written`` is its name in the registry: a server that is supported for long has a year in it. Others have the
    builds of those and go by ``channel``, the release that the registry states (``1809``, ``23H2``).
    """
    if numbers[0] < FIRST_WITH_BUILDS:
        found = _OLDER[server].get(numbers)
        return "2003 R2" if found == "2003" and written.endswith(" R2") else found
    if server and numbers[0] >= TEN and written and not _NAMED_FOR_LONG.search(written):
        return channel
    return product(build, server=server) if build is not None else None


def installed_name(written: str, version: str | None, *, server: bool) -> str:
    """Return the name in the registry without trade marks, and with the version that is true."""
    name = _MARKS.sub("", written).removeprefix("Microsoft ").strip()
    if not name:
        return product_name(version, server=server) if version else "Windows"
    return name.replace("Windows 10", "Windows 11") if version == "11" else name


def product_name(version: str, *, server: bool) -> str:
    """Return the name of a product: ``Windows Server 2019``, ``Windows Server, version 1909``, ``Windows 10``."""
    if not server:
        return f"Windows {version}"
    return f"Windows Server{', version' if version in _YEARLY else ''} {version}"


def edition(edition_id: str) -> str:
    """Return the edition in words for an EditionID; Core, Eval and N leave it the edition that it is."""
    word = edition_id.lower()
    if word in _EDITIONS:
        return _EDITIONS[word]
    for suffix in _SUFFIXES:
        base = word.removesuffix(suffix)
        if base != word and base in _EDITIONS:
            return _EDITIONS[base] + (f" {suffix.upper()}" if suffix in {"n", "k", "kn"} else "")
    return edition_id

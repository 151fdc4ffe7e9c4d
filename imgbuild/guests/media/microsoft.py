"""Windows by the name of its volume: the word in, the system out.

Microsoft names a volume by the code name of the release, the editions on it, the machine and the kind of build:
``GRMCPRXFREO_EN_DVD`` is a client of the Windows 7 line, Professional, x64, free build. Since Windows 10 the code name
is gone, and Windows 10 and 11, or Server 2016 to 2025, share their names: then the version is not in the name, and it
stays ``None`` here (``sources/install.wim`` has it). A product of Microsoft that is no Windows has another name.

The names are those of Microsoft's own downloads, as lists of them show: the media table of the osinfo database,
https://gitlab.com/libosinfo/osinfo-db (data/os/microsoft.com), read 2024.
"""

from __future__ import annotations

import re

from imgbuild.guests.elf import Machine
from imgbuild.model import OperatingSystem

_MACHINES = {"x86": Machine("x86", 32), "x64": Machine("x86_64", 64), "a64": Machine("aarch64", 64)}
_BUILD = r"_(?P<m>X86|X64|A64)(?:FRE|CHK)(?:V|E|O|EV|EO|R|ER|VO)?_[A-Z]{2}(?:-[A-Z]{2,4}){1,2}_(?P<d>DV[59])"

# The older names end in the language, on a DVD in _DVD as well: the first letter is the release, RM or RTM follows,
# then the product.
_OLDER = (
    (r"(?:ARM|AX2|GRTM|GRM)[PH][A-Z]*", "XP"),
    (r"(?:ARM|NRM)[ESWD][A-Z]*", "2003"),
    (r"(?:CRM|CR0|BRM|BX2)[ESWD][A-Z0-9]*", None),  # Server 2003 with a service pack, or 2003 R2
    (r"(?:FB\d|LRMC|FRTM|FRM)[A-Z]*", "Vista"),
    (r"KRT?M[SW][A-Z]*", "2008"),
    (r"(?:GRM|GSP1RM)C[A-Z0-9]*", "7"),
    (r"(?:GRM|GSP1RM)S[A-Z0-9]*", "2008 R2"),
)
_NEWER = (
    (r"(?:HRM|HB\d)_C[A-Z0-9]*", "8"), (r"(?:HRM|HB\d)_S[A-Z0-9]*", "2012"),
    (r"(?:IRM|IR\d)_C[A-Z0-9]*", "8.1"), (r"(?:IRM|IR\d)_S[A-Z0-9]*", "2012 R2"),
    (r"(?:J|JM\d|JR\d)_C[A-Z0-9]*", "10"),
)
_UNNAMED_CLIENT = r"C(?:C?COMA|CSN?A|EDN?A|EN?N?A|ESN?N?|ESE|PRN?A|PBN?A)"
_UNNAMED_SERVER = r"(?:SSS|SHV|SESS|SERVER_EVAL)"


def identify(volume: str) -> OperatingSystem | None:
    """Return the Windows whose installation media carry this volume name; ``None`` for any other name."""
    name = volume.upper()
    older = re.fullmatch(r"([A-Z0-9]+)_[A-Z]{2}(?:-[A-Z]{2})?(?:_DVD)?", name)
    for pattern, version in _OLDER if older else ():
        if older is not None and re.fullmatch(pattern, older[1]):
            return _windows(version, _older_machine(older[1], version), volume)
    for pattern, version in _NEWER:
        match = re.fullmatch(pattern + _BUILD, name)
        if match:
            return _windows(version, _MACHINES[match["m"].lower()], volume)
    client = re.fullmatch(_UNNAMED_CLIENT + _BUILD, name)
    if client:
        # Windows 11 runs on 64 bit only, and no medium of it ever fitted a DVD of one layer.
        certain = client["m"] == "X86" or client["d"] == "DV5"
        return _windows("10" if certain else None, _MACHINES[client["m"].lower()], volume)
    server = re.fullmatch(_UNNAMED_SERVER + _BUILD, name)
    return _windows(None, _MACHINES[server["m"].lower()], volume, "Windows Server") if server else None


def _older_machine(product: str, version: str | None) -> Machine | None:
    """``X`` before the kind of build is x64, ``IA`` Itanium; Server 2008 R2 was never made for 32 bit."""
    match = re.search(r"(X|IAI?)?(?:FRE|CHK|VOL|EVL|OEM|FPP)[A-Z]*$", product)
    if match is None:
        return None
    if (match[1] or "").startswith("IA"):
        return Machine("ia64", 64)
    return _MACHINES["x64" if match[1] or version == "2008 R2" else "x86"]


def _windows(version: str | None, machine: Machine | None, volume: str, title: str = "Windows") -> OperatingSystem:
    server = title == "Windows Server" or (version or "")[:2] == "20"
    name = f"{'Windows Server' if server else title} {version or ''}".strip()
    return OperatingSystem(type="Windows", id="windows", version=version, release=None, name=name,
                           architecture=machine.architecture if machine else None,
                           bits=machine.bits if machine else None, source=f"volume name {volume!r}")

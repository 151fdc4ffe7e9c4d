"""Windows disks: NTFS with real hives, a partition table, boot code or an EFI system partition; all by our own writers.

``disk(path, guest)`` writes one. ``Guest()`` is a Windows Server 2022 that every readiness check passes; what shall be
otherwise is merged into its hives and files: ``Guest().but(system={"…": {"Start": 3}}, files={"hiberfil.sys": b"…"})``,
with ``None`` for a key, a value or a file that shall not be there.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from images.hives import hive
from images.loaders import PE_X86_64, efi_program
from images.ntfs import write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from images.ntfsrecords import File

    Files = Mapping[str, bytes | File | None]
    Keys = dict[str, dict[str, object] | None]

MIB = 1 << 20
SECTOR = 512
START = MIB
CURRENT_VERSION = "Microsoft\\Windows NT\\CurrentVersion"
CONTROL = "ControlSet001\\Control"
SERVICES = "ControlSet001\\Services"
TCPIP = f"{SERVICES}\\Tcpip\\Parameters"
NIC = f"{TCPIP}\\Interfaces\\{{C0FFEE00-0000-4000-8000-000000000001}}"
FIREWALL = f"{SERVICES}\\SharedAccess\\Parameters\\FirewallPolicy"
AGENT = "Program Files/Cloudbase Solutions/Cloudbase-Init/conf/cloudbase-init.conf"
DRIVERS = "Windows/System32/drivers"
NO_ADDRESS = ".".join("0000")
RULE = "v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=3389|App=System|Name=@FirewallAPI.dll,-28775|"
AGENT_SETTINGS = b"""[DEFAULT]
username=Administrator
netbios_host_name_compatibility=false
metadata_services=cloudbaseinit.metadata.services.httpservice.HttpService
plugins=cloudbaseinit.plugins.common.mtu.MTUPlugin,
    cloudbaseinit.plugins.windows.createuser.CreateUserPlugin,
    cloudbaseinit.plugins.common.sethostname.SetHostNamePlugin
"""

SOFTWARE: Keys = {
    CURRENT_VERSION: {
        "ProductName": "Windows Server 2022 Datacenter", "EditionID": "ServerDatacenter", "InstallationType": "Server",
        "CurrentMajorVersionNumber": 10, "CurrentMinorVersionNumber": 0, "CurrentBuildNumber": "20348", "UBR": 2340,
        "CurrentVersion": "6.3", "DisplayVersion": "21H2"},
    "Microsoft\\Windows\\CurrentVersion\\Setup\\State": {"ImageState": "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"},
}
SYSTEM: Keys = {
    "Select": {"Current": 1, "Default": 1, "Failed": 0, "LastKnownGood": 1},
    f"{CONTROL}\\Session Manager\\Environment": {"PROCESSOR_ARCHITECTURE": "AMD64"},
    f"{CONTROL}\\ProductOptions": {"ProductType": "ServerNT"},
    f"{CONTROL}\\Terminal Server": {"fDenyTSConnections": 0},
    f"{CONTROL}\\Terminal Server\\WinStations\\RDP-Tcp": {"PortNumber": 3389},
    f"{CONTROL}\\TimeZoneInformation": {"RealTimeIsUniversal": 1},
    TCPIP: {"Domain": ""},
    NIC: {"EnableDHCP": 1, "IPAddress": [NO_ADDRESS], "NameServer": ""},
    f"{FIREWALL}\\PublicProfile": {"EnableFirewall": 1},
    f"{FIREWALL}\\FirewallRules": {"RemoteDesktop-UserMode-In-TCP": RULE},
    f"{SERVICES}\\partmgr\\Parameters": {"SanPolicy": 1},
    **{f"{SERVICES}\\{name}": {"Start": start, "Type": kind} for name, start, kind in (
        ("viostor", 0, 1), ("vioscsi", 0, 1), ("netkvm", 3, 1), ("cloudResetPwdAgent", 2, 16),
        ("cloudResetPwdUpdateAgent", 2, 16))},
    f"{SERVICES}\\cloudbase-init": {"Start": 2, "Type": 16, "ObjectName": ".\\cloudbase-init"},
}
FILES: Files = {
    **{f"{DRIVERS}/{name}.sys": b"MZ driver" for name in ("viostor", "vioscsi", "netkvm")},
    "Windows/System32/ntoskrnl.exe": efi_program(PE_X86_64),
    "Windows/System32/Sysprep/Sysprep_succeeded.tag": b"",
    "Windows/System32/winevt/Logs/System.evtx": b"ElfFile\0".ljust(42, b"\0") + b"\1\0" + bytes(84),
    "Windows/explorer.exe": b"MZ", AGENT: AGENT_SETTINGS, "Users/Default/x": b"x",
}
BOOTMGR = {"bootmgr": b"bootmgr", "Boot/BCD": b"regf"}


@dataclass(frozen=True)
class Guest:
    """What is in a Windows volume; ``dirty`` marks the volume, ``dirty_hives`` both hives."""

    software: Keys = field(default_factory=lambda: SOFTWARE)
    system: Keys = field(default_factory=lambda: SYSTEM)
    files: Files = field(default_factory=lambda: FILES)
    dirty: bool = False
    dirty_hives: bool = False

    def but(self, *, software: Keys | None = None, system: Keys | None = None, files: Files | None = None,
            **flags: bool) -> Guest:
        """Return the guest with these changes."""
        merged = {path: data for path, data in {**self.files, **(files or {})}.items() if data is not None}
        return replace(self, software=_merged(self.software, software or {}),
                       system=_merged(self.system, system or {}), files=merged, **flags)

    def tree(self) -> dict[str, bytes | File | None]:
        """Return the files of the volume, the hives among them."""
        config = "Windows/System32/config"
        return {**self.files, f"{config}/SOFTWARE": hive(self.software, dirty=self.dirty_hives),
                f"{config}/SYSTEM": hive(self.system, dirty=self.dirty_hives)}


def _merged(keys: Keys, changes: Keys) -> Keys:
    found = {**keys}
    for path, values in changes.items():
        both = {**(found.get(path) or {}), **(values or {})}
        found[path] = None if values is None else {name: value for name, value in both.items() if value is not None}
    return {path: values for path, values in found.items() if values is not None}


def disk(path: Path, guest: Guest | None = None, *, mib: int = 6, active: bool = True) -> Path:
    """Write a BIOS disk with an MBR and one active partition, as Windows makes it; boot code is there by its marks."""
    guest = guest or Guest()
    volume = path.with_suffix(".ntfs")
    write(volume, mib, {**guest.tree(), **BOOTMGR}, dirty=guest.dirty)
    boot = bytearray(volume.read_bytes())
    boot[0x54:0x5B], boot[510:512] = b"BOOTMGR", b"\x55\xaa"
    path.write_bytes(mbr(mib, active=active).ljust(START, b"\0") + bytes(boot))
    volume.unlink()
    return path


def mbr(mib: int, *, active: bool = True) -> bytes:
    """Return a first sector with one partition of NTFS and the beginning of Windows' boot code."""
    entry = struct.pack("<B3xB3xII", 0x80 if active else 0, 0x07, START // SECTOR, mib * MIB // SECTOR)
    code = bytes.fromhex("33c08ed0bc007c").ljust(440, b"\x90")
    return code + struct.pack("<IH", 0x5EED0002, 0) + entry + bytes(48) + b"\x55\xaa"

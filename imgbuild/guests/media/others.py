"""Discs that install no system: what else they are, by their names and files.

cloud-init, "NoCloud" and "Config Drive", https://docs.cloud-init.io/en/latest/reference/datasources.html
Ignition and Combustion, https://en.opensuse.org/Portal:MicroOS/Ignition
virtio-win, https://github.com/virtio-win/virtio-win-pkg-scripts
Anaconda, "Driver disks" (OEMDRV), https://anaconda-installer.readthedocs.io/en/latest/boot-options.html
SystemRescue, GParted Live, Clonezilla live, Memtest86+, iPXE: the names of their own media.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from imgbuild.guests.media import windows
from imgbuild.guests.osrelease import clean

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from imgbuild.guests.media.disc import Disc


class _Kind(NamedTuple):
    """A kind of disc: what it is called, the pattern of its volume name, files of which one must be there."""

    words: str
    label: str = ""
    files: tuple[str, ...] = ()


_KINDS = (
    _Kind("cloud-init seed (NoCloud)", r"cidata"),
    _Kind("cloud-init seed (Config Drive)", r"config-2"),
    _Kind("cloud-init seed (Config Drive)", "", ("/openstack/latest/meta_data.json",)),
    _Kind("configuration for Ignition or Combustion", r"ignition|combustion"),
    _Kind("provisioning environment (OVF)", "", ("/ovf-env.xml",)),
    _Kind("drivers or kickstart for Anaconda", r"OEMDRV"),
    _Kind("virtio drivers for Windows", r"virtio-win.*", ("/virtio-win_license.txt", "/NetKVM", "/viostor")),
    _Kind("virtio drivers for Windows", "", ("/NetKVM/w10/amd64", "/viostor/w10/amd64", "/viostor/2k19/amd64")),
    _Kind("guest tools of a hypervisor", r"VBox_GAs_.*|VBOXADDITIONS_.*|VMware Tools|XenServer Tools|prl-tools.*|"
                                          r"CDROM_GUEST_TOOLS"),
    _Kind("rescue system", r"RESCUE\d+|SYSRCD.*|SYSRESC.*|GParted-live|Clonezilla-live.*|Rescatux.*|Redo.*|"
                           r"Hirens?.?BootCD.*|HBCD.*|UBCD.*|SuperGRUB2.*",
          ("/sysresccd", "/sysrcd.dat", "/GParted-Live-Version", "/Clonezilla-Live-Version", "/live", "/HBCD", "/ubcd",
           "/boot")),
    _Kind("memory test", r"MT86PLUS.*|MEMTEST.*|Memtest86.*"),
    _Kind("answers for Windows Setup", "", ("/autounattend.xml",)),
)


def kind_of(header: Mapping[str, Any], disc: Disc) -> str | None:
    """Return what a disc is that installs no system, ``None`` where it is not known."""
    label = clean(str(header.get("volume_id") or ""))
    for kind in _KINDS:
        labelled = kind.label and re.fullmatch(kind.label, label, re.IGNORECASE)
        if (labelled or not kind.label) and (not kind.files or any(disc.is_there(path) for path in kind.files)):
            return kind.words
    if str(header.get("application_id") or "").upper().startswith("IPXE"):
        return "network boot (iPXE)"
    if windows.is_setup(disc):
        return "Windows PE without a system to install"
    if not header.get("boot_platforms"):
        return "data"
    return "GRUB rescue" if _is_grub_alone(disc) else None


def _is_grub_alone(disc: Disc) -> bool:
    rest = {"boot", "boot.catalog", "boot.cat", "efi", "efi.img", ".disk", "mach_kernel", "system", "rr_moved"}
    return disc.is_there("/boot/grub/i386-pc") and {name.lower() for name in disc.names("/")} <= rest and not any(
        name.startswith(("vmlinuz", "linux", "kernel", "bzimage")) for name in disc.names("/boot"))

"""Whether the root file system can take the whole disk of a larger flavour: readiness checks.

growpart and cloud-init's module of that name, https://docs.cloud-init.io/en/latest/reference/modules.html#growpart;
systemd-repart(8), https://www.freedesktop.org/software/systemd/man/latest/systemd-repart.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.guests.readiness.base import Answer, View, failed, not_applicable, passed, place, unknown

if TYPE_CHECKING:
    from imgbuild.model import Partition

# What grows a partition at the start: cloud-utils, cloud-initramfs-tools, dracut's modules, kiwi, Flatcar, CoreOS.
_GROWERS = (
    "/usr/bin/growpart", "/usr/sbin/growpart", "/usr/share/initramfs-tools/scripts/local-bottom/growroot",
    "/usr/lib/dracut/modules.d/50growroot", "/usr/share/dracut/modules.d/50growroot",
    "/usr/lib/dracut/modules.d/90kiwi-repart", "/usr/lib/dracut/modules.d/55kiwi-repart",
    "/usr/lib/systemd/system/extend-filesystems.service", "/usr/libexec/ignition-ostree-growfs",
    "/usr/lib/dracut/modules.d/40ignition-ostree", "/usr/lib/dracut/modules.d/99growpart", "/usr/lib/growroot",
)
_REPART = ("/usr/bin/systemd-repart", "/usr/lib/systemd/systemd-repart", "/bin/systemd-repart")
_DEFINITIONS = ("/etc/repart.d/*.conf", "/usr/lib/repart.d/*.conf")
_INSTALL = (("/usr/bin/apt-get", "apt-get install cloud-guest-utils"),
            ("/usr/bin/dnf", "dnf install cloud-utils-growpart"), ("/usr/bin/yum", "yum install cloud-utils-growpart"),
            ("/usr/bin/zypper", "zypper install growpart"), ("/sbin/apk", "apk add cloud-utils-growpart"),
            ("/usr/bin/pacman", "pacman -S cloud-guest-utils"))


def growpart(view: View) -> Answer:
    """lin_growpart: something in the guest grows the root partition at the start."""
    if view.guest.root.is_whole_disk:
        return not_applicable("the root file system is the whole disk")
    found = next((path for path in _GROWERS if view.tree.exists(path)), None)
    if found is None and any(view.tree.exists(path) for path in _REPART):
        found = next((path for pattern in _DEFINITIONS for path in view.tree.glob(pattern)), None)
    if found is not None:
        return passed("the root partition is grown at the start", found)
    cure = next((command for program, command in _INSTALL if view.tree.exists(program)), None)
    return failed("nothing in the guest grows its root partition: neither growpart nor systemd-repart", [], cure=cure)


def root_last(view: View) -> Answer:
    """lin_root_last: no partition stands behind that of the root, so that it can grow."""
    if view.guest.root.is_whole_disk:
        return not_applicable("the root file system is the whole disk")
    partition = _partition(view)
    if partition is None:
        return unknown("the root is on a logical volume of more than one partition")
    behind = [block.partition for block in view.blocks
              if block.partition is not None and block.partition.start > partition.start]
    if not behind:
        return passed(f"the root partition ({partition.index}) is the last one on the disk")
    numbers = ", ".join(str(other.index) for other in behind)
    return failed(f"the root partition ({partition.index}) cannot grow: behind it is partition {numbers}", [place("/")])


def _partition(view: View) -> Partition | None:
    """Return the partition of the root, or that of the only physical volume where it is on a logical one."""
    if view.guest.root.volume is None:
        return view.guest.root.partition
    physical = [block.partition for block in view.blocks
                if block.identity is not None and block.identity.kind == "lvm2"]
    return physical[0] if len(physical) == 1 else None

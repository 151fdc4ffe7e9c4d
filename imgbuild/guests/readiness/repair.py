"""What repairs a guest: what is wrong with its start in, the commands of its own tools out.

dracut(8), https://man7.org/linux/man-pages/man8/dracut.8.html
initramfs-tools(7), https://manpages.debian.org/bookworm/initramfs-tools-core/initramfs-tools.7.en.html
mkinitcpio(8), https://man.archlinux.org/man/mkinitcpio.8
grubby(8), https://man7.org/linux/man-pages/man8/grubby.8.html
Installing Native KVM Drivers, OTC (source otc-kvm of the rules), for the older tools
"""

from __future__ import annotations

import re
from shlex import quote
from typing import TYPE_CHECKING

from imgbuild.guests.osrelease import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgbuild.guests.drivers import Drivers
    from imgbuild.guests.readiness.base import View

_PROGRAMS = (("dracut", ("/usr/bin/dracut", "/usr/sbin/dracut", "/sbin/dracut")),
             ("initramfs-tools", ("/usr/sbin/update-initramfs",)),
             ("mkinitcpio", ("/usr/bin/mkinitcpio",)),
             ("mkinitfs", ("/sbin/mkinitfs", "/usr/sbin/mkinitfs")),
             ("mkinitrd", ("/sbin/mkinitrd", "/usr/sbin/mkinitrd")))
_IDENTIFIER = re.compile(r"[0-9A-Za-z-]+")


def add_drivers(view: View, found: Drivers, names: Sequence[str]) -> str:
    """Return what to run inside the guest so that its initramfs has these drivers."""
    release, words = quote(found.kernel.version or "VERSION"), " ".join(names)
    path = quoted(found.kernel.initramfs or f"/boot/initramfs-{release}.img")
    tool = found.builder or _installed(view)
    if tool == "initramfs-tools":
        return f"printf '%s\\n' {words} >> /etc/initramfs-tools/modules; update-initramfs -u -k {release}"
    if tool == "mkinitcpio":
        return f"add {words} to MODULES in /etc/mkinitcpio.conf; mkinitcpio -P"
    if tool == "mkinitfs":
        return f"add virtio to features in /etc/mkinitfs/mkinitfs.conf; mkinitfs {release}"
    if tool == "mkinitrd" and view.tree.exists("/etc/sysconfig/kernel") and view.tree.exists("/etc/SuSE-release"):
        return f"add {words} to INITRD_MODULES in /etc/sysconfig/kernel; mkinitrd"
    if tool == "mkinitrd":
        return f"mkinitrd -f {' '.join(f'--with={name}' for name in names)} {path} {release}"
    return f'dracut -f --add-drivers "{words}" {path} {release}'


def pack_again(view: View, found: Drivers) -> str:
    """Return what to run so that the initramfs is made anew."""
    release = quote(found.kernel.version or "VERSION")
    tool = found.builder or _installed(view)
    commands = {"initramfs-tools": f"update-initramfs -u -k {release}", "mkinitcpio": "mkinitcpio -P",
                "mkinitfs": f"mkinitfs {release}", "mkinitrd": "mkinitrd"}
    return commands.get(tool or "", f"dracut -f --kver {release}")


def quoted(path: str) -> str:
    """Return a path for a command line, safe to show."""
    return quote(clean(path))


def name_root(view: View) -> str:
    """Return what to run so that the boot loader names the root by its UUID as it is now."""
    identity = view.guest.root.identity
    uuid = identity.uuid if identity is not None else None
    known = uuid if uuid is not None and _IDENTIFIER.fullmatch(uuid) else "…"
    if view.tree.exists("/usr/sbin/update-grub"):
        return "update-grub (with UUIDs: GRUB_DISABLE_LINUX_UUID not set in /etc/default/grub); grub-install DISK"
    return _edit(view, f"root=UUID={known}")


def add_argument(view: View, argument: str) -> str:
    """Return what to run so that the kernel gets a further argument."""
    if view.tree.exists("/usr/sbin/update-grub"):
        return f"add {argument} to GRUB_CMDLINE_LINUX in /etc/default/grub; update-grub"
    return _edit(view, argument)


def _edit(view: View, argument: str) -> str:
    if any(view.tree.exists(path) for path in ("/usr/sbin/grubby", "/sbin/grubby")):
        return f'grubby --update-kernel=ALL --args="{argument}"'
    if view.tree.exists("/etc/default/grub"):
        return (f"add {argument} to GRUB_CMDLINE_LINUX in /etc/default/grub;"
                " grub2-mkconfig -o /boot/grub2/grub.cfg")
    return f"write {argument} into the entries of the boot loader's menu"


def _installed(view: View) -> str | None:
    return next((tool for tool, paths in _PROGRAMS if any(view.tree.exists(path) for path in paths)), None)

"""The systems of a disk, the first one with its guest."""

from __future__ import annotations

from phonydisk import ESP, part
from unified import unified

from imgbuild.guests import systems
from imgbuild.guests.layout import assemble

MENU = "set default=1\nmenuentry a {\nlinux /boot/vmlinuz-6.2.0\n}\nmenuentry b {\nlinux /boot/vmlinuz-6.1.0\n}\n"


def root(word, **more):
    return {"/etc/os-release": f"ID={word}\n", "/bin/sh": "x"} | more


def names(*blocks):
    return [(system.id, guest is not None) for guest, system in systems.name(assemble(blocks), [])]


def test_guests_in_the_order_of_the_disk_then_what_types_name():
    assert names(part(1, root("debian")), part(2, None, "ufs", readable=False, type="FreeBSD UFS"),
                 part(3, root("fedora"))) == [("debian", True), ("fedora", True), ("freebsd", False)]


def test_boot_files_tell_only_of_a_disk_without_a_guest():
    esp = part(1, {"/EFI/Linux/a.efi": unified(osrel="ID=talos\n")}, "fat32", type="EFI system", type_id=ESP)
    assert names(esp) == [("talos", False)]
    assert names(esp, part(2, root("debian"))) == [("debian", True)]
    assert names(part(1, None, "crypto_LUKS", readable=False)) == []


def test_the_kernel_that_boots_comes_first():
    files = root("debian", **{"/boot/grub/grub.cfg": MENU, "/boot/vmlinuz-6.1.0": "k", "/boot/vmlinuz-6.2.0": "k"})
    ((_, system),) = systems.name(assemble([part(1, files)]), [])
    assert system.kernels == ("6.1.0", "6.2.0")


def test_a_system_that_is_no_linux_has_no_kernels_of_linux():
    files = {"/etc/os-release": "ID=freebsd\n", "/boot/kernel-6.1": "k"}
    ((_, system),) = systems.name(assemble([part(1, files)]), [])
    assert (system.type, system.kernels) == ("Other", ())

"""The systems of a disk, the first one with its guest."""

from __future__ import annotations

import random

from casefiles import load
from phonydisk import ESP, part
from test_kernels import DEBIAN
from test_menus import ALPINE, CENTOS6, ZIPL
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


PIECES = (b"\n", b"{", b"}", b"'", b'"', b"$", b"${a}", b"blscfg\n", b"\0", b"submenu x {\n", b"if [ a ]; then\n",
          b"\xff\xfe", b"9" * 21, b"linux /\n", b"linux (hd0,1)\n", b"/../", b"initrd /\n", b"default=saved\n")
SEEDS = ({"/boot/grub/grub.cfg": DEBIAN, "/boot/vmlinuz-6.1.0-9-amd64": "k", "/boot/grub/grubenv": "saved_entry=1>2\n"},
         {"/boot/grub/grub.conf": CENTOS6, "/boot/vmlinuz-2.6.32-754.el6.x86_64": "k"},
         {"/boot/extlinux.conf": ALPINE, "/boot/vmlinuz-virt": "k", "/lib/modules/6.6.31-0-virt/modules.dep": ""},
         {"/etc/zipl.conf": ZIPL, "/boot/vmlinuz-4.18.0-80.el8.s390x": "k"},
         {"/boot/EFI/Linux/a.efi": unified(osrel="ID=x\n", uname="6.1"), "/boot/loader/loader.conf": "default a*\n"})


def mutated(data, chance):
    changed = bytearray(data.encode() if isinstance(data, str) else data)
    for _ in range(chance.randrange(12) if changed else 0):
        place = chance.randrange(len(changed) + 1)
        changed[place : place + chance.choice((0, 0, 1, 20))] = chance.choice((*PIECES, chance.randbytes(1)))
    return bytes(changed)


def test_mutants_of_everything_that_names_a_system():
    chance = random.Random(7)  # noqa: S311 - a fixed set of cases
    cases = load()
    for _ in range(600):
        files = {**chance.choice(SEEDS), **chance.choice(cases).files}
        files = {path: mutated(data, chance) for path, data in files.items()}
        damaged = tuple(path for path in files if chance.random() < 0.03)
        for _, system in systems.name(assemble([part(1, files, damaged=damaged)]), []):
            words = (system.id, system.version, system.release, system.name, system.source, *system.kernels)
            assert all(word.isprintable() for word in words if word)

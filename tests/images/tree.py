"""Small guest trees: what an inspector reads of a Linux system, and nothing else.

A tree is a mapping from guest path (without the leading slash) to content: bytes for a file, ``Link`` for a symbolic
link, ``None`` for an empty directory. ``plant`` writes one to a folder. The same arguments give the same bytes.
"""

from __future__ import annotations

import gzip
import os
import random
import struct
from dataclasses import dataclass, field
from pathlib import Path

MIB = 1 << 20
X86_64, AARCH64, I386 = 62, 183, 3  # e_machine of ELF
EXECUTABLE_FOLDERS = ("usr/bin/", "usr/sbin/", "bin/", "sbin/", "usr/lib/systemd/systemd")


@dataclass(frozen=True)
class Link:
    """A symbolic link with its target."""

    target: str


Tree = dict[str, bytes | Link | None]


@dataclass(frozen=True)
class Distro:
    """What tells one distribution from another; ``release`` is the text of os-release."""

    name: str
    release: str
    kernel: str
    initrd: str = "initrd.img-{kernel}"
    files: dict[str, str] = field(default_factory=dict)
    merged: bool = True


def _release(**fields: str) -> str:
    return "".join(f'{key}="{value}"\n' for key, value in fields.items())


DEBIAN_12 = Distro(
    "debian-12",
    _release(
        PRETTY_NAME="Debian GNU/Linux 12 (bookworm)",
        NAME="Debian GNU/Linux",
        VERSION_ID="12",
        VERSION="12 (bookworm)",
        VERSION_CODENAME="bookworm",
        ID="debian",
        HOME_URL="https://www.debian.org/",
    ),
    "6.1.0-18-cloud-amd64",
    files={"etc/debian_version": "12.5\n"},
)
UBUNTU_2404 = Distro(
    "ubuntu-24.04",
    _release(
        PRETTY_NAME="Ubuntu 24.04.1 LTS",
        NAME="Ubuntu",
        VERSION_ID="24.04",
        VERSION="24.04.1 LTS (Noble Numbat)",
        VERSION_CODENAME="noble",
        ID="ubuntu",
        ID_LIKE="debian",
        UBUNTU_CODENAME="noble",
    ),
    "6.8.0-31-generic",
    files={"etc/debian_version": "trixie/sid\n", "etc/lsb-release": "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=24.04\n"},
)
ROCKY_9 = Distro(
    "rocky-9",
    _release(
        NAME="Rocky Linux",
        VERSION="9.4 (Blue Onyx)",
        ID="rocky",
        ID_LIKE="rhel centos fedora",
        VERSION_ID="9.4",
        PLATFORM_ID="platform:el9",
        PRETTY_NAME="Rocky Linux 9.4 (Blue Onyx)",
        CPE_NAME="cpe:/o:rocky:rocky:9::baseos",
    ),
    "5.14.0-427.el9.x86_64",
    "initramfs-{kernel}.img",
    {
        "etc/rocky-release": "Rocky Linux release 9.4 (Blue Onyx)\n",
        "etc/redhat-release": "Rocky Linux release 9.4 (Blue Onyx)\n",
    },
)
OPENSUSE_156 = Distro(
    "opensuse-15.6",
    _release(
        NAME="openSUSE Leap",
        VERSION="15.6",
        ID="opensuse-leap",
        ID_LIKE="suse opensuse",
        VERSION_ID="15.6",
        PRETTY_NAME="openSUSE Leap 15.6",
        CPE_NAME="cpe:/o:opensuse:leap:15.6",
    ),
    "6.4.0-150600.21-default",
    "initrd-{kernel}",
)
FEDORA_40 = Distro(
    "fedora-40",
    _release(
        NAME="Fedora Linux",
        VERSION="40 (Cloud Edition)",
        ID="fedora",
        VERSION_ID="40",
        PLATFORM_ID="platform:f40",
        PRETTY_NAME="Fedora Linux 40 (Cloud Edition)",
        VARIANT="Cloud Edition",
        VARIANT_ID="cloud",
    ),
    "6.8.5-301.fc40.x86_64",
    "initramfs-{kernel}.img",
    {"etc/fedora-release": "Fedora release 40 (Forty)\n"},
)
ALPINE_320 = Distro(
    "alpine-3.20",
    'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.20.0\nPRETTY_NAME="Alpine Linux v3.20"\n',
    "6.6.31-0-virt",
    "initramfs-virt",
    {"etc/alpine-release": "3.20.0\n"},
)
CENTOS_6 = Distro(
    "centos-6",
    "",
    "2.6.32-754.el6.x86_64",
    "initramfs-{kernel}.img",
    {"etc/centos-release": "CentOS release 6.10 (Final)\n", "etc/redhat-release": "CentOS release 6.10 (Final)\n"},
    merged=False,
)

VIRTIO = (
    "virtio/virtio.ko",
    "virtio/virtio_ring.ko",
    "virtio/virtio_pci.ko",
    "block/virtio_blk.ko",
    "net/virtio_net.ko",
    "scsi/virtio_scsi.ko",
)


def linux(distro: Distro, fstab: str, *, machine: int = X86_64, ballast: int = 0) -> Tree:
    """Return the tree of a fresh cloud guest; ``ballast`` is the size in bytes of its kernel's random part."""
    prefix = "usr/" if distro.merged else ""
    kernel = distro.kernel.replace("amd64", "arm64") if machine == AARCH64 else distro.kernel
    tree: Tree = _skeleton(distro, machine)
    tree |= {path: text.encode() for path, text in distro.files.items()}
    tree |= {"etc/fstab": fstab.encode(), "etc/hostname": b"localhost\n", "etc/machine-id": b""}
    tree |= _kernel(kernel, distro.initrd.format(kernel=kernel), prefix, machine, ballast)
    return tree | _cloud_init()


def _skeleton(distro: Distro, machine: int) -> Tree:
    folders = ("bin", "sbin", "lib", "lib64")
    empty = ("boot/efi", "dev", "home", "proc", "root", "run", "sys", "tmp", "var/log", "var/tmp")
    tree: Tree = dict.fromkeys(empty)
    if distro.merged:
        tree |= {folder: Link(f"usr/{folder}") for folder in folders} | {f"usr/{folder}": None for folder in folders}
        tree |= {
            "usr/bin/dash": elf(machine),
            "usr/bin/sh": Link("dash"),
            "usr/lib/systemd/systemd": elf(machine),
            "usr/sbin/init": Link("/lib/systemd/systemd"),
        }
    else:
        tree |= {"bin/bash": elf(machine), "bin/sh": Link("bash"), "sbin/init": elf(machine)}
    if distro.release:
        tree |= {"usr/lib/os-release": distro.release.encode(), "etc/os-release": Link("../usr/lib/os-release")}
    return tree


def _kernel(kernel: str, initrd: str, prefix: str, machine: int, ballast: int) -> Tree:
    drivers = f"{prefix}lib/modules/{kernel}/kernel/drivers/"
    modules = {drivers + name: elf(machine) for name in VIRTIO}
    source = random.Random(kernel)  # noqa: S311 - ballast, no secret
    noise = b"".join(source.randbytes(min(MIB, ballast - done)) for done in range(0, ballast, MIB))
    config = f"linux /boot/vmlinuz-{kernel} root=UUID={ROOT_UUID} ro console=tty0 console=ttyS0,115200\n"
    return {
        f"boot/vmlinuz-{kernel}": b"MZ" + bytes(510) + b"HdrS" + noise,
        f"boot/{initrd}": gzip.compress(cpio({"init": b"#!/bin/sh\n", **modules}), mtime=0),
        "boot/grub/grub.cfg": config.encode(),
        f"{prefix}lib/modules/{kernel}/modules.builtin": b"kernel/fs/ext4/ext4.ko\n",
        **modules,
    }


def _cloud_init() -> Tree:
    wanted = "etc/systemd/system/cloud-init.target.wants/cloud-init.service"
    return {
        "usr/bin/cloud-init": b"#!/usr/bin/python3\n",
        "usr/bin/growpart": b"#!/bin/sh\n",
        "usr/lib/systemd/system/cloud-init.service": b"[Unit]\nDescription=Initial cloud-init job\n",
        wanted: Link("/lib/systemd/system/cloud-init.service"),
        "etc/cloud/cloud.cfg": b"disable_root: true\ndatasource_list: [ ConfigDrive, OpenStack, NoCloud, None ]\n",
        "etc/ssh/sshd_config": b"PermitRootLogin prohibit-password\nUsePAM yes\n",
    }


ROOT_UUID = "11111111-2222-4333-8444-555555555555"
BOOT_UUID = "22222222-3333-4444-8555-666666666666"
ESP_ID = "ABCD-1234"


def elf(machine: int) -> bytes:
    """Return the head of a little-endian ELF file for ``machine``, 64 bits except for I386."""
    word = 1 if machine == I386 else 2
    return b"\x7fELF" + bytes([word, 1, 1]) + bytes(9) + struct.pack("<HHI", 3, machine, 1) + bytes(100)


def cpio(files: dict[str, bytes]) -> bytes:
    """Return a newc cpio archive, as an initramfs is."""
    out = bytearray()
    for inode, (name, data) in enumerate([*files.items(), ("TRAILER!!!", b"")], start=1):
        text = name.encode() + b"\0"
        header = (inode, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(text), 0)
        out += b"070701" + b"".join(b"%08X" % value for value in header) + text
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return bytes(out)


def split(tree: Tree, folder: str) -> tuple[Tree, Tree]:
    """Return the tree without what is below ``folder``, and what was there as a tree of its own."""
    prefix = folder + "/"
    inner = {path.removeprefix(prefix): content for path, content in tree.items() if path.startswith(prefix)}
    outer = {path: content for path, content in tree.items() if not path.startswith(prefix)}
    return outer | {folder: None}, inner


def plant(tree: Tree, folder: Path) -> Path:
    """Write the tree into ``folder`` and return it."""
    for path, content in sorted(tree.items()):
        target = folder / path
        if content is None:
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Link):
            target.symlink_to(content.target)
        else:
            target.write_bytes(content)
            target.chmod(0o755 if path.startswith(EXECUTABLE_FOLDERS) else 0o644)
    for place, _, _ in os.walk(folder):
        Path(place).chmod(0o755)
    return folder

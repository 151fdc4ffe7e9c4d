"""Stock vendor images with the files that readiness checks look at: partitions as the vendor makes them, small trees.

``build(name, folder)`` writes ``<name>.raw`` and returns its path; ``STOCK`` names them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from images import filesystems as fs
from images import loaders, stockfiles
from images.disks import (
    BIOS_BOOT_TYPE,
    ESP_TYPE,
    LINUX_TYPE,
    PREP_TYPE,
    ROOT_ARM64_TYPE,
    ROOT_X86_64_TYPE,
    SECTORS,
    XBOOTLDR_TYPE,
    Part,
    esp,
    grub,
    partitioned,
    partuuid,
)
from images.tree import (
    AARCH64,
    BOOT_UUID,
    DEBIAN_12,
    ESP_ID,
    FEDORA_40,
    OPENSUSE_156,
    ROCKY_9,
    ROOT_UUID,
    UBUNTU_2404,
    X86_64,
    Distro,
    Link,
    Tree,
    elf,
    linux,
    split,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TOOLS = ("sfdisk", "mke2fs", "debugfs", "mkfs.vfat", "mmd", "mcopy", "mkfs.xfs", "mkfs.btrfs")
FLATCAR_USR_TYPE = "5DFBF5F4-2848-4BAC-AA5E-0D9A20B745A6"
FLATCAR_ROOT_TYPE = "3884DD41-8582-4404-B9A8-E9B84F2DF50E"
FLATCAR_RESERVED_TYPE = "C95DC21A-DF0E-4340-8D7B-26CBFA9A03E0"
RESERVED_TYPE = "8DA63339-0007-60C0-C436-083AC8230908"


class Machine(NamedTuple):
    """What differs between the processors."""

    number: int
    root_type: str
    arm: bool


X86 = Machine(X86_64, ROOT_X86_64_TYPE, arm=False)
ARM = Machine(AARCH64, ROOT_ARM64_TYPE, arm=True)


def build(name: str, folder: Path) -> Path:
    """Make the disk ``name`` in ``folder`` and return its path; parts of it stay beside, in a folder of their own."""
    disk = folder / f"{name}.raw"
    work = folder / f"{name}.parts"
    work.mkdir()
    maker, machine = STOCK[name]
    maker(disk, work, machine)
    return disk


def _dressed(distro: Distro, files: Tree, machine: Machine, *lines: str) -> Tree:
    """Return the tree of a fresh guest with these files instead of the plain ones."""
    plain = linux(distro, "".join(f"{line}\n" for line in lines), machine=machine.number)
    ours = ("etc/cloud/", "etc/systemd/system/cloud-init", "usr/lib/systemd/system/cloud-init", "etc/ssh/")
    return {path: content for path, content in plain.items() if not path.startswith(ours)} | files


def _boot_loader_spec(tree: Tree, kernel: str, extra: str = "") -> Tree:
    """Return the tree with GRUB as Red Hat's systems have it: a menu that reads one file for each kernel."""
    left = {path: content for path, content in tree.items() if path != "boot/grub/grub.cfg"}
    entry = (f"title Linux ({kernel})\nversion {kernel}\nlinux /vmlinuz-{kernel}\ninitrd /initramfs-{kernel}.img\n"
             f"options root=UUID={ROOT_UUID} ro console=tty0 console=ttyS0,115200n8 no_timer_check net.ifnames=0"
             f" {extra}\n")
    return left | {"boot/grub2/grub.cfg": b"set timeout=0\ninsmod blscfg\nblscfg\n",
                   f"boot/loader/entries/ffffffffffffffffffffffffffffffff-{kernel}.conf": entry.encode()}


def _kernel(distro: Distro, machine: Machine) -> str:
    return distro.kernel.replace("amd64", "arm64") if machine.arm else distro.kernel


def _with_bios(parts: list[Part], number: int, start: int, machine: Machine) -> list[Part]:
    """Return the partitions with one for GRUB's core image, where the processor has a BIOS."""
    if machine.arm:
        return parts
    return [*parts, Part(number, start, 1, BIOS_BOOT_TYPE, loaders.core_image(start * SECTORS), "p.legacy")]


def _finish(disk: Path, mib: int, parts: list[Part], machine: Machine, core: int) -> None:
    partitioned(disk, "gpt", mib, sorted(parts, key=lambda part: part.number))
    if not machine.arm:
        grub(disk, core * SECTORS)


def debian(disk: Path, work: Path, machine: Machine) -> None:
    """Debian 12 genericcloud: root is number 1 and last."""
    tree = _dressed(DEBIAN_12, stockfiles.debian(), machine,
                    f"PARTUUID={partuuid(1)} / ext4 rw,discard,errors=remount-ro,x-systemd.growfs 0 1",
                    f"PARTUUID={partuuid(15)} /boot/efi vfat defaults 0 0")
    parts = [Part(1, 128, 91, machine.root_type, fs.ext(work / "root", 91, tree)),
             Part(15, 4, 124, ESP_TYPE, esp(work / "esp", 124, bits=16, arm=machine.arm))]
    _finish(disk, 220, _with_bios(parts, 14, 1, machine), machine, 1)


def ubuntu(disk: Path, work: Path, machine: Machine) -> None:
    """Ubuntu 24.04 server cloud image: its own /boot, everything by label."""
    tree = _dressed(UBUNTU_2404, stockfiles.ubuntu(), machine,
                    "LABEL=cloudimg-rootfs / ext4 discard,commit=30,errors=remount-ro 0 1",
                    "LABEL=BOOT /boot ext4 defaults 0 2", "LABEL=UEFI /boot/efi vfat umask=0077 0 1")
    system, boot = split(tree, "boot")
    parts = [Part(1, 152, 97, LINUX_TYPE, fs.ext(work / "root", 97, system, label="cloudimg-rootfs")),
             Part(15, 5, 106, ESP_TYPE, esp(work / "esp", 106, vendor="ubuntu", label="UEFI", arm=machine.arm)),
             Part(16, 111, 40, XBOOTLDR_TYPE, fs.ext(work / "boot", 40, boot, uuid=BOOT_UUID, label="BOOT"))]
    _finish(disk, 250, _with_bios(parts, 14, 1, machine), machine, 1)


def rocky(disk: Path, work: Path, machine: Machine) -> None:
    """Rocky 9 GenericCloud: /boot and root on XFS, on x86 an empty PReP partition."""
    tree = _dressed(ROCKY_9, stockfiles.red_hat(user="rocky"), machine, f"UUID={ROOT_UUID} / xfs defaults 0 0",
                    f"UUID={BOOT_UUID} /boot xfs defaults 0 0",
                    f"UUID={ESP_ID} /boot/efi vfat defaults,uid=0,gid=0,umask=077,shortname=winnt 0 2")
    system, boot = split(_boot_loader_spec(tree, _kernel(ROCKY_9, machine)), "boot")
    parts = [Part(1, 1, 99, ESP_TYPE, esp(work / "esp", 99, bits=16, vendor="rocky", arm=machine.arm), "p.UEFI"),
             Part(2, 100, 64, XBOOTLDR_TYPE, fs.xfs(work / "boot", 64, boot, uuid=BOOT_UUID, label="boot"), "p.lxboot"),
             Part(5, 169, 110, machine.root_type, fs.xfs(work / "root", 110, system), "p.lxroot")]
    if not machine.arm:
        parts.append(Part(3, 164, 4, PREP_TYPE, None, "p.prep"))
    _finish(disk, 280, _with_bios(parts, 4, 168, machine), machine, 168)


def fedora(disk: Path, work: Path, machine: Machine) -> None:
    """Fedora Cloud 40: /boot on ext4, root on btrfs."""
    tree = _dressed(FEDORA_40, stockfiles.fedora(), machine, f"UUID={ROOT_UUID} / btrfs compress=zstd:1 0 0",
                    f"UUID={BOOT_UUID} /boot ext4 defaults 0 0",
                    f"UUID={ESP_ID} /boot/efi vfat defaults,umask=0077,shortname=winnt 0 2")
    system, boot = split(_boot_loader_spec(tree, _kernel(FEDORA_40, machine)), "boot")
    root = fs.btrfs(work / "root", 136, system, label="fedora")
    parts = [Part(2, 3, 100, ESP_TYPE, esp(work / "esp", 100, bits=16, vendor="fedora", arm=machine.arm), "p.UEFI"),
             Part(3, 103, 40, XBOOTLDR_TYPE, fs.ext(work / "boot", 40, boot, uuid=BOOT_UUID, label="BOOT"), "p.lxboot"),
             Part(4, 143, 136, machine.root_type, root, "p.lxroot")]
    _finish(disk, 280, _with_bios(parts, 1, 1, machine), machine, 1)


def opensuse(disk: Path, work: Path, machine: Machine) -> None:
    """openSUSE Leap 15.6 Minimal-VM cloud: root on XFS, GRUB's menu in grub2."""
    lines = (f"UUID={ROOT_UUID} / xfs defaults 0 0", f"UUID={ESP_ID} /boot/efi vfat defaults 0 0")
    tree = _dressed(OPENSUSE_156, stockfiles.opensuse(), machine, *lines)
    tree["boot/grub2/grub.cfg"] = tree.pop("boot/grub/grub.cfg")
    root = fs.xfs(work / "root", 123, tree, label="ROOT")
    parts = [Part(2, 3, 33, ESP_TYPE, esp(work / "esp", 33, bits=16, vendor="opensuse", label="EFI", arm=machine.arm),
                  "p.UEFI"),
             Part(3, 36, 123, LINUX_TYPE, root, "p.lxroot")]
    _finish(disk, 160, _with_bios(parts, 1, 1, machine), machine, 1)


def opensuse_snapshots(disk: Path, work: Path, machine: Machine) -> None:
    """openSUSE as its installer makes it: root on btrfs, in a subvolume that is a snapshot."""
    options = "defaults 0 0"
    lines = (f"UUID={ROOT_UUID} / btrfs {options}", f"UUID={ROOT_UUID} /.snapshots btrfs subvol=/@/.snapshots 0 0",
             f"UUID={ROOT_UUID} /var btrfs subvol=/@/var 0 0", f"UUID={ESP_ID} /boot/efi vfat utf8 0 2")
    tree = _dressed(OPENSUSE_156, stockfiles.opensuse(), machine, *lines)
    tree["boot/grub2/grub.cfg"] = tree.pop("boot/grub/grub.cfg")
    tree[".snapshots"] = None
    parts = [Part(2, 3, 33, ESP_TYPE, esp(work / "esp", 33, bits=16, vendor="opensuse", label="EFI", arm=machine.arm)),
             Part(3, 36, 136, LINUX_TYPE, fs.btrfs(work / "root", 136, tree, label="ROOT"))]
    _finish(disk, 173, _with_bios(parts, 1, 1, machine), machine, 1)


FLATCAR_RELEASE = (
    'NAME="Flatcar Container Linux by Kinvolk"\nID=flatcar\nID_LIKE=coreos\nVERSION=4152.2.3\nVERSION_ID=4152.2.3\n'
    'PRETTY_NAME="Flatcar Container Linux by Kinvolk 4152.2.3 (Oklo)"\n'
)


def flatcar(disk: Path, work: Path, machine: Machine) -> None:
    """Flatcar: two /usr partitions, of which the second is empty, the OEM's, and a root with nothing in it."""
    kernel = b"MZ" + bytes(510) + b"HdrS"
    config = (b'set linux_append="$linux_console"\nlinux /flatcar/vmlinuz-a rootflags=rw mount.usrflags=ro'
              b" mount.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132 console=ttyS0,115200n8\n")
    loader = esp(work / "esp", 64, bits=32, vendor="flatcar", label="EFI-SYSTEM", arm=machine.arm)
    usr = stockfiles.flatcar_usr() | {
        "lib/os-release": FLATCAR_RELEASE.encode(), "bin/bash": elf(machine.number), "bin/sh": Link("bash"),
        "lib/systemd/systemd": elf(machine.number), "boot/vmlinuz": kernel, "boot/grub.cfg": config,
        "lib64": None, "sbin": None,
        "lib/modules/6.6.74-flatcar/modules.builtin": "".join(
            f"kernel/drivers/{name}\n" for name in ("virtio/virtio.ko", "virtio/virtio_ring.ko", "virtio/virtio_pci.ko",
                                                    "block/virtio_blk.ko", "net/virtio_net.ko", "scsi/virtio_scsi.ko")
        ).encode()}
    empty: Tree = dict.fromkeys(("boot", "etc", "usr", "var", "oem", "root", "home"))
    oem: Tree = {"grub.cfg": b'# Flatcar GRUB settings\nset oem_id="openstack"\n'}
    parts = [
        Part(1, 3, 64, ESP_TYPE, loader, "EFI-SYSTEM", bootable=False),
        Part(3, 67, 64, FLATCAR_USR_TYPE, fs.ext(work / "usr", 64, usr, uuid=BOOT_UUID, label="USR-A"), "USR-A"),
        Part(4, 131, 16, FLATCAR_USR_TYPE, None, "USR-B"),
        Part(6, 147, 16, LINUX_TYPE, fs.ext(work / "oem", 16, oem, uuid=_other_uuid(1), label="OEM"), "OEM"),
        Part(7, 163, 1, FLATCAR_RESERVED_TYPE, None, "OEM-CONFIG"),
        Part(9, 164, 40, FLATCAR_ROOT_TYPE, fs.ext(work / "root", 40, empty, label="ROOT"), "ROOT"),
    ]
    _finish(disk, 205, _with_bios(parts, 2, 1, machine), machine, 1)


def _other_uuid(number: int) -> str:
    return f"33333333-4444-4555-8666-{number:012d}"


COREOS_RELEASE = (
    'NAME="Fedora Linux"\nVERSION="40.20240416.3.1 (CoreOS)"\nID=fedora\nVERSION_ID=40\n'
    'PRETTY_NAME="Fedora CoreOS 40.20240416.3.1"\nVARIANT="CoreOS"\nVARIANT_ID=coreos\nOSTREE_VERSION=40.20240416.3.1\n'
)
COREOS = Distro("fedora-coreos", COREOS_RELEASE, "6.8.5-301.fc40.x86_64", "initramfs-{kernel}.img")


def fedora_coreos(disk: Path, work: Path, machine: Machine) -> None:
    """Fedora CoreOS: /boot on ext4, an ostree deployment on XFS, no fstab."""
    commit, kernel = "5e6" + "0" * 61, _kernel(COREOS, machine)
    plain = linux(COREOS, "", machine=machine.number)
    unwanted = ("etc/cloud", "etc/fstab", "etc/systemd/system/cloud", "usr/lib/systemd/system/cloud", "usr/bin/cloud",
                "etc/machine-id", "etc/ssh", "boot/", "usr/bin/growpart")
    inside = {path: content for path, content in plain.items() if not path.startswith(unwanted)}
    inside |= stockfiles.fedora_coreos() | {"boot": None, "sysroot": None, "ostree": Link("sysroot/ostree")}
    deployment = f"ostree/deploy/fedora-coreos/deploy/{commit}.0"
    root: Tree = {f"{deployment}/{path}": content for path, content in inside.items()}
    root |= {f"ostree/boot.1.1/fedora-coreos/{commit}/0": Link(f"../../../deploy/fedora-coreos/deploy/{commit}.0"),
             "ostree/boot.1": Link("boot.1.1"), "ostree/deploy/fedora-coreos/var": None, "ostree/repo": None}
    initrd = plain[f"boot/initramfs-{kernel}.img"]
    entry = (f"title Fedora CoreOS\nversion 1\nlinux /ostree/fedora-coreos-{commit}/vmlinuz-{kernel}\n"
             f"initrd /ostree/fedora-coreos-{commit}/initramfs-{kernel}.img\noptions rw $ignition_firstboot"
             f" ostree=/ostree/boot.1/fedora-coreos/{commit}/0 ignition.platform.id=openstack"
             " console=tty0 console=ttyS0,115200n8\n")
    boot: Tree = {"loader": Link("loader.1"), "loader.1/entries/ostree-1.conf": entry.encode(),
                  "grub2/grub.cfg": b"set timeout=1\nblscfg\n", "ignition.firstboot": b"", "efi": None,
                  f"ostree/fedora-coreos-{commit}/vmlinuz-{kernel}": plain[f"boot/vmlinuz-{kernel}"],
                  f"ostree/fedora-coreos-{commit}/initramfs-{kernel}.img": initrd}
    first = Part(1, 1, 1, RESERVED_TYPE, None, "reserved") if machine.arm else Part(
        1, 1, 1, BIOS_BOOT_TYPE, loaders.core_image(SECTORS), "BIOS-BOOT")
    parts = [first,
             Part(2, 2, 127, ESP_TYPE, esp(work / "esp", 127, bits=16, vendor="fedora", label="EFI-SYSTEM",
                                           arm=machine.arm), "EFI-SYSTEM"),
             Part(3, 129, 48, LINUX_TYPE, fs.ext(work / "boot", 48, boot, uuid=BOOT_UUID, label="boot"), "boot"),
             Part(4, 177, 110, machine.root_type, fs.xfs(work / "root", 110, root), "root")]
    _finish(disk, 288, parts, machine, 1)


MAKERS: dict[str, Callable[[Path, Path, Machine], None]] = {
    "debian-12": debian, "ubuntu-24.04": ubuntu, "rocky-9": rocky, "fedora-40": fedora, "opensuse-15.6": opensuse,
    "opensuse-15.6-snapshots": opensuse_snapshots, "flatcar": flatcar, "fedora-coreos": fedora_coreos,
}
STOCK = {f"{name}-{suffix}": (maker, machine) for name, maker in MAKERS.items()
         for suffix, machine in (("x86_64", X86), ("aarch64", ARM))}

"""Raw disks with a small guest inside: the layouts of the main job, and those of stock vendor images.

``build(name, folder)`` writes ``<name>.raw`` and returns its path; ``LAYOUTS`` holds, by name, how a disk is made and
what must be found in it. Nothing needs root or a loop device; a disk takes well under a second.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from images import filesystems as fs
from images import loaders, ntfs, windows
from images.lvm import Linear
from images.run import run
from images.tree import (
    AARCH64,
    ALPINE_320,
    BOOT_UUID,
    DEBIAN_12,
    ESP_ID,
    FEDORA_40,
    OPENSUSE_156,
    ROCKY_9,
    ROOT_UUID,
    UBUNTU_2404,
    Tree,
    linux,
    split,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MIB = 1 << 20
SECTORS = MIB // 512

ESP_TYPE = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
BIOS_BOOT_TYPE = "21686148-6449-6E6F-744E-656564454649"
LINUX_TYPE = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
ROOT_X86_64_TYPE = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"
ROOT_ARM64_TYPE = "B921B045-1DF0-41C3-AF44-4C6F280D3FAE"
XBOOTLDR_TYPE = "BC13C2FF-59E6-4262-A352-B275FD6F7172"
RESERVED_TYPE = "E3C9E316-0B5C-4DB8-817D-F92DF00215AE"
BASIC_DATA_TYPE = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"
RECOVERY_TYPE = "DE94BBA4-06D1-4D40-A16A-BFD50179D6AC"
PREP_TYPE = "9E1A2D38-C612-4316-AA26-8B49521E5A8B"
DISK_IDS = {"gpt": "3B0E6E0C-5E0B-4C5E-9C55-5B3B3A0A7C01", "dos": "0x5EED0001"}

TOOLS = ("sfdisk", "mke2fs", "debugfs", "mkfs.vfat", "mmd", "mcopy")
XFS_TOOLS = (*TOOLS, "mkfs.xfs")


@dataclass(frozen=True)
class Part:
    """A partition: its number, start and size in MiB, type, and the file or bytes that fill it."""

    number: int
    start: int
    size: int
    type: str
    content: Path | bytes | None = None
    name: str = ""
    bootable: bool = False


@dataclass(frozen=True)
class Layout:
    """How a disk is made (``build``), with which programs, and what must be found in it.

    ``filesystems`` are those of the partitions by number; ``volumes`` those of the logical volumes by name.
    """

    build: Callable[[Path, Path], None]
    tools: tuple[str, ...]
    table: str | None
    bios: bool
    uefi: bool
    filesystems: dict[int, str | None]
    volumes: dict[str, str] = field(default_factory=dict)
    os: tuple[str, str, str] | None = ("debian", "12", "x86_64")
    stock: bool = False


def build(name: str, folder: Path) -> Path:
    """Make the disk ``name`` in ``folder`` and return its path; parts of it stay beside, in a folder of their own."""
    disk = folder / f"{name}.raw"
    work = folder / f"{name}.parts"
    work.mkdir()
    LAYOUTS[name].build(disk, work)
    return disk


def partitioned(disk: Path, label: str, mib: int, parts: list[Part]) -> None:
    """Write a disk of ``mib`` MiB with this partition table (gpt or dos) and these contents."""
    fs.sparse(disk, mib * MIB)
    head = f"label: {label}\nlabel-id: {DISK_IDS[label]}\n"
    lines = "".join(_line(disk, label, part) for part in parts)
    run("sfdisk", "-q", "--no-reread", "--no-tell-kernel", disk, stdin=head + lines)
    for part in parts:
        if isinstance(part.content, bytes):
            patch(disk, part.start * MIB, part.content)
        elif part.content is not None:
            fs.copy_into(disk, part.start * MIB, part.content)


def _line(disk: Path, label: str, part: Part) -> str:
    words = [f"start={part.start * SECTORS}", f"size={part.size * SECTORS}", f"type={part.type}"]
    if label == "gpt":
        words += [f'name="{part.name}"', f"uuid={partuuid(part.number).upper()}"]
    if part.bootable:
        words.append("bootable")
    return f"{disk}{part.number} : {', '.join(words)}\n"


def partuuid(number: int) -> str:
    """Return the GUID that a partition of ours has."""
    return f"c0ffee00-0000-4000-8000-{number:012d}"


def patch(disk: Path, offset: int, data: bytes) -> None:
    """Write bytes into a file at an offset."""
    with disk.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def esp(
    path: Path, mib: int = 36, *, bits: int = 32, vendor: str = "debian", arm: bool = False, label: str = "ESP"
) -> Path:
    """Make an EFI system partition with the fallback loader and the vendor's own folder."""
    program = loaders.efi_program(loaders.PE_AARCH64 if arm else loaders.PE_X86_64)
    suffix = "AA64" if arm else "X64"
    files = {
        f"EFI/BOOT/BOOT{suffix}.EFI": program,
        f"EFI/{vendor}/grub{suffix.lower()}.efi": program,
        f"EFI/{vendor}/grub.cfg": f"search.fs_uuid {ROOT_UUID} root\n".encode(),
    }
    return fs.fat(path, mib, files, bits=bits, label=label)


def grub(disk: Path, core_lba: int, *, gap: bool = False) -> None:
    """Put GRUB's boot sector on the disk, and its core image behind it where there is no partition for it."""
    patch(disk, 0, loaders.boot_sector(core_lba))
    if gap:
        patch(disk, core_lba * 512, loaders.core_image(core_lba))


def _fstab(*lines: str) -> str:
    return "".join(line + "\n" for line in lines)


ROOT_LINE = f"UUID={ROOT_UUID} / ext4 errors=remount-ro 0 1"
ESP_LINE = f"UUID={ESP_ID} /boot/efi vfat umask=0077 0 1"


def gpt_uefi_ext4(disk: Path, work: Path) -> None:
    """Make a UEFI disk: ESP (FAT32) and root."""
    root = fs.ext(work / "root", 96, linux(DEBIAN_12, _fstab(ROOT_LINE, ESP_LINE)))
    partitioned(
        disk,
        "gpt",
        134,
        [
            Part(1, 1, 36, ESP_TYPE, esp(work / "esp"), "EFI"),
            Part(2, 37, 96, ROOT_X86_64_TYPE, root, "root"),
        ],
    )


def mbr_bios_ext4(disk: Path, work: Path) -> None:
    """Make a BIOS disk with its own /boot, named by its label."""
    system, boot = split(linux(DEBIAN_12, _fstab(ROOT_LINE, "LABEL=boot /boot ext2 defaults 0 2")), "boot")
    _bios_disk(disk, work, boot, Part(2, 33, 96, "83", fs.ext(work / "root", 96, system)))


def mbr_lvm_ext4(disk: Path, work: Path) -> None:
    """Make a BIOS disk with /boot and an LVM2 volume group: root and swap."""
    lines = (
        "/dev/mapper/vg0-root / ext4 defaults 0 1",
        f"UUID={BOOT_UUID} /boot ext2 defaults 0 2",
        "/dev/mapper/vg0-swap none swap sw 0 0",
    )
    system, boot = split(linux(DEBIAN_12, _fstab(*lines)), "boot")
    volumes = [Linear("swap", 8), Linear("root", 96, fs.ext(work / "root", 96, system))]
    _bios_disk(disk, work, boot, Part(2, 33, 110, "8e", fs.lvm(work / "pv", 110, "vg0", volumes)))


def _bios_disk(disk: Path, work: Path, boot: Tree, last: Part) -> None:
    content = fs.ext(work / "boot", 32, boot, "-I", "128", kind="ext2", uuid=BOOT_UUID, label="boot")
    partitioned(disk, "dos", last.start + last.size, [Part(1, 1, 32, "83", content, bootable=True), last])
    grub(disk, 1, gap=True)


def gpt_bios_xfs(disk: Path, work: Path) -> None:
    """Make a BIOS disk with GPT: BIOS boot partition and root on XFS."""
    root = fs.xfs(work / "root", 96, linux(DEBIAN_12, _fstab(f"UUID={ROOT_UUID} / xfs defaults 0 0")))
    partitioned(
        disk,
        "gpt",
        100,
        [
            Part(1, 1, 1, BIOS_BOOT_TYPE, loaders.core_image(SECTORS), "bios_grub"),
            Part(2, 2, 96, LINUX_TYPE, root, "root"),
        ],
    )
    grub(disk, SECTORS)


def whole_disk_ext4(disk: Path, work: Path) -> None:
    """Make a disk that is one file system."""
    fs.ext(work / "root", 96, linux(DEBIAN_12, _fstab(ROOT_LINE))).rename(disk)


def debian_cloud(disk: Path, work: Path, *, mib: int = 220, ballast: int = 65536) -> None:
    """Make Debian's generic cloud image: root is number 1 and last; BIOS boot 14, ESP 15."""
    lines = (
        f"PARTUUID={partuuid(1)} / ext4 rw,discard,errors=remount-ro,x-systemd.growfs 0 1",
        f"PARTUUID={partuuid(15)} /boot/efi vfat defaults 0 0",
    )
    start = 128
    root = fs.ext(work / "root", mib - start - 1, linux(DEBIAN_12, _fstab(*lines), ballast=ballast))
    partitioned(
        disk,
        "gpt",
        mib,
        [
            Part(1, start, mib - start - 1, ROOT_X86_64_TYPE, root),
            Part(14, 1, 3, BIOS_BOOT_TYPE, loaders.core_image(SECTORS)),
            Part(15, 4, 124, ESP_TYPE, esp(work / "esp", 124, bits=16)),
        ],
    )
    grub(disk, SECTORS)


def debian_arm(disk: Path, work: Path) -> None:
    """Make Debian's generic cloud image for arm64: UEFI only."""
    tree = linux(DEBIAN_12, _fstab(ROOT_LINE, ESP_LINE), machine=AARCH64)
    partitioned(
        disk,
        "gpt",
        220,
        [
            Part(1, 128, 91, ROOT_ARM64_TYPE, fs.ext(work / "root", 91, tree)),
            Part(15, 1, 127, ESP_TYPE, esp(work / "esp", 127, bits=16, arm=True)),
        ],
    )


def ubuntu_cloud(disk: Path, work: Path) -> None:
    """Make Ubuntu's cloud image of 24.04: its own /boot, everything by label."""
    lines = (
        "LABEL=cloudimg-rootfs / ext4 discard,commit=30,errors=remount-ro 0 1",
        "LABEL=BOOT /boot ext4 defaults 0 2",
        "LABEL=UEFI /boot/efi vfat umask=0077 0 1",
    )
    system, boot = split(linux(UBUNTU_2404, _fstab(*lines)), "boot")
    partitioned(
        disk,
        "gpt",
        250,
        [
            Part(1, 152, 97, LINUX_TYPE, fs.ext(work / "root", 97, system, label="cloudimg-rootfs")),
            Part(14, 1, 4, BIOS_BOOT_TYPE, loaders.core_image(SECTORS)),
            Part(15, 5, 106, ESP_TYPE, esp(work / "esp", 106, vendor="ubuntu", label="UEFI")),
            Part(16, 111, 40, XBOOTLDR_TYPE, fs.ext(work / "boot", 40, boot, uuid=BOOT_UUID, label="BOOT")),
        ],
    )
    grub(disk, SECTORS)


def rocky_cloud(disk: Path, work: Path) -> None:
    """Make Rocky's generic cloud image of 9: /boot and root on XFS, with an empty PReP partition."""
    lines = (
        f"UUID={ROOT_UUID} / xfs defaults 0 0",
        f"UUID={BOOT_UUID} /boot xfs defaults 0 0",
        f"UUID={ESP_ID} /boot/efi vfat defaults,uid=0,gid=0,umask=077,shortname=winnt 0 2",
    )
    system, boot = split(linux(ROCKY_9, _fstab(*lines)), "boot")
    partitioned(
        disk,
        "gpt",
        280,
        [
            Part(1, 1, 99, ESP_TYPE, esp(work / "esp", 99, bits=16, vendor="rocky"), "p.UEFI"),
            Part(2, 100, 64, XBOOTLDR_TYPE, fs.xfs(work / "boot", 64, boot, uuid=BOOT_UUID, label="boot"), "p.lxboot"),
            Part(3, 164, 4, PREP_TYPE, None, "p.prep"),
            Part(4, 168, 1, BIOS_BOOT_TYPE, loaders.core_image(168 * SECTORS), "p.legacy"),
            Part(5, 169, 110, ROOT_X86_64_TYPE, fs.xfs(work / "root", 110, system), "p.lxroot"),
        ],
    )
    grub(disk, 168 * SECTORS)


def opensuse_cloud(disk: Path, work: Path) -> None:
    """Make openSUSE's minimal cloud image: BIOS boot, ESP, root on XFS."""
    lines = (f"UUID={ROOT_UUID} / xfs defaults 0 0", f"UUID={ESP_ID} /boot/efi vfat defaults 0 0")
    partitioned(
        disk,
        "gpt",
        160,
        [
            Part(1, 1, 2, BIOS_BOOT_TYPE, loaders.core_image(SECTORS), "p.legacy"),
            Part(2, 3, 33, ESP_TYPE, esp(work / "esp", 33, bits=16, vendor="opensuse", label="EFI"), "p.UEFI"),
            Part(
                3,
                36,
                123,
                LINUX_TYPE,
                fs.xfs(work / "root", 123, linux(OPENSUSE_156, _fstab(*lines)), label="ROOT"),
                "p.lxroot",
            ),
        ],
    )
    grub(disk, SECTORS)


def fedora_cloud(disk: Path, work: Path) -> None:
    """Make Fedora's cloud image: its own /boot on ext4, root and /home on subvolumes of btrfs."""
    lines = (
        f"UUID={ROOT_UUID} / btrfs subvol=root,compress=zstd:1 0 0",
        f"UUID={ROOT_UUID} /home btrfs subvol=home,compress=zstd:1 0 0",
        f"UUID={BOOT_UUID} /boot ext4 defaults 0 0",
        f"UUID={ESP_ID} /boot/efi vfat defaults,umask=0077 0 0",
    )
    system, boot = split(linux(FEDORA_40, _fstab(*lines)), "boot")
    partitioned(
        disk,
        "gpt",
        280,
        [
            Part(1, 1, 2, BIOS_BOOT_TYPE, loaders.core_image(SECTORS), "p.legacy"),
            Part(2, 3, 100, ESP_TYPE, esp(work / "esp", 100, bits=16, vendor="fedora"), "p.UEFI"),
            Part(3, 103, 40, XBOOTLDR_TYPE, fs.ext(work / "boot", 40, boot, uuid=BOOT_UUID, label="BOOT"), "p.lxboot"),
            Part(4, 143, 136, ROOT_X86_64_TYPE, _fedora_root(work, system), "p.lxroot"),
        ],
    )
    grub(disk, SECTORS)


def _fedora_root(work: Path, system: Tree) -> Path:
    others: dict[str, Tree] = {"home": {}, "var": {}}
    return fs.btrfs(work / "root", 136, system, label="fedora", others=others)


def opensuse_btrfs(disk: Path, work: Path) -> None:
    """Make openSUSE as its installer does: the root is a snapshot, and the default subvolume; older ones beside it."""
    parts = ("home", "opt", "root", "srv", "usr/local", "var", "boot/grub2/i386-pc", "boot/grub2/x86_64-efi")
    lines = (f"UUID={ROOT_UUID} / btrfs defaults 0 0", f"UUID={ESP_ID} /boot/efi vfat utf8 0 2",
             *(f"UUID={ROOT_UUID} /{part} btrfs subvol=/@/{part} 0 0" for part in (*parts, ".snapshots")))
    system = linux(OPENSUSE_156, _fstab(*lines)) | dict.fromkeys((*parts, ".snapshots"))
    snapshots = {f"@/.snapshots/{number}/snapshot": system for number in (2, 3, 12)}
    others: dict[str, Tree] = {"@": {}, "@/.snapshots": {}, **snapshots, **{f"@/{part}": {} for part in parts}}
    first = "@/.snapshots/1/snapshot"
    root = fs.btrfs(work / "root", 123, system, label="ROOT", root=first, others=others, default=first)
    partitioned(
        disk,
        "gpt",
        160,
        [
            Part(1, 1, 2, BIOS_BOOT_TYPE, loaders.core_image(SECTORS)),
            Part(2, 3, 33, ESP_TYPE, esp(work / "esp", 33, bits=16, vendor="opensuse", label="EFI")),
            Part(3, 36, 123, LINUX_TYPE, root),
        ],
    )
    grub(disk, SECTORS)


def alpine_cloud(disk: Path, work: Path) -> None:
    """Make Alpine's cloud image for UEFI: ESP and root."""
    lines = (
        "LABEL=/ / ext4 defaults,noatime 1 1",
        "LABEL=EFI /boot/efi vfat defaults,noatime,uid=0,gid=0,umask=077 0 0",
    )
    partitioned(
        disk,
        "gpt",
        110,
        [
            Part(1, 1, 8, ESP_TYPE, esp(work / "esp", 8, bits=12, vendor="alpine", label="EFI")),
            Part(2, 9, 100, LINUX_TYPE, fs.ext(work / "root", 100, linux(ALPINE_320, _fstab(*lines)), label="/")),
        ],
    )


def gpt_uefi_windows(disk: Path, work: Path) -> None:
    """Make a disk as Setup of Windows does: ESP, the reserved partition, Windows, and the recovery environment."""
    guest = windows.Guest()
    system = ntfs.write(work / "windows", 6, guest.tree())
    recovery = ntfs.write(work / "recovery", 4, {"Recovery/WindowsRE/Winre.wim": b"MSWIM"}, label="Recovery")
    partitioned(disk, "gpt", 64, [
        Part(1, 1, 36, ESP_TYPE, esp(work / "esp", vendor="Microsoft"), "EFI system partition"),
        Part(2, 37, 16, RESERVED_TYPE, None, "Microsoft reserved partition"),
        Part(3, 53, 6, BASIC_DATA_TYPE, system, "Basic data partition"),
        Part(4, 59, 4, RECOVERY_TYPE, recovery),
    ])


LAYOUTS: dict[str, Layout] = {
    "gpt-uefi-windows": Layout(gpt_uefi_windows, TOOLS, "gpt", bios=False, uefi=True, os=("windows", "2022", "x86_64"),
                               filesystems={1: "fat32", 2: None, 3: "ntfs", 4: "ntfs"}),
    "gpt-uefi-ext4": Layout(gpt_uefi_ext4, TOOLS, "gpt", bios=False, uefi=True, filesystems={1: "fat32", 2: "ext4"}),
    "mbr-bios-ext4": Layout(mbr_bios_ext4, TOOLS, "mbr", bios=True, uefi=False, filesystems={1: "ext2", 2: "ext4"}),
    "mbr-lvm-ext4": Layout(
        mbr_lvm_ext4,
        TOOLS,
        "mbr",
        bios=True,
        uefi=False,
        filesystems={1: "ext2", 2: "lvm2"},
        volumes={"vg0/root": "ext4"},
    ),
    "gpt-bios-xfs": Layout(gpt_bios_xfs, XFS_TOOLS, "gpt", bios=True, uefi=False, filesystems={1: None, 2: "xfs"}),
    "whole-disk-ext4": Layout(whole_disk_ext4, TOOLS, None, bios=False, uefi=False, filesystems={0: "ext4"}),
    "debian-12-cloud": Layout(
        debian_cloud, TOOLS, "gpt", bios=True, uefi=True, stock=True, filesystems={1: "ext4", 14: None, 15: "fat16"}
    ),
    "debian-12-cloud-arm64": Layout(
        debian_arm,
        TOOLS,
        "gpt",
        bios=False,
        uefi=True,
        stock=True,
        filesystems={1: "ext4", 15: "fat16"},
        os=("debian", "12", "aarch64"),
    ),
    "ubuntu-24.04-cloud": Layout(
        ubuntu_cloud,
        TOOLS,
        "gpt",
        bios=True,
        uefi=True,
        stock=True,
        os=("ubuntu", "24.04", "x86_64"),
        filesystems={1: "ext4", 14: None, 15: "fat32", 16: "ext4"},
    ),
    "rocky-9-cloud": Layout(
        rocky_cloud,
        XFS_TOOLS,
        "gpt",
        bios=True,
        uefi=True,
        stock=True,
        os=("rocky", "9.4", "x86_64"),
        filesystems={1: "fat16", 2: "xfs", 3: None, 4: None, 5: "xfs"},
    ),
    "opensuse-15.6-cloud": Layout(
        opensuse_cloud,
        XFS_TOOLS,
        "gpt",
        bios=True,
        uefi=True,
        stock=True,
        os=("opensuse-leap", "15.6", "x86_64"),
        filesystems={1: None, 2: "fat16", 3: "xfs"},
    ),
    "fedora-40-cloud": Layout(
        fedora_cloud,
        TOOLS,
        "gpt",
        bios=True,
        uefi=True,
        stock=True,
        os=("fedora", "40", "x86_64"),
        filesystems={1: None, 2: "fat16", 3: "ext4", 4: "btrfs"},
    ),
    "opensuse-15.6-btrfs": Layout(
        opensuse_btrfs,
        TOOLS,
        "gpt",
        bios=True,
        uefi=True,
        stock=True,
        os=("opensuse-leap", "15.6", "x86_64"),
        filesystems={1: None, 2: "fat16", 3: "btrfs"},
    ),
    "alpine-3.20-cloud": Layout(
        alpine_cloud,
        TOOLS,
        "gpt",
        bios=False,
        uefi=True,
        stock=True,
        os=("alpine", "3.20.0", "x86_64"),
        filesystems={1: "fat12", 2: "ext4"},
    ),
}
MAIN = tuple(name for name, layout in LAYOUTS.items() if not layout.stock)
STOCK = tuple(name for name, layout in LAYOUTS.items() if layout.stock)

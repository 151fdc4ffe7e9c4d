"""Each rule on the start of a Linux guest passing and failing on a disk, which is given to ``imgbuild check``.

``DISKS`` says how a disk is made, and which checks pass and which fail on it; together they cover each check both ways.
The initramfs is packed by the real programs, once for each compression.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from images import archives, disks
from images import filesystems as fs
from images.lvm import Linear
from images.tree import CENTOS_6, DEBIAN_12, ROOT_UUID, Distro, Tree, cpio, linux, split
from program import run
from tools import needs

from imgbuild import rulebook
from imgbuild.guests.drivers import DRIVERS
from imgbuild.rulebook.packs import folder as rule_folder
from imgbuild.rulebook.packs import read_toml

if TYPE_CHECKING:
    from pathlib import Path

KERNEL = DEBIAN_12.kernel
INITRD = f"boot/initrd.img-{KERNEL}"
GRUB_CFG = "boot/grub/grub.cfg"
GONE = "7b1e55c0-0000-4000-8000-000000000000"
ROOT_LINE = f"UUID={ROOT_UUID} / ext4 defaults 0 1\n"
PATHS = {name: f"drivers/{kind}/{name}" for name, (_, kind) in DRIVERS.items()}
MODULES_DEP = "".join(f"kernel/{path}.ko:\n" for path in PATHS.values()).encode()
UDEV = 'SUBSYSTEM=="net", ATTR{address}=="52:54:00:12:34:56", NAME="eth0"\n'


def packed(*names: str, method: str = "gzip", early: bool = False, **files: bytes) -> bytes:
    """An initramfs with these drivers, behind microcode where ``early`` is set."""
    archive = archives.pack(method, {"init": b"#!/bin/sh\n", **files, **archives.modules(
        *(PATHS[name] for name in names), release=KERNEL)})
    microcode = cpio({"kernel/x86/microcode/GenuineIntel.bin": bytes(range(256)) * 20})
    return microcode + bytes(-len(microcode) % 512) + archive if early else archive


def menu(arguments: str, kernel: str = KERNEL, before: str = "") -> bytes:
    return (f"{before}menuentry 'Linux' {{\n\tlinux /boot/vmlinuz-{kernel} {arguments}\n"
            f"\tinitrd /boot/initrd.img-{kernel}\n}}\n").encode()


def debian(fstab: str = ROOT_LINE, more: Tree | None = None) -> Tree:
    """A small Debian whose initramfs has all drivers."""
    tree = linux(DEBIAN_12, fstab)
    dep = {f"usr/lib/modules/{KERNEL}/modules.dep": MODULES_DEP}
    boot = {INITRD: packed(*DRIVERS), GRUB_CFG: menu(f"root=UUID={ROOT_UUID} ro console=tty0 console=ttyS0,115200")}
    return tree | dep | boot | (more or {})


def on_a_partition(disk: Path, work: Path, tree: Tree, *behind: disks.Part) -> None:
    root = fs.ext(work / "root", 16, tree)
    disks.partitioned(disk, "dos", 20, [disks.Part(1, 1, 16, "83", root, bootable=True), *behind])


def good(disk: Path, work: Path) -> None:
    on_a_partition(disk, work, debian())


def bad(disk: Path, work: Path) -> None:
    """All that can be wrong at once, on a kernel of RHEL 5's age."""
    old = Distro("old", DEBIAN_12.release, "2.6.18-8.el5", files=DEBIAN_12.files)
    cfg = menu("root=/dev/sda1 ro quiet", old.kernel, before=f"search --no-floppy --fs-uuid --set=root {GONE}\n")
    files: Tree = {
        GRUB_CFG: cfg, f"boot/initrd.img-{old.kernel}": archives.pack("gzip", {"init": b"#!/bin/nash\n"}),
        "etc/udev/rules.d/70-persistent-net.rules": UDEV.encode(), "usr/bin/uvp-monitor": b"x",
        "etc/vmware-tools/locations": b"answer BINDIR /usr/bin\n"}
    tree = linux(old, f"/dev/sda1 / ext4 defaults 0 1\nUUID={GONE} /data xfs defaults 0 2\n") | files
    del tree["usr/bin/growpart"]
    on_a_partition(disk, work, tree, disks.Part(2, 17, 2, "83"))


def host_only(disk: Path, work: Path) -> None:
    """Dracut on a machine with SATA disks, with the kernel and the network of which nothing is wrong."""
    marks = {"usr/lib/dracut/hostonly-files": b"/etc/fstab\n"}
    on_a_partition(disk, work, debian(more={INITRD: packed("ata_piix", **marks)}))


def rules_in_the_initramfs(disk: Path, work: Path) -> None:
    rules = {"etc/udev/rules.d/70-persistent-net.rules": UDEV.encode()}
    on_a_partition(disk, work, debian(more={INITRD: packed(*DRIVERS, **rules)}))


def made_anew(disk: Path, work: Path) -> None:
    """A root that was made anew after the boot loader and fstab were written; a data disk that may be missing."""
    cfg = menu(f"root=UUID={GONE} ro console=ttyS0")
    fstab = f"UUID={GONE} / ext4 defaults 0 1\n/dev/vdb1 /data ext4 defaults,nofail 0 2\n"
    on_a_partition(disk, work, debian(fstab, {GRUB_CFG: cfg}))


def on_lvm(disk: Path, work: Path) -> None:
    lines = "/dev/mapper/vg0-root / ext4 defaults 0 1\nLABEL=boot /boot ext2 defaults 0 2\n"
    cfg = {GRUB_CFG: menu("root=/dev/mapper/vg0-root ro console=ttyS0")}
    system, boot = split(debian(lines, cfg), "boot")
    volume = fs.lvm(work / "pv", 30, "vg0", [Linear("root", 16, fs.ext(work / "root", 16, system))])
    disks.partitioned(disk, "dos", 50, [
        disks.Part(1, 1, 12, "83", fs.ext(work / "boot", 12, boot, "-I", "128", kind="ext2", label="boot",
                                          uuid="22222222-3333-4444-8555-666666666666"), bootable=True),
        disks.Part(2, 14, 30, "8e", volume)])


def coreos(disk: Path, work: Path, *, prepared: bool) -> None:
    distro = Distro("coreos", 'NAME="Container Linux by CoreOS"\nID=coreos\nVERSION_ID=1298.6.0\n', KERNEL)
    files: Tree = {"etc/coreos/update.conf": b"REBOOT_STRATEGY=off\n" if prepared else b"GROUP=stable\n",
                   "usr/bin/coreos-cloudinit": b"x"}
    on_a_partition(disk, work, linux(distro, ROOT_LINE) | files)


DISKS: dict[str, tuple[Any, str, str]] = {
    "good": (good, ("virtio virtio_scsi ide kernel_version multiqueue udev_rules grub_uuid boot_ids console fstab_uuid"
             " fstab_no_data no_data_disks lvm growpart root_last pv_driver third_party_tools"), ""),
    "bad": (bad, "lvm", ("virtio virtio_scsi kernel_version multiqueue udev_rules grub_uuid boot_ids console fstab_uuid"
            " fstab_no_data no_data_disks growpart root_last pv_driver third_party_tools")),
    "host-only": (host_only, "ide console", "virtio virtio_scsi"),
    "rules-in-the-initramfs": (rules_in_the_initramfs, "virtio", "udev_rules"),
    "made-anew": (made_anew, "grub_uuid fstab_uuid", "boot_ids fstab_no_data no_data_disks"),
    "lvm": (on_lvm, "virtio grub_uuid boot_ids fstab_uuid fstab_no_data root_last", "lvm"),
    "coreos": (lambda disk, work: coreos(disk, work, prepared=True), "coreos", ""),
    "coreos-bad": (lambda disk, work: coreos(disk, work, prepared=False), "", "coreos"),
}
TOOLS = ("sfdisk", "mke2fs", "debugfs", "gzip")


def look(disk: Path, *options: object) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """The findings on a disk and the facts of its guest."""
    result = run("check", disk, "--no-checksum", "--format", "json", "--manifest", "m.json", *options,
                 folder=disk.parent)
    assert result.err == ""
    facts = json.loads((disk.parent / "m.json").read_text())["image"]["guest"]
    return result.document["findings"], {fact["check"]: fact for fact in facts}


@pytest.fixture(scope="session")
def checked(tmp_path_factory):
    @cache
    def check(name: str):
        folder = tmp_path_factory.mktemp(name)
        DISKS[name][0](folder / "disk.raw", folder)
        return look(folder / "disk.raw")

    return check


CASES = [pytest.param(disk, f"lin_{check}", status, id=f"{disk}: {check} {status}")
         for disk, (_, passing, failing) in DISKS.items()
         for status, checks in (("pass", passing), ("fail", failing)) for check in checks.split()]


@needs(*TOOLS)
@pytest.mark.parametrize(("disk", "check", "status"), CASES)
def test_a_check_on_a_disk(disk, check, status, checked):
    findings, facts = checked(disk)
    assert facts[check]["status"] == status, facts[check]
    rule = next(rule for rule in rulebook.load().rules if getattr(rule.check, "check", None) == check)
    found = [finding for finding in findings if finding["rule"] == rule.id]
    assert bool(found) == (status == "fail")
    assert all(finding["severity"] in {rule.severity, "note"} and finding["subject"]["kind"] == "guest"
               and finding["hint"] for finding in found)


def test_each_rule_is_shown_both_ways():
    asked = {rule["check"]["check"] for rule in read_toml(f"{rule_folder()}/common/guest_boot.toml")["rule"]}
    for number, status in ((1, "pass"), (2, "fail")):
        shown = {f"lin_{check}" for disk in DISKS.values() for check in disk[number].split()}
        assert asked - shown == ({"lin_ide"} if status == "fail" else set()), status


@needs(*TOOLS)
def test_ide_is_asked_for_by_the_regular_import_alone(tmp_path):
    on_a_partition(tmp_path / "disk.raw", tmp_path, debian(more={INITRD: packed("virtio", "virtio_ring", "virtio_pci",
                                                                                "virtio_blk")}))
    findings, facts = look(tmp_path / "disk.raw")
    assert facts["lin_ide"]["status"] == "fail"
    assert "guest-ide-missing" not in {finding["rule"] for finding in findings}
    (tmp_path / "r.json").write_text('{"name": "a", "os_version": "x", "image_url": "b:c.raw", "min_disk": 40}')
    result = run("check", tmp_path / "disk.raw", "--no-checksum", "--operation", "action", "--request", "r.json",
                 "--format", "json", folder=tmp_path)
    assert "guest-ide-missing" in {finding["rule"] for finding in result.document["findings"]}


@needs(*TOOLS, *archives.TOOLS)
@pytest.mark.parametrize("method", archives.PACKERS)
def test_each_compression_on_a_disk(method, tmp_path):
    """With microcode in front of the one that has the drivers."""
    for names, status in ((DRIVERS, "pass"), (("ata_piix",), "fail")):
        folder = tmp_path / status
        folder.mkdir()
        initrd = packed(*names, method=method, early=status == "pass")
        fs.ext(folder / "disk.raw", 16, debian(more={INITRD: initrd}))
        _, facts = look(folder / "disk.raw")
        assert facts["lin_virtio"]["status"] == status, facts["lin_virtio"]


@needs(*TOOLS)
def test_the_archive_is_left_closed_on_demand(tmp_path):
    fs.ext(tmp_path / "disk.raw", 16, debian())
    _, facts = look(tmp_path / "disk.raw", "--no-initramfs")
    assert (facts["lin_virtio"]["status"], facts["lin_virtio"]["detail"]) == (
        "unknown", "initramfs files were not opened")
    assert facts["lin_multiqueue"]["status"] == "pass"


@needs(*TOOLS)
def test_a_finding_has_place_line_and_cure(checked):
    findings, _ = checked("bad")
    by_rule = {finding["rule"]: finding for finding in findings}
    foreign = by_rule["guest-fstab-foreign-disk"]
    assert (foreign["subject"]["guest_path"], foreign["subject"]["line"]) == ("/etc/fstab", 2)
    assert foreign["excerpt"] == f"UUID={GONE} /data xfs defaults 0 2"
    assert foreign["message"] == f"UUID={GONE} is on no partition of this disk (found: {ROOT_UUID})"
    assert foreign["hint"] == "sed -i '2d' /etc/fstab (or give the entry the option nofail)"
    assert by_rule["guest-fstab-kernel-name"]["hint"] == rf"sed -i -e '1s#^\s*\S\+#UUID={ROOT_UUID}#' /etc/fstab"


CENTOS_7 = Distro("centos-7", 'NAME="CentOS Linux"\nVERSION="7 (Core)"\nID="centos"\nVERSION_ID="7"\n',
                  "3.10.0-1160.el7.x86_64", "initramfs-{kernel}.img", {"etc/centos-release": "CentOS Linux release "
                                                                       "7.9.2009 (Core)\n"})


@needs(*TOOLS)
@pytest.mark.parametrize(("distro", "asked", "severity"), [
    (CENTOS_7, True, "note"), (CENTOS_7, False, "error"), (CENTOS_7, None, "error"), (CENTOS_6, True, "note"),
    (Distro("void", "ID=void\nNAME=Void\n", KERNEL), True, "error"),
])
def test_what_the_import_repairs_is_a_note_where_it_is_asked_and_listed(distro, asked, severity, tmp_path):
    fs.ext(tmp_path / "disk.raw", 16, linux(distro, "/dev/sda1 / ext4 defaults 0 1\n"))
    body = {"name": "a", "image_url": "b:c.raw", "min_disk": 40} | ({} if asked is None else {"is_config": asked})
    (tmp_path / "r.json").write_text(json.dumps(body))
    result = run("check", "disk.raw", "--no-checksum", "--operation", "action", "--request", "r.json", "--format",
                 "json", folder=tmp_path)
    found = next(one for one in result.document["findings"] if one["rule"] == "guest-fstab-kernel-name")
    assert found["severity"] == severity
    assert found["message"].endswith("; the import repairs this") is (severity == "note")

"""Which block the first field of an fstab line means."""

from __future__ import annotations

import pytest
from phonydisk import part, volume

from imgbuild.guests.devices import disk_name, find

BLOCKS = [
    part(1, {}, "fat32", uuid="ABCD-1234", label="EFI", partuuid="aaaaaaaa-0000-4000-8000-000000000001",
         name="EFI System Partition"),
    part(2, {}, uuid="22222222-3333-4444-8555-666666666666", label="my disk", partuuid="deadbeef-02"),
    part(5, {}, uuid="33333333-3333-4444-8555-666666666666", label="UPPER"),
    volume("vg0/root", {}, uuid="44444444-3333-4444-8555-666666666666"),
    volume("my-vg/the-lv", {}),
]


def number(spec, **more):
    found = find(spec, BLOCKS, **more)
    return BLOCKS.index(found) if found is not None else None


@pytest.mark.parametrize(("spec", "index"), [
    ("UUID=22222222-3333-4444-8555-666666666666", 1),
    ("UUID=ABCD-1234", 0), ("UUID=abcd-1234", 0), ('UUID="ABCD-1234"', 0),
    ("UUID=44444444-3333-4444-8555-666666666666", 3),
    ("LABEL=EFI", 0), ("LABEL=efi", None), ("LABEL=my disk", 1), ('LABEL="my disk"', 1), ("LABEL=", None),
    ("UUID=", None),
    ("PARTUUID=AAAAAAAA-0000-4000-8000-000000000001", 0), ("PARTUUID=deadbeef-02", 1),
    ("PARTLABEL=EFI System Partition", 0),
    ("/dev/disk/by-uuid/ABCD-1234", 0), ("/dev/disk/by-label/my\\x20disk", 1),
    ("/dev/disk/by-partuuid/deadbeef-02", 1),
    ("/dev/disk/by-partlabel/EFI\\x20System\\x20Partition", 0),
    ("/dev/disk/by-path/pci-0000:00:07.0-part2", 1), ("/dev/disk/by-id/virtio-abc-part5", 2),
    ("/dev/disk/by-id/dm-name-vg0-root", None),
    ("/dev/sda2", 1), ("/dev/vda5", 2), ("/dev/xvda1", 0), ("/dev/hda1", 0), ("/dev/nvme0n1p2", 1),
    ("/dev/mmcblk0p1", 0),
    ("/dev/sdb2", None), ("/dev/nvme1n1p2", None), ("/dev/sda3", None), ("/dev/sda", None), ("/dev/sdaa2", None),
    ("/dev/mapper/vg0-root", 3), ("/dev/vg0/root", 3), ("/dev/mapper/my--vg-the--lv", 4), ("/dev/my-vg/the-lv", 4),
    ("/dev/mapper/my-vg-the-lv", None), ("proc", None), ("//server/share", None), ("server:/export", None),
    ("tmpfs", None),
])
def test_find(spec, index):
    assert number(spec) == index


def test_the_letter_of_this_disk_is_given():
    assert number("/dev/vdb2", disk=1) == 1
    assert number("/dev/vda2", disk=1) is None
    assert number("/dev/nvme1n1p2", disk=1) == 1


def test_the_first_of_two_equal_identifiers_is_taken():
    twins = [part(1, {}, uuid="same"), part(2, {}, uuid="same")]
    assert find("UUID=same", twins) is twins[0]


@pytest.mark.parametrize(("spec", "name"), [
    ("/dev/sda", (0, 0)), ("/dev/vdc7", (2, 7)), ("/dev/nvme0n1", (0, 0)), ("/dev/nvme2n1p3", (2, 3)),
    ("/dev/mapper/x", None),
    ("UUID=1", None), ("/dev/sda1x", None), ("", None),
])
def test_disk_name(spec, name):
    assert disk_name(spec) == name


def test_unreadable_blocks_have_no_tags():
    assert find("UUID=1", [part(1, {}, kind=None)]) is None

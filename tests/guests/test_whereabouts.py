"""Where the names of devices lead: here, elsewhere, or behind what cannot be seen."""

from __future__ import annotations

import pytest
from phonydisk import part, volume
from phonyguest import view

from imgbuild.guests.whereabouts import hides_something, locate, own_disk

UUID = "11111111-2222-4333-8444-555555555555"


def where(spec, fstab="", others=()):
    guest = view({"/etc/fstab": fstab}, uuid=UUID, others=others)
    return locate(spec, guest.guest, guest.blocks).where


@pytest.mark.parametrize(("spec", "expected"), [
    (f"UUID={UUID}", "here"), (f"UUID={UUID.upper()}", "here"), ("/dev/sda1", "here"), ("/dev/vda", "here"),
    ("UUID=0000", "elsewhere"), ("/dev/sdb1", "elsewhere"), ("/dev/vda2", "elsewhere"), ("/dev/md/data", "elsewhere"),
    ("/dev/vg1/data", "elsewhere"), ("/dev/mapper/vg1-data", "elsewhere"), ("/dev/mapper/mpatha", "unseen"),
    ("/dev/loop0", "unseen"), ("/dev/disk/by-id/ata-X", "unseen"), ("nas:/x", "no device"), ("tmpfs", "no device"),
    ("ZFS=rpool/ROOT", "no device"),
])
def test_where_a_name_leads(spec, expected):
    assert where(spec) == expected


def test_the_root_says_which_disk_is_this_one():
    assert where("/dev/sdb1", "/dev/sdb1 / ext4\n") == "here"
    assert where("/dev/sda1", "/dev/sdb1 / ext4\n") == "elsewhere"
    assert own_disk(view({"/etc/fstab": "/dev/vdc1 / ext4\n"}).guest) == 2


@pytest.mark.parametrize(("other", "hides"), [
    (part(2, {}, "luks", readable=False), True), (part(2, {}, "md", readable=False), True),
    (part(2, {}, "lvm2", readable=False), True), (part(2, {}, "swap", readable=False), False),
    (part(2, {}, "ext4"), False), (part(2, {}, None, type="BIOS boot"), False), (part(2, {}, None), False),
])
def test_what_hides_something(other, hides):
    assert hides_something([other]) is hides


def test_volumes_of_a_group_that_is_there():
    group = [part(2, {}, "lvm2", readable=False), volume("vg0/root", {})]
    assert not hides_something(group)
    assert where("/dev/vg0/root", others=group) == "here"
    assert where("/dev/vg0/home", others=group) == "elsewhere"

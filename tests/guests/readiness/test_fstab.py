"""Readiness checks on /etc/fstab."""

from __future__ import annotations

import pytest
from phonydisk import part, volume
from phonyguest import view

from imgbuild.guests.blocks import Block
from imgbuild.guests.readiness import examine
from imgbuild.guests.readiness.fstab import by_uuid, lvm, no_data, no_data_disks
from imgbuild.readers import Memory

UUID = "11111111-2222-4333-8444-555555555555"
DATA = "7b1e55c0-0000-4000-8000-000000000000"


def with_fstab(*lines, **about):
    return view({"/etc/fstab": "".join(f"{line}\n" for line in lines)}, uuid=UUID, label="root", **about)


def places(answer):
    return [(at.line, at.soft) for at in answer.places]


@pytest.mark.parametrize("spec", [f"UUID={UUID}", "LABEL=root", "PARTUUID=deadbeef-01", "/dev/mapper/vg0-root",
                                  "/dev/disk/by-uuid/" + UUID, "/dev/disk/by-label/root", "/swapfile", "tmpfs"])
def test_names_that_stay(spec):
    assert by_uuid(with_fstab(f"{spec} / ext4 defaults 0 1")).status == "pass"


@pytest.mark.parametrize("spec", ["/dev/sda2", "/dev/vda2", "/dev/xvda2", "/dev/nvme0n1p2"])
def test_kernel_names(spec):
    answer = by_uuid(with_fstab("# made by hand", f"{spec} / ext4 defaults 0 1"))
    assert answer.status == "fail"
    assert answer.detail == f"fstab names {spec} by its kernel name, which changes with the bus"
    assert [(at.path, at.line, at.text) for at in answer.places] == [
        ("/etc/fstab", 2, f"{spec} / ext4 defaults 0 1")]


@pytest.mark.parametrize("spec", ["/dev/disk/by-id/ata-QEMU_HARDDISK_1-part1",
                                  "/dev/disk/by-path/pci-0000:00:1f.2-part1"])
def test_names_by_the_place_of_the_disk(spec):
    answer = by_uuid(with_fstab(f"{spec} / ext4 defaults 0 1"))
    assert answer.detail == f"fstab names {spec}, a name that goes by the make of the disk or by its slot"
    assert answer.cure == rf"sed -i -e '1s#^\s*\S\+#UUID={UUID}#' /etc/fstab"


def test_the_cure_has_the_identifiers():
    answer = by_uuid(with_fstab("/dev/sda1 / ext4 defaults 0 1", "/dev/sda1 /again ext4 nofail 0 1"))
    assert answer.cure == rf"sed -i -e '1s#^\s*\S\+#UUID={UUID}#' -e '2s#^\s*\S\+#UUID={UUID}#' /etc/fstab"
    assert places(answer) == [(1, False), (2, True)]


def test_an_identifier_that_is_no_word_is_not_put_into_a_command():
    guest = view({"/etc/fstab": "/dev/sda1 / ext4\n"}, uuid="x'; reboot; '")
    assert by_uuid(guest).cure == "blkid prints the UUID of each partition: write UUID=… in the first field"


def test_a_text_of_the_guest_is_made_safe():
    answer = by_uuid(with_fstab("/dev/disk/by-id/\x1b[31m-part9 / ext4"))
    assert "\x1b" not in answer.detail + "".join(at.says + at.text for at in answer.places)


@pytest.mark.parametrize("line", [
    f"UUID={UUID} / ext4 defaults 0 1", "LABEL=root /x ext4 defaults 0 0", "/dev/sda1 / ext4", "/dev/sda /x ext4",
    "nas:/export /n nfs defaults 0 0", "//nas/share /n cifs defaults 0 0", "tmpfs /tmp tmpfs defaults 0 0",
    "/srv/a /srv/b none bind 0 0", "overlay /m overlay lowerdir=/a 0 0", "host0 /m 9p trans=virtio 0 0",
    "sshfs#me@there: /m fuse defaults 0 0", "/swapfile none swap sw 0 0", "proc /proc proc defaults 0 0",
    f"# UUID={DATA} /data ext4 defaults 0 0",
])
def test_what_is_on_this_disk_or_on_none(line):
    guest = with_fstab(f"UUID={UUID} / ext4", line)
    assert (no_data(guest).status, no_data_disks(guest).status) == ("pass", "pass")


@pytest.mark.parametrize("spec", [
    f"UUID={DATA}", "LABEL=data", f"/dev/disk/by-uuid/{DATA}", "PARTUUID=deadbeef-05", "PARTLABEL=data", "/dev/vdb1",
    "/dev/sdb", "/dev/sda7", "/dev/nvme1n1p1", "/dev/vg1/data", "/dev/mapper/vg1-data", "/dev/md0"])
def test_what_is_elsewhere(spec):
    guest = with_fstab(f"UUID={UUID} / ext4", f"{spec} /data xfs defaults 0 2")
    answer = no_data(guest)
    assert answer.status == "fail"
    assert answer.detail == f"{spec} is on no partition of this disk (found: {UUID})"
    assert places(answer) == [(2, False)]
    assert answer.cure == "sed -i '2d' /etc/fstab (or give the entry the option nofail)"
    assert no_data_disks(guest).detail == f"fstab speaks of {spec}, which is not on this disk"


@pytest.mark.parametrize("options", ["defaults,nofail", "noauto", "x-systemd.automount", "_netdev"])
def test_what_may_be_missing(options):
    guest = with_fstab(f"UUID={DATA} /data xfs {options} 0 2")
    assert no_data(guest).status == "pass"
    answer = no_data_disks(guest)
    assert (answer.status, places(answer)) == ("fail", [(1, True)])


def test_a_timeout_alone_does_not_let_the_start_go_on():
    assert no_data(with_fstab(f"UUID={DATA} /data xfs x-systemd.device-timeout=5 0 2")).status == "fail"


def test_swap_space_may_be_missing():
    assert no_data(with_fstab(f"UUID={DATA} none swap sw 0 0")).status == "pass"


@pytest.mark.parametrize("kind", ["luks", "md", "zfs", "lvm2"])
def test_what_may_be_where_nothing_can_be_seen(kind):
    guest = with_fstab(f"UUID={DATA} /data xfs defaults 0 2", others=[part(2, {}, kind, readable=False)])
    answer = no_data(guest)
    assert answer.status == "unknown"
    assert answer.detail == f"UUID={DATA} may be in a part of the disk that cannot be read"


@pytest.mark.parametrize(("content", "status"), [(bytes(512), "fail"), (b"\1" + bytes(511), "unknown")])
def test_a_partition_whose_content_is_not_known(content, status):
    other = part(2, {}, None)
    hidden = Block(reader=Memory(content), identity=None, partition=other.partition)
    assert no_data(with_fstab(f"UUID={DATA} /data xfs defaults 0 2", others=[hidden])).status == status


def test_an_encrypted_volume_of_crypttab_is_not_looked_for():
    guest = view({"/etc/fstab": "/dev/mapper/data-crypt /data ext4\n", "/etc/crypttab": "data-crypt UUID=1 none\n"})
    assert no_data(guest).status == "unknown"


def test_volumes_that_are_there():
    lines = ("/dev/mapper/vg0-home /home ext4", "/dev/vg0/home /again ext4")
    assert no_data(with_fstab(*lines, others=[volume("vg0/home", {})])).status == "pass"


def test_the_root_on_a_logical_volume():
    guest = with_fstab("/dev/mapper/vg0-root / ext4 defaults 0 1")
    assert lvm(guest).status == "pass"
    guest.guest.root = volume("vg0/root", {})
    answer = lvm(guest)
    assert (answer.status, answer.detail) == ("fail", "the root file system is on the logical volume vg0/root")
    assert places(answer) == [(1, False)]


@pytest.mark.parametrize("check", [by_uuid, no_data, no_data_disks])
def test_no_fstab(check):
    assert check(view({})).status == "not-applicable"


def test_what_is_damaged_is_unknown():
    facts = examine(view({"/etc/fstab": "/dev/sda1 / ext4\n"}, damaged_later=("/etc/fstab",)))
    assert {fact.check: fact.status for fact in facts}["lin_fstab_uuid"] == "unknown"

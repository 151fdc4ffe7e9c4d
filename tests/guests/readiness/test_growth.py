"""Readiness checks on the growth of the root partition."""

from __future__ import annotations

import msgspec
import pytest
from phonydisk import part, volume
from phonyguest import view

from imgbuild.guests.readiness.growth import growpart, root_last


@pytest.mark.parametrize("path", [
    "/usr/bin/growpart", "/usr/share/initramfs-tools/scripts/local-bottom/growroot",
    "/usr/lib/dracut/modules.d/50growroot/module-setup.sh", "/usr/lib/systemd/system/extend-filesystems.service"])
def test_what_grows_it(path):
    assert growpart(view({path: "x"})).status == "pass"


def test_repart_needs_a_definition():
    repart = {"/usr/bin/systemd-repart": "x"}
    assert growpart(view(repart)).status == "fail"
    answer = growpart(view(repart | {"/usr/lib/repart.d/50-root.conf": "[Partition]\nType=root\n"}))
    assert (answer.status, answer.files) == ("pass", ("/usr/lib/repart.d/50-root.conf",))


def test_nothing_grows_it():
    answer = growpart(view({"/usr/bin/dnf": "x"}))
    assert answer.detail == "nothing in the guest grows its root partition: neither growpart nor systemd-repart"
    assert answer.cure == "dnf install cloud-utils-growpart"


def test_what_is_behind_the_root():
    assert root_last(view({}, others=[part(2, {}, start=512)])).status == "pass"
    answer = root_last(view({}, others=[part(2, {}, start=5 << 20), part(3, {}, start=9 << 20)]))
    assert answer.detail == "the root partition (1) cannot grow: behind it is partition 2, 3"


def test_the_whole_disk():
    whole = view({})
    whole.guest.root.partition = msgspec.structs.replace(whole.guest.root.partition, index=0, start=0)
    assert (growpart(whole).status, root_last(whole).status) == ("not-applicable", "not-applicable")


def test_a_logical_volume_stands_for_its_partition():
    guest = view({}, others=[part(2, {}, "lvm2", readable=False, start=5 << 20)])
    guest.guest.root = volume("vg0/root", {})
    assert root_last(guest).detail == "the root partition (2) is the last one on the disk"
    guest.blocks = [*guest.blocks, part(3, {}, "lvm2", readable=False, start=9 << 20)]
    assert root_last(guest).status == "unknown"

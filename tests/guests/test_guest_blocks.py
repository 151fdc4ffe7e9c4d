"""What a block knows of itself."""

from __future__ import annotations

import pytest
from phonydisk import part, volume

from imgbuild.volumes.types import EFI_SYSTEM, gpt_type_name, mbr_type_name


@pytest.mark.parametrize(("guid", "role"), [
    ("4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709", "/"), ("B921B045-1DF0-41C3-AF44-4C6F280D3FAE", "/"),
    ("8484680C-9521-48C6-9C11-B0720656F69E", "/usr"), ("B0E01050-EE5F-4390-949A-9101B17104E9", "/usr"),
    ("933AC7E1-2EB4-4F13-B844-0E14E2AEF915", "/home"), ("3B8F8425-20E0-4F3B-907F-1A25A76F98E8", "/srv"),
    ("4D21B016-B534-45C2-A9FB-5C16E091FD2D", "/var"), ("BC13C2FF-59E6-4262-A352-B275FD6F7172", "/boot"),
    ("5DFBF5F4-2848-4BAC-AA5E-0D9A20B745A6", "/usr"), ("3884DD41-8582-4404-B9A8-E9B84F2DF50E", "/"),
    ("0FC63DAF-8483-4772-8E79-3D69D8477DE4", None), ("2C7357ED-EBD2-46D9-AEC1-23D437EC2BF5", None),
    ("C12A7328-F81F-11D2-BA4B-00A0C93EC93B", None), ("7EC6F557-3BC5-4ACA-B293-16EF5DF639D1", None),
])
def test_the_role_by_the_name_of_the_type(guid, role):
    assert part(1, {}, type=gpt_type_name(guid)).role == role


def test_the_efi_system_partition_of_both_tables():
    assert part(1, {}, type=gpt_type_name(EFI_SYSTEM)).is_esp
    assert part(1, {}, type=mbr_type_name(0xEF)).is_esp
    assert not part(1, {}, type=mbr_type_name(0x0C)).is_esp
    assert not volume("vg/efi", {}, "fat32").is_esp


@pytest.mark.parametrize(("kind", "fat"), [
    ("fat12", True), ("fat16", True), ("fat32", True), ("exfat", False), ("ext4", False)])
def test_fat(kind, fat):
    assert part(1, {}, kind).is_fat is fat


def test_titles():
    assert part(7, {}).title == "partition 7"
    assert part(0, {}).title == "the whole disk"
    assert volume("vg0/ro\x1bot", {}).title == "volume vg0/root"


def test_a_file_system_is_opened_once_and_its_problem_kept_once():
    good, bad = part(1, {"/x": "y"}), part(2, None)
    assert good.filesystem is good.filesystem
    assert (bad.filesystem, bad.filesystem, len(bad.problems)) == (None, None, 1)


def test_mount_points_are_noted_in_the_model():
    one, two = part(1, {}), volume("vg/lv", {})
    one.mount("/boot")
    two.mount("/")
    assert (one.partition.mount, two.volume.mount) == ("/boot", "/")

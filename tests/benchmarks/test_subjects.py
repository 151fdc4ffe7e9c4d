"""Which disks of a folder are measured."""

from __future__ import annotations

import pytest
import subjects
from subjects import find_disks, in_container, large_file


def test_the_first_disk_of_each_kind_is_taken_in_the_order_of_the_table(tmp_path):
    for name in ("a-btrfs.raw", "gpt-ext4.raw", "mbr-ext4.raw", "mbr-lvm-ext4.raw", "zfs.raw", "disk-xfs.qcow2"):
        (tmp_path / name).touch()
    found = {name: path.name for name, path in find_disks(tmp_path).items()}
    assert list(found.items()) == [("ext4", "gpt-ext4.raw"), ("lvm", "mbr-lvm-ext4.raw"), ("btrfs", "a-btrfs.raw")]


def test_a_container_is_made_once(tmp_path):
    raw, made = tmp_path / "d.raw", tmp_path / "d.qcow2.qcow2"
    made.touch()
    assert (in_container("raw", raw, tmp_path), in_container("qcow2", raw, tmp_path)) == (raw, made)


@pytest.mark.parametrize(("size", "name"), [(6 * 10**8, "d.qcow2.qcow2"), (6 * 10**8 - 1, "made")])
def test_a_small_disk_is_not_the_file_to_hash(size, name, tmp_path, monkeypatch):
    with (tmp_path / "d.qcow2.qcow2").open("wb") as file:
        file.truncate(size)
    monkeypatch.setattr(subjects, "_make_large", lambda folder: folder / "made")
    assert large_file(tmp_path / "d.raw", tmp_path) == tmp_path / name

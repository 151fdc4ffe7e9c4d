"""The words on a container's header."""

from __future__ import annotations

import pytest

from imgbuild.documents.inspection import Content, Inspection
from imgbuild.reports.text_container import container_words, content_words, format_words, safety_words

GIB = 1 << 30
CASES = [  # format, header, its name, its words
    ("qcow2", {"version": 2, "cluster_bits": 9, "backing_file_offset": 0, "nb_snapshots": 0, "crypt_method": 0},
     "qcow2 v2", "clusters of 512 bytes"),
    ("qcow2", {"version": 3, "compression_type": 1, "backing_file_offset": 8, "nb_snapshots": 2, "crypt_method": 2,
               "features": {"incompatible": ["dirty bit", "corrupt bit"], "compatible": []}}, "qcow2 v3",
     "zstd where compressed, incompatible: dirty bit and corrupt bit"),
    ("qcow2", {"cluster_bits": 4_000_000_000}, "qcow2", "clusters of 4194304 TiB"),
    ("vhd", {"disk_type": "dynamic", "creator_application": "qem2", "creator_version": "5.3", "chs_size": GIB},
     "dynamic vhd", "made by 'qem2' 5.3, geometry of 1 GiB"),
    ("vhd", {"disk_type": 9, "creator_application": None, "chs_size": None}, "vhd", ""),
    ("zvhd2", {"compress_method": "zstd", "block_size": 2 << 20, "non_zero_blk_num": 1}, "zvhd2",
     "zstd, blocks of 2 MiB, 1 block with data"),
    ("zvhd", {"non_zero_blk_num": 2}, "zvhd", "2 blocks with data"),
    ("iso", {"volume_id": "A B", "rock_ridge": True, "joliet": False, "udf": None, "isohybrid": True}, "iso",
     "volume 'A B', Rock Ridge, isohybrid"),
    ("vmdk", {"createType": "streamOptimized", "grainSize": 128, "extents": [{}]}, "vmdk",
     "streamOptimized, grains of 64 KiB"),
    ("vmdk", {"createType": "twoGbMaxExtentFlat", "extents": [{}, {}]}, "vmdk", "twoGbMaxExtentFlat, 2 extents"),
    ("vmdk", {"grainSize": (1 << 64) - 1}, "vmdk", "grains of 8589934592 TiB"),
    ("vdi", {"image_type": "dynamic", "block_size": 1 << 20, "blocks_allocated": 3}, "dynamic vdi",
     "blocks of 1 MiB, 3 blocks with data"),
    ("vhdx", {"disk_type": "dynamic", "creator": "QEMU", "block_size": 8 << 20, "logical_sector_size": 512},
     "dynamic vhdx", "made by 'QEMU', blocks of 8 MiB, sectors of 512 bytes"),
    ("raw", {}, "raw", ""), (None, {}, "unknown format", ""), ("vmdk", {"version": 1}, "vmdk", ""),
]


@pytest.mark.parametrize(("name", "header", "said", "words"), CASES)
def test_the_header_in_a_few_words(name, header, said, words):
    image = Inspection(path="x", size=1, format=name, container=header)
    assert (format_words(image), container_words(image)) == (said, words)


QCOW2 = {"backing_file_offset": 0, "features": {"incompatible": []}, "nb_snapshots": 0, "crypt_method": 0}
SAFETY = [  # format, header, whether the disk is all there, its words
    ("qcow2", QCOW2, True, "no backing file, no data file, no snapshots, not encrypted"),
    ("qcow2", {**QCOW2, "backing_file_offset": 8, "nb_snapshots": 2}, False,
     "a backing file, 2 snapshots, no data file, not encrypted"),
    ("qcow2", {"features": {"incompatible": ["external data file"]}, "crypt_method": 2}, False,
     "a data file, encrypted"),
    ("qcow", {"backing_file_offset": 0, "crypt_method": 0}, True, "no backing file, not encrypted"),
    ("vhd", {"disk_type": "differencing"}, False, "a parent disk"),
    ("vhd", {"disk_type": "fixed"}, True, "no parent disk"),
    ("vhdx", {"has_parent": False, "log_replay_needed": True}, False, "a log to be replayed, no parent disk"),
    ("vhdx", {"has_parent": False, "log_replay_needed": False}, True, "no parent disk, no log to be replayed"),
    ("vmdk", {"parentCID": "ffffffff", "uncleanShutdown": False}, True, "no parent disk, closed cleanly"),
    ("vmdk", {"parentCID": "12345678", "uncleanShutdown": True}, False, "a parent disk, not closed"),
    ("vdi", {"uuid_parent": None}, True, "no parent disk"), ("vdi", {"uuid_parent": "a-b"}, False, "a parent disk"),
    ("raw", {}, True, ""), ("vhd", {}, True, ""), ("vhdx", {}, True, ""), ("qcow2", {}, True, ""), (None, {}, True, ""),
]


@pytest.mark.parametrize(("name", "header", "safe", "words"), SAFETY)
def test_what_the_header_says_on_being_all_there(name, header, safe, words):
    assert safety_words(Inspection(path="x", size=1, format=name, container=header)) == (safe, words)


@pytest.mark.parametrize(("data_end", "rows"), [
    (2 << 30, [("disk", "aa", "sha256 of all 2 GiB of the disk, in any container")]),
    (5 << 20, [("disk", "aa", "sha256 of all 2 GiB of the disk, in any container"),
               ("data", "bb", "sha256 of its first 5 MiB, then it is zeros")]),
])
def test_the_digests_of_the_whole_disk(data_end, rows):
    content = Content(size=2 << 30, sha256="aa", data_end=data_end, data_sha256="bb")
    assert list(content_words(Inspection(path="x", size=1, content=content))) == rows
    assert list(content_words(Inspection(path="x", size=1))) == []

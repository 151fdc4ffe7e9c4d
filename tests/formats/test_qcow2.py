from __future__ import annotations

import struct
import subprocess
import sys

import pytest
from qcow2_images import Builder, Counting, codes, extension, patch, plain, put, whole
from tools import needs

from imgbuild.formats.base import Probe
from imgbuild.formats.qcow2 import FORMAT
from imgbuild.formats.qcow2.container import open_qcow2
from imgbuild.readers import BrokenImage, Memory

MIB = 1 << 20


@pytest.mark.parametrize(("version", "expected"), [(0, True), (1, False), (2, True), (3, True), (4, True)])
def test_all_versions_but_1_are_recognised(version, expected):
    head = patch(plain(), version=version)
    assert FORMAT.matches(Probe(len(head), head, b"")) is expected


@pytest.mark.parametrize("head", [b"", b"QFI\xfb", b"QFI\xfb\0\0\0", b"QFI\xfa\0\0\0\3"])
def test_other_heads_are_not_recognised(head):
    assert not FORMAT.matches(Probe(len(head), head, b""))


@pytest.mark.parametrize("version", [0, 1, 4, 0xFFFFFFFF])
def test_versions_without_a_standard_are_refused(version):
    with pytest.raises(BrokenImage) as refusal:
        open_qcow2(Memory(patch(plain(), version=version)))
    problem = refusal.value.problem
    assert problem.code == "unsupported-version"
    assert problem.message == f"version is {version}; 2 and 3 are the versions of qcow2"
    assert (problem.field, problem.offset, problem.length, problem.hex) == ("version", 4, 4, f"{version:08x}")


def test_the_header_of_version_3_is_reported_in_full():
    features = b"".join(struct.pack(">BB46s", kind, bit, name) for kind, bit, name in (
        (0, 0, b"dirty bit"), (2, 0, b"bitmaps"), (7, 9, b"\x1b[31mred")))
    bitmaps = struct.pack(">IIQQ", 1, 0, 32, 1024)
    area = extension(0x6803F857, features) + extension(0x23852875, bitmaps) + extension(0x12345678, b"?")
    builder = Builder(cluster_bits=10).standard(b"x" * 1024)
    image = patch(builder.image(extensions=area), incompatible_features=1, compatible_features=1 | 1 << 63,
                  autoclear_features=1)
    opened = open_qcow2(Memory(image))
    assert (opened.format, opened.virtual_size, opened.readable) == ("qcow2", 1024, True)
    assert opened.header == {
        "version": 3, "backing_file_offset": 0, "backing_file_size": 0, "cluster_bits": 10, "size": 1024,
        "crypt_method": 0, "l1_size": 1, "l1_table_offset": 2048, "refcount_table_offset": 1024,
        "refcount_table_clusters": 1, "nb_snapshots": 0, "snapshots_offset": 0, "incompatible_features": 1,
        "compatible_features": 1 | 1 << 63, "autoclear_features": 1, "refcount_order": 4, "header_length": 112,
        "compression_type": 0,
        "features": {"incompatible": ["dirty"], "compatible": ["lazy refcounts", "bit 63"], "autoclear": ["bitmaps"]},
        "header_extensions": [
            {"type": "0x6803f857", "name": "feature name table", "length": 144, "features": [
                {"type": "incompatible", "bit": 0, "name": "dirty bit"},
                {"type": "autoclear", "bit": 0, "name": "bitmaps"},
                {"type": "7", "bit": 9, "name": "\x1b[31mred"}]},
            {"type": "0x23852875", "name": "bitmaps", "length": 24, "nb_bitmaps": 1, "bitmap_directory_size": 32,
             "bitmap_directory_offset": 1024},
            {"type": "0x12345678", "name": None, "length": 1},
        ],
    }


def test_version_2_has_no_feature_fields():
    header = open_qcow2(Memory(plain(version=2))).header
    assert list(header) == [
        "version", "backing_file_offset", "backing_file_size", "cluster_bits", "size", "crypt_method", "l1_size",
        "l1_table_offset", "refcount_table_offset", "refcount_table_clusters", "nb_snapshots", "snapshots_offset",
        "header_extensions"]


@pytest.mark.parametrize(("length", "present"), [(104, False), (112, True)])
def test_a_header_without_room_for_compression_type_has_none(length, present):
    # Of the short header, byte 104 is a header extension already: its first byte is that of the end mark, 0.
    assert ("compression_type" in open_qcow2(Memory(patch(plain(), header_length=length))).header) is present


@pytest.mark.parametrize("version", [2, 3])
def test_a_sound_image_has_no_problem(version):
    assert codes(plain(version)) == []
    assert whole(plain(version)) == b"a" * 512 + b"b" * 512 + b"c" * 512 + b"d" * 512


def test_opening_reads_little():
    builder = Builder(cluster_bits=16, entries=[bytes(8)] * 32768, content=bytes(32768 << 16))
    file = Counting(builder.image())
    open_qcow2(file)
    assert sum(length for _, length in file.reads) < 512 * 1024


def test_a_backing_file_is_named_with_its_format_and_quoted():
    name = b"/etc/pass\x1b[2Jwd\n\xff"
    image = put(Builder().hole().image(extensions=extension(0xE2792ACA, b"raw")), 160, name)
    opened = open_qcow2(Memory(patch(image, backing_file_offset=160, backing_file_size=len(name))))
    [problem] = opened.problems
    assert problem.message == (r"the image needs the backing file '/etc/pass\x1b[2Jwd\n\\xff' of format 'raw';"
                               " a whole image has none")
    assert opened.header["backing_file_name"] == "/etc/pass\x1b[2Jwd\n\\xff"
    assert not opened.readable


def test_a_long_name_is_cut_in_the_message():
    image = patch(put(plain(), 1024 + 512, b"n" * 1023), backing_file_offset=1536, backing_file_size=1023)
    [backing, place] = open_qcow2(Memory(image)).problems
    assert backing.message == f"the image needs the backing file '{'n' * 119}…'; a whole image has none"
    assert (place.code, place.message) == ("qcow2-header-invalid",
                                           "backing_file_offset is 1536; the name is in the first cluster")


@pytest.mark.parametrize(("size", "expected"), [
    (1023, ["backing-file"]), (1024, ["backing-file", "qcow2-header-invalid"])])
def test_a_backing_file_name_has_at_most_1023_bytes(size, expected):
    assert codes(patch(plain(), backing_file_offset=120, backing_file_size=size)) == expected


def test_an_external_data_file_is_found_by_its_name_alone():
    opened = open_qcow2(Memory(Builder().hole().image(extensions=extension(0x44415441, b"/etc/shadow"))))
    [problem] = opened.problems
    assert (problem.code, problem.field, problem.offset, problem.hex) == (
        "external-data-file", "header extension", 112, "44415441")
    assert problem.message == "a header extension names the external data file '/etc/shadow'; a whole image has none"
    assert not opened.readable


def test_an_unknown_feature_is_called_what_the_image_calls_it():
    table = struct.pack(">BB46s", 0, 9, b"warp\x07")
    image = patch(Builder().hole().image(extensions=extension(0x6803F857, table)), incompatible_features=3 << 9)
    [problem] = open_qcow2(Memory(image)).problems
    assert problem.message == (r"the image needs features that are not known: bit 9 'warp\x07', bit 10;"
                               " bits 0 to 4 are defined")


@needs("qemu-img")
def test_files_that_qemu_links_to_are_named_and_not_opened(tmp_path):
    for words in (["base.qcow2", "1M"], ["-b", "base.qcow2", "-F", "qcow2", "over.qcow2"],
                  ["-o", "data_file=data.raw", "ext.qcow2", "1M"]):
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *words], cwd=tmp_path, check=True)
    images = {name: (tmp_path / name).read_bytes() for name in ("over.qcow2", "ext.qcow2")}
    with watched_opens() as opened:
        over, ext = (open_qcow2(Memory(image)) for image in images.values())
    assert opened == []
    assert [problem.message for problem in over.problems + ext.problems] == [
        "the image needs the backing file 'base.qcow2' of format 'qcow2'; a whole image has none",
        "the image keeps its data in the external data file 'data.raw'; a whole image has none"]
    assert (over.virtual_size, over.readable, ext.virtual_size, ext.readable) == (MIB, False, MIB, False)


class watched_opens:  # noqa: N801 - used like a function
    """Collect the paths that are opened meanwhile."""

    _lists: list[list[object]] = []  # noqa: RUF012 - an audit hook cannot be taken back, so there is one for all

    def __enter__(self):
        if not self._lists:
            sys.addaudithook(lambda event, args: self._lists and event == "open" and self._lists[-1].append(args[0]))
        self._lists.append([])
        return self._lists[-1]

    def __exit__(self, *_):
        self._lists.pop()

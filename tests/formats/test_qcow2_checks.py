from __future__ import annotations

import struct

import pytest
from qcow2_images import Builder, Sparse, codes, extension, patch, plain, whole

from imgbuild.formats.qcow2.container import open_qcow2
from imgbuild.readers import BrokenImage, Memory

MIB = 1 << 20

# The header's problems: a sentence, what is changed in a sound image of 2 KiB with clusters of 512 bytes, code, field,
# message, and whether the content can still be read.

HEADER_CASES = [
    ("a backing file offset without a name", {"backing_file_offset": 120}, "backing-file", "backing_file_offset",
     "the image needs the backing file ''; a whole image has none", False),
    ("AES", {"crypt_method": 1}, "encrypted", "crypt_method", "crypt_method is 1 (AES); 0 is no encryption", False),
    ("LUKS", {"crypt_method": 2}, "encrypted", "crypt_method", "crypt_method is 2 (LUKS); 0 is no encryption", False),
    ("a method that nobody knows", {"crypt_method": 3}, "encrypted", "crypt_method",
     "crypt_method is 3 (not known); 0 is no encryption", False),
    ("the dirty bit", {"incompatible_features": 1}, "dirty", "incompatible_features",
     "the dirty bit is set: the image was not closed, its refcounts may be wrong", True),
    ("the dirty bit with lazy refcounts", {"incompatible_features": 1, "compatible_features": 1}, "dirty",
     "incompatible_features",
     "the dirty bit is set: lazy refcounts are on and the image was not closed, its refcounts may be wrong", True),
    ("the corrupt bit", {"incompatible_features": 2}, "corrupt", "incompatible_features",
     "the corrupt bit is set: any structure of the image may be damaged", True),
    ("an external data file", {"incompatible_features": 4}, "external-data-file", "incompatible_features",
     "the image keeps its data in an external data file; a whole image has none", False),
    ("raw external data without the data file bit", {"autoclear_features": 2}, "external-data-file",
     "autoclear_features", "autoclear bit 1 says that the data is in an external data file; a whole image has none",
     False),
    ("the first bit without a meaning", {"incompatible_features": 1 << 5}, "unknown-feature", "incompatible_features",
     "the image needs features that are not known: bit 5; bits 0 to 4 are defined", False),
    ("all bits", {"incompatible_features": (1 << 64) - 32}, "unknown-feature", "incompatible_features",
     ("the image needs features that are not known: bit 5, bit 6, bit 7, bit 8, bit 9, bit 10, bit 11, bit 12 and 51"
      " more; bits 0 to 4 are defined"), False),
    ("the last bit", {"incompatible_features": 1 << 63}, "unknown-feature", "incompatible_features",
     "the image needs features that are not known: bit 63; bits 0 to 4 are defined", False),
    ("compression bit without a type", {"incompatible_features": 8}, "qcow2-header-invalid", "compression_type",
     "compression_type is 0, but incompatible bit 3 is 1; it is set for all types but 0", False),
    ("a compression type without its bit", {"compression_type": 1}, "qcow2-header-invalid", "compression_type",
     "compression_type is 1, but incompatible bit 3 is 0; it is set for all types but 0", False),
    ("compression bit without the field", {"incompatible_features": 8, "header_length": 104}, "qcow2-header-invalid",
     "header_length", "incompatible bit 3 is set, but header_length 104 leaves no room for compression_type; 112 would",
     False),
    ("a compression type that nobody knows", {"incompatible_features": 8, "compression_type": 2},
     "qcow2-header-invalid", "compression_type", "compression_type is 2; 0 (deflate) and 1 (zstd) are defined", False),
    ("zstd", {"incompatible_features": 8, "compression_type": 1}, "zstd-compression", "compression_type",
     "compression_type is 1 (zstd), which QEMU before 5.1 cannot open; 0 (deflate) opens everywhere", True),
    ("clusters of 256 bytes", {"cluster_bits": 8}, "qcow2-header-invalid", "cluster_bits",
     "cluster_bits is 8; 9 to 21 are good", False),
    ("clusters of 4 MiB", {"cluster_bits": 22}, "qcow2-header-invalid", "cluster_bits",
     "cluster_bits is 22; 9 to 21 are good", False),
    ("absurd clusters", {"cluster_bits": 0xFFFFFFFF}, "qcow2-header-invalid", "cluster_bits",
     "cluster_bits is 4294967295; 9 to 21 are good", False),
    ("extended L2 entries in small clusters", {"incompatible_features": 16}, "qcow2-header-invalid", "cluster_bits",
     "cluster_bits is 9; 14 to 21 are good with extended L2 entries", False),
    ("a size that is no signed number", {"size": 1 << 63}, "size-overflow", "size",
     "size is 9223372036854775808; 9223372036854775807 bytes is the most", False),
    ("a disk that needs a second L1 entry", {"size": 64 * 512 + 512}, "table-too-small", "l1_size",
     "l1_size is 1; a disk of 32.5 KiB needs at least 2", False),
    ("no L1 table", {"l1_size": 0}, "table-too-small", "l1_size", "l1_size is 0; a disk of 2 KiB needs at least 1",
     False),
    ("an L1 table larger than the file", {"l1_size": 4560}, "table-too-large", "l1_size",
     "the L1 table would take 36480 bytes; the file has 36352", False),
    ("an absurd L1 table", {"l1_size": 0xFFFFFFFF}, "table-too-large", "l1_size",
     "the L1 table would take 34359738360 bytes; the file has 36352", False),
    ("an L1 table off its cluster", {"l1_table_offset": 1032}, "table-misplaced", "l1_table_offset",
     "l1_table_offset is 1032; a multiple of the cluster size 512, after the header, is needed", False),
    ("an L1 table in the header", {"l1_table_offset": 0}, "table-misplaced", "l1_table_offset",
     "l1_table_offset is 0; a multiple of the cluster size 512, after the header, is needed", False),
    ("an L1 table after the file", {"l1_table_offset": 36352}, "truncated", "l1_table_offset",
     "the L1 table is at 36352 to 36360, but the file ends at 36352", False),
    ("an absurd L1 offset", {"l1_table_offset": (1 << 64) - 512}, "truncated", "l1_table_offset",
     "the L1 table is at 18446744073709551104 to 18446744073709551112, but the file ends at 36352", False),
    ("no refcount table", {"refcount_table_clusters": 0}, "qcow2-header-invalid", "refcount_table_clusters",
     "refcount_table_clusters is 0; an image has a refcount table", True),
    ("a refcount table larger than the file", {"refcount_table_clusters": 72}, "table-too-large",
     "refcount_table_clusters", "the refcount table would take 36864 bytes; the file has 36352", True),
    ("a refcount table after the file", {"refcount_table_offset": 36352}, "truncated", "refcount_table_offset",
     "the refcount table is at 36352 to 36864, but the file ends at 36352", True),
    ("a refcount table off its cluster", {"refcount_table_offset": 513}, "table-misplaced", "refcount_table_offset",
     "refcount_table_offset is 513; a multiple of the cluster size 512, after the header, is needed", True),
    ("refcounts of 128 bits", {"refcount_order": 7}, "qcow2-header-invalid", "refcount_order",
     "refcount_order is 7; 0 to 6 are good", True),
    ("a short header", {"header_length": 96}, "qcow2-header-invalid", "header_length",
     "header_length is 96; a multiple of 8 from 104 to the cluster size is good", True),
    ("a header of odd length", {"header_length": 108}, "qcow2-header-invalid", "header_length",
     "header_length is 108; a multiple of 8 from 104 to the cluster size is good", True),
    ("a header longer than a cluster", {"header_length": 520}, "qcow2-header-invalid", "header_length",
     "header_length is 520; a multiple of 8 from 104 to the cluster size is good", True),
    ("bitmaps without their extension", {"autoclear_features": 1}, "qcow2-header-invalid", "autoclear_features",
     "autoclear bit 0 is set, but there is no bitmaps extension", True),
    ("a snapshot", {"nb_snapshots": 1, "snapshots_offset": 1536}, "snapshots", "nb_snapshots",
     "the image has 1 internal snapshot, so older states of the disk go along with it", True),
    ("two snapshots", {"nb_snapshots": 2, "snapshots_offset": 1536}, "snapshots", "nb_snapshots",
     "the image has 2 internal snapshots, so older states of the disk go along with it", True),
    ("no disk", {"size": 0}, "empty-disk", "size", "the virtual disk has 0 bytes", True),
    ("half a sector", {"size": 1792}, "unaligned-size", "size",
     "the virtual disk has 1792 bytes; disks have a multiple of 512", True),
]


@pytest.mark.parametrize(("_sentence", "changes", "code", "field", "message", "readable"), HEADER_CASES,
                         ids=[case[0] for case in HEADER_CASES])
def test_a_header_field_that_is_wrong_is_said_with_its_evidence(_sentence, changes, code, field, message, readable):
    image = patch(plain(), **changes)
    opened = open_qcow2(Memory(image))
    [problem] = opened.problems
    assert (problem.code, problem.field, problem.message) == (code, field, message)
    assert problem.hex == image[problem.offset : problem.offset + problem.length].hex()
    assert opened.virtual_size == (None if code == "size-overflow" else changes.get("size", 2048))
    assert opened.readable is readable
    if not readable:
        with pytest.raises(BrokenImage, match="the content of this qcow2 file cannot be read"):
            opened.read_at(0, 1)


GOOD_NEIGHBOURS = [
    {"size": 64 * 512}, {"size": 1536}, {"l1_size": 2},
    {"header_length": 104}, {"header_length": 120}, {"compatible_features": (1 << 64) - 1},
    {"autoclear_features": 1 << 63},
]
# Places that are good as such, though other tables lie there in this image.
GOOD_PLACES = [{"l1_size": 4416}, {"refcount_table_clusters": 70}, {"l1_table_offset": 512}]


@pytest.mark.parametrize("changes", GOOD_NEIGHBOURS, ids=str)
def test_the_good_side_of_each_boundary_is_silent(changes):
    assert codes(patch(plain(), **changes)) == []


@pytest.mark.parametrize("changes", GOOD_PLACES, ids=str)
def test_of_a_table_in_the_file_only_that_it_shares_its_place_is_said(changes):
    assert codes(patch(plain(), **changes)) == ["tables-overlap"]


@pytest.mark.parametrize("bits", [9, 12, 16, 21])
def test_every_cluster_size_is_taken(bits):
    size = 1 << bits
    image = Builder(cluster_bits=bits).standard(b"\1" * size).hole().image() if bits < 21 else None
    if image is None:
        header = Builder(cluster_bits=21, entries=[bytes(8)], content=bytes(size)).image()
        assert codes(header) == []
    else:
        assert whole(image) == b"\1" * size + bytes(size)


@pytest.mark.parametrize(("count", "expected"), [(65536, ["snapshots"]), (65537, ["snapshots", "table-too-large"])])
def test_more_snapshots_than_qemu_takes_are_refused(count, expected):
    header = patch(plain(), nb_snapshots=count, snapshots_offset=1 << 20)
    opened = open_qcow2(Sparse(16 * MIB, {0: header}))
    assert [problem.code for problem in opened.problems] == expected
    if len(expected) > 1:
        assert opened.problems[1].message == "the snapshot table would take 2621480 bytes; QEMU takes 2621440"


@pytest.mark.parametrize(("entries", "expected"), [(1 << 22, []), ((1 << 22) + 1, ["table-too-large"])])
def test_an_l1_table_over_32_mib_is_refused(entries, expected):
    image = Sparse(1 << 40, {0: patch(plain(), l1_size=entries, size=1 << 37)[:512]})
    assert [problem.code for problem in open_qcow2(image).problems if problem.code != "refcounts-invalid"] == expected


def test_a_refcount_table_over_8_mib_is_refused():
    for clusters, expected in ((16384, ["tables-overlap"]), (16385, ["table-too-large", "tables-overlap"])):
        image = Sparse(1 << 30, {0: patch(plain(), refcount_table_clusters=clusters)})
        assert [problem.code for problem in open_qcow2(image).problems] == expected


def test_an_extension_that_does_not_fit_ends_the_area():
    area = struct.pack(">II", 0x11111111, 400)
    opened = open_qcow2(Memory(Builder().hole().image(extensions=area)))
    [problem] = opened.problems
    assert (problem.code, problem.field, problem.offset, problem.hex) == (
        "qcow2-header-invalid", "header extension", 112, "1111111100000190")
    assert problem.message == ("the header extension '0x11111111' of 400 bytes does not fit in the 392 bytes that are"
                               " left")
    assert opened.header["header_extensions"] == []
    assert codes(Builder().hole().image(extensions=struct.pack(">II", 0x11111111, 392))) == []


def test_an_extension_may_be_there_once():
    one = extension(0xE2792ACA, b"raw")
    assert codes(Builder().hole().image(extensions=one)) == []
    [problem] = open_qcow2(Memory(Builder().hole().image(extensions=one + one))).problems
    assert problem.message == ("the header extension 'backing file format name' of 3 bytes is there twice;"
                               " each type shall appear at most once")


def test_extensions_are_not_read_for_ever():
    area = b"".join(extension(1000 + i, b"") for i in range(66))
    for count, expected in ((64, 0), (65, 1)):
        opened = open_qcow2(Memory(Builder(cluster_bits=12).hole().image(extensions=area[: count * 8])))
        assert len(opened.problems) == expected
        assert len(opened.header["header_extensions"]) == 64


@pytest.mark.parametrize(("kind", "length"), [(0x23852875, 23), (0x23852875, 25), (0x0537BE77, 8)])
def test_an_extension_of_fixed_length_has_that_length(kind, length):
    image = patch(Builder().hole().image(extensions=extension(kind, bytes(length))), crypt_method=2)
    assert "qcow2-header-invalid" in codes(image)


def test_an_encryption_header_belongs_to_luks():
    image = Builder().hole().image(extensions=extension(0x0537BE77, struct.pack(">QQ", 1024, 592)))
    opened = open_qcow2(Memory(image))
    assert opened.header["header_extensions"][0]["encryption_header_length"] == 592
    assert [problem.message for problem in opened.problems] == [
        "crypt_method is 0, but there is an encryption header; only 2 (LUKS) has one"]
    assert codes(patch(image, crypt_method=2)) == ["encrypted"]


def test_a_bitmap_directory_lies_in_the_file():
    for size, expected in ((0x8DFE, ["truncated"]), (0x8C00, [])):
        bitmaps = struct.pack(">IIQQ", 1, 0, size, 0x200)
        image = plain()[:112] + extension(0x23852875, bitmaps) + plain()[112 + 32:]
        assert codes(image) == expected

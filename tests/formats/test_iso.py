from __future__ import annotations

import random
import subprocess

import pytest
from images import discs
from images.discs import SECTOR, boot_record, descriptor, disc, primary, recognition, terminator
from pace import ENDLESS, Clock
from tools import needs

from imgbuild.formats.base import HEAD_BYTES, Probe
from imgbuild.formats.iso import FORMAT
from imgbuild.formats.iso.container import open_iso
from imgbuild.readers import BrokenImage, Memory
from imgbuild.source import open_source


def opened(data: bytes):
    return open_iso(Memory(data))


def codes(image) -> list[str]:
    return [problem.code for problem in image.problems]


def matches(data: bytes) -> bool:
    return FORMAT.matches(Probe(len(data), data[:HEAD_BYTES], data[-8192:]))


@pytest.mark.parametrize(("expected", "data"), [
    (True, discs.plain()),
    (True, disc(boot_record(19), primary(), terminator())),
    (True, disc(*recognition(b"BEA01", b"NSR02", b"TEA01"))),
    (True, disc(*recognition(b"BEA01", b"BOOT2", b"NSR03", b"TEA01"))),
    (False, disc(*recognition(b"BEA01", b"TEA01"))),
    (False, disc(*recognition(b"BEA01", b"XXXXX", b"NSR02"))),
    (False, b""),
    (False, bytes(40 * SECTOR)),
    (False, discs.plain()[:32769 + 4]),
])
def test_a_descriptor_at_sector_16_makes_it_an_iso(expected, data):
    assert matches(data) is expected


def test_the_disk_is_the_file_and_its_facts_are_the_descriptors():
    data = disc(primary(at_8=b"LINUX".ljust(32), at_190=b"SET".ljust(128), at_318=b"PUB".ljust(128),
                        at_446=b"PREP".ljust(128), at_574=b"APP".ljust(128), at_813=b"2024022912345678\x04",
                        at_830=b"2024022912345678\xee", at_847=b"0" * 16 + b"\0"), terminator())
    image = opened(data)

    assert (image.format, image.virtual_size, image.readable, image.problems) == ("iso", len(data), True, [])
    assert image.header == {
        "system_id": "LINUX", "volume_id": "TINY", "volume_set_id": "SET", "publisher_id": "PUB",
        "preparer_id": "PREP", "application_id": "APP", "volume_space_size": 24, "logical_block_size": 2048,
        "creation_date": "2024-02-29T12:34:56.78+01:00", "modification_date": "2024-02-29T12:34:56.78-04:30",
        "expiration_date": None, "effective_date": None, "rock_ridge": False, "joliet": False, "udf": None,
        "el_torito": [], "boot_platforms": [], "isohybrid": False, "partition_table": None}
    assert image.read_at(32769, 5) == b"CD001"
    with pytest.raises(BrokenImage):
        image.read_at(len(data) - 1, 2)


def test_joliet_is_a_supplementary_descriptor_with_its_escape_sequence():
    with_joliet = opened(disc(primary(), descriptor(2, at_88=discs.JOLIET), terminator()))
    assert with_joliet.header["joliet"] is True
    assert opened(disc(primary(), descriptor(2), terminator())).header["joliet"] is False


def test_rock_ridge_is_announced_in_the_root_directory():
    use = b"SP\x07\x01\xbe\xef\x00PX\x2c\x01"
    root = bytes([34 + len(use)]) + bytes(33) + use
    assert opened(disc(primary(), terminator(), at={20: root})).header["rock_ridge"] is True
    assert opened(disc(primary(), terminator(), at={20: root[:40]})).header["rock_ridge"] is False


class TestSize:
    @pytest.mark.parametrize("size", [24, 25, 4000])
    def test_padding_behind_the_volume_is_normal(self, size):
        assert opened(disc(primary(blocks=24), terminator(), size=size)).problems == []

    def test_a_volume_that_ends_behind_the_file_is_cut(self):
        image = opened(disc(primary(blocks=25), terminator(), size=24))
        [problem] = image.problems
        assert problem.code == "iso-truncated"
        assert problem.message == ("the volume takes 51200 bytes, but the file has 49152: the last 2 KiB are missing;"
                                   " download or copy it again")
        assert (problem.field, problem.offset, problem.length) == ("Volume Space Size", 32768 + 80, 8)
        assert problem.hex == "1900000000000019"
        assert image.readable

    @pytest.mark.parametrize(("block_size", "blocks"), [(512, 96), (1024, 48)])
    def test_the_block_size_counts(self, block_size, blocks):
        at_end = opened(disc(primary(block_size=block_size, blocks=blocks), terminator()))
        assert at_end.problems == []
        assert codes(opened(disc(primary(block_size=block_size, blocks=blocks + 1), terminator()))) == ["iso-truncated"]

    @pytest.mark.parametrize("block_size", [0, 1, 256, 513, 4096, 65535])
    def test_a_block_size_that_the_standard_does_not_know_is_refused(self, block_size):
        image = opened(disc(primary(block_size=block_size), terminator()))
        [problem] = image.problems
        assert problem.code == "iso-header-invalid"
        assert problem.message == f"the logical block size is {block_size}; 512, 1024 and 2048 are allowed"
        assert (image.readable, image.virtual_size) == (False, 24 * SECTOR)


class TestDescriptors:
    def test_numbers_are_compared_in_both_byte_orders(self):
        volume = primary()
        volume[84:88] = (99).to_bytes(4, "big")
        [problem] = opened(disc(volume, terminator())).problems
        assert problem.code == "iso-fields-disagree"
        assert problem.message == ("Volume Space Size is 24 in little-endian and 99 in big-endian;"
                                   " both must be the same")
        assert problem.offset == 32768 + 80

    def test_a_set_without_primary_descriptor_has_no_volume(self):
        image = opened(disc(boot_record(19), terminator()))
        assert "iso-header-invalid" in codes(image)
        assert image.readable is False

    def test_a_set_without_terminator_is_said(self):
        [problem] = opened(disc(primary())).problems
        assert problem.message == "the volume descriptors do not end with a terminator (type 255)"
        assert problem.offset == 17 * SECTOR

    def test_no_more_than_32_descriptors_are_read(self):
        image = opened(disc(primary(blocks=64), *[descriptor(3)] * 31, terminator(), size=64))
        assert image.header["volume_id"] == "TINY"

    def test_text_of_strangers_is_kept_as_text(self):
        label = b"\x1b[31mred\xff"
        assert opened(disc(primary(label=label), terminator())).header["volume_id"] == "\x1b[31mred\xff"


class TestElTorito:
    def test_entries_of_all_sections_are_listed(self):
        catalog = (discs.validation() + discs.boot_entry(30) + discs.section(0xEF, 2, last=False) + discs.boot_entry(40)
                   + bytes([0x44]).ljust(32, b"\0") + discs.boot_entry(41, bootable=False)
                   + discs.section(2, 1) + discs.boot_entry(42, sectors=9))
        image = opened(disc(primary(), boot_record(21), terminator(), at={21: catalog}))
        assert image.problems == []
        assert image.header["boot_platforms"] == ["bios", "mac", "uefi"]
        assert [(entry["platform"], entry["bootable"], entry["load_rba"]) for entry in image.header["el_torito"]] == [
            ("bios", True, 30), ("uefi", True, 40), ("uefi", False, 41), ("mac", True, 42)]
        assert image.header["el_torito"][3]["sector_count"] == 9

    def test_uefi_alone_is_the_platform_of_the_validation_entry(self):
        catalog = discs.validation(0xEF) + discs.boot_entry(30)
        image = opened(disc(primary(), boot_record(21), terminator(), at={21: catalog}))
        assert image.header["boot_platforms"] == ["uefi"]

    def test_an_entry_that_is_not_bootable_is_for_no_platform(self):
        catalog = discs.validation() + discs.boot_entry(30, bootable=False)
        image = opened(disc(primary(), boot_record(21), terminator(), at={21: catalog}))
        assert image.header["boot_platforms"] == []

    @pytest.mark.parametrize(("catalog", "sector"), [
        (discs.validation(checksum=1) + discs.boot_entry(30), 21),
        (b"", 21),
        (discs.validation() + discs.boot_entry(30), 24),
        (discs.validation() + discs.boot_entry(30), 0xFFFFFFFF),
    ], ids=["checksum", "zeros", "behind the end", "absurd"])
    def test_a_damaged_catalog_is_a_problem_and_boot_is_unknown(self, catalog, sector):
        image = opened(disc(primary(), boot_record(sector), terminator(), at={21: catalog}))
        assert codes(image) == ["iso-boot-catalog-invalid"]
        assert image.header["boot_platforms"] is None

    def test_a_section_that_promises_more_than_there_is_ends_with_the_sector(self):
        catalog = discs.validation() + discs.boot_entry(30) + discs.section(0xEF, 0xFFFF) + discs.boot_entry(1) * 61
        image = opened(disc(primary(), boot_record(21), terminator(), at={21: catalog}))
        assert len(image.header["el_torito"]) == 62


class TestUdf:
    def test_a_bridge_disc_has_both(self):
        image = opened(disc(primary(), terminator(), *recognition(b"BEA01", b"NSR02", b"TEA01")))
        assert (image.header["udf"], image.header["volume_id"]) == ("NSR02", "TINY")

    @pytest.mark.parametrize(("label", "expected"), [
        (b"\x08UDF DISC", "UDF DISC"), (b"\x10\0W\0i\0n", "Win"), (b"", None)])
    def test_a_disc_of_udf_alone_is_an_iso_with_the_name_of_the_volume(self, label, expected):
        image = opened(disc(*recognition(b"BEA01", b"NSR03", b"TEA01"), size=310,
                            at=discs.udf_volume(length=10, label=label)))
        assert image.problems == []
        assert (image.header["udf"], image.header["volume_id"], image.readable) == ("NSR03", expected, True)

    def test_a_partition_that_ends_behind_the_file_is_cut(self):
        image = opened(disc(*recognition(b"BEA01", b"NSR03", b"TEA01"), size=310, at=discs.udf_volume(length=11)))
        [problem] = image.problems
        assert problem.message.startswith("the UDF partition takes 636928 bytes, but the file has 634880")

    def test_a_damaged_tag_is_not_believed(self):
        volume = discs.udf_volume(length=1 << 30)
        volume[261] = volume[261][:4] + b"\xee" + volume[261][5:]
        assert opened(disc(*recognition(b"BEA01", b"NSR03"), size=310, at=volume)).problems == []


@pytest.mark.parametrize(("system_area", "table"), [
    (discs.mbr(), "mbr"),
    (discs.mbr(kind=0xEE) + b"EFI PART", "gpt"),
    (discs.mbr(kind=0), None),
    (discs.mbr(sectors=0), None),
    (discs.mbr(status=0x55), None),
    (b"EFI PART", None),
])
def test_an_isohybrid_has_a_partition_table_in_its_system_area(system_area, table):
    image = opened(disc(primary(), terminator(), system_area=system_area))
    assert (image.header["isohybrid"], image.header["partition_table"]) == (table is not None, table)


def test_whatever_is_cut_the_answer_is_facts():
    data = disc(primary(), boot_record(21), terminator(), *recognition(b"BEA01", b"NSR02"), size=310,
                at=discs.udf_volume(length=10) | {21: discs.validation() + discs.boot_entry(30)})
    for size in {*range(32768, 32768 + 300, 7), *range(0, len(data), 3001)}:
        assert opened(data[:size]).virtual_size == size


def test_mutations_end_as_facts_soon():
    rng = random.Random(9660)  # noqa: S311 - cases, no secret
    data = disc(primary(), boot_record(21), descriptor(2, at_88=discs.JOLIET), terminator(),
                *recognition(b"BEA01", b"NSR02"), size=310, system_area=discs.mbr(),
                at=discs.udf_volume(length=10) | {30: discs.validation() + discs.boot_entry(30)})
    places = [place for place, byte in enumerate(data) if byte]
    clock = Clock()
    for _ in range(400):
        mutant = bytearray(data)
        for place in rng.sample(places, rng.randint(1, 6)):
            mutant[place] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        assert open_iso(Memory(bytes(mutant))).format == "iso"
    assert clock.seconds() < ENDLESS


@needs("isoinfo")
@pytest.mark.parametrize("kind", ["hybrid", "uefi", "data"])
@needs("xorriso", "mkfs.vfat", "mmd", "mcopy")
def test_isoinfo_reads_the_same_descriptor(iso, kind):
    path = iso(kind)
    said = subprocess.run(["isoinfo", "-d", "-i", path], capture_output=True, text=True, check=True).stdout
    with open_source(str(path)) as source:
        image = open_iso(source)
    assert image.problems == []
    assert f"Volume id: {image.header['volume_id']}\n" in said
    assert f"Volume size is: {image.header['volume_space_size']}\n" in said
    assert f"Logical block size is: {image.header['logical_block_size']}\n" in said
    assert ("Rock Ridge signatures" in said) is image.header["rock_ridge"]
    assert ("Joliet with UCS level" in said) is image.header["joliet"]
    assert ("El Torito VD version" in said) is bool(image.header["el_torito"])


@needs("xorriso", "mkfs.vfat", "mmd", "mcopy")
@pytest.mark.parametrize(("kind", "platforms"), [("hybrid", ["bios", "uefi"]), ("uefi", ["uefi"]), ("data", [])])
def test_discs_of_xorriso_say_how_they_boot(iso, kind, platforms):
    with open_source(str(iso(kind))) as source:
        image = open_iso(source)
    assert image.header["boot_platforms"] == platforms


@needs("xorriso")
@pytest.mark.parametrize(("options", "table"), [((), "mbr"), (("-appended_part_as_gpt",), "gpt")])
def test_discs_with_an_appended_partition_are_hybrids(tmp_path, options, table):
    (tmp_path / "content").mkdir()
    (tmp_path / "content" / "file").write_bytes(b"x")
    (tmp_path / "efi.img").write_bytes(bytes(1 << 20))
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-o", tmp_path / "x.iso", *options, "-append_partition", "2",
                    "0xef", tmp_path / "efi.img", tmp_path / "content"], check=True)
    with open_source(str(tmp_path / "x.iso")) as source:
        image = open_iso(source)
    assert (image.problems, image.header["partition_table"]) == ([], table)


@needs("genisoimage")
def test_bridge_discs_of_genisoimage_are_whole(tmp_path):
    (tmp_path / "content").mkdir()
    (tmp_path / "content" / "file").write_bytes(bytes(5000))
    subprocess.run(["genisoimage", "-quiet", "-udf", "-V", "BRIDGE", "-o", tmp_path / "x.iso", tmp_path / "content"],
                   check=True, capture_output=True)
    data = (tmp_path / "x.iso").read_bytes()
    image = opened(data)
    assert (image.problems, image.header["udf"], image.header["volume_id"]) == ([], "NSR02", "BRIDGE")
    assert codes(opened(data[: len(data) // 2])) == ["iso-truncated"]

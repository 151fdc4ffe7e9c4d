from __future__ import annotations

import random
import subprocess

import pytest
from images import discs
from images.containers import VARIANTS, wrap
from images.discs import disc, primary, terminator
from pace import ENDLESS, Clock
from tools import needs

from imgbuild.detection import detect, detect_inside, formats_meant
from imgbuild.errors import UsageError
from imgbuild.formats import FORMATS, find
from imgbuild.readers import Memory
from imgbuild.source import open_source

QCOW2 = b"QFI\xfb\0\0\0\x03" + bytes(16) + b"\0\0\0\x10" + bytes(76) + b"\0\0\0\x68"
QCOW1 = b"QFI\xfb\0\0\0\x01"
GZIP = b"\x1f\x8b\x08\0"
RAW = discs.mbr().ljust(4096, b"\0")
PE = (b"MZ" + bytes(58) + (128).to_bytes(4, "little")).ljust(128, b"\0") + b"PE\0\0"


def footer(current_size: int, kind: int = 2) -> bytes:
    """Return a VHD footer with its right checksum."""
    data = bytearray(b"conectix" + b"\0\0\0\x02\0\x01\0\0" + b"\xff" * 8).ljust(512, b"\0")
    data[40:48] = data[48:56] = current_size.to_bytes(8, "big")
    data[60:64] = kind.to_bytes(4, "big")
    data[64:68] = (~sum(data) & 0xFFFFFFFF).to_bytes(4, "big")
    return bytes(data)


def found(data: bytes, path: str = "", claim: str | None = None):
    return detect(Memory(data), path=path, claim=claim)


def codes(data: bytes, path: str = "", claim: str | None = None) -> list[str]:
    return [problem.code for problem in found(data, path, claim).problems]


class TestOneClaim:
    @pytest.mark.parametrize(("name", "data"), [
        ("qcow2", QCOW2), ("qcow2", b"QFI\xfb\0\0\0\x09"), ("qcow", QCOW1), ("qed", b"QED\0"), ("vhdx", b"vhdxfile"),
        ("vmdk", b"KDMV"), ("vmdk", b"COWD"), ("vmdk", b"\xbe\xba\xfe\xca\0\0\0\0"),
        ("vmdk", b"# Disk DescriptorFile\nversion=1\n"), ("vmdk", b"\n# note\n#\n  \nversion=1\n"),
        ("vdi", bytes(64) + b"\x7f\x10\xda\xbe"),
        ("parallels", b"WithoutFreeSpace"), ("parallels", b"WithouFreSpacExt"),
        ("luks", b"LUKS\xba\xbe\0\x02"), ("iso", discs.plain()), ("vhd", footer(0)), ("gzip", GZIP)])
    def test_is_the_format(self, name, data):
        answer = found(data)
        assert (answer.name, answer.format, answer.problems) == (name, find(name), ())

    @pytest.mark.parametrize("data", [
        RAW, bytes(1), bytes(512), bytes(1 << 20), b"\xff" * 4096, b"\x7fELF" + bytes(500), PE, b"hsqs" + bytes(500),
        random.Random(1).randbytes(4096),  # noqa: S311 - content, no secret
        b"QFI\xfa" + bytes(500), bytes(8) + b"conectix" + bytes(505)])
    def test_none_is_a_raw_disk(self, data):
        answer = found(data)
        assert (answer.name, answer.format, answer.problems) == ("raw", find("raw"), ())

    def test_a_fixed_vhd_is_no_raw_disk_and_its_partition_table_is_its_content(self):
        assert found(RAW + footer(len(RAW))).name == "vhd"

    def test_a_dynamic_vhd_has_its_footer_at_both_ends(self):
        assert found(footer(1 << 30, 3) + bytes(2048) + footer(1 << 30, 3)).name == "vhd"

    def test_an_apple_image_may_hold_its_partition_table_in_the_open(self):
        assert found(RAW + b"koly\0\0\0\x04\0\0\x02\0".ljust(512, b"\0")).name == "dmg"


class TestNoImage:
    def test_an_empty_file(self):
        answer = found(b"")
        assert (answer.name, answer.format) == (None, None)
        [problem] = answer.problems
        assert problem.message == "the file is empty; an image has at least one sector"

    def test_text(self):
        answer = found(b"<!DOCTYPE html>\n<title>404</title>\n")
        assert (answer.name, answer.format) == (None, None)
        [problem] = answer.problems
        assert (problem.code, problem.offset) == ("text-file", 0)
        assert problem.message == "the file is text (an HTML page: the download may have failed), not a disk image"

    def test_text_that_begins_like_a_format_is_text(self):
        for words in (b"stream of words\n" * 400, b"z2strm\n", b"BZh, he said\n", b"LZIPPED\n", b"#!/bin/sh\necho\n"):
            assert codes(words) == ["text-file"]

    def test_bitlocker_on_the_whole_disk_is_raw_and_encrypted(self):
        answer = found(b"\xeb\x58\x90-FVE-FS-" + bytes(501))
        assert answer.name == "raw"
        assert [problem.code for problem in answer.problems] == ["encrypted"]


class TestPolyglots:
    @pytest.mark.parametrize("data", [
        pytest.param(disc(primary(), terminator(), system_area=QCOW2), id="iso and qcow2"),
        pytest.param(disc(primary(), terminator(), system_area=GZIP), id="iso and gzip"),
        pytest.param(disc(primary(), terminator(), system_area=b"PK\x03\x04"), id="iso and zip"),
        pytest.param(disc(primary(), terminator(), system_area=b"KDMV"), id="iso and vmdk"),
        pytest.param(disc(primary(), terminator(), system_area=b"# Disk DescriptorFile\n"), id="iso and descriptor"),
        pytest.param(disc(primary(), terminator(), system_area=PE), id="iso and Windows program"),
        pytest.param(disc(primary(), terminator(), system_area=b"\x7fELF"), id="iso and ELF program"),
        pytest.param(disc(primary(), terminator(), system_area=bytes(64) + b"\x7f\x10\xda\xbe"), id="iso and vdi"),
        pytest.param(discs.plain() + footer(len(discs.plain())), id="iso and vhd"),
        pytest.param(QCOW2.ljust(4096, b"\0") + footer(4096), id="qcow2 and vhd"),
        pytest.param(GZIP.ljust(4096, b"\0") + footer(4096), id="gzip and vhd"),
        pytest.param(QCOW2[:64] + b"\x7f\x10\xda\xbe" + QCOW2[68:], id="qcow2 and vdi"),
        pytest.param(QCOW2 + discs.mbr()[len(QCOW2):], id="qcow2 and partition table"),
        pytest.param(b"KDMV" + discs.mbr()[4:], id="vmdk and partition table"),
        pytest.param((footer(1 << 20, 3)[:446] + discs.mbr()[446:]).ljust(4096, b"\0"),
                     id="dynamic vhd and partition table"),
        pytest.param(RAW + footer(len(RAW) - 512), id="stale vhd footer and partition table"),
        pytest.param(RAW + bytes(512) + footer(len(RAW)), id="vhd footer too late and partition table"),
    ])
    def test_two_formats_are_undecidable(self, data):
        answer = found(data, path="disk.qcow2", claim="qcow2")
        assert (answer.name, answer.format) == (None, None)
        assert [problem.code for problem in answer.problems] == ["format-conflict"]

    def test_the_problem_names_both_with_their_evidence(self):
        [problem] = found(disc(primary(), terminator(), system_area=QCOW2)).problems
        assert problem.message == (
            "the file can be taken for QEMU qcow2 (byte 0: 51 46 49 fb 00 00 00 03) and ISO 9660 disc image"
            " (byte 32769: 43 44 30 30 31); what reads it next may choose either")
        assert (problem.field, problem.offset, problem.hex) == ("signature", 32769, b"CD001".hex())

    def test_three_formats_are_named_all(self):
        [problem] = found(disc(primary(), terminator(), system_area=QCOW2) + footer(5)).problems
        assert all(name in problem.message for name in ("qcow2", "ISO 9660", "VHD (byte 49152"))

    @pytest.mark.parametrize("system_area", [
        discs.mbr(), discs.mbr(kind=0xEE) + b"EFI PART", b"MZ" + discs.mbr()[2:], PE + discs.mbr()[len(PE):],
        b"\xeb\x63\x90" + discs.mbr()[3:], b"ER\x08\0" + discs.mbr()[4:], bytes(446) + b"\xff" * 66])
    def test_an_isohybrid_stays_an_iso(self, system_area):
        answer = found(disc(primary(), terminator(), system_area=system_area))
        assert (answer.name, answer.problems) == ("iso", ())

    def test_a_fixed_vhd_without_partition_table_keeps_its_footer_s_word(self):
        assert found(bytes(4096) + footer(512)).name == "vhd"


class TestClaim:
    @pytest.mark.parametrize(("claim", "data"), [
        ("qcow2", QCOW2), ("QCOW2", QCOW2), (".qcow2", QCOW2), ("raw", RAW), ("dd", RAW), ("vpc", footer(0)),
        ("iso", discs.plain()), ("xz", b"\xfd7zXZ\0"), ("gz", GZIP)])
    def test_that_is_right_is_silent(self, claim, data):
        assert codes(data, claim=claim) == []

    @pytest.mark.parametrize(("claim", "data"), [
        ("raw", QCOW2), ("qcow2", RAW), ("raw", footer(0)), ("iso", RAW), ("qcow", QCOW2), ("raw", discs.plain())])
    def test_that_is_wrong_is_a_problem_and_changes_nothing(self, claim, data):
        assert codes(data, claim=claim) == ["claim-contradicted"]
        assert found(data, claim=claim).name == found(data).name

    def test_the_message(self):
        [problem] = found(QCOW2, claim="raw").problems
        assert problem.message == "the image is claimed to be 'raw', but its content is qcow2"

    def test_of_a_file_that_is_no_image_is_wrong_too(self):
        assert codes(b"text", claim="raw") == ["text-file", "claim-contradicted"]

    @pytest.mark.parametrize("claim", ["img", "bin", "floppy", "q", "\x1b[2J"])
    def test_of_a_format_that_does_not_exist_is_wrong_usage(self, claim):
        with pytest.raises(UsageError) as refusal:
            formats_meant(claim)
        assert refusal.value.message == f"there is no image format {claim!r}"
        with pytest.raises(UsageError):
            found(RAW, claim=claim)


class TestName:
    @pytest.mark.parametrize(("path", "data"), [
        ("a.qcow2", QCOW2), ("a.qcow", QCOW2), ("a.qcow", QCOW1), ("a.img", QCOW2), ("a.bin", QCOW2),
        ("a.image", QCOW2), ("a", QCOW2), ("a.raw", RAW), ("a.RAW", RAW), ("a.dd", RAW), ("a.img", RAW),
        ("a.vhd", footer(0)),
        ("a.vpc", footer(0)), ("a.vhdfixed", footer(0)), ("a.qcow2.gz", GZIP), ("a.img.gz", GZIP), ("a.tgz", GZIP),
        ("a-flat.vmdk", RAW), ("a-f001.vmdk", RAW), ("a-s001.vmdk", b"KDMV"), ("a.vmdk", b"KDMV"),
        ("a.iso", discs.plain()), ("a.img", discs.plain()), ("a.squashfs", RAW), ("rocky-9.4", QCOW2),
        (".raw", RAW), ("/x.qcow2/a", RAW),
        ("C:\\x.qcow2\\a", RAW), ("a.hds", b"WithoutFreeSpace"), ("a.vhd", b"VHDL text"), ("a.", RAW)])
    def test_that_fits_or_claims_nothing_is_silent(self, path, data):
        assert [code for code in codes(data, path) if code.startswith("extension")] == []

    @pytest.mark.parametrize(("path", "data"), [
        ("a.raw", QCOW2), ("a.qcow2", RAW), ("a.raw", footer(0)), ("a.vhd", RAW), ("a.vmdk", RAW),
        ("a.vhd", b"vhdxfile"), ("a.iso", QCOW2), ("a.gz", QCOW2), ("a-flat.vmdk", b"KDMV"), ("a.qcow", RAW),
        ("a.raw", b"KDMV")])
    def test_one_disk_format_under_the_name_of_another_is_a_danger(self, path, data):
        assert codes(data, path) == ["extension-contradicted"]

    @pytest.mark.parametrize(("path", "data"), [
        ("a.iso", RAW), ("a.raw", discs.plain()), ("a.qcow2", GZIP), ("a.ova", GZIP), ("a.xz", GZIP), ("a.gz", RAW)])
    def test_other_names_that_do_not_fit_mislead(self, path, data):
        assert codes(data, path) == ["extension-mismatch"]

    def test_the_message(self):
        [problem] = found(QCOW2, path="/tmp/a.b.RAW").problems  # noqa: S108 - a name, no file
        assert problem.message == ("the name ends in '.RAW', but the content is qcow2;"
                                   " name the file after what it is, or convert it")

    def test_a_claim_and_a_name_are_two_things(self):
        assert codes(QCOW2, path="a.raw", claim="vhd") == ["claim-contradicted", "extension-contradicted"]


class Counted(Memory):
    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.reads: list[int] = []

    def read_at(self, offset: int, length: int) -> bytes:
        self.reads.append(length)
        return super().read_at(offset, length)


def test_both_ends_are_read_once():
    reader = Counted(bytes(1 << 20))
    detect(reader)
    assert reader.reads == [65536, 8192]


@pytest.mark.parametrize("size", [*range(70), 511, 512, 513, 8191, 8193, 32768, 32774, 65535, 65537])
def test_files_of_any_size_are_answered(size):
    for data in (discs.plain() * 2, QCOW2.ljust(1 << 17, b"\0"), footer(1) * 200):
        assert detect(Memory(data[:size])).name != ""


def test_mutations_are_answered_and_never_raise():
    rng = random.Random(2)  # noqa: S311 - cases, no secret
    seeds = [QCOW2, b"KDMV" + bytes(508), b'# Disk DescriptorFile\nRW 8 FLAT "x" 0\n', discs.plain(),
             RAW + footer(4096), b"vhdxfile" + bytes(8000), b"LUKS\xba\xbe\0\x01" + bytes(600),
             b"plain words\n" * 50, PE]
    clock = Clock()
    for _ in range(400):
        mutant = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 8)):
            mutant[rng.randrange(len(mutant))] = rng.randrange(256)
        answer = detect(Memory(bytes(mutant)), path=f"x.{rng.choice(('raw', 'qcow2', 'iso', 'img'))}")
        assert (answer.format is None) is (answer.name is None)
    assert clock.seconds() < ENDLESS


@needs("qemu-img")
@pytest.mark.parametrize("name", VARIANTS)
def test_containers_of_qemu_and_ours_are_what_they_are(name, tmp_path):
    raw = tmp_path / "disk.raw"
    raw.write_bytes(RAW.ljust(4 << 20, b"\0"))
    path = wrap(name, raw, tmp_path)
    with open_source(str(path)) as source:
        answer = detect(source, path=str(path))
    assert (answer.name, answer.problems) == (VARIANTS[name].format, ())


@needs("qemu-img")
@pytest.mark.parametrize(("name", "words", "ending"), [
    ("vmdk", ("vmdk", "-o", "subformat=monolithicSparse"), "vmdk"),
    ("vmdk", ("vmdk", "-o", "subformat=streamOptimized"), "vmdk"),
    ("vmdk", ("vmdk", "-o", "subformat=monolithicFlat"), "vmdk"),
    ("vhdx", ("vhdx",), "vhdx"), ("vhdx", ("vhdx", "-o", "subformat=fixed"), "vhdx"), ("vdi", ("vdi",), "vdi"),
    ("qcow", ("qcow",), "qcow"), ("qed", ("qed",), "qed"), ("parallels", ("parallels",), "hdd")])
def test_headers_of_qemu_give_its_virtual_size(name, words, ending, tmp_path):
    raw, path = tmp_path / "disk.raw", tmp_path / f"disk.{ending}"
    raw.write_bytes(RAW.ljust(4 << 20, b"\0"))
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", *words, raw, path], check=True)
    with open_source(str(path)) as source:
        answer = detect(source, path=str(path))
        container = answer.format.open(source)
    assert (answer.name, answer.problems) == (name, ())
    assert container.virtual_size == 4 << 20


def test_no_format_is_found_twice_in_the_table():
    assert {find(row.name) for row in FORMATS} == set(FORMATS)


@pytest.mark.parametrize(("title", "disk"), [
    ("a qcow2", QCOW2.ljust(4096, b"\0")), ("a descriptor", b"# Disk DescriptorFile\nversion=1\n".ljust(4096, b"\0")),
    ("a VHD footer at the end", bytes(4096) + footer(4096))])
def test_a_disk_that_is_an_image_is_said(title, disk):
    (said,) = detect_inside(Memory(disk))
    assert (said.code, said.offset) == ("disk-is-an-image", None), title
    assert "the disk in this image is itself a" in said.message


@pytest.mark.parametrize("disk", [b"", RAW, bytes(4096), QCOW2[1:], discs.plain(), GZIP, QCOW2[:3]])
def test_a_disk_may_hold_anything_else(disk):
    assert detect_inside(Memory(disk)) == ()


def test_the_end_of_a_disk_is_left_alone_where_it_costs_all_of_it():
    disk = Memory(bytes(4096) + footer(4096))
    assert detect_inside(disk, to_its_end=False) == ()

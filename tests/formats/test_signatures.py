from __future__ import annotations

import io
import tarfile

import pytest

from imgbuild.formats import FORMATS
from imgbuild.formats.base import HEAD_BYTES, TAIL_BYTES, Probe
from imgbuild.formats.luks import MAGIC
from imgbuild.formats.text import describe_text
from imgbuild.readers import Memory


def probe(data: bytes) -> Probe:
    return Probe(len(data), data[:HEAD_BYTES], data[-TAIL_BYTES:])


def claims(data: bytes) -> list[str]:
    return [row.name for row in FORMATS if row.matches(probe(data))]


def opened(data: bytes):
    [row] = [row for row in FORMATS if row.matches(probe(data))]
    return row.open(Memory(data))


def archive(*names: str, kind: int = tarfile.USTAR_FORMAT, size: int = 700) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as tar:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = size
            tar.addfile(entry, io.BytesIO(bytes(size)))
    return out.getvalue()


SKIPPABLE = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"
FOOTER = bytes(1024) + b"koly\0\0\0\x04\0\0\x02\0" + bytes(500)
CASES = {
    "gzip": b"\x1f\x8b\x08\0", "xz": b"\xfd7zXZ\0", "zstd": b"\x28\xb5\x2f\xfd", "bzip2": b"BZh91AY&SY",
    "lz4": b"\x04\x22\x4d\x18", "lzma": b"\x5d\0\0\x80\0" + b"\xff" * 8, "lzip": b"LZIP\x01",
    "lzop": b"\x89LZO\0\r\n\x1a\n", "compress": b"\x1f\x9d\x90", "zip": b"PK\x03\x04", "7z": b"7z\xbc\xaf\x27\x1c",
    "rar": b"Rar!\x1a\x07\x01\0", "cpio": b"070701", "ar": b"!<arch>\n", "rpm": b"\xed\xab\xee\xdb",
    "cab": b"MSCF\0\0\0\0", "wim": b"MSWIM\0\0\0", "vma": b"VMA\0", "bochs": b"Bochs Virtual HD Image\0",
    "cloop": b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop", "dmg": FOOTER, "sparseimage": b"sprs\0\0\0\x03",
    "asif": b"shdw\0\0\0\x01", "ewf": b"EVF\x09\r\n\xff\0", "aff": b"AFF10\r\n\0", "simg": b"\x3a\xff\x26\xed",
    "partclone": b"partclone-image\0", "tar": archive("disk.vmdk"), "ova": archive("box.ovf", "disk.vmdk"),
}
EXPECTED_CODES = {"archive": {"zip", "7z", "rar", "cpio", "ar", "rpm", "cab", "wim", "vma", "tar"},
                  "ova-package": {"ova"},
                  "foreign-format": {"bochs", "cloop", "dmg", "sparseimage", "asif", "ewf", "aff", "simg", "partclone"}}


@pytest.mark.parametrize(("name", "data"), CASES.items(), ids=CASES)
def test_each_signature_is_claimed_by_its_format_alone(name, data):
    padded = data if name == "dmg" else data.ljust(2048, b"\0")
    assert claims(padded) == [name]
    container = opened(padded)
    assert (container.format, container.virtual_size, container.readable) == (name, None, False)
    [problem] = container.problems
    assert problem.code == next((code for code, names in EXPECTED_CODES.items() if name in names), "compressed")


@pytest.mark.parametrize(("name", "data"), CASES.items(), ids=CASES)
def test_a_signature_that_is_cut_by_a_byte_is_no_claim(name, data):
    if name in {"tar", "ova"}:
        assert claims(data[:511]) == []
    elif name == "dmg":
        assert claims(data[:-1]) == []
    else:
        cut = {"rar": data[:5], "compress": data[:1]}.get(name, data[:-2] if name == "gzip" else data[:-1])
        assert claims(cut) == []


def test_every_row_has_its_own_name_and_opens():
    names = [row.name for row in FORMATS]
    assert len(set(names)) == len(names)
    assert {"raw", "qcow2", "vhd", "zvhd", "zvhd2", "vmdk", "vhdx", "vdi", "iso", "qcow", "qed", "parallels", "luks",
            "gzip", "xz", "zstd", "bzip2", "lz4", "tar", "ova"} <= set(names)
    assert all(row.open is not None for row in FORMATS)
    assert all(extension == extension.lower() for row in FORMATS for extension in row.extensions)


def test_the_messages_say_what_to_do():
    assert opened(CASES["xz"]).problems[0].message == (
        "the file is compressed with xz; 'xz -dk FILE' gives the image that is to be checked")
    assert opened(CASES["zip"]).problems[0].message == (
        "the file is a zip archive, not a disk image; the image must be taken out of it")
    assert opened(CASES["ova"]).problems[0].message == (
        "the file is an OVA package; 'tar -xf FILE' takes the VMDK out of it, which is what an import wants")
    assert opened(CASES["simg"]).problems[0].message == (
        "the file is an Android sparse image, which no import path takes; 'simg2img FILE OUT.raw' gives the disk")


def test_a_part_of_a_split_wim_says_so():
    for number, total in ((1, 1), (2, 3)):
        data = b"MSWIM\0\0\0".ljust(40, b"\0") + number.to_bytes(2, "little") + total.to_bytes(2, "little") + bytes(200)
        message = opened(data).problems[0].message
        assert ("the file is part 2 of 3 of a split Windows" in message) is (total == 3)
    assert "split" not in opened(b"MSWIM\0\0\0").problems[0].message


class TestFrames:
    @pytest.mark.parametrize(("expected", "data"), [
        (["zstd"], SKIPPABLE + CASES["zstd"]),
        (["lz4"], SKIPPABLE * 7 + CASES["lz4"]),
        (["lz4"], b"\x02\x21\x4c\x18"),
        ([], SKIPPABLE),
        ([], b"\x5f\x2a\x4d\x18\xff\xff\xff\xff" + CASES["zstd"]),
        ([], SKIPPABLE * 9 + CASES["zstd"]),
    ])
    def test_skippable_frames_are_skipped_within_reason(self, expected, data):
        assert claims(data) == expected


class TestTar:
    @pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
    @pytest.mark.parametrize(("expected", "names"), [
        ("tar", ["a.vmdk"]), ("ova", ["box.ovf", "a.vmdk"]), ("ova", ["box.mf", "BOX.OVF"]),
        ("tar", ["box.ovf.bak"]), ("tar", [*map(str, range(16)), "late.ovf"]),
        ("ova", [*map(str, range(15)), "box.ovf"])])
    def test_an_ova_has_a_descriptor_among_its_first_entries(self, kind, expected, names):
        assert claims(archive(*names, kind=kind)) == [expected]

    def test_an_archive_without_magic_is_known_by_its_checksum(self):
        block = bytearray(archive("old")[:512])
        block[257:265] = bytes(8)
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
        assert claims(bytes(block)) == ["tar"]
        block[0] += 1
        assert claims(bytes(block)) == []

    def test_an_entry_of_absurd_size_ends_the_walk(self):
        block = bytearray(archive("big", "box.ovf"))
        block[124:136] = b"\x80" + b"\xff" * 11
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block[:512])
        assert claims(bytes(block)) == ["tar"]

    @pytest.mark.parametrize("data", [bytes(512), b"\xff" * 512, b" " * 512, b"a" * 511])
    def test_other_blocks_are_none(self, data):
        assert claims(data) == []


class TestLuks:
    def header(self, version: int = 1, *, payload: int = 8, material: int = 8) -> bytes:
        data = bytearray(8192)
        data[:8] = MAGIC + version.to_bytes(2, "big")
        data[8:11], data[40:43], data[72:76], data[168:172] = b"aes", b"xts", b"sha1", b"uuid"
        data[104:108] = payload.to_bytes(4, "big")
        for slot in range(208, 592, 48):
            data[slot + 40 : slot + 44] = material.to_bytes(4, "big")
        return bytes(data)

    def test_the_disk_of_luks1_is_its_payload(self):
        disk = opened(self.header())
        assert disk.virtual_size == 4096
        assert disk.header["cipher_name"] == "aes"
        assert disk.header["payload_offset"] == 4096
        assert [problem.code for problem in disk.problems] == ["encrypted"]
        assert disk.problems[0].message == "the file is a LUKS1 encrypted disk; an image must be plain"

    @pytest.mark.parametrize(("size", "payload", "material"), [
        (512, 15, 8), (None, 16, 8), (None, 0xFFFFFFFF, 8), (4096, 8, 8), (None, 8, 7)])
    def test_a_payload_outside_or_key_material_in_the_header_leaves_the_size_open(self, size, payload, material):
        assert opened(self.header(payload=payload, material=material)).virtual_size == size

    def test_the_disk_of_luks2_is_the_file(self):
        assert opened(self.header(2)).virtual_size == 8192

    def test_other_versions_and_cut_headers(self):
        assert claims(self.header(3)) == []
        assert opened(self.header()[:20]).virtual_size is None


class TestText:
    @pytest.mark.parametrize(("expected", "data"), [
        ("plain", b"a"), ("plain", b"\n"), ("plain", "Grüße\n".encode()), ("plain", b"Gr\xfc\xdfe an alle\n"),
        ("plain", "日本語のテキスト\n".encode() * 3000), ("plain", "text".encode("utf-16")),
        ("plain", b"\xef\xbb\xbfbom"),
        ("XML", b"<?xml version='1.0'?><a/>"), ("a script", b"#!/bin/sh\nexit\n"),
        ("an HTML page: the download may have failed", b"\n<!DOCTYPE HTML><title>404</title>"),
        ("a cloud-init configuration", b"#cloud-config\npackages: []\n"),
        ("a Git LFS pointer: 'git lfs pull' gets the file", b"version https://git-lfs.github.com/spec/v1\noid x\n"),
        ("an OVF descriptor: the disk lies beside it", b'<?xml version="1.0"?>\n<Envelope xmlns="http://x/">'),
        ("JSON perhaps", b'{"a": 1}'),
        (None, b"\0"), (None, b"text\0"), (None, bytes(512)), (None, b"\xff" * 512), (None, bytes(range(256)) * 2),
        (None, b"\x01text"), (None, b"\xff\xfe\x00\xd8\x00\xd8")])
    def test_text_is_told_from_disks(self, expected, data):
        assert describe_text(data[:HEAD_BYTES], data[-TAIL_BYTES:]) == expected

    def test_both_ends_must_be_text(self):
        assert describe_text(b"#!/bin/sh\n" * 10, b"text") == "a script"
        assert describe_text(b"#!/bin/sh\n" * 10, b"\0\x01") is None

from __future__ import annotations

import random
import struct
import subprocess

import pytest
import vhd_writer as w
from pace import ENDLESS, Clock
from tools import needs

from imgbuild.formats import vhd
from imgbuild.formats.base import Probe
from imgbuild.formats.vhd.checks import MAX_SIZE
from imgbuild.formats.vhd.table import MAX_ENTRIES
from imgbuild.readers import BrokenImage, Memory
from imgbuild.source import open_source

MIB = 1 << 20
DATA = bytes(4096) + b"boot" * 1024 + bytes(8192) + b"tail" * 128
FIXED = w.fixed(DATA)
DYNAMIC = w.dynamic(DATA, 4096)
DIFFERENCING = w.differencing("C:\\base\x1b[31m.vhd")


def opened(file: bytes):
    return vhd.FORMAT.open(Memory(file))


def content(container) -> bytes:
    return container.read_at(0, container.size)


def codes(file: bytes) -> list[str]:
    return [problem.code for problem in opened(file).problems]


def probe(file: bytes) -> Probe:
    return Probe(len(file), file[: 64 << 10], file[-(8 << 10) :])


def scattered(size: int) -> bytes:
    """Return a disk with data in a few odd places, its first and last sector among them."""
    rng = random.Random(size)  # noqa: S311 - a seed, so that each run makes the same disk
    disk = bytearray(size)
    for offset in (0, size - 512, *(rng.randrange(size - 3000) for _ in range(5))):
        piece = rng.randbytes(min(rng.randrange(1, 3000), size - offset))
        disk[offset : offset + len(piece)] = piece
    return bytes(disk)


@pytest.mark.parametrize("file", [FIXED, DYNAMIC, DIFFERENCING, FIXED[:-1], w.footer(512)],
                         ids=["fixed", "dynamic", "differencing", "old footer of 511 bytes", "nothing but a footer"])
def test_a_footer_at_either_end_is_recognised(file):
    assert vhd.FORMAT.matches(probe(file))


@pytest.mark.parametrize("file", [b"", b"c", b"conectiX" * 200, bytes(513), FIXED[:-2], bytes(1) + DYNAMIC[:-512]],
                         ids=["empty", "one byte", "another cookie", "zeros", "two bytes cut off", "shifted by one"])
def test_other_files_are_not_claimed(file):
    assert not vhd.FORMAT.matches(probe(file))


def test_the_fields_of_a_fixed_disk_have_the_names_of_the_specification():
    container = opened(w.fixed(DATA, geometry=(2, 4, 17), app=b"a\x1b\0\0"))
    assert container.header == {
        "features": 2, "file_format_version": "1.0", "data_offset": None, "time_stamp": "2000-01-01T00:16:40Z",
        "creator_application": "a\\x1b", "creator_version": "5.3", "creator_host_os": "Wi2k", "original_size": 16896,
        "current_size": 16896, "chs_size": 69632,
        "disk_geometry": {"cylinders": 2, "heads": 4, "sectors_per_track": 17},
        "disk_type": "fixed", "checksum": container.header["checksum"], "saved_state": 0,
        "unique_id": "00010203-0405-0607-0809-0a0b0c0d0e0f",
    }


def test_the_fields_of_a_dynamic_disk_have_the_names_of_the_specification():
    header = opened(DYNAMIC).header
    assert (header["data_offset"], header["disk_type"], header["chs_size"]) == (512, "dynamic", None)
    assert header["dynamic_disk_header"] == {
        "table_offset": 1536, "header_version": "1.0", "max_table_entries": 5, "block_size": 4096,
        "checksum": header["dynamic_disk_header"]["checksum"], "parent_unicode_name": "",
        "parent_unique_id": "00000000-0000-0000-0000-000000000000", "parent_time_stamp": "2000-01-01T00:00:00Z",
    }


@pytest.mark.parametrize("file", [FIXED, w.fixed(DATA)[:-1], DYNAMIC, w.dynamic(DATA, 2 * MIB)],
                         ids=["fixed", "old footer", "dynamic", "block of 2 MiB"])
def test_good_disks_read_back_whole_and_in_pieces(file):
    container = opened(file)
    assert ([], True, len(DATA)) == (container.problems, container.readable, container.virtual_size)
    assert content(container) == DATA
    for offset, length in ((0, 0), (4095, 2), (511, 8000), (len(DATA) - 1, 1), (len(DATA), 0)):
        assert DATA[offset : offset + length] == container.read_at(offset, length)


@pytest.mark.parametrize("file", [FIXED, DYNAMIC])
@pytest.mark.parametrize(("offset", "length"), [(len(DATA), 1), (0, len(DATA) + 1), (-1, 1), (1, -1)])
def test_nothing_is_read_outside_the_disk(file, offset, length):
    with pytest.raises(BrokenImage, match="the virtual disk ends at 16896"):
        opened(file).read_at(offset, length)


def test_sector_bitmaps_are_not_asked():
    assert content(opened(w.dynamic(DATA, 4096, bits=0))) == DATA


def resealed(file: bytes, changes: dict[int, bytes]) -> bytes:
    """Return a dynamic disk with changes in its dynamic disk header, the checksum renewed."""
    header = w.seal(w.patch(file[512:1536], changes), 36)
    return file[:512] + header + file[1536:]


def with_footers(changes: dict[int, bytes], file: bytes = DYNAMIC) -> bytes:
    """Return a dynamic disk with changes in both copies of its footer, the checksums renewed."""
    end = w.seal(w.patch(file[-512:], changes))
    return end + file[512:-512] + end


def word(value: int, length: int = 4) -> bytes:
    return value.to_bytes(length, "big")


PROBLEMS = [
    (FIXED[1:], "truncated", "the disk has 16896 bytes, but only 16895 stand in front of the footer"),
    (b"\0" + FIXED, "vhd-data-after-disk", "1 bytes stand between the end of the disk at 16896 and the footer"),
    (w.patch(FIXED, {-1: b"\1"}), "checksum-mismatch",
     "the checksum of the footer is 0xffffecd7, but its bytes give 0xffffecd6"),
    (w.fixed(DATA, geometry=(2, 4, 17)), "vhd-size-differs-from-chs",
     "the current size is 16896 bytes, the geometry gives 69632"),
    (w.fixed(DATA, saved=1), "vhd-saved-state",
     "the virtual machine was in a saved state when it last wrote this disk"),
    (w.fixed(DATA, version=0x20001), "vhd-version", "the file format version is 2.1, but only 1.x is known"),
    (w.fixed(DATA, disk_type=7), "vhd-disk-type",
     "the disk type is 7, but it must be 2 (fixed), 3 (dynamic) or 4 (differencing)"),
    (w.fixed(b""), "vhd-size",
     "the current size is 0 bytes, but a VHD has whole sectors of 512 bytes and at most 1.99 TiB"),
    (w.footer(len(DATA)) + FIXED[512:], "footer-copy-differs",
     "a fixed disk that begins with a footer as dynamic ones do: what is read there depends on the reader"),
    (DYNAMIC[:-2], "footer-missing",
     "the file does not end with a footer, though it begins with the copy of one: it was cut off, or padded"),
    (bytes(512) + DYNAMIC[512:], "footer-copy-differs",
     "the disk is not fixed, but the file does not begin with a copy of the footer"),
    (w.seal(w.patch(DYNAMIC[:512], {48: word(512, 8)})) + DYNAMIC[512:], "footer-copy-differs",
     "the footer and its copy at the start of the file differ in current_size"),
    (w.seal(w.patch(DYNAMIC[:512], {-1: b"x"})) + DYNAMIC[512:], "footer-copy-differs",
     "the footer and its copy at the start of the file differ in checksum"),
    (w.patch(DYNAMIC, {90: b"x"}), "checksum-mismatch",
     "the checksum of the copy of the footer is 0xfffff4cc, but its bytes give 0xfffff454"),
    (w.patch(DYNAMIC, {1535: b"x"}), "checksum-mismatch",
     "the checksum of the dynamic disk header is 0xfffff482, but its bytes give 0xfffff40a"),
    (with_footers({16: word(len(DYNAMIC) - 1023, 8)}), "truncated",
     f"the dynamic disk header should be at byte {len(DYNAMIC) - 1023}, but the file ends at {len(DYNAMIC)}"),
    (resealed(DYNAMIC, {0: b"cxspars\x1b"}), "vhd-dynamic-header",
     "the dynamic disk header begins with b'cxspars\\x1b', but it must begin with b'cxsparse'"),
    (resealed(DYNAMIC, {24: word(0x20000)}), "vhd-version",
     "the version of the dynamic disk header is 2.0, but only 1.x is known"),
    (resealed(DYNAMIC, {32: word(4097)}), "block-size-invalid",
     "the block size is 4097 bytes, but it must be a power of two of at least 4096"),
    (resealed(DYNAMIC, {32: word(2048)}), "block-size-invalid",
     "the block size is 2048 bytes, but it must be a power of two of at least 4096"),
    (resealed(DYNAMIC, {28: word(4)}), "vhd-table-too-small",
     "the block allocation table has 4 entries, but the disk needs 5"),
    (resealed(DYNAMIC, {28: word(UNUSED := 0xFFFFFFFF)}), "table-too-large",
     f"the block allocation table ends at byte {1536 + 4 * UNUSED}, but the file at {len(DYNAMIC)}"),
    (with_footers({48: word(MAX_SIZE, 8)}, resealed(DYNAMIC, {28: word(UNUSED), 32: word(4096)})), "table-too-large",
     f"blocks of 4096 bytes make {MAX_SIZE // 4096} table entries, but a VHD has no more than {MAX_ENTRIES}"),
    (w.dynamic(DATA, 4096, spare=3), "vhd-spare-table-entries",
     "the block allocation table has 8 entries, the disk needs 5"),
    (w.patch(DYNAMIC, {1552: word(14)}), "truncated",
     f"block 4 ends at byte {14 * 512 + 4608}, but the data of the file end at {len(DYNAMIC) - 512}"),
    (w.patch(DYNAMIC, {1552: word(12)}), "block-overlap", "block 4 at byte 6144 overlaps another block"),
    (w.patch(DYNAMIC, {1540: word(0)}), "block-overlap", "block 1 at byte 0 overlaps the copy of the footer"),
    (w.patch(DYNAMIC, {1540: word(2)}), "block-overlap", "block 1 at byte 1024 overlaps the dynamic disk header"),
    (w.patch(DYNAMIC, {1540: word(3)}), "block-overlap", "block 1 at byte 1536 overlaps the block allocation table"),
    (w.differencing("C:\\base\n.vhd"), "differencing",
     r"a differencing disk: most of its content is in the parent 'C:\\base\n.vhd', which is not part of this file"),
]


@pytest.mark.parametrize(("file", "code", "message"), PROBLEMS, ids=range(len(PROBLEMS)))
def test_every_problem_is_named(file, code, message):
    assert (code, message) in [(problem.code, problem.message) for problem in opened(file).problems]


def test_a_file_without_any_footer_is_refused():
    with pytest.raises(BrokenImage, match=r"^neither the end nor the start of the file is a VHD footer$"):
        opened(bytes(1024))


def test_evidence_points_at_the_field():
    problem = opened(w.fixed(DATA, saved=1)).problems[0]
    assert ("saved_state", len(DATA) + 84, 1, "01") == (problem.field, problem.offset, problem.length, problem.hex)


def test_a_differencing_disk_keeps_its_facts_but_is_not_read():
    container = opened(DIFFERENCING)
    assert (container.virtual_size, container.readable) == (8192, False)
    assert container.header["disk_type"] == "differencing"
    assert container.header["dynamic_disk_header"]["parent_unicode_name"] == "C:\\\\base\\x1b[31m.vhd"
    with pytest.raises(BrokenImage, match="the content of this vhd file cannot be read"):
        container.read_at(0, 1)


def test_facts_come_from_the_copy_where_the_footer_is_missing_or_damaged():
    for file in (DYNAMIC[:-512], w.patch(DYNAMIC, {-512: b"C"}), w.patch(DYNAMIC, {-460: b"\xff"})):
        assert (len(DATA), True) == (opened(file).virtual_size, opened(file).readable)
        assert content(opened(file)) == DATA


def test_the_footer_at_the_end_counts_where_both_are_intact_and_differ():
    file = w.seal(w.patch(DYNAMIC[:512], {48: word(512, 8)})) + DYNAMIC[512:]
    assert opened(file).virtual_size == len(DATA)


@pytest.mark.parametrize(("size", "expected"),
                         [(MAX_SIZE, False), (MAX_SIZE + 512, True), (512, False), (511, True), (513, True)])
def test_sizes_that_a_vhd_can_have(size, expected):
    assert ("vhd-size" in codes(w.footer(size))) == expected


@pytest.mark.parametrize(("geometry", "expected"), [((65535, 16, 255), None), ((0, 4, 17), None), ((1, 4, 17), 34816)])
def test_the_largest_geometry_is_no_size(geometry, expected):
    assert expected == opened(w.fixed(DATA, geometry=geometry)).header["chs_size"]


def test_a_geometry_that_agrees_is_silent():
    assert codes(w.fixed(bytes(34816), geometry=(1, 4, 17))) == []


def test_a_disk_whose_last_block_is_cut_still_gives_its_first_blocks():
    file = DYNAMIC[:-4608]
    assert sorted(codes(file)) == ["footer-missing", "truncated"]
    assert opened(file).read_at(0, 16384) == DATA[:16384]
    with pytest.raises(BrokenImage, match="the data ends at 7168, but bytes 7168 to 7680 are asked for"):
        opened(file).read_at(0, len(DATA))


def test_a_fixed_disk_that_is_cut_still_gives_what_is_there():
    file = FIXED[512:]
    assert opened(file).read_at(0, len(DATA) - 512) == DATA[512:]
    with pytest.raises(BrokenImage, match="the data in the file ends at 16384"):
        opened(file).read_at(0, len(DATA))


def survive(file: bytes) -> None:
    """Open the file and read all that it offers; nothing but BrokenImage may come out, and soon."""
    clock = Clock()
    try:
        container = opened(file)
        if container.readable:
            for offset in range(0, min(container.size, 1 << 16), 4096):
                container.read_at(offset, min(4096, container.size - offset))
    except BrokenImage:
        pass
    assert clock.seconds() < ENDLESS


@pytest.mark.parametrize("file", [FIXED, DYNAMIC, DIFFERENCING], ids=["fixed", "dynamic", "differencing"])
def test_a_file_cut_anywhere_gives_facts_or_a_refusal(file):
    fields = (0, 8, 12, 16, 24, 28, 32, 36, 40, 48, 56, 60, 64, 68, 84, 85, 511)
    starts = (0, 512, 1024, 1536, len(file) - 512)
    for cut in sorted({start + field for start in starts for field in fields} | {0, 1, len(file) - 511}):
        survive(file[:cut])
        survive(file[cut:])


@pytest.mark.parametrize("file", [FIXED, DYNAMIC, DIFFERENCING], ids=["fixed", "dynamic", "differencing"])
def test_damaged_files_give_facts_or_a_refusal(file):
    rng = random.Random(20061011)  # noqa: S311 - a seed, so that each run tries the same files
    places = [*range(96), *range(512, 600), *range(1536, 1560), *range(len(file) - 512, len(file) - 424)]
    for _ in range(400):
        values = (b"\0", b"\xff", b"\x7f", b"\x80", rng.randbytes(1), rng.randbytes(4))
        changes = {rng.choice(places): rng.choice(values) for _ in range(rng.randrange(1, 5))}
        survive(w.patch(file, {place: data for place, data in changes.items() if place + len(data) <= len(file)}))


class Sparse:
    """A large file of zeros with some parts in it."""

    def __init__(self, size: int, parts: dict[int, bytes]) -> None:
        self.size = size
        self._parts = parts

    def read_at(self, offset: int, length: int) -> bytes:
        for start, data in self._parts.items():
            if start <= offset < start + len(data):
                return data[offset - start :][:length].ljust(length, b"\0")
        return bytes(length)


def test_the_table_of_the_largest_disk_is_checked_quickly():
    entries = MAX_SIZE // (2 * MIB)
    table = struct.pack(f">{entries}I", *(8193 + number * 4097 for number in range(entries)))
    end = w.footer(MAX_SIZE, w.DYNAMIC_DISK, data_offset=512)
    file_end = (8193 + entries * 4097) * 512
    file = Sparse(file_end + 512, {0: end + w.dynamic_header(entries, 2 * MIB) + table, file_end: end})
    clock = Clock()
    assert vhd.FORMAT.open(file).problems == []
    assert clock.seconds() < ENDLESS


def test_a_small_file_that_claims_many_blocks_is_not_sorted():
    entries = MAX_ENTRIES
    end = w.footer(entries * 4096, w.DYNAMIC_DISK, data_offset=512)
    clock = Clock()
    container = opened(end + w.dynamic_header(entries, 4096) + bytes(entries * 4) + end)
    assert [problem.message for problem in container.problems] == [
        "2097152 blocks are allocated, but the file has room for 1820 only"]
    assert clock.seconds() < ENDLESS


def convert(source, target, *options: str) -> None:
    subprocess.run(["qemu-img", "convert", *options, str(source), str(target)], check=True, capture_output=True)


@needs("qemu-img")
@pytest.mark.parametrize("size", [512, MIB, 3 * MIB + 3584, 9 * MIB - 512])
@pytest.mark.parametrize("force", ["on", "off"])
@pytest.mark.parametrize("subformat", ["fixed", "dynamic"])
def test_disks_of_qemu_read_as_qemu_reads_them(tmp_path, subformat, force, size):
    raw, image, back = tmp_path / "disk.raw", tmp_path / "disk.vhd", tmp_path / "back.raw"
    raw.write_bytes(scattered(size) if size > 512 else b"x" * 512)
    convert(raw, image, "-f", "raw", "-O", "vpc", "-o", f"subformat={subformat},force_size={force}")
    convert(image, back, "-f", "vpc", "-O", "raw")
    with open_source(str(image)) as source:
        container = vhd.FORMAT.open(source)
        assert ([], subformat) == (container.problems, container.header["disk_type"])
        assert content(container) == back.read_bytes()
        assert container.header["chs_size"] == (None if force == "on" else container.virtual_size)


@needs("qemu-img")
@pytest.mark.parametrize("file", [w.fixed(DATA), DYNAMIC, w.dynamic(DATA, 4096, bits=0),
                                  w.dynamic(DATA, 2 * MIB), w.dynamic(DATA, 4096, spare=300)])
def test_disks_of_our_writer_read_as_qemu_reads_them(tmp_path, file):
    image, back = tmp_path / "disk.vhd", tmp_path / "back.raw"
    image.write_bytes(file)
    convert(image, back, "-f", "vpc", "-O", "raw")
    assert content(opened(file)) == back.read_bytes() == DATA

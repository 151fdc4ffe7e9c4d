from __future__ import annotations

import random
import struct
import zlib

import pytest
import zvhd_files as f
import zvhd_writer as w
from pace import ENDLESS, Clock
from zvhd_files import MIB, SAMPLES, opened, packed, patch, said

from imgbuild.formats import zvhd2
from imgbuild.formats.zvhd.header import MAX_BLOCKS
from imgbuild.formats.zvhd.records import RECORD, Record
from imgbuild.readers import BrokenImage
from imgbuild.zstd import ZstdDecompressor, compress

BLOCK = MIB
DISK = f.holey(4, (0, 1, 3), BLOCK, rest=1536)
SEGMENT = w.PAGE
FILE = packed(DISK, block_size=BLOCK, index_segment=SEGMENT)
WHOLE_INDEX = packed(DISK, block_size=BLOCK, index_segment=SEGMENT, index_contains_zero_blk=1)
LAST = len(FILE) - w.PAGE
BITMAP = LAST - w.PAGE
INDEX = BITMAP - SEGMENT
SECOND = 8192
THIRD = 12288


def word(value: int, length: int = 4) -> bytes:
    return value.to_bytes(length, "little")


def real(name: str) -> bytes:
    return (SAMPLES / f"sparse-{name}.zvhd2").read_bytes()


@pytest.mark.parametrize("name", ["zlib", "zstd"])
def test_real_files_read_as_the_driver_reads_them(name):
    container = opened(real(name))
    assert (container.problems, container.virtual_size) == ([], f.GIB)
    assert f.digest(container) == (SAMPLES / "sparse-virtual.sha256").read_text().strip()
    assert container.read_at(0, 3149312) == f.sparse_source()


def test_the_fields_of_a_real_file_come_from_its_footer_page():
    assert opened(real("zstd")).header == {
        "features": 2, "format_version": "1.0", "timestamp": "2026-11-23T07:32:08Z", "creator_app": "tap",
        "creator_version": "1.4", "creator_os": 0, "orig_size": 3149312, "curr_size": 1073741824,
        "geometry": {"cylinders": 90, "heads": 4, "sectors": 17}, "disk_type": 4, "checksum": "0xffffe8de",
        "uuid": "386d0222-fe76-463d-abc7-bef50eddb130", "saved": 0, "hidden": 0, "align_64": 0, "zvhd2_version": 1,
        "block_size": 2097152, "max_blk_num": 2, "index_lba": 16384, "bitmap_lba": 540672, "index_size": 524288,
        "bitmap_size": 4096, "index_seg_size": 524288, "bitmap_seg_size": 4096, "index_seg_num": 1,
        "bitmap_seg_num": 1, "non_zero_blk_num": 2, "index_contains_zero_blk": 0, "compress_method": "zstd",
    }


def records(file: bytes) -> list[Record]:
    """Return the records that follow the first page of a file."""
    found, offset = [], w.PAGE
    while file.startswith(b"hwstream bg\0", offset):
        found.append(Record(offset, *RECORD.unpack_from(file, offset)[1:]))
        offset = found[-1].end
    return found


@pytest.mark.parametrize(("name", "method"), [("zlib", 0), ("zstd", 1)])
def test_our_writer_writes_what_the_driver_wrote(name, method):
    file = real(name)
    payloads = [file[record.offset + 48 : record.offset + 48 + record.size] for record in records(file)]
    options = {"timestamp": int.from_bytes(file[24:28], "little"), "uuid": file[68:84], "payloads": payloads}
    assert packed(f.sparse_source(), compress_method=method, **options) == file


@pytest.mark.parametrize("options", [
    {"block_size": MIB}, {"block_size": 2 * MIB}, {"block_size": 4 * MIB},
    {"compress_method": 0}, {"index_contains_zero_blk": 1}, {"index_segment": SEGMENT},
])
@pytest.mark.parametrize("used", [(0, 1, 3), (), (4,), (0, 1, 2, 3, 4)])
def test_disks_read_back(options, used):
    disk = f.holey(5, used, MIB, rest=512)
    container = opened(packed(disk, **options))
    assert (container.problems, container.readable, container.virtual_size) == ([], True, f.GIB)
    assert container.read_at(0, len(disk)) == disk
    assert container.read_at(len(disk), 5 * MIB) == bytes(5 * MIB)
    for offset, length in ((MIB - 1, 2), (3 * MIB + 5, 2 * MIB), (0, 0), (f.GIB - 1, 1)):
        assert container.read_at(offset, length) == disk[offset : offset + length].ljust(length, b"\0")


@pytest.mark.parametrize("whole", [0, 1])
def test_an_index_of_several_segments(whole):
    zero = {1, 8, 269}
    disk = f.holey(280, tuple(set(range(280)) - zero), MIB)
    container = opened(packed(disk, block_size=MIB, index_segment=SEGMENT, index_contains_zero_blk=whole))
    assert (container.problems, container.header["index_seg_num"]) == ([], 2)
    for block in (0, 1, 2, 8, 9, 254, 258, 259, 268, 269, 270, 279):
        assert container.read_at(block * MIB, MIB) == disk[block * MIB :][:MIB]


@pytest.mark.parametrize(("offset", "length"), [(f.GIB, 1), (f.GIB - 1, 2), (-1, 1), (0, -1)])
def test_nothing_is_read_outside_the_disk(offset, length):
    with pytest.raises(BrokenImage, match="the virtual disk ends at 1073741824"):
        opened(FILE).read_at(offset, length)


@pytest.mark.parametrize(("file", "expected"), [
    (FILE, True), (FILE[:16], True), (b"", False), (b"z2strm", False), (b"z2strm of consciousness", False),
    (b"stream" + FILE[6:], False),
])
def test_only_a_header_is_claimed_and_no_text(file, expected):
    assert zvhd2.FORMAT.matches(f.probe(file)) == expected


def footer(offset: int, data: bytes, file: bytes = FILE) -> bytes:
    """Return the file with a change in its footer page, the checksum renewed."""
    return patch(file, offset, data, page=-w.PAGE)


def entry(number: int, *, offset: int = 0, block: int = 0, length: int = 0, file: bytes = FILE) -> bytes:
    """Return the file with something added to the fields of an index entry."""
    at = INDEX + number * w.ENTRY.size
    fields = w.ENTRY.unpack_from(file, at)
    changed = (fields[0] + offset, fields[1] + block, fields[2] + length)
    return patch(file, at, w.ENTRY.pack(*changed))


def both(offset: int, data: bytes) -> bytes:
    """Return our file with the same change in the first header and in the footer page."""
    return footer(offset, data, patch(FILE, offset, data, page=0))


CUT = "the conversion or upload that wrote it was most likely broken off"
REFUSED = [
    (FILE[:-4096], "truncated", f"the file ends at {LAST} without a footer page: {CUT}"),
    (FILE[:-1], "truncated", f"the file ends at {len(FILE) - 1} without a whole footer page: {CUT}"),
    (FILE[:4096], "truncated", f"the file ends at 4096 without a whole footer page: {CUT}"),
    (FILE[:INDEX], "truncated", f"the file ends at {INDEX} without a footer page: {CUT}"),
    (patch(FILE, LAST + 20, b"\0"), "checksum-mismatch",
     "the checksum of the header is 0xfffff1ad, but its bytes give 0xfffff2ac"),
    (both(87, b"\2"), "zvhd-version", "the ZVHD2 version is 2, but only 1 is known"),
    (both(14, b"\2"), "zvhd-version", "the format version is 2.0, but only 1.x is known"),
    (both(88, word(MIB // 2)), "block-size-invalid",
     "the block size is 524288 bytes, but it must be a power of two from 1 MiB to 32 MiB"),
    (both(88, word(64 * MIB)), "block-size-invalid",
     "the block size is 67108864 bytes, but it must be a power of two from 1 MiB to 32 MiB"),
    (both(88, word(3 * MIB)), "block-size-invalid",
     "the block size is 3145728 bytes, but it must be a power of two from 1 MiB to 32 MiB"),
    (both(141, b"\2"), "zvhd-compression", "the compression method is 2, but only 0 (zlib) and 1 (zstd) are known"),
    (both(92, word(6)), "zvhd-block-count", f"the footer counts 6 blocks, but {len(DISK)} bytes take 5"),
    (both(40, word(f.GIB + 1, 8)), "zvhd-size",
     "the disk has 1073741824 bytes for a source of 1073741825, but it must have room for it in whole sectors"),
    (footer(136, word(6)), "zvhd-block-count", "the footer counts 6 blocks with data, but the disk has 5"),
    (footer(136, word(4)), "zvhd-block-count", "the footer counts 4 blocks with data, the bitmap 3"),
    (footer(136, word(4), patch(FILE, BITMAP, b"\x2b")), "zvhd-block-count",
     "the bitmap has blocks behind the last one, 4"),
    (footer(112, word(47)), "zvhd-index", "the index has 47 bytes, but the disk needs 48"),
    (footer(116, word(0)), "zvhd-index", "the bitmap has 0 bytes, but the disk needs 1"),
    (footer(96, word(4095, 8)), "zvhd-index",
     f"the index is said to be at bytes 4095 to 8191, but the file has room from 4096 to {LAST}"),
    (footer(104, word(LAST - 4095, 8)), "zvhd-index",
     f"the bitmap is said to be at bytes {LAST - 4095} to {LAST + 1}, but the file has room from 4096 to {LAST}"),
    (footer(104, word((1 << 64) - 1, 8)), "zvhd-index",
     f"the bitmap is said to be at bytes {2**64 - 1} to {2**64 + 4095}, but the file has room from 4096 to {LAST}"),
    (footer(96, word(BITMAP - 4095, 8)), "zvhd-index", "the index and the bitmap overlap"),
]


@pytest.mark.parametrize(("file", "code", "message"), REFUSED, ids=range(len(REFUSED)))
def test_a_file_whose_footer_cannot_be_followed_is_refused(file, code, message):
    container = opened(file)
    assert (said(file)[-1], container.readable) == ((code, message), False)
    with pytest.raises(BrokenImage, match="the content of this zvhd2 file cannot be read"):
        container.read_at(0, 1)


def test_a_file_that_was_broken_off_keeps_the_facts_of_its_first_header():
    file = real("zstd")[:540672]
    container = opened(file)
    assert said(file) == [("truncated", f"the file ends at 540672 without a footer page: {CUT}")]
    assert (container.virtual_size, container.header["orig_size"], container.readable) == (f.GIB, 3149312, False)


PLACE = "but it must be whole pages between header and footer page"
BLAMED = [
    (entry(1, block=1), 1, "zvhd-index", "block 1: its index entry is that of block 2"),
    (entry(1, offset=1), 1, "zvhd-index", f"block 1: its record is said to be at bytes 8193 to 12289, {PLACE}"),
    (entry(1, offset=-8192), 1, "zvhd-index", f"block 1: its record is said to be at bytes 0 to 4096, {PLACE}"),
    (entry(2, offset=LAST - THIRD), 3, "zvhd-index",
     f"block 3: its record is said to be at bytes {LAST} to {LAST + 4096}, {PLACE}"),
    (entry(1, length=4096), 1, "zvhd-index",
     "block 1: its record at byte 8192 is of block 1 and 4096 bytes long, the index says 8192"),
    (entry(1, offset=-4096), 1, "zvhd-index",
     "block 1: its record at byte 4096 is of block 0 and 4096 bytes long, the index says 4096"),
    (patch(FILE, SECOND + 16, b"\2"), 1, "zvhd-index",
     "block 1: its record at byte 8192 is of block 2 and 4096 bytes long, the index says 4096"),
    (patch(FILE, SECOND, b"HW"), 1, "zvhd-record",
     r"a record was expected at byte 8192, but it begins with b'HWstream bg\x00'"),
    (patch(FILE, SECOND + 12, word(0)), 1, "zvhd-record",
     "the record at byte 8192 holds 0 compressed bytes, but it must hold 1 to 2097152"),
    (patch(FILE, THIRD - 4, b"END"), 1, "zvhd-record",
     r"the record at byte 8192 ends with b'END\x00', but it must end with b'end\x00'"),
    (patch(FILE, INDEX + 16, bytes(16)), 1, "zvhd-index", "block 1: its index entry is that of block 0"),
    (entry(3, block=1, file=WHOLE_INDEX), 3, "zvhd-index", "block 3: its index entry is that of block 4"),
]


@pytest.mark.parametrize(("file", "block", "code", "message"), BLAMED, ids=range(len(BLAMED)))
def test_a_bad_record_is_named_and_the_others_are_read(file, block, code, message):
    container = opened(file)
    assert (said(file), container.readable) == ([(code, message)], True)
    with pytest.raises(BrokenImage) as refusal:
        container.read_at(block * BLOCK, 1)
    assert refusal.value.problem.message == message
    assert container.read_at(0, BLOCK) == DISK[:BLOCK]


def test_an_index_of_all_blocks_must_agree_with_the_bitmap():
    message = "block 2: the index and the bitmap disagree on whether it is zero"
    assert said(patch(WHOLE_INDEX, INDEX + 32, w.ENTRY.pack(SECOND, 2, 4096))) == [("zvhd-index", message)]


def test_records_must_not_overlap():
    first, second = (records(FILE)[number] for number in (0, 1))
    file = patch(FILE, INDEX, w.ENTRY.pack(second.offset, 0, 4096) + w.ENTRY.pack(first.offset, 1, 4096))
    file = patch(patch(file, first.offset + 16, b"\1"), second.offset + 16, b"\0")
    assert said(file) == [("zvhd-index", "block 1: its record at byte 4096 overlaps the one before it")]


def test_the_first_header_must_agree_with_the_footer_page():
    message = "the header at the start and the one at the end differ: the file is put together from two images"
    assert said(patch(FILE, 68, b"another", page=0)) == [("zvhd-headers-differ", message)]
    assert opened(patch(FILE, 48, word(2 * f.GIB, 8), page=0)).virtual_size == f.GIB
    assert said(patch(FILE, 511, b"x"))[0][0] == "checksum-mismatch"


def repacked(payload: bytes, method: int = 1) -> bytes:
    """Return a disk of one block whose record holds ``payload``."""
    return packed(b"x" * 512, block_size=BLOCK, index_segment=SEGMENT, compress_method=method, payloads=[payload])


def huge_window(block: bytes) -> bytes:
    """Return a zstd frame that asks for a window of 1 GiB: no single segment, window log 30, one raw block."""
    return b"\x28\xb5\x2f\xfd" + bytes([0, (30 - 10) << 3]) + struct.pack("<I", len(block) << 3 | 1)[:3] + block


WHOLE = b"y" * 512 + bytes(BLOCK - 512)
NO_HEADER = "Error -3 while decompressing data: incorrect header check"
DAMAGES = [
    (repacked(compress(WHOLE + b"x")), "zvhd-block-damaged",
     "block 0 in the record at byte 4096 does not end within the 1048576 bytes of a block"),
    (repacked(compress(bytes(256 * MIB))), "decompression-bomb",
     "the record at byte 4096 expands to more than 8 blocks of 1048576 bytes"),
    (repacked(zlib.compress(bytes(256 * MIB)), 0), "decompression-bomb",
     "the record at byte 4096 expands to more than 8 blocks of 1048576 bytes"),
    (repacked(compress(WHOLE[1:])), "zvhd-block-damaged",
     "block 0 in the record at byte 4096 expands to 1048575 bytes, but a block has 1048576"),
    (repacked(compress(WHOLE) + b"x"), "zvhd-block-damaged",
     "block 0 in the record at byte 4096 is not one zstd frame"),
    (repacked(zlib.compress(WHOLE), 0), "zvhd-block-damaged",
     "block 0 in the record at byte 4096 ends its zlib stream, but a block must be cut by a sync flush"),
    (repacked(b"no frame"), "zvhd-block-damaged", None),
    (repacked(b"no stream", 0), "zvhd-block-damaged",
     f"block 0 in the record at byte 4096 cannot be inflated: {NO_HEADER}"),
    (repacked(huge_window(b"x" * 1000)), "zvhd-block-damaged", None),
]


@pytest.mark.parametrize(("file", "code", "message"), DAMAGES, ids=range(len(DAMAGES)))
def test_a_damaged_block_is_named_when_it_is_read(file, code, message):
    container = opened(file)
    assert (container.problems, container.readable) == ([], True)
    with pytest.raises(BrokenImage) as refusal:
        container.read_at(0, 1)
    assert refusal.value.problem.code == code
    assert message is None or refusal.value.problem.message == message
    assert message or "block 0 in the record at byte 4096 cannot be decompressed: " in refusal.value.problem.message


def test_a_frame_that_is_cut_is_damaged():
    with pytest.raises(BrokenImage, match=r"^block 0 in the record at byte 4096 expands to [0-9]+ bytes, but"):
        opened(repacked(compress(WHOLE)[:-1])).read_at(0, 1)


def test_the_huge_window_is_what_is_refused():
    assert ZstdDecompressor().decompress(huge_window(b"x" * 1000).replace(bytes([160]), bytes([0]), 1)) == b"x" * 1000


def test_data_behind_the_source_are_refused():
    container = opened(repacked(compress(WHOLE[:512] + b"hidden" + WHOLE[518:])))
    with pytest.raises(BrokenImage, match=r"^block 0 has data behind the end of the source at 512, where"):
        container.read_at(0, 1)


def test_an_empty_index_of_all_blocks_of_a_huge_disk_is_checked_quickly():
    size, footers = MAX_BLOCKS * 2 * MIB, packed(bytes(512), index_contains_zero_blk=1)
    footer = bytearray(footers[-w.PAGE :])
    struct.pack_into("<QQ", footer, 40, size, size)
    struct.pack_into("<IQQII", footer, 92, MAX_BLOCKS, 4096, 4096 + MAX_BLOCKS * 16, MAX_BLOCKS * 16, MAX_BLOCKS // 8)
    struct.pack_into("<I", footer, 136, 0)
    page = w.seal(bytes(footer))
    clock = Clock()
    container = opened(page + bytes(MAX_BLOCKS * 16 + MAX_BLOCKS // 8) + page)
    assert (container.problems, container.read_at(size - 1, 1)) == ([], b"\0")
    assert clock.seconds() < ENDLESS


def test_a_file_cut_anywhere_gives_facts_or_a_refusal():
    fields = (0, 6, 8, 12, 16, 28, 40, 48, 64, 68, 84, 87, 88, 92, 96, 104, 112, 116, 120, 124, 136, 140, 141, 512)
    for cut in sorted({start + field for start in (0, 4096, INDEX, BITMAP, LAST) for field in fields}):
        f.survive(FILE[:cut])
        f.survive(FILE[cut:])


@pytest.mark.parametrize("file", [FILE, WHOLE_INDEX], ids=["index of used blocks", "index of all blocks"])
def test_damaged_files_give_facts_or_a_refusal(file):
    rng = random.Random(2000)  # noqa: S311 - a seed, so that each run tries the same files
    for _ in range(250):
        values = (b"\0", b"\xff", b"\x80", b"\x01", rng.randbytes(4))
        place = rng.choice((0, 4096, SECOND, INDEX, BITMAP)) + rng.randrange(90)
        f.survive(patch(file, place, rng.choice(values)))
        f.survive(footer(rng.randrange(40, 142), rng.choice(values), file))

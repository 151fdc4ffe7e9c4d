from __future__ import annotations

import struct
import tracemalloc
import zlib

import pytest
from vmdk_images import Builder, codes, dice, grain_of, opened, patch, plain, put, whole

from imgbuild.readers import BrokenImage

SIZE = 8 * 512


ENDLESS = "cannot be decompressed: it does not end within the 4096 bytes of a grain"


def stream(*grains: bytes | None, **options) -> Builder:
    return Builder(list(grains), compressed=True, **options)


def with_first_grain(packed: bytes) -> bytes:
    """Return a streamOptimized disk of one grain, stored as ``packed``."""
    builder = stream(b"a")
    image = builder.image()
    return put(image, builder.places[0] * 512, packed)


def refusal_of(image: bytes, offset: int = 0, length: int = 1):
    with pytest.raises(BrokenImage) as refusal:
        opened(image).read_at(offset, length)
    return refusal.value.problem


def test_zeroed_grains_read_as_zeros_where_the_flag_is_set():
    builder = plain("a0b")
    assert whole(builder.image()) == b"a" * SIZE + bytes(SIZE) + b"b" * SIZE
    image = patch(builder.image(), flags=3)
    assert codes(image) == ["table-entry-invalid"]
    assert opened(image).read_at(SIZE, 16) == image[512:528]


def test_pieces_of_all_sizes_at_all_places_are_those_of_the_content():
    draw = dice(1)
    data = [draw.choice((None, draw.randbytes(SIZE), b"word" * 1024)) for _ in range(40)]
    for builder in (Builder(data), Builder(data, compressed=True), Builder(data, capacity=313, entries=512)):
        disk, content = opened(builder.image()), builder.content
        for _ in range(200):
            start = draw.randrange(len(content))
            length = min(draw.choice((0, 1, 511, 512, 4096, 4097, 40_000)), len(content) - start)
            assert disk.read_at(start, length) == content[start : start + length]


def test_a_grain_without_a_marker_is_just_its_stream():
    builder = stream(b"a" * SIZE)
    image = builder.image()
    place = builder.places[0] * 512
    bare = patch(put(image, place, zlib.compress(b"a" * SIZE).ljust(SIZE, b"\0")), flags=0x10003)
    assert whole(bare) == b"a" * SIZE
    assert codes(bare) == []


@pytest.mark.parametrize(("packed", "message"), [
    (grain_of(0, b""), "has 0 bytes; 1 to 8192 are possible"),
    (struct.pack("<QI", 0, 8193), "has 8193 bytes; 1 to 8192 are possible"),
    (struct.pack("<QI", 0, 0xFFFFFFFF), "has 4294967295 bytes; 1 to 8192 are possible"),
    (grain_of(0, b"not deflate"), "cannot be decompressed: Error -3 while decompressing data: incorrect header check"),
    (grain_of(0, zlib.compress(bytes(SIZE - 1))), "cannot be decompressed: it gives 4095 bytes, not 4096"),
    (grain_of(0, zlib.compress(bytes(SIZE + 1))), ENDLESS),
    (grain_of(0, zlib.compress(bytes(1 << 22))), ENDLESS),
    (grain_of(0, zlib.compress(bytes(SIZE))[:-1]), ENDLESS),
    (grain_of(0, zlib.compress(bytes(SIZE))[:-1] + b"x"),
     "cannot be decompressed: Error -3 while decompressing data: incorrect data check"),
])
def test_a_grain_that_cannot_be_unpacked_is_lost(packed, message):
    image = with_first_grain(packed).ljust(30000, b"\0")
    problem = refusal_of(image)
    assert (problem.code, problem.offset) == ("compressed-cluster-invalid", 12800)
    assert problem.message == f"the compressed grain 0 at 12800 {message}"


def test_a_bomb_is_not_unpacked():
    bomb = zlib.compress(bytes(100 << 20), 9)
    image = patch(with_first_grain(grain_of(0, bomb[: 2 * SIZE])), flags=0x30003)
    tracemalloc.start()
    assert refusal_of(image).code == "compressed-cluster-invalid"
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_data_after_the_stream_are_nobodys():
    packed = zlib.compress(b"a" * SIZE)
    assert whole(with_first_grain(grain_of(0, packed + b"rest"))) == b"a" * SIZE


def test_a_grain_that_the_end_of_the_file_cuts_is_truncated():
    draw = dice(2)
    builder = stream(draw.randbytes(SIZE))
    image = builder.image()
    end = builder.places[0] * 512 + 12 + len(zlib.compress(builder.grains[0]))
    assert codes(image[:end]) == []
    assert whole(image[:end]) == builder.content
    assert codes(image[: end - 1]) == ["truncated"]
    assert refusal_of(image[: end - 1]).code == "truncated"
    assert refusal_of(image[: builder.places[0] * 512 + 11]).code == "truncated"


def test_the_last_grain_need_not_be_whole():
    assert whole(stream(b"a" * SIZE, b"b" * 512, capacity=9).image()) == b"a" * SIZE + b"b" * 512
    assert whole(stream(b"a" * SIZE, b"b" * SIZE, capacity=9).image()) == b"a" * SIZE + b"b" * 512


def test_a_marker_of_another_place_is_said_once():
    builder = stream(b"a" * SIZE, b"b" * SIZE, b"c" * SIZE)
    image = builder.image()
    for number, sector in ((0, 8), (2, 1 << 40)):
        image = put(image, builder.places[number] * 512, struct.pack("<Q", sector))
    disk = opened(image)
    assert [problem.code for problem in disk.problems] == ["vmdk-marker-differs"]
    assert disk.problems[0].message == (
        "the marker at 12800 says that its grain is sector 8 of the disk, the grain tables say 0")
    assert disk.problems[0].hex == "0800000000000000"
    assert disk.read_at(0, disk.size) == builder.content
    assert len(disk.problems) == 1


def test_a_marker_that_was_not_sampled_is_seen_when_its_grain_is_read():
    builder = Builder([bytes([number % 256]) * SIZE for number in range(600)], compressed=True, entries=512)
    image = put(builder.image(), builder.places[333] * 512, struct.pack("<Q", 7))
    disk = opened(image)
    assert disk.problems == []
    disk.read_at(333 * SIZE + 5, 1)
    assert [problem.code for problem in disk.problems] == ["vmdk-marker-differs"]


def test_an_unpacked_grain_is_kept():
    disk = opened(stream(b"a" * SIZE).image())
    disk.read_at(0, 1)
    disk.disk._file = None
    assert disk.read_at(1, 2) == b"aa"

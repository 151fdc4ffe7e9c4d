from __future__ import annotations

import random

import pytest
from vhdx_writer import crc32c as table_driven

from imgbuild.crc32c import checksum, crc32c, update

# RFC 3720, appendix B.4
VECTORS = [(0x8A9136AA, bytes(32)), (0x62A8AB43, b"\xff" * 32), (0x46DD794E, bytes(range(32))),
           (0x113FDB5C, bytes(range(31, -1, -1))),
           (0xD9963A56, bytes.fromhex("01c00000000000000000000000000000140000000000040000000014000000182800000000000000"
                                      "0200000000000000"))]


@pytest.mark.parametrize(("expected", "data"), VECTORS)
def test_the_vectors_of_the_rfc(expected, data):
    assert crc32c(data) == expected


def test_the_check_value_of_the_catalogues():
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(b"") == 0


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 15, 63, 64, 65, 4095, 4096, 4097, 65536])
def test_all_lengths_agree_with_the_loop_over_a_table(size):
    data = random.Random(size).randbytes(size)  # noqa: S311 - data, no secret
    assert crc32c(data) == table_driven(data)
    assert crc32c(bytes(size)) == table_driven(bytes(size))


def test_the_field_of_the_checksum_counts_as_zeros():
    assert checksum(b"head\x01\x02\x03\x04rest", 4) == table_driven(b"head\0\0\0\0rest")


def test_the_register_goes_on_where_it_was_left():
    assert update(update(0xFFFFFFFF, b"1234"), b"56789") ^ 0xFFFFFFFF == 0xE3069283
    assert update(0, b"") == 0

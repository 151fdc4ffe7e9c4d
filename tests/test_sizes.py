"""Sizes in words."""

import pytest

from imgbuild.sizes import GIB, MIB, ceil_div, human_size


@pytest.mark.parametrize(("words", "size"), [
    ("0 bytes", 0), ("1 byte", 1), ("1023 bytes", 1023), ("1 KiB", 1024), ("1.50 KiB", 1536), ("654 MiB", 654 * MIB),
    ("654 MiB", 685899776), ("10.1 GiB", 10842275840), ("2 GiB", 2 * GIB), ("1 TiB", 1024 * GIB),
])
def test_sizes_as_people_write_them(words, size):
    assert human_size(size) == words


@pytest.mark.parametrize(("whole", "value"), [(0, 0), (1, 1), (1, GIB), (2, GIB + 1)])
def test_division_rounds_up(whole, value):
    assert ceil_div(value, GIB) == whole

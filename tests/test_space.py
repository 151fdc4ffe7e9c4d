"""Where a disk has data, in every container, with qemu-img map as the second witness."""

from __future__ import annotations

import json
import os
from itertools import pairwise

import msgspec
import pytest
from images.containers import VARIANTS, wrap
from images.run import run
from tools import needs

from imgbuild import Settings, inspect
from imgbuild.formats.base import Container
from imgbuild.readers import broken
from imgbuild.source import open_source
from imgbuild.space import MOST_PIECES, MOST_READ, measure, piece_size

KIB, MIB = 1 << 10, 1 << 20
SIZE = 96 * MIB + 64 * KIB
WRITTEN = [(0, MIB), (5 * MIB + 4096, 8192), (40 * MIB, 9 * MIB), (SIZE - 512, 512)]
ASKED = Settings(checksums=None, space=True)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Give a disk with data in four places."""
    path = tmp_path_factory.mktemp("space") / "disk.raw"
    with path.open("wb") as file:
        file.truncate(SIZE)
        for offset, length in WRITTEN:
            os.pwrite(file.fileno(), os.urandom(length), offset)
    return path


def qemu_map(path, name):
    """Return the ranges of the disk that have a place in the file, as qemu-img sees them."""
    found = run("qemu-img", "map", "--output=json", "-f", name, path)
    return [(part["start"], part["start"] + part["length"]) for part in json.loads(found) if part["data"]]


def by_pieces(ranges, piece):
    starts = [*range(0, SIZE, piece), SIZE]
    return [sum(max(0, min(end, to) - max(start, since)) for since, to in ranges) for start, end in pairwise(starts)]


@needs("qemu-img")
@pytest.mark.parametrize("name", ["raw", "qcow2-v2", "qcow2", "qcow2-zlib", "qcow2-zstd", "qcow2-512", "qcow2-2m",
                                  "vhd-dynamic", "vmdk-sparse", "vmdk-stream", "vdi", "vdi-static"])
def test_pieces_are_those_of_qemu_img(name, raw, tmp_path):
    path = wrap(name, raw, tmp_path)
    space = inspect(path, ASKED).space
    ranges = qemu_map(path, "vpc" if name.startswith("vhd") else VARIANTS[name].format)
    assert list(space.stored) == by_pieces(ranges, space.piece)
    assert sum(space.stored) < SIZE or name == "vdi-static"


@needs("qemu-img")
def test_a_fixed_vhd_has_the_holes_of_its_file(raw, tmp_path):
    space = inspect(wrap("vhd-fixed", raw, tmp_path), ASKED).space
    whole = SIZE // space.piece - 1  # a VHD is rounded up, and its footer is no hole
    assert list(space.stored[:whole]) == by_pieces(qemu_map(raw, "raw"), space.piece)[:whole]


@needs("qemu-img")
def test_a_cluster_with_a_few_subclusters_counts_as_a_whole(raw, tmp_path):
    space = inspect(wrap("qcow2-subclusters", raw, tmp_path), ASKED).space
    assert list(space.stored) == list(inspect(wrap("qcow2", raw, tmp_path), ASKED).space.stored)


@needs("qemu-img")  # which tells of a VHDX that all of it is data
@pytest.mark.parametrize("name", ["zvhd", "zvhd2-zlib", "zvhd2-zstd", "vhdx-dynamic", "vhdx-fixed"])
def test_pieces_of_blocks_are_those_with_data(name, raw, tmp_path):
    found = inspect(wrap(name, raw, tmp_path), ASKED)
    space, block = found.space, 2 * MIB if name == "zvhd" else found.container.get("block_size", 8 * MIB)
    used = {offset // block for start, length in WRITTEN for offset in range(start, start + length, 512)}
    ranges = [(number * block, min((number + 1) * block, SIZE)) for number in used]
    assert list(space.stored)[: len(by_pieces(ranges, space.piece))] == by_pieces(ranges, space.piece)


@pytest.mark.parametrize("size", [1, 512, 32 * MIB, 32 * MIB + 1, 2 << 30, (2 << 30) + 1, 1 << 40, (1 << 63) - 512])
def test_there_are_at_most_512_pieces(size):
    assert -(-size // piece_size(size)) <= MOST_PIECES
    assert piece_size(size).bit_count() == 1


def test_nothing_is_measured_that_nobody_asked_for(raw):
    assert inspect(raw, Settings(checksums=None)).space is msgspec.UNSET


class _Tables(Container):
    """A container whose tables cost what they are told to, and break in their second piece."""

    def stored(self, offset, length):
        if offset == piece_size(self.size):
            raise broken("truncated", "cut")
        self.source.bytes_read += self.cost
        return length // 2


@pytest.mark.parametrize(("cost", "expected"), [
    (1, [32 * KIB, None, 32 * KIB, 32 * KIB]),
    (MOST_READ, [32 * KIB, None, None, None]),
])
def test_what_is_broken_or_too_much_is_not_known(cost, expected, raw):
    container = _Tables("qcow2", 256 * KIB)
    container.cost = cost
    with open_source(raw) as source:
        container.source = source
        assert list(measure(container, source, ()).stored) == expected


def test_a_format_that_does_not_tell_has_no_number(raw):
    with open_source(raw) as source:
        assert set(measure(Container("qed", MIB), source, ()).stored) == {None}

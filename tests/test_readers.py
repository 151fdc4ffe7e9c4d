"""Readers give exactly what is asked for, or say that the image is broken."""

import io

import pytest

from imgbuild.readers import BrokenImage, FileView, Memory, Slice, read_clipped

DISK = Memory(b"0123456789")


def test_a_slice_reads_its_part_only():
    part = Slice(DISK, 2, 4)
    assert (part.size, part.read_at(0, 4), part.read_at(3, 1)) == (4, b"2345", b"5")
    with pytest.raises(BrokenImage):
        part.read_at(3, 2)


@pytest.mark.parametrize(("start", "size"), [(0, 11), (10, 1), (11, 0), (-1, 2)])
def test_a_slice_lies_within_its_reader(start, size):
    with pytest.raises(BrokenImage):
        Slice(DISK, start, size)


def test_a_clipped_read_stops_at_the_end():
    assert read_clipped(DISK, 8, 5) == b"89"
    assert read_clipped(DISK, 10, 5) == b""
    assert read_clipped(DISK, 99, 5) == b""


def test_a_file_view_behaves_as_a_file():
    view, file = FileView(DISK), io.BytesIO(b"0123456789")
    for whence, offset in ((0, 3), (1, 2), (2, -1), (0, 20), (0, 0)):
        assert view.seek(offset, whence) == file.seek(offset, whence)
        assert view.tell() == file.tell()
        assert view.read(4) == file.read(4)
    view.seek(7)
    assert view.read() == b"789"
    assert io.BufferedReader(FileView(DISK)).read(5) == b"01234"


def test_a_file_view_refuses_a_position_before_the_start():
    with pytest.raises(ValueError, match="before the start"):
        FileView(DISK).seek(-1)

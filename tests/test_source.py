"""A source is a regular file, held open, read exactly, and watched."""

import fcntl
import os
import socket
import stat

import pytest

from imgbuild.errors import SourceError
from imgbuild.readers import BrokenImage
from imgbuild.source import open_source


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "disk.raw"
    path.write_bytes(bytes(range(256)) * 4)
    return path


def test_a_path_object_is_a_path(image):
    with open_source(image) as source:
        assert source.path == str(image)


def test_reads_are_exact_and_counted(image):
    with open_source(str(image)) as source:
        assert source.read_at(255, 3) == b"\xff\x00\x01"
        assert source.read_at(1024, 0) == b""
        assert (source.size, source.reads, source.bytes_read) == (1024, 2, 3)


@pytest.mark.parametrize(("offset", "length"), [(1024, 1), (0, 1025), (-1, 1), (1 << 70, 1)])
def test_a_read_past_the_end_is_a_problem_of_the_image(image, offset, length):
    with open_source(str(image)) as source, pytest.raises(BrokenImage) as raised:
        source.read_at(offset, length)
    assert raised.value.problem.code == "truncated"


def test_a_file_that_shrinks_while_it_is_read_is_a_problem(image):
    with open_source(str(image)) as source:
        os.truncate(image, 100)
        for offset in (0, 50, 800):
            with pytest.raises(BrokenImage) as raised:
                source.read_at(offset, 200)
            assert str(raised.value) == "the file shrank while it was read: 100 of 1024 bytes are left"


def test_a_hole_is_no_data(image, tmp_path):
    with (tmp_path / "hole").open("wb") as file:
        file.write(bytes(range(256)) * 256)
        file.truncate(1 << 30)
    for path, size in ((image, 1024), (tmp_path / "hole", 65536)):
        with open_source(path) as source:
            assert source.data_size == size


def test_an_untouched_file_has_not_changed(image):
    with open_source(str(image)) as source:
        source.read_at(0, 10)
        assert not source.changed()


def test_a_file_that_is_written_to_has_changed(image):
    with open_source(str(image)) as source:
        os.utime(image, ns=(1, 1))
        assert source.changed()


def test_a_file_that_is_replaced_has_changed(image, tmp_path):
    with open_source(str(image)) as source:
        other = tmp_path / "other"
        other.write_bytes(b"x")
        other.rename(image)
        assert source.changed()


def test_a_missing_file_is_named():
    with pytest.raises(SourceError, match=r"^no such file: 'not-here.raw' \(check the path\)$"):
        open_source("not-here.raw")


def test_a_name_with_a_null_byte_is_refused():
    with pytest.raises(SourceError, match="cannot open"):
        open_source("a\0b")


def test_a_directory_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"is a directory, not a regular file \(name an image file\)$"):
        open_source(str(tmp_path))


def test_a_fifo_is_refused_and_not_waited_for(tmp_path):
    fifo = tmp_path / "disk.qcow2"
    os.mkfifo(fifo)
    with pytest.raises(SourceError, match=r"is a FIFO, .* \(write the stream to a file and name that\)"):
        open_source(str(fifo))


def test_a_socket_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("disk.raw")
        with pytest.raises(SourceError, match=r"^'disk\.raw' is a socket, not a regular file"):
            open_source("disk.raw")


@pytest.mark.parametrize("allow", [False, True])
def test_a_character_device_is_refused_always(allow):
    with pytest.raises(SourceError, match="is a character device"):
        open_source("/dev/null", allow_device=allow)


def test_standard_input_is_refused_and_a_file_of_that_name_is_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-").write_bytes(bytes(512))
    with pytest.raises(SourceError, match=r"not read from standard input: .*\(write the stream to a file"):
        open_source("-")
    with open_source("./-") as source:
        assert source.size == 512


class TestBlockDevice:
    """A node is faked, as it takes root to make one; ``tests/test_examination.py`` reads a real one where it may."""

    @pytest.fixture
    def device(self, image, monkeypatch):
        real = os.fstat

        def as_device(descriptor):
            status = list(real(descriptor))
            status[stat.ST_MODE] = stat.S_IFBLK | 0o600
            status[stat.ST_SIZE] = 0
            return os.stat_result(status)

        monkeypatch.setattr(os, "fstat", as_device)
        return str(image)

    def test_without_permission_it_is_refused_with_the_option(self, device):
        with pytest.raises(SourceError, match=r"is a block device, not a regular file \(--allow-device reads it, and"):
            open_source(device)

    def test_its_size_is_where_a_seek_to_its_end_leads(self, device):
        with open_source(device, allow_device=True) as source:
            assert (source.size, source.allocated, source.is_device) == (1024, None, True)
            assert source.read_at(1020, 4) == b"\xfc\xfd\xfe\xff"
            assert fcntl.fcntl(source.descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY

    def test_a_size_that_cannot_be_told_is_an_error(self, device, monkeypatch):
        def refuse(*_):
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(os, "lseek", refuse)
        with pytest.raises(SourceError, match=r"the size of .* cannot be told: Input/output error"):
            open_source(device, allow_device=True)


def test_a_file_without_permission_is_named(image, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(SourceError, match="no permission to read"):
        open_source(str(image))

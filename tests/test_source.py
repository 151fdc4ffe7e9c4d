"""A source is a regular file, held open, read exactly, and watched."""

import os

import pytest

from imgbuild.errors import SourceError
from imgbuild.readers import BrokenImage
from imgbuild.source import open_folder, open_source


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
        with pytest.raises(BrokenImage) as raised:
            source.read_at(0, 200)
    assert str(raised.value) == "the file shrank while it was read: 100 of 1024 bytes are left"


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
    with pytest.raises(SourceError, match="is a FIFO"):
        open_source(str(fifo))


def test_a_device_is_refused():
    with pytest.raises(SourceError, match="is a character device"):
        open_source("/dev/null")


def test_a_file_without_permission_is_named(image, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(SourceError, match="no permission to read"):
        open_source(str(image))


@pytest.fixture
def split(tmp_path):
    """A folder with an image, a part of it, and what is no part of it."""
    inside = tmp_path / "images"
    inside.mkdir()
    (inside / "disk.vmdk").write_bytes(b"descriptor")
    (inside / "disk-s001.vmdk").write_bytes(b"part one")
    (tmp_path / "secret").write_bytes(b"root:x:0:0")
    (inside / "link").symlink_to("../secret")
    (inside / "sub").mkdir()
    (inside / "sub" / "part").write_bytes(b"x")
    os.mkfifo(inside / "fifo")
    return inside / "disk.vmdk"


def test_a_part_beside_the_image_is_opened_once_and_counted(split):
    with open_folder(str(split)) as folder:
        part = folder.open("disk-s001.vmdk")
        assert part.read_at(5, 3) == b"one"
        assert folder.open("disk-s001.vmdk") is part
        assert (part.size, folder.reads, folder.bytes_read) == (8, 1, 3)


def test_the_folder_of_a_bare_name_is_the_working_folder(split, monkeypatch):
    monkeypatch.chdir(split.parent)
    with open_folder("disk.vmdk") as folder:
        assert folder.open("disk-s001.vmdk").size == 8


@pytest.mark.parametrize(("name", "code", "message"), [
    ("../secret", "external-outside", "'../secret' is no plain file name; parts of a disk lie beside its image"),
    ("sub/part", "external-outside", "'sub/part' is no plain file name; parts of a disk lie beside its image"),
    ("/etc/passwd", "external-outside", "'/etc/passwd' is no plain file name; parts of a disk lie beside its image"),
    ("..", "external-outside", "'..' is no plain file name; parts of a disk lie beside its image"),
    ("", "external-outside", "'' is no plain file name; parts of a disk lie beside its image"),
    ("a\\b", "external-outside", r"'a\\b' is no plain file name; parts of a disk lie beside its image"),
    ("a\0b", "external-outside", r"'a\x00b' is no plain file name; parts of a disk lie beside its image"),
    ("nbd:host", "external-outside", "'nbd:host' is no plain file name; parts of a disk lie beside its image"),
    ('json:{"a": 1}', "external-outside",
     """'json:{"a": 1}' is no plain file name; parts of a disk lie beside its image"""),
    ("link", "external-outside", "'link' is a link; links are not followed, for they lead elsewhere"),
    ("none", "external-missing",
     "'none', a part of the disk, cannot be opened in its folder: No such file or directory"),
    ("x" * 300, "external-missing",
     f"'{'x' * 119}…', a part of the disk, cannot be opened in its folder: File name too long"),
    ("fifo", "external-missing", "'fifo' is a FIFO; a part of a disk is a regular file"),
    ("sub", "external-missing", "'sub' is a directory; a part of a disk is a regular file")])
def test_nothing_else_is_opened_through_the_folder(split, name, code, message):
    with open_folder(str(split)) as folder:
        with pytest.raises(BrokenImage) as raised:
            folder.open(name)
        assert (raised.value.problem.code, raised.value.problem.message) == (code, message)
        assert folder.reads == 0


def test_a_name_that_cannot_be_spelt_is_missing(split):
    with open_folder(str(split)) as folder, pytest.raises(BrokenImage) as raised:
        folder.open("\ud800")
    assert raised.value.problem.code == "external-missing"


def test_a_disk_is_in_a_bounded_number_of_files(split, monkeypatch):
    monkeypatch.setattr("imgbuild.source.MOST_PARTS", 1)
    with open_folder(str(split)) as folder:
        folder.open("disk-s001.vmdk")
        folder.open("disk-s001.vmdk")
        with pytest.raises(BrokenImage) as raised:
            folder.open("disk.vmdk")
    assert raised.value.problem.message == "the disk is in over 1 files, one of them 'disk.vmdk'"


def test_a_closed_folder_leaves_nothing_open(split):
    before = len(os.listdir("/proc/self/fd"))
    with open_folder(str(split)) as folder:
        folder.open("disk-s001.vmdk")
        assert len(os.listdir("/proc/self/fd")) == before + 2
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(SourceError, match="no such file"):
        open_folder(str(tmp_path / "none" / "disk.vmdk"))

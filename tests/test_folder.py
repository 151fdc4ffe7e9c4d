"""The folder of an image: plain regular files beside it are opened, and nothing else."""

import os

import pytest

from imgbuild.errors import SourceError
from imgbuild.folder import open_folder
from imgbuild.readers import BrokenImage


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
    monkeypatch.setattr("imgbuild.folder.MOST_PARTS", 1)
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

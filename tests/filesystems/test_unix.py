from __future__ import annotations

import stat
from typing import TYPE_CHECKING, NamedTuple

import pytest

from imgbuild.filesystems.base import MAX_ENTRIES, Stat
from imgbuild.filesystems.unix import MAX_DIRECTORY, UnixFileSystem
from imgbuild.readers import BrokenImage

if TYPE_CHECKING:
    from collections.abc import Iterator

DIRECTORY, FILE, LINK = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o644, stat.S_IFLNK | 0o777


class Inode(NamedTuple):
    number: int
    mode: int
    size: int = 0
    content: bytes = b""
    names: tuple[tuple[int, bytes], ...] = ()


class Files(UnixFileSystem[Inode]):
    """Files whose inodes are in a list; counts the directories that were read."""

    def __init__(self, *inodes: Inode) -> None:
        super().__init__("ext4", 0)
        self.inodes = inodes
        self.listed = 0

    def _inode(self, number: int) -> Inode:
        return self.inodes[number]

    def _entries(self, inode: Inode) -> Iterator[tuple[int, bytes]]:
        self.listed += 1
        yield from inode.names

    def _bytes(self, inode: Inode, start: int, end: int) -> bytes:
        return inode.content[start:end]

    def _target(self, inode: Inode) -> bytes:
        return inode.content


def directory(number: int, *names: tuple[int, bytes], size: int = 4096) -> Inode:
    return Inode(number, DIRECTORY, size, names=names)


def problem_of(files: Files, path: str = "/") -> tuple[str, str]:
    with pytest.raises(BrokenImage) as raised:
        files.listdir(path)
    return raised.value.problem.code, raised.value.problem.message


def test_a_directory_is_read_once_and_what_is_not_there_is_none():
    files = Files(directory(0, (1, b"a"), (2, b"caf\xe9"), (2, b"f")), directory(1, (2, b"f")),
                  Inode(2, FILE, 3, b"abc"))
    assert files.listdir("/") == ["a", "f"]
    assert (files.stat("/a"), files.stat("/a/f")) == (Stat("directory", 0, DIRECTORY), Stat("file", 3, FILE))
    assert [files.stat(path) for path in ("/b", "/a/b", "/f/x", "/b/c/d", "/\udce9")] == [None] * 5
    assert [files.read("/a/f", limit, offset) for limit, offset in ((9, 0), (1, 1), (9, 3), (9, 99), (0, 0))] == [
        b"abc", b"b", b"", b"", b""]
    assert files.listed == 2


@pytest.mark.parametrize("ask", [lambda files: files.read("/a", 9), lambda files: files.readlink("/f"),
                                 lambda files: files.listdir("/f"), lambda files: files.read("/nope", 9)])
def test_another_kind_is_not_found(ask):
    with pytest.raises(FileNotFoundError):
        ask(Files(directory(0, (1, b"a"), (2, b"f")), directory(1), Inode(2, FILE)))


def test_targets_of_links():
    files = Files(directory(0, (1, b"good"), (2, b"long")), Inode(1, LINK, 4, b"caf\xe9"), Inode(2, LINK, 4097))
    assert files.readlink("/good") == "caf\ufffd"
    with pytest.raises(BrokenImage, match=r"^the link '/long' has a target of 4097 bytes, more than 4096$"):
        files.readlink("/long")


def test_a_root_that_is_no_directory():
    assert problem_of(Files(Inode(0, FILE))) == ("filesystem-damaged",
                                                 "the root of the ext4 file system is no directory")


@pytest.mark.parametrize(("size", "count", "name", "message"), [
    (MAX_DIRECTORY + 1, 0, "", f"the directory '/' has {MAX_DIRECTORY + 1} bytes, more than {MAX_DIRECTORY}"),
    (4096, MAX_ENTRIES + 1, "{}", "the directory '/' has more than 100000 entries"),
    (4096, MAX_ENTRIES + 1, "same", "the directory '/' has more than 100000 entries"),
])
def test_directories_have_an_end(size, count, name, message):
    files = Files(directory(0, *((0, name.format(number).encode()) for number in range(count)), size=size))
    assert problem_of(files) == ("directory-too-large", message)


def test_a_path_has_an_end_even_in_a_directory_that_holds_itself():
    files = Files(directory(0, (0, b"a")))
    assert files.stat("/a" * 256) == Stat("directory", 0, DIRECTORY)
    assert files.stat("/a" * 257) is None

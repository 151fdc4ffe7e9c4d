from __future__ import annotations

import gc
import stat
import weakref
from typing import Any

import pyfsext
import pytest
from table_writer import Disk

from imgbuild.filesystems.libyal import (
    MAX_ENTRIES,
    UnixFileSystem,
    WatchedView,
    first_reason,
    guarded,
    read_entry,
    split,
)
from imgbuild.readers import BrokenImage, Memory

DIRECTORY, FILE, LINK = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o644, stat.S_IFLNK | 0o777
NOT_TEXT = OSError("pyfsext_file_entry_get_name: unable to retrieve name size. libuna_utf8_string_size: unsupported.")


class Entry:
    """An entry as the libraries give it; a value that is an exception is raised."""

    def __init__(self, name: Any, mode: int, size: int = 0, target: Any = None, children: tuple[Any, ...] = ()) -> None:
        self._values = {"name": name, "symbolic_link_target": target}
        self.file_mode = mode
        self.size = size
        self.children = children
        self.number_of_sub_file_entries = len(children)

    def __getattr__(self, name: str) -> Any:
        value = self._values[name]
        if isinstance(value, Exception):
            raise value
        return value

    def get_sub_file_entry(self, index: int) -> Any:
        if isinstance(self.children[index], Exception):
            raise self.children[index]
        return self.children[index]


class Volume:
    """A volume whose look-up by path always fails, as it does beside a name that is not UTF-8."""

    def __init__(self, *children: Any, mode: int = DIRECTORY) -> None:
        self._root = Entry("", mode, children=children)

    def get_root_directory(self) -> Entry:
        return self._root

    def get_file_entry_by_path(self, path: str) -> Entry:
        raise OSError(f"no look-up of {path}")


def filesystem(*children: Any, mode: int = DIRECTORY) -> UnixFileSystem:
    return UnixFileSystem("ext4", Volume(*children, mode=mode), WatchedView(Memory(b"")))


def test_listings_leave_out_what_has_no_name() -> None:
    found = filesystem(Entry("b", FILE), Entry(NOT_TEXT, FILE), OSError("damaged: inode"), Entry("..", DIRECTORY),
                       Entry(".", DIRECTORY), Entry("", FILE), Entry(None, FILE), Entry("a", FILE))
    assert found.listdir("/") == ["a", "b"]


def test_a_name_is_found_beside_damaged_ones() -> None:
    found = filesystem(OSError("damaged: inode"), Entry("fstab", FILE, 7))
    assert found.stat("/fstab").size == 7


def test_a_name_that_may_be_the_damaged_one_is_not_missing() -> None:
    found = filesystem(OSError("outer: the whole. inner: bad inode."), Entry("fstab", FILE))
    with pytest.raises(BrokenImage) as raised:
        found.stat("/passwd")
    assert (raised.value.problem.code, raised.value.problem.message) == (
        "filesystem-damaged", "'/passwd' cannot be read: 'bad inode.'")
    assert filesystem(Entry(NOT_TEXT, FILE)).stat("/passwd") is None


@pytest.mark.parametrize(("count", "fails"), [(MAX_ENTRIES, False), (MAX_ENTRIES + 1, True)])
def test_a_directory_has_a_hundred_thousand_entries_at_most(count: int, fails: bool) -> None:
    found = filesystem(*(Entry("x", FILE),) * count)
    if not fails:
        assert len(found.listdir("/")) == count
        return
    with pytest.raises(BrokenImage) as raised:
        found.listdir("/")
    assert (raised.value.problem.code, raised.value.problem.message) == (
        "directory-too-large", "the directory '/' has 100001 entries, more than 100000")


@pytest.mark.parametrize(("target", "size", "expected"), [
    ("../x", 4, "../x"), (None, 0, ""), (NOT_TEXT, 4, "\ufffd"), ("XSLM\0\0", 500, "\ufffd"),
    ("t" * 4096, 4096, "t" * 4096),
])
def test_targets_of_links(target: Any, size: int, expected: str) -> None:
    assert filesystem(Entry("link", LINK, size, target)).readlink("/link") == expected


@pytest.mark.parametrize(("target", "size", "message"), [
    ("t" * 4097, 4097, "the link '/link' has a target of 4097 bytes, more than 4096"),
    (OSError("a: b. c: d"), 4, "'/link' cannot be read: 'd'"),
])
def test_links_that_cannot_be_followed(target: Any, size: int, message: str) -> None:
    with pytest.raises(BrokenImage) as raised:
        filesystem(Entry("link", LINK, size, target)).readlink("/link")
    assert (raised.value.problem.code, raised.value.problem.message) == ("filesystem-damaged", message)


def test_a_root_that_is_no_directory() -> None:
    with pytest.raises(BrokenImage, match="the root of the ext4 file system is no directory"):
        filesystem(mode=FILE).stat("/")


@pytest.mark.parametrize("error", [OSError("x"), MemoryError(), ValueError("x"), SystemError(), OverflowError("x"),
                                   TypeError("x"),
                                   UnicodeDecodeError("utf-8", b"", 0, 1, "x"), RuntimeError("x")])
def test_whatever_a_library_raises_is_damage(error: Exception) -> None:
    with pytest.raises(BrokenImage) as raised, guarded(WatchedView(Memory(b"")), "the thing"):
        raise error
    assert raised.value.problem.code == "filesystem-damaged"


def test_the_reason_of_a_failed_read_is_kept() -> None:
    class Failing(Disk):
        def read_at(self, offset: int, length: int) -> bytes:
            return Memory(b"").read_at(offset, length)

    def library(view: WatchedView) -> None:
        try:
            view.read(10)
        except OSError:
            raise OSError("unable to read") from None

    view = WatchedView(Failing(100))
    with pytest.raises(BrokenImage) as raised, guarded(view, "the thing"):
        library(view)
    assert raised.value.problem.code == "truncated"
    with pytest.raises(BrokenImage) as raised, guarded(view, "the thing"):
        raise OSError("something later")
    assert raised.value.problem.code == "filesystem-damaged"


def test_a_failed_read_leaves_nothing_of_the_image_with_the_library() -> None:
    class Block:
        pass

    blocks: list[weakref.ref[Block]] = []

    class Failing(Disk):
        def read_at(self, offset: int, length: int) -> bytes:
            block = Block()  # what a container has inflated, say
            blocks.append(weakref.ref(block))
            return Memory(b"").read_at(offset, length)

    view = WatchedView(Failing(1 << 20))
    for _ in range(3):
        with pytest.raises(BrokenImage), guarded(view, "the thing"):
            pyfsext.volume().open_file_object(view)
    gc.collect()
    assert len(blocks) >= 3
    assert [block() for block in blocks] == [None] * len(blocks)


def test_a_tree_that_is_too_deep_for_the_library_is_no_damage() -> None:
    said = "pyfsxfs_volume: unable to read. libfsxfs_extent_btree_get_extents: unsupported B+ tree node level."
    with pytest.raises(BrokenImage) as raised, guarded(WatchedView(Memory(b"")), "the thing"):
        raise OSError(said)
    assert (raised.value.problem.code, raised.value.problem.message) == (
        "filesystem-feature-unknown", "the thing cannot be read: 'unsupported B+ tree node level.'")


@pytest.mark.parametrize(("message", "reason"), [
    ("outer: what failed. inner: why.", "'why.'"), ("only: this", "'only: this'"), ("", "''"),
    ("a: \x1b[31m. b: \x1b[31m", "'\\x1b[31m'"),
    ("a: x. b: " + "y" * 1000, "'" + "y" * 200 + "'"),
])
def test_the_innermost_reason_is_told_without_control_characters(message: str, reason: str) -> None:
    assert first_reason(OSError(message)) == reason


def test_files_are_read_in_pieces_and_no_further_than_they_go() -> None:
    asked: list[int] = []

    class File:
        size = 1 << 60

        def read_buffer_at_offset(self, size: int, offset: int) -> bytes:
            asked.append(size)
            return b"x" * min(size, 3_000_000 - offset)

    assert len(read_entry(File(), 1 << 40, 0)) == 3_000_000
    assert max(asked) == 1 << 20


@pytest.mark.parametrize(("path", "names"), [("/", ()), ("", ()), ("/a/b", ("a", "b")), ("//a//b/", ("a", "b"))])
def test_paths(path: str, names: tuple[str, ...]) -> None:
    assert split(path) == names

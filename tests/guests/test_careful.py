"""Lookups that note damage and go on."""

from __future__ import annotations

from phony import PhonyFileSystem

from imgbuild.filesystems.tree import GuestTree
from imgbuild.guests.careful import Careful


def careful(*damaged):
    return Careful(GuestTree(PhonyFileSystem({"/etc/a": "text", "/etc/b": "more"}, damaged=damaged)))


def test_without_damage_it_is_the_tree():
    tree = careful()
    assert tree.exists("/etc/a")
    assert tree.is_dir("/etc")
    assert tree.listdir("/etc") == ["a", "b"]
    assert tree.resolve("/etc/./a") == "/etc/a"
    assert tree.read("/etc/a", 2) == b"te"
    assert tree.read_text("/etc/a", 64) == "text"
    assert tree.glob("/etc/*") == ["/etc/a", "/etc/b"]
    assert tree.problems == []


def test_what_is_not_there():
    tree = careful()
    assert (tree.read("/no", 9), tree.read_text("/no", 9)) == (b"", None)
    assert (tree.resolve("/no"), tree.listdir("/no")) == (None, [])


def test_damage_counts_as_not_there_and_is_noted_once():
    tree = careful("/etc/a")
    assert (tree.exists("/etc/a"), tree.is_dir("/etc/a"), tree.read("/etc/a", 9), tree.read_text("/etc/a", 9)) == (
        False, False, b"", None)
    assert tree.read_text("/etc/b", 9) == "more"
    assert [problem.message for problem in tree.problems] == ["the inode of '/etc/a' is damaged"]


def test_no_more_than_sixteen_problems_are_kept():
    paths = tuple(f"/{number}" for number in range(40))
    tree = careful(*paths)
    assert not any(tree.exists(path) for path in paths)
    assert len(tree.problems) == 16

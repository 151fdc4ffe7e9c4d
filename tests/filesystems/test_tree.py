from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from imgbuild.filesystems.base import Stat
from imgbuild.filesystems.tree import GuestTree
from imgbuild.readers import BrokenImage, broken


class Link(str):
    """The target of a symbolic link."""

    __slots__ = ()


class Files:
    """A file system out of a mapping from path to bytes, Link, Stat (a device) or an exception."""

    kind = "test"

    def __init__(self, files: dict[str, object]) -> None:
        self._files = files
        self._folders = {str(parent) for path in files for parent in PurePosixPath(path).parents} | {"/"}
        self.asked: list[str] = []

    def stat(self, path: str) -> Stat | None:
        self.asked.append(path)
        found = self._files.get(path)
        if isinstance(found, BrokenImage):
            raise found
        if isinstance(found, Stat):
            return found
        if isinstance(found, Link):
            return Stat("link", len(found), 0o120777)
        if isinstance(found, bytes):
            return Stat("file", len(found), 0o100644)
        return Stat("directory", 0, 0o40755) if path in self._folders else None

    def readlink(self, path: str) -> str:
        return str(self._files[path])

    def listdir(self, path: str) -> list[str]:
        below = path.rstrip("/") + "/"
        return sorted({name[len(below) :].split("/")[0] for name in (*self._files, *self._folders)
                       if name.startswith(below) and name != below})

    def read(self, path: str, limit: int, offset: int = 0) -> bytes:
        data = self._files[path]
        assert isinstance(data, bytes)
        return data[offset : offset + limit]


ROOT: dict[str, object] = {
    "/usr/lib/os-release": b"ID=debian\n", "/etc/os-release": Link("../usr/lib/os-release"), "/lib": Link("usr/lib"),
    "/bin": Link("/usr/bin"), "/usr/bin/sh": Link("dash"), "/usr/bin/dash": b"\x7fELF",
    "/etc/up": Link("../../../../../usr/lib"),
    "/etc/self": Link("self"), "/etc/one": Link("two"), "/etc/two": Link("/etc/one"), "/etc/dangling": Link("/nowhere"),
    "/etc/empty": Link(""), "/etc/here": Link("."), "/etc/slash": Link("/"), "/boot/vmlinuz": b"old",
    "/etc/kernel": Link("/boot/vmlinuz"),
    "/dev/null": Stat("other", 0, 0o20666), "/etc/pipe": Stat("other", 0, 0o10644),
    "/etc/through": Link("os-release/x"),
    "/etc/.hidden.conf": b"", "/etc/a.conf": b"a", "/etc/b.conf": b"b\xff", "/etc/net.d/1.yaml": b"1",
    "/etc/net.d/2.yaml": Link("/nowhere"),
    "/srv/outside": Link("boot/../../etc/a.conf"),
}


@pytest.fixture
def tree() -> GuestTree:
    return GuestTree(Files(ROOT))


@pytest.mark.parametrize(("path", "place"), [
    ("/", "/"), ("", "/"), ("/etc", "/etc"), ("//etc//", "/etc"), ("/etc/./a.conf", "/etc/a.conf"),
    ("etc/a.conf", "/etc/a.conf"),
    ("/etc/os-release", "/usr/lib/os-release"), ("/lib/os-release", "/usr/lib/os-release"),
    ("/bin/sh", "/usr/bin/dash"),
    ("/bin", "/usr/bin"), ("/bin/..", "/usr"), ("/..", "/"), ("/../../etc/a.conf", "/etc/a.conf"),
    ("/etc/up/os-release", "/usr/lib/os-release"),
    ("/etc/here/here/a.conf", "/etc/a.conf"), ("/etc/slash/etc/slash/lib", "/usr/lib"), ("/etc/nope", None),
    ("/nope/..", None),
    ("/etc/self", None), ("/etc/one", None), ("/etc/dangling", None), ("/etc/empty", None), ("/etc/a.conf/x", None),
    ("/etc/a.conf/..", None), ("/etc/through", None), ("/dev/null", "/dev/null"), ("/dev/null/x", None),
])
def test_paths_resolve_inside_the_guest(tree: GuestTree, path: str, place: str | None) -> None:
    assert tree.resolve(path) == place
    assert tree.exists(path) is (place is not None)


@pytest.mark.parametrize(("links", "found"), [(40, True), (41, False)])
def test_forty_links_are_followed(links: int, found: bool) -> None:
    chain: dict[str, object] = {f"/{number}": Link(str(number + 1)) for number in range(links)}
    assert GuestTree(Files({**chain, f"/{links}": b"end"})).exists("/0") is found


def test_links_that_multiply_end_soon() -> None:
    files: dict[str, object] = {"/a": Link("/".join(["."] * 2000) + "/b"), "/b": Link("/".join(["c", ".."] * 1000)),
                                "/c/x": b""}
    tree = GuestTree(Files(files))
    assert tree.resolve("/a") is None


@pytest.mark.parametrize(("depth", "found"), [(250, True), (300, False)])
def test_paths_are_not_endless(depth: int, found: bool) -> None:
    assert GuestTree(Files({"/d" * depth: b""})).exists("/d" * depth) is found


def test_what_is_there(tree: GuestTree) -> None:
    assert tree.stat("/bin/sh") == Stat("file", 4, 0o100644)
    assert tree.stat("/nope") is None
    paths = ("/", "/bin", "/bin/sh", "/dev/null", "/nope")
    assert [tree.is_file(path) for path in paths] == [False, False, True, False, False]
    assert [tree.is_dir(path) for path in paths] == [True, True, False, False, False]


def test_reading(tree: GuestTree) -> None:
    assert tree.read("/etc/os-release", 100) == b"ID=debian\n"
    assert tree.read("/etc/os-release", 2) == b"ID"
    assert tree.read("/etc/os-release", 100, 3) == b"debian\n"
    assert tree.read_text("/etc/b.conf", 10) == "b\ufffd"
    for path in ("/nope", "/etc", "/dev/null", "/etc/pipe", "/etc/self"):
        assert tree.read(path, 10) is None
        assert tree.read_text(path, 10) is None


def test_listing(tree: GuestTree) -> None:
    assert tree.listdir("/bin") == ["dash", "sh"]
    assert tree.listdir("/etc/net.d") == ["1.yaml", "2.yaml"]
    assert (tree.listdir("/nope"), tree.listdir("/etc/a.conf"), tree.listdir("/etc/self")) == ([], [], [])


def test_links_themselves(tree: GuestTree) -> None:
    assert tree.readlink("/etc/os-release") == "../usr/lib/os-release"
    assert tree.readlink("/bin/sh") == "dash"
    assert tree.readlink("/etc/dangling") == "/nowhere"
    assert (tree.readlink("/etc/a.conf"), tree.readlink("/nope"), tree.readlink("/etc")) == (None, None, None)


@pytest.mark.parametrize(("pattern", "paths"), [
    ("/etc/*.conf", ["/etc/a.conf", "/etc/b.conf"]), ("/etc/.*.conf", ["/etc/.hidden.conf"]),
    ("/etc/?.conf", ["/etc/a.conf", "/etc/b.conf"]),
    ("/etc/[b-z].conf", ["/etc/b.conf"]), ("/etc/net.d/*.yaml", ["/etc/net.d/1.yaml"]),
    ("/*/os-release", ["/etc/os-release", "/lib/os-release"]),
    ("/etc/a.conf", ["/etc/a.conf"]), ("/nope/*", []), ("/etc/*/1.yaml", ["/etc/net.d/1.yaml"]),
    ("/bin/*", ["/bin/dash", "/bin/sh"]),
    ("/etc/A*", []), ("/", ["/"]),
])
def test_patterns(tree: GuestTree, pattern: str, paths: list[str]) -> None:
    found = [path for path in tree.glob(pattern) if not path.startswith(("/etc/here", "/etc/slash"))]
    assert found == paths


def test_file_systems_are_joined_at_their_mount_points() -> None:
    tree = GuestTree(Files(ROOT))
    assert tree.read("/etc/kernel", 9) == b"old"
    tree.mount("/boot/", Files({"/vmlinuz": b"new", "/up": Link("../etc/a.conf"), "/abs": Link("/usr/bin/dash"),
                                "/efi/x": b""}))
    tree.mount("/boot/efi", Files({"/EFI/BOOT/BOOTX64.EFI": b"MZ"}))
    assert tree.read("/etc/kernel", 9) == b"new"
    assert tree.read("/boot/up", 9) == b"a"
    assert tree.resolve("/boot/abs") == "/usr/bin/dash"
    assert tree.resolve("/boot/..") == "/"
    assert tree.listdir("/boot") == ["abs", "efi", "up", "vmlinuz"]
    assert (tree.listdir("/boot/efi"), tree.read("/boot/efi/EFI/BOOT/BOOTX64.EFI", 9)) == (["EFI"], b"MZ")
    assert tree.glob("/boot/efi/EFI/*/*.EFI") == ["/boot/efi/EFI/BOOT/BOOTX64.EFI"]
    assert tree.exists("/boot/efi/x") is False
    assert sorted(tree.mounts) == ["/", "/boot", "/boot/efi"]


def test_a_mount_point_need_not_exist() -> None:
    tree = GuestTree(Files({"/lib": Link("usr/lib")}))
    tree.mount("/usr", Files({"/lib/os-release": b"ID=x"}))
    assert tree.read("/lib/os-release", 9) == b"ID=x"
    assert tree.resolve("/lib/../..") == "/"


def test_damage_is_not_taken_for_absence() -> None:
    tree = GuestTree(Files({"/etc/fstab": broken("filesystem-damaged", "bad inode")}))
    for call in (tree.exists, tree.stat, tree.is_file, tree.resolve, lambda path: tree.read(path, 1), tree.readlink):
        with pytest.raises(BrokenImage, match="bad inode"):
            call("/etc/fstab")
    assert tree.exists("/etc/passwd") is False


def test_nothing_is_asked_twice() -> None:
    files = Files(ROOT)
    tree = GuestTree(files)
    for _ in range(3):
        tree.read("/etc/os-release", 9)
    assert sorted(files.asked) == sorted(set(files.asked))

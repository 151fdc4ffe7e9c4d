"""The files of one guest: its mounted file systems in, lookups by guest path out.

Symbolic links are followed here and nowhere else, and only inside the guest: an absolute target begins again at the
guest's root, ``..`` stops at the root, and a link may lead from one mounted file system into another. A path that takes
more than 40 links (Linux's own limit, path_resolution(7), https://man7.org/linux/man-pages/man7/path_resolution.7.html)
does not exist, as one that goes in circles.

A damaged file system raises BrokenImage from every method here: what could not be looked at is not missing.
"""

from __future__ import annotations

import fnmatch
import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from imgbuild.filesystems.base import FileSystem, Stat

MAX_LINKS = 40
MAX_COMPONENTS = 256
"""Names in a path with all its links spliced in."""
MAX_MATCHES = 128
"""Paths that a pattern leads to, at each of its names: a folder may have any number of them."""
MAX_PATTERN = 256
"""Characters of a pattern that stands in a file of the guest."""
_CACHED = 8192
_KEPT_LISTINGS = 64


class GuestTree:
    """The file systems of one guest, joined at their mount points."""

    def __init__(self, root: FileSystem) -> None:
        self._mounts: dict[str, FileSystem] = {"/": root}
        self._seen: dict[str, Stat | None] = {}
        self._listed: dict[str, list[str]] = {}

    def mount(self, path: str, filesystem: FileSystem) -> None:
        """Put ``filesystem`` at ``path``, which is taken as it is: no link in it is followed."""
        self._mounts[_join(_split(path))] = filesystem
        self._seen.clear()
        self._listed.clear()

    @property
    def mounts(self) -> dict[str, FileSystem]:
        """The mounted file systems by mount point, ``/`` among them."""
        return dict(self._mounts)

    def resolve(self, path: str) -> str | None:
        """Return the path with no link in it, or ``None`` where nothing is there."""
        return self._walk(path, last=True)

    def stat(self, path: str) -> Stat | None:
        """Return what is at ``path``, links followed, or ``None``."""
        place = self.resolve(path)
        return None if place is None else self._stat(place)

    def lstat(self, path: str) -> Stat | None:
        """Return what is at ``path`` itself, its last link not followed, or ``None``."""
        place = self._walk(path, last=False)
        return None if place is None else self._stat(place)

    def exists(self, path: str) -> bool:
        """Say whether something is at ``path``, links followed."""
        return self.resolve(path) is not None

    def is_file(self, path: str) -> bool:
        """Say whether a regular file is at ``path``, links followed."""
        return self._is(path, "file")

    def is_dir(self, path: str) -> bool:
        """Say whether a directory is at ``path``, links followed."""
        return self._is(path, "directory")

    def listdir(self, path: str) -> list[str]:
        """Return the names in the directory at ``path``, sorted; none where there is no directory."""
        place = self.resolve(path)
        if place is None or not self._is(place, "directory"):
            return []
        if place not in self._listed:
            if len(self._listed) == _KEPT_LISTINGS:
                self._listed.clear()
            filesystem, inner = self._at(place)
            self._listed[place] = filesystem.listdir(inner)
        return self._listed[place][:]

    def read(self, path: str, limit: int, offset: int = 0) -> bytes | None:
        """Return up to ``limit`` bytes of the regular file at ``path`` from ``offset``; ``None`` if there is none."""
        place = self.resolve(path)
        if place is None or not self._is(place, "file"):
            return None
        filesystem, inner = self._at(place)
        return filesystem.read(inner, limit, offset)

    def read_text(self, path: str, limit: int) -> str | None:
        """Return up to ``limit`` bytes of the file at ``path`` as text; bytes that are not UTF-8 become U+FFFD."""
        data = self.read(path, limit)
        return None if data is None else data.decode("utf-8", errors="replace")

    def readlink(self, path: str) -> str | None:
        """Return the target of the link at ``path`` itself, or ``None`` where there is no link."""
        place = self._walk(path, last=False)
        if place is None:
            return None
        found = self._stat(place)
        return self._target(place) if found is not None and found.kind == "link" else None

    def glob(self, pattern: str) -> list[str]:
        """Return the paths that match, sorted; ``*``, ``?``, ``[…]`` stand within one name and not for a leading dot.

        The paths are written as the pattern is, so they can hold links; each leads to something.
        """
        found = ["/"]
        for name in _split(pattern):
            found = [path for base in found for path in self._step(base, name)][:MAX_MATCHES]
        return sorted(path for path in found if self.exists(path))

    def glob_of_guest(self, pattern: str) -> list[str]:
        """As :meth:`glob` for a pattern out of the guest's own files, which costs no more than a look into one folder.

        Its last name alone may have wildcards; others match nothing.
        """
        folder, _, _ = pattern.rpartition("/")
        return [] if len(pattern) > MAX_PATTERN or any(mark in folder for mark in "*?[") else self.glob(pattern)

    def _step(self, base: str, name: str) -> Iterable[str]:
        if not any(mark in name for mark in "*?["):
            return (_child(base, name),)
        matches = _matcher(name)
        return (_child(base, entry) for entry in self.listdir(base)
                if matches(entry) and (name[0] == "." or entry[0] != "."))

    def _is(self, path: str, kind: str) -> bool:
        found = self.stat(path)
        return found is not None and found.kind == kind

    def _walk(self, path: str, *, last: bool) -> str | None:
        """Return the place that ``path`` leads to; a link in its last name is followed where ``last`` is set."""
        todo, place, links = _split(path)[::-1], "/", 0
        for _ in range(MAX_COMPONENTS):
            if not todo:
                return place if self._stat(place) is not None else None
            name = todo.pop()
            if name == "..":
                place = place.rsplit("/", 1)[0] or "/"
                continue
            step = _child(place, name)
            found = self._stat(step)
            if found is None or (todo and found.kind not in {"directory", "link"}):
                return None
            if found.kind != "link" or (not todo and not last):
                place = step
                continue
            target, links = self._target(step), links + 1
            if links > MAX_LINKS or not target:
                return None
            place = "/" if target[0] == "/" else place
            todo += _split(target)[::-1]
        return None

    def _stat(self, place: str) -> Stat | None:
        if place not in self._seen:
            if len(self._seen) >= _CACHED:
                self._seen.clear()
            filesystem, inner = self._at(place)
            self._seen[place] = filesystem.stat(inner)
        return self._seen[place]

    def _target(self, place: str) -> str:
        filesystem, inner = self._at(place)
        return filesystem.readlink(inner)

    def _at(self, place: str) -> tuple[FileSystem, str]:
        """Return the file system that holds a place, and the path inside it."""
        point = place
        while point not in self._mounts:
            point = point.rsplit("/", 1)[0] or "/"
        return self._mounts[point], place if point == "/" else place[len(point) :] or "/"


def _split(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in {"", "."}]


def _join(names: list[str]) -> str:
    return "/" + "/".join(names)


def _child(place: str, name: str) -> str:
    return f"{place.rstrip('/')}/{name}"


@lru_cache(maxsize=64)
def _matcher(pattern: str) -> Callable[[str], object]:
    return re.compile(fnmatch.translate(pattern)).match

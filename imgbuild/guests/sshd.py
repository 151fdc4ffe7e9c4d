"""sshd's configuration: the files of a guest in, the value of a keyword with its place out.

The first value of a keyword counts. ``Include`` puts other files in its place; what stands after ``Match`` holds for
some logins only and is passed over, up to the end of its file. openSUSE has the vendor's file in /usr/etc.

sshd_config(5), https://man.openbsd.org/sshd_config
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.filesystems.tree import GuestTree

MAIN = "/etc/ssh/sshd_config"
_MAINS = (MAIN, "/usr/etc/ssh/sshd_config", "/usr/share/flatcar/etc/ssh/sshd_config")
_LIMIT = 64 * 1024
_MOST_FILES = 64
_MOST_PATTERNS = 32
_DEEPEST = 8


class Line(msgspec.Struct, frozen=True):
    """One setting in force; ``keyword`` is in lower case, ``line`` counts from 1."""

    keyword: str
    value: str
    path: str
    line: int
    text: str


class SshdConfig:
    """The settings of sshd in a guest. Lookups raise BrokenImage where they are damaged."""

    def __init__(self, tree: GuestTree) -> None:
        self._tree = tree
        self._read = 0
        self._patterns = 0
        self.path = next((path for path in _MAINS if tree.is_file(path)), None)
        self.lines = tuple(self._lines(self.path, 0)) if self.path else ()

    def get(self, keyword: str) -> Line | None:
        """Return the setting that counts, or ``None`` where sshd's own default does."""
        return next((line for line in self.lines if line.keyword == keyword.lower()), None)

    def ports(self) -> tuple[int, ...]:
        """Return the ports that it listens on."""
        found = [int(line.value) for line in self.lines if line.keyword == "port" and line.value.isascii()
                 and line.value.isdigit()]
        return tuple(found) or (22,)

    def _included(self, value: str) -> Iterator[str]:
        for pattern in value.split():
            self._patterns += 1
            if self._patterns > _MOST_PATTERNS or self._read > _MOST_FILES:
                return
            yield from self._tree.glob_of_guest(posixpath.join("/etc/ssh", pattern.strip('"')))

    def _lines(self, path: str, depth: int) -> Iterator[Line]:
        self._read += 1
        if self._read > _MOST_FILES:
            return
        for number, text in enumerate((self._tree.read_text(path, _LIMIT) or "").split("\n"), start=1):
            keyword, _, value = text.strip().replace("=", " ", 1).partition(" ")
            keyword = keyword.lower()
            if keyword == "match":
                return
            if keyword == "include" and depth < _DEEPEST:
                for found in self._included(value):
                    yield from self._lines(found, depth + 1)
            elif keyword and not keyword.startswith("#"):
                yield Line(keyword, value.strip().strip('"'), path, number, text)

"""ifupdown: ``/etc/network/interfaces`` of Debian, its kin and Alpine in, NICs out.

interfaces(5), https://manpages.debian.org/bookworm/ifupdown/interfaces.5.en.html
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

import msgspec

from imgbuild.guests.networks.base import LIMIT, MOST_FILES, Network, Nic, Place, is_virtual, is_written_by_cloud_init

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.filesystems.tree import GuestTree
    from imgbuild.guests.networks.base import Method

MAIN = "/etc/network/interfaces"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+")
_METHODS: dict[str, Method] = {"dhcp": "dhcp", "bootp": "dhcp", "static": "static"}
_STANZA_WORDS = 4
_MOST_PATTERNS = 32


class _Line(msgspec.Struct, frozen=True):
    path: str
    number: int
    text: str
    words: list[str]
    written: bool


class _Reading(msgspec.Struct):
    """What was read so far: files, and patterns that others are included by."""

    files: list[str] = []
    patterns: int = 0


def read(place: Place) -> Network | None:
    """Return what the file and those that it includes say; ``None`` where there is none."""
    if not place.tree.is_file(MAIN):
        return None
    lines = [*_lines(place.tree, MAIN, _Reading())]
    state = place.units.look("networking", "networking.service")
    active = None if state.state == "absent" else state.enabled
    files = tuple(dict.fromkeys(line.path for line in lines))
    return Network("ifupdown", active, tuple(_nics(lines)), files=files or (MAIN,))


def _lines(tree: GuestTree, path: str, reading: _Reading) -> Iterator[_Line]:
    """Yield the lines of a file with those of the files that it includes in their place; each file is read once."""
    reading.files.append(path)
    text = tree.read_text(path, LIMIT) or ""
    written = is_written_by_cloud_init(path, text)
    for number, line in _joined(text):
        words = line.split()
        if not words:
            continue
        if words[0] in {"source", "source-directory"}:
            reading.patterns += len(words) - 1
            if reading.patterns > _MOST_PATTERNS:
                continue
            for found in _included(tree, words[1:], posixpath.dirname(path), whole=words[0] == "source-directory"):
                if found not in reading.files and len(reading.files) < MOST_FILES:
                    yield from _lines(tree, found, reading)
        else:
            yield _Line(path, number, line, words, written)


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines but comments, each with its number; one that ends in a backslash goes on in the next."""
    begun: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not begun and line.lstrip().startswith("#"):
            continue
        begun.append(line.removesuffix("\\"))
        if not line.endswith("\\"):
            yield number - len(begun) + 1, " ".join(begun)
            begun = []
    if begun:
        yield text.count("\n") - len(begun) + 2, " ".join(begun)


def _included(tree: GuestTree, patterns: list[str], folder: str, *, whole: bool) -> list[str]:
    found: list[str] = []
    for pattern in patterns:
        path = posixpath.join(folder, pattern)
        if whole:
            found += [f"{path}/{name}" for name in tree.listdir(path) if _PLAIN_NAME.fullmatch(name)]
        else:
            found += tree.glob_of_guest(path)
    return [path for path in found[:MOST_FILES] if tree.is_file(path)]


def _nics(lines: list[_Line]) -> Iterator[Nic]:
    started = {name.partition("=")[0] for line in lines
               if line.words[0] == "auto" or line.words[0].startswith("allow-") for name in line.words[1:]}
    stanzas = [line for line in lines if line.words[0] == "iface" and len(line.words) >= _STANZA_WORDS]
    sixes = {line.words[1] for line in stanzas if line.words[2] == "inet6" and line.words[3] in {"auto", "dhcp"}}
    for line in stanzas:
        name, family, method = line.words[1:_STANZA_WORDS]
        if family == "inet" and not is_virtual(name):
            pattern = name.strip("/")
            yield Nic(pattern, _METHODS.get(method, "none"), line.path, line.number, line.text, ipv6=name in sixes,
                      every="*" in pattern, starts=name in started or any("/" in other for other in started),
                      written=line.written)

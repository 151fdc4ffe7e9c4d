"""What a container format gives: its name, how it is recognised, and a :class:`Container`.

Every format is asked about every file, but one of them opens it. A format is a module with ``matches``, a function
``open_X(source) -> Container`` and one entry in the table of ``formats/__init__.py``; where it is more than that, it is
a package that only recognises, and :func:`opened_by` imports its ``container.py`` when there is such a file to open.

Opening parses headers only. A header that cannot be followed raises BrokenImage; whatever else is wrong is a problem of
the container, which then keeps its facts (``readable`` is False where the content cannot be read).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec

from imgbuild.readers import Folder, Reader, broken

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.formats.parents import Parent
    from imgbuild.model import Problem

HEAD_BYTES = 64 * 1024
TAIL_BYTES = 8 * 1024


class Probe(msgspec.Struct, frozen=True):
    """Both ends of a file, read once for all formats: up to 64 KiB of head and 8 KiB of tail."""

    size: int
    head: bytes
    tail: bytes

    def at(self, offset: int, length: int) -> bytes:
        """Return bytes of the head, fewer than ``length`` where it ends before."""
        return self.head[offset : offset + length]

    def from_end(self, distance: int, length: int) -> bytes:
        """Return ``length`` bytes that start ``distance`` bytes before the end of the file."""
        start = len(self.tail) - distance
        return self.tail[start : start + length] if start >= 0 else b""


class Container:
    """A disk in a file: the format, the header facts, the problems, and the virtual disk's bytes.

    Attributes:
        format: Name of the format as the contract spells it.
        virtual_size: Size of the virtual disk in bytes; ``None`` where there is no disk.
        header: What the header says, by the standard's own field names; values fit JSON.
        problems: What the reader objected to.
        readable: Whether ``read_at`` can be used.
        parent: The disk that this one is a delta over, where it can be read over it; ``None`` where there is none.
        flat: Whether a byte of the disk is that byte of the file, so that a hole in the file is one in the disk.
    """

    parent: Parent | None = None
    flat = False

    def __init__(self, name: str, virtual_size: int | None, header: dict[str, Any] | None = None,
                 problems: list[Problem] | None = None, *, readable: bool = True) -> None:
        self.format = name
        self.virtual_size = virtual_size
        self.header = {} if header is None else header
        self.problems = [] if problems is None else problems
        self.readable = readable

    @property
    def size(self) -> int:
        """The virtual size in bytes, 0 where there is no disk: what a Reader has."""
        return self.virtual_size or 0

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes of the virtual disk from ``offset``, or raise BrokenImage."""
        raise broken("content-unread", f"the content of this {self.format} file cannot be read"
                                   f" ({length} bytes at {offset} were asked for)")


    def stored(self, offset: int, length: int) -> int | None:  # noqa: ARG002 - for the formats that have tables
        """Return how many bytes of a range of the disk the file has a place for, ``None`` where that is not known.

        The others are zeros, or the parent's. Raises BrokenImage where the tables cannot be followed.
        """
        return None


class Format(msgspec.Struct, frozen=True):
    """A row of the table of formats.

    Attributes:
        name: Name of the format as the contract spells it.
        title: Name for people.
        extensions: File name endings (without dot) that claim this format.
        matches: Says whether the ends of a file are of this format.
        open: Reads the headers of a file that matches; ``None`` for what is only named (compressed files, archives).
        open_with: As ``open``, where a person allows it also the other files of the disk in the image's folder;
            ``None`` for formats whose disk is always one file.
    """

    name: str
    title: str
    extensions: tuple[str, ...]
    matches: Callable[[Probe], bool]
    open: Callable[[Reader], Container] | None = None
    open_with: Callable[[Reader, Folder], Container] | None = None


def opened_by(package: str, function: str) -> Callable[..., Container]:
    """Return what opens a file by a function of the package's ``container.py``, imported when there is such a file."""

    def open_container(*where: Reader | Folder) -> Container:
        container: Container = getattr(import_module(f"{package}.container"), function)(*where)
        return container

    return open_container

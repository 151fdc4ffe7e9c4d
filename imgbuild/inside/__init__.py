"""Look into a file that is no image itself, but may hold one: compressed files, tar archives, OVA packages.

The format and the file in; what is inside, what is wrong with it and what to say of it out. ``compressed.py`` reads
forward once and hashes on the way, what comes out being held in memory as far as there is room (``kept.py``);
``streams.py`` unpacks, ``indexes.py`` finds the size where the format has it written down. ``archive.py`` reads disks
in the archive, in place, and ``package.py`` what the descriptor and the manifest of an OVA say of them. ``words.py``
says it to people.

Nothing is written to a disk, and nothing is taken out of an archive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from imgbuild.documents.inspection import Inside, Inspection
from imgbuild.formats import ARCHIVES, COMPRESSED
from imgbuild.readers import check_range

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imgbuild.model import Problem
    from imgbuild.readers import Reader

class Part:
    """An image inside of a file, with what an open file has, so that it can be looked at as one.

    Attributes:
        whole: Whether all of it can be read; else it is zeros where it cannot.
        ended: Whether its end is known.
    """

    def __init__(self, reader: Reader, name: str, *, whole: bool = True, ended: bool = True) -> None:
        self.path = name
        self.name = name
        self.whole = whole
        self.ended = ended
        self.reads = 0
        self.bytes_read = 0
        self._reader = reader

    @property
    def size(self) -> int:
        """The bytes of the image."""
        return self._reader.size

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes from ``offset``, or raise BrokenImage."""
        check_range(self.size, offset, length, "the image inside")
        self.reads += 1
        self.bytes_read += length
        return self._reader.read_at(offset, length)


class Found(msgspec.Struct, frozen=True):
    """What is known so far: the images, what is wrong, what is to be said of the file, what its own headers say."""

    images: tuple[Inside, ...]
    problems: tuple[Problem, ...]
    message: str
    container: dict[str, object]


class Job(msgspec.Struct, frozen=True):
    """What is to be done: the file, its name, the algorithms to hash with, and how an image inside is examined.

    ``whole`` is false where the file itself is only known by its first bytes, and reads as zeros behind them.
    """

    reader: Reader
    name: str
    checksums: Sequence[str]
    examine: Callable[[Part], Inspection]
    report: Callable[[Found], None]
    whole: bool = True


def is_opened(name: str | None, around: str | None) -> bool:
    """Say whether a file of the format ``name`` is looked into; ``around`` is the format of the file that it is in.

    An archive may have been compressed, and that is as deep as it goes.
    """
    return (name in COMPRESSED and around is None) or (name in ARCHIVES and around not in ARCHIVES)


def look(name: str, job: Job) -> None:
    """Look into a file of the format ``name`` and report what is found, more than once."""
    if name in COMPRESSED:
        from imgbuild.inside import compressed  # noqa: PLC0415 - few files are compressed

        compressed.look(name, job)
    else:
        from imgbuild.inside import archive  # noqa: PLC0415 - as above

        archive.look(name, job)


def inside_of(facts: Inspection, name: str | None, **more: object) -> Inside:
    """Return the facts of an image that was examined as those of one inside of a file."""
    fields = {field: getattr(facts, field) for field in Inside.__struct_fields__ if hasattr(facts, field)}
    return Inside(**{**fields, "name": name, **more})

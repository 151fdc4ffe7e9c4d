"""pieces: an open file in, the bytes of its virtual disk out, in their order or every so-many-th stripe of them.

A piece is bytes of one MiB of the disk, or a number: so many zeros, of which as many as can be were never read. What
the container objects to while it is read comes in between, as problems.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from imgbuild import chain
from imgbuild.detection import detect
from imgbuild.opening import open_disk
from imgbuild.readers import BrokenImage, broken
from imgbuild.sizes import MIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.chain import Link
    from imgbuild.folder import ImageFolder
    from imgbuild.formats.base import Container
    from imgbuild.model import Problem
    from imgbuild.readers import Reader
    from imgbuild.source import Source

    Pieces = Iterator["Piece | Problem"]

NOT_HASHED = "disk-not-hashed"
_ZEROS = bytes(MIB)

Piece = int | bytes | memoryview
"""So many zeros, or bytes of which one at least is something else."""


class Share(NamedTuple):
    """Which stripes of a disk, of ``stripe`` bytes each: the ``turn``-th of every ``turns``."""

    stripe: int
    turn: int = 0
    turns: int = 1


class Job(NamedTuple):
    """What is read: the file, the bytes of its disk as they are known, what goes with it, and which share of it.

    ``folder`` is where its other files may be opened, ``content`` the disk as qemu reads it, or why it does not.
    """

    source: Source
    size: int
    folder: ImageFolder | None
    content: Reader | Problem | None
    share: Share


def read_through(job: Job) -> Pieces:
    """Yield the pieces of a share of the disk, and what is objected to; raises BrokenImage at what cannot be read."""
    container, parents = _open(job)
    known = list(chain.objections(container, parents))
    for start, end, is_hole in _ranges(job.source, container, job.share):
        for piece in (end - start,) if is_hole else _bytes(container, start, end):
            fresh = [found for found in chain.objections(container, parents) if found not in known]
            known += fresh
            yield from fresh
            yield piece
    yield from () if job.folder is None else job.folder.objections()


def _open(job: Job) -> tuple[Container, tuple[Link, ...]]:
    known = detect(job.source).format
    if known is None or known.open is None:
        raise broken("changed", "the file is no longer the image that it was a moment ago")
    container, parents = open_disk(job.source, known, job.folder, job.content)
    if not container.readable:
        raise broken(NOT_HASHED, f"the disk in this {container.format} file cannot be read here")
    if container.size != job.size:
        raise broken("changed", f"the disk had {job.size} bytes a moment ago, now it has {container.size}")
    return container, parents


def _ranges(source: Source, container: Container, share: Share) -> Iterator[tuple[int, int, bool]]:
    """Yield the ranges of the share: start, end, and whether nothing of it stands in the file."""
    if container.flat and share.turns == 1:
        yield from _extents(source, container.size)
        return
    for start in range(share.turn * share.stripe, container.size, share.turns * share.stripe):
        end = min(start + share.stripe, container.size)
        # What a delta does not store is its parent's.
        yield start, end, container.parent is None and container.stored(start, end - start) == 0


def _extents(source: Source, size: int) -> Iterator[tuple[int, int, bool]]:
    for start, end, is_hole in source.extents():
        if start < size:
            yield start, min(end, size), is_hole
    if source.size < size:  # a file that was cut
        yield source.size, size, False


def _bytes(disk: Reader, start: int, end: int) -> Iterator[Piece]:
    while start < end:
        count = min(end, start // MIB * MIB + MIB) - start
        try:
            data = disk.read_at(start, count)
        except BrokenImage as failure:
            raise BrokenImage(_placed(failure.problem, start, count)) from failure
        yield count if data == _ZEROS[:count] else data
        start += count


def _placed(found: Problem, start: int, count: int) -> Problem:
    """Return a problem that says where in the disk it is: its offset is one in the file."""
    return msgspec.structs.replace(found, message=f"{found.message} (bytes {start} to {start + count} of the disk)")

"""read: an open image and its facts in, the facts with a digest of the whole virtual disk out, or why there is none.

All of the disk is read as the guest sees it, so that every compressed cluster is unpacked; the digest is that of a raw
copy of the disk, whatever container it is in. The disk is cut into stripes which several children read in turn, for
unpacking takes longer than hashing; this process, which never looks at the bytes, puts them in their order and hashes.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from itertools import cycle
from typing import TYPE_CHECKING

import msgspec

from imgbuild import sandbox
from imgbuild.content.children import reading
from imgbuild.content.digests import Digests
from imgbuild.content.pieces import NOT_HASHED, Job, Share
from imgbuild.defaults import SLOWEST_INFLATE
from imgbuild.folder import MOST_PARTS, open_folder
from imgbuild.formats.served import NAMES
from imgbuild.model import Problem
from imgbuild.processors import usable
from imgbuild.readers import BrokenImage, broken
from imgbuild.serving import Service, serve
from imgbuild.sizes import GIB, MIB, human_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgbuild.content.pieces import Piece, Pieces
    from imgbuild.digest import Progress
    from imgbuild.documents.inspection import Content, Inspection
    from imgbuild.settings import Settings
    from imgbuild.source import Source

STRIPE = 4 * MIB
MOST_STRIPE = 32 * MIB
"""Blocks of a ZVHD2 have no more."""
MOST_CHILDREN = 4
QUICKEST_HASH = 4 * GIB
"""Bytes in a second that no processor hashes; one with instructions for sha256 does 1.5 GiB."""

# One stream, one file that is read as it is, one server that answers one client: there is nothing to be shared.
_BY_ONE = frozenset({"zvhd", "raw", "iso", *NAMES})
_CHANGED = "changed"
_ONCE = frozenset({_CHANGED, "truncated"})
"""What is wrong with the file as a whole: wherever it is met, it is the same again."""
_ENDED = frozenset({"inspection-timeout", "inspection-memory", "inspection-died"})


def read(source: Source, facts: Inspection, settings: Settings, progress: Progress | None = None) -> Inspection:
    """Return the facts with the content of the disk; where it cannot be had, with a problem that says why.

    Every byte is read in the time limit of the settings and what the bytes of the file that are no holes add to it.
    """
    notes: list[Problem] = []
    content: Content | None = None
    failures: list[Problem] = []
    try:
        content = _content(source, facts, settings, notes, progress)
    except BrokenImage as failure:
        failures = [failure.problem]
    if any(note.code == _CHANGED for note in notes):
        content = None
    problems = (*facts.problems, *_fresh(facts.problems, notes, failures))
    return msgspec.structs.replace(facts, content=content or msgspec.UNSET, problems=problems)


def _fresh(known: Sequence[Problem], notes: Sequence[Problem], failures: Sequence[Problem]) -> Iterator[Problem]:
    """Yield what was not known; of what containers note, each of which does so once, the first in the disk's order."""
    codes = {old.code for old in known}
    for note in notes:
        if note.code not in codes:
            codes.add(note.code)
            yield note
    places = {(old.code, old.offset) for old in known}
    yield from (failure for failure in failures if (failure.code, failure.offset) not in places
                and not (failure.code in _ONCE and failure.code in codes))


def _content(source: Source, facts: Inspection, settings: Settings, notes: list[Problem],
             progress: Progress | None) -> Content:
    """Return the content; what is objected to on the way is added to ``notes``."""
    size = _size_of(facts)
    limits = sandbox.Limits(seconds=settings.time_limit + source.data_size / SLOWEST_INFLATE,
                            open_files=sandbox.Limits().open_files + (MOST_PARTS if settings.allow_external else 0))
    if size > limits.seconds * QUICKEST_HASH:
        raise broken("inspection-timeout", f"the disk of {human_size(size)} was not hashed: that takes longer than the"
                                           f" {limits.seconds:g} s that --time-limit leaves")
    service = _serve(source, facts)
    try:
        with ExitStack() as stack:
            shares = _shares_of(facts)
            # One for each, as children that list a folder together miss names.
            folders = [stack.enter_context(open_folder(source.path)) if settings.allow_external else None
                       for _ in shares]
            jobs = [Job(source, size, folder, service.content, share)
                    for share, folder in zip(shares, folders, strict=True)]
            read = stack.enter_context(reading(jobs, limits, [source.descriptor, *service.descriptors]))
            service.hand_over()
            return _hash(_in_time(_in_order(read, jobs[0], notes), limits.seconds), source.path, size, progress)
    finally:
        notes.extend(service.end())


def _size_of(facts: Inspection) -> int:
    """Return the bytes of the disk, if there is one to be read."""
    if _ENDED & {known.code for known in facts.problems}:
        raise broken(NOT_HASHED, "the whole disk was not read, for the look into it was broken off")
    if facts.virtual_size is None or facts.virtual_size <= 0:
        raise broken(NOT_HASHED, f"there is no disk to be read in a file of format {facts.format or 'unknown'}")
    return facts.virtual_size


def _serve(source: Source, facts: Inspection) -> Service:
    """Start what reads the content of a file of the few formats that only qemu reads."""
    return serve(source) if facts.format in NAMES else Service()


def _shares_of(facts: Inspection) -> list[Share]:
    """Return how the disk is shared out; no block is in two stripes, for it is unpacked as a whole."""
    turns = 1 if facts.format in _BY_ONE else min(MOST_CHILDREN, usable())
    block = facts.container.get("block_size") if facts.format == "zvhd2" else None
    stripe = max(STRIPE, min(block, MOST_STRIPE)) if isinstance(block, int) else STRIPE
    return [Share(stripe, turn, turns) for turn in range(turns)]


def _in_order(shares: Sequence[Pieces], job: Job, notes: list[Problem]) -> Iterator[Piece]:
    """Yield the pieces in the order of the disk, exactly its size; what is objected to is added to ``notes``."""
    stripe = job.size if len(shares) == 1 else job.share.stripe
    for start, share in zip(range(0, job.size, stripe), cycle(shares)):
        left = min(stripe, job.size - start)
        while left:
            piece = _next_piece(share, notes)
            left -= piece if isinstance(piece, int) else len(piece)
            if left < 0:
                raise BrokenImage(sandbox.GARBLED)
            yield piece
    for share in shares:  # to their ends, which may have been others than they should
        notes.extend(said for said in share if isinstance(said, Problem))


def _in_time(pieces: Iterator[Piece], seconds: float) -> Iterator[Piece]:
    """Yield the pieces as long as there is time: zeros, which no child has to read, take theirs to be hashed."""
    end = time.monotonic() + seconds
    for piece in pieces:
        for part in _steps(piece) if isinstance(piece, int) else (piece,):
            if time.monotonic() > end:
                raise broken("inspection-timeout", f"reading the whole disk took over {seconds:g} s; it was stopped")
            yield part


def _steps(zeros: int) -> Iterator[int]:
    return (min(STRIPE, zeros - start) for start in range(0, zeros, STRIPE))


def _next_piece(share: Pieces, notes: list[Problem]) -> Piece:
    for said in share:
        if not isinstance(said, Problem):
            return said
        notes.append(said)
    raise BrokenImage(sandbox.GARBLED)  # it ended well, and too early


def _hash(pieces: Iterator[Piece], path: str, size: int, progress: Progress | None) -> Content:
    digests = Digests(progress)
    if progress is not None:
        progress.start(path, size)
    try:
        for piece in pieces:
            digests.add_zeros(piece) if isinstance(piece, int) else digests.add(piece)
    finally:
        if progress is not None:
            progress.finish()
    return digests.content()

"""A compressed file: the file in; size, checksums and facts of the image in it out, from one forward pass.

Where no checksums are asked for, only the beginning is unpacked: format and header of the image, and its size where the
compression has it written down. All facts are had where the image's data fit into memory (``kept.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from imgbuild.inside import Found, Part, inside_of, words
from imgbuild.inside.hashes import Hashes
from imgbuild.inside.indexes import size_inside
from imgbuild.inside.kept import LIMIT, Head, Kept
from imgbuild.inside.streams import Stream
from imgbuild.readers import problem
from imgbuild.sizes import MIB, human_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.documents.inspection import Inside, Inspection
    from imgbuild.inside import Job
    from imgbuild.model import Problem

HEAD_BYTES = {"bzip2": MIB}
"""What is unpacked to see a header: 4 MiB, where a VHDX has its own at 2; bzip2 takes 0.1 s for one."""

_HEAD_BYTES = 4 * MIB
_NOWHERE = 1 << 62

# What a header says for certain, even where the tables that it leads to were not seen.
_SAID_BY_HEADERS = frozenset({
    "backing-file", "claim-contradicted", "encrypted", "extension-contradicted", "extension-mismatch",
    "external-data-file", "external-extent", "format-conflict", "snapshots", "unsupported-version",
})


class _Unpacked(NamedTuple):
    """What the pass gave: what is held, whether to the end, the sums of it, and what was wrong."""

    kept: Kept
    ended: bool
    checksums: dict[str, str] | None
    problems: tuple[Problem, ...]


def look(name: str, job: Job) -> None:
    """Unpack a file of the format ``name`` as far as it is needed, and report what is inside."""
    size = size_inside(job.reader, name)
    container: dict[str, object] = {} if size is None else {"uncompressed_size": size}

    def tell_head(kept: Kept) -> None:
        images, problems = _examine_head(kept, size, name, job)
        job.report(Found(images, problems, words.compressed(name, job.name, images), container))

    unpacked = _unpack(name, job, tell_head)
    if unpacked.ended:
        images, problems = _examine_all(unpacked, name, job)
        container = {"uncompressed_size": unpacked.kept.size}
    else:
        images, problems = _examine_head(unpacked.kept, size, name, job)
    job.report(Found(images, (*unpacked.problems, *problems), words.compressed(name, job.name, images), container))


def _unpack(name: str, job: Job, tell_head: Callable[[Kept], None]) -> _Unpacked:
    stream, kept, head = Stream(job.reader, name), Kept(), HEAD_BYTES.get(name, _HEAD_BYTES)
    hashes = Hashes(job.checksums)
    for piece in stream.pieces():
        before = kept.size
        kept.add(piece)
        hashes.update(piece)
        if before < head <= kept.size:
            if not job.checksums:
                break
            tell_head(kept)
    kept.end()
    sums = hashes.digests()
    problems = list(stream.problems)
    if stream.unread is not None and not problems:
        problems.append(_unread(stream.unread))
    return _Unpacked(kept, stream.ended, sums if sums and stream.ended else None, tuple(problems))


def _examine_head(kept: Kept, size: int | None, name: str, job: Job) -> tuple[tuple[Inside, ...], tuple[Problem, ...]]:
    """Return what the beginning of the image says; a raw disk and a fixed VHD, told by its end, begin alike."""
    if kept.size == 0:
        return (), ()
    data = kept.read_at(0, min(kept.size, _HEAD_BYTES))
    part = Part(Head(data, _NOWHERE if size is None else max(size, len(data))), words.name_inside(name, job.name),
                whole=False, ended=False)
    facts = job.examine(part)
    if facts.format == "raw":
        facts = msgspec.structs.replace(facts, format=None, virtual_size=None)
    problems = [found for found in facts.problems if found.code in _SAID_BY_HEADERS]
    return (inside_of(facts, None, size=size), *_further(facts)), tuple(map(_named, problems))


def _examine_all(unpacked: _Unpacked, name: str, job: Job) -> tuple[tuple[Inside, ...], tuple[Problem, ...]]:
    kept = unpacked.kept
    part = Part(kept, words.name_inside(name, job.name), whole=kept.whole)
    facts = job.examine(part)
    problems = [found for found in facts.problems if kept.whole or found.code in _SAID_BY_HEADERS]
    problems = [_named(found) for found in problems]
    if not kept.whole:
        problems.append(_unread(f"it has more data than the {human_size(LIMIT)} that are held in memory"))
    return (inside_of(facts, None, size=kept.size, checksums=unpacked.checksums), *_further(facts)), tuple(problems)


def _further(facts: Inspection) -> tuple[Inside, ...]:
    """Return what is in an archive that was compressed."""
    return facts.inside if isinstance(facts.inside, tuple) else ()


def _unread(why: str) -> Problem:
    return problem("inside-unread", f"the image inside was looked at no further than its header: {why}")


def _named(found: Problem) -> Problem:
    return msgspec.structs.replace(found, message=f"inside: {found.message}", offset=None)

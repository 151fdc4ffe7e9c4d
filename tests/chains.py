"""Read a disk over its parents as an inspection does that is allowed to: a path in, what came of it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imgbuild import chain
from imgbuild.detection import detect
from imgbuild.folder import open_folder
from imgbuild.source import open_source

if TYPE_CHECKING:
    from pathlib import Path

STEP = 1 << 20


class Read(NamedTuple):
    """The content, ``None`` where it is not read; the codes of all problems in their order, and their messages."""

    content: bytes | None
    codes: list[str]
    messages: list[str]


def read(path: Path, *, pieces: tuple[tuple[int, int], ...] = ()) -> Read:
    """Return the disk at ``path``; ``pieces`` (offset, length) are read apart and compared with the whole."""
    with open_source(path) as source, open_folder(str(path)) as folder:
        form = detect(source).format
        assert form is not None
        container = form.open_with(source, folder) if form.open_with else form.open(source)
        parents = chain.complete(container, source, folder) if container.parent is not None else ()
        content = None
        if container.readable:
            content = b"".join(container.read_at(at, min(STEP, container.size - at))
                               for at in range(0, container.size, STEP))
            for offset, length in pieces:
                assert container.read_at(offset, length) == content[offset : offset + length]
        found = list(chain.objections(container, parents))
        return Read(content, [problem.code for problem in found], [problem.message for problem in found])


def odd_pieces(size: int, seed: int = 7, count: int = 60) -> tuple[tuple[int, int], ...]:
    """Return pieces of odd sizes at odd places."""
    import random  # noqa: PLC0415 - for those who ask

    draw = random.Random(seed)  # noqa: S311 - a seed, so that each run tries the same
    starts = [draw.randrange(size) for _ in range(count)]
    return tuple((start, min(draw.choice((1, 511, 512, 4097, 70001, 300007)), size - start)) for start in starts)

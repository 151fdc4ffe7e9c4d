"""complete: a delta and the folder of its image in, the disk that it makes with its parents out.

Parents are opened through the :class:`imgbuild.folder.ImageFolder`, which lets nothing but plain files of that folder
through, and all of them before a byte of the disk is read. A file is in a chain once, whatever its names; a chain has
an end; and a parent is read only where it is the disk that the delta was made over, as far as the format can tell.
Nothing here is called unless a person allows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from imgbuild.detection import detect
from imgbuild.formats.parents import Underlay
from imgbuild.readers import BrokenImage, broken, problem, quoted
from imgbuild.sizes import human_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgbuild.folder import ImageFolder
    from imgbuild.formats.base import Container
    from imgbuild.formats.parents import Parent
    from imgbuild.model import Problem
    from imgbuild.source import Source

MOST_PARENTS = 32
"""vSphere allows 31 snapshots one over the other, and a base below them (rule image-external-too-many)."""

_BILLION = 10**9
_SHOWN = 4


class Link(msgspec.Struct, frozen=True):
    """A disk of a chain: the name of its file, the file, and what it holds."""

    name: str
    file: Source
    container: Container


def complete(container: Container, source: Source, folder: ImageFolder) -> tuple[Link, ...]:
    """Open the parents of a delta, each over the next one, and make the delta readable over them.

    Returns the parents in their order. What is wrong with them is a problem of the delta, by the names of their files.
    """
    chain = [Link("", source, container)]
    try:
        while chain[-1].container.parent is not None:
            chain.append(_next(chain, chain[-1].container.parent, folder))
        if chain[-1].container.readable:
            _join(chain)
    except BrokenImage as failure:
        container.problems.append(failure.problem)
    return tuple(chain[1:])


def objections(container: Container, parents: Sequence[Link]) -> Iterator[Problem]:
    """Yield what a disk and its parents object to; those of the parents by the names of their files."""
    yield from container.problems
    for link in parents:
        yield from (_named(found, link.name) for found in link.container.problems)


def _next(chain: list[Link], parent: Parent, folder: ImageFolder) -> Link:
    if len(chain) > MOST_PARENTS:
        raise broken("external-too-many", f"the disk has over {MOST_PARENTS} parents, one over the other")
    name, file = _find(parent, folder)
    if any(_same(file, link.file) for link in chain):
        raise broken("external-cycle", f"{quoted(name)} is named as a parent, but it is in the chain already: the chain"
                                       " leads in a circle")
    try:
        return Link(name, file, _open(parent, name, file, folder))
    except BrokenImage as failure:
        raise BrokenImage(_named(failure.problem, name)) from failure


def _same(one: Source, other: Source) -> bool:
    return (one.identity.device, one.identity.inode) == (other.identity.device, other.identity.inode)


def _find(parent: Parent, folder: ImageFolder) -> tuple[str, Source]:
    """Return the first of the parent's names that the folder has, or the file that is the parent by its identity."""
    if parent.is_it is not None:
        return folder.find(parent.ending, parent.is_it)
    failures = []
    for name in parent.names:
        try:
            return name, folder.open(name)
        except BrokenImage as failure:
            failures.append(failure)
    raise failures[0] if failures else broken("external-missing", "the disk has a parent, but does not name it")


def _open(parent: Parent, name: str, file: Source, folder: ImageFolder) -> Container:
    found = detect(file, path=name)
    if found.format is None or found.format.open is None:
        raise BrokenImage(found.problems[0] if found.problems else problem("parent-mismatch", "is no disk"))
    if parent.formats and found.name not in parent.formats:
        raise broken("parent-mismatch", f"it is {found.name}, but the delta was made over a disk of format"
                                        f" {' or '.join(sorted(map(quoted, parent.formats)))}")
    opened = found.format.open_with(file, folder) if found.format.open_with is not None else found.format.open(file)
    for objection in parent.fits(opened, file.identity.modified_ns // _BILLION):
        if objection.code == "parent-mismatch":
            raise BrokenImage(objection)
        opened.problems.append(objection)
    opened.problems[:0] = found.problems
    return opened


def _join(chain: list[Link]) -> None:
    """Give each delta its content over its parent's, from the last parent up, and say what the disk is read from."""
    for upper, lower in zip(chain[-2::-1], chain[:0:-1], strict=True):
        delta, parent = upper.container, upper.container.parent
        assert parent is not None  # noqa: S101 - the last of the chain alone has none
        parent.join(Underlay(lower.container, delta.size))
        delta.readable = True
        delta.problems[:] = [known for known in delta.problems if known is not parent.objection]  # others hold the list
    chain[0].container.problems.insert(0, _read_over(chain[1:]))


def _read_over(parents: Sequence[Link]) -> Problem:
    shown = [f"{quoted(link.name)} ({link.container.format}, {human_size(link.file.size)})"
             for link in parents[:_SHOWN]]
    more = [f"{len(parents) - _SHOWN} more"] if len(parents) > _SHOWN else []
    return problem("external-parts-read", f"the disk was read over its parents beside the image:"
                                          f" {', '.join(shown + more)}")


def _named(found: Problem, name: str) -> Problem:
    return msgspec.structs.replace(found, message=f"{quoted(name)}: {found.message}")

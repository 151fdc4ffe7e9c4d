"""What begins before a command does: the image is hashed, and a child imports what looks into it.

It takes 50 ms until click has read the words, and a fifth of a second until everything is there that a check needs. So
the words are looked over at once for what is likely to be meant, and nothing is done that reads more than that file.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from imgbuild.defaults import DEFAULT_CHECKSUMS, DEFAULT_CLOUD
from imgbuild.errors import ImgbuildError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgbuild.hashing import Hashing
    from imgbuild.headstart import HeadStart
    from imgbuild.source import Source

_COMMANDS = frozenset({"inspect", "build", "check"})
_HELP = frozenset({"-h", "--help"})
_OTHER_CHECKSUMS = frozenset({"--no-checksum", "--checksum", "--cache", "--cloud"})
_foreseen: list[HeadStart] = []


def foresee(words: Sequence[str]) -> None:
    """Begin with the image that these words of a command line seem to name, if they do: the first that is a file."""
    if not words or words[0] not in _COMMANDS or not _HELP.isdisjoint(words) or not hasattr(os, "fork"):
        return
    path = next((word for word in words[1:] if not word.startswith("-") and os.path.isfile(word)), None)
    if path is None:
        return
    from imgbuild.headstart import HeadStart, Waiting  # noqa: PLC0415 - other commands need none of it
    from imgbuild.source import open_source  # noqa: PLC0415 - as above

    with suppress(ImgbuildError):
        source = open_source(path)
        is_usual = _OTHER_CHECKSUMS.isdisjoint(word.partition("=")[0] for word in words)
        hashing = _hash(source, DEFAULT_CHECKSUMS) if is_usual else None
        # While a file is hashed no processor is idle, and what a child imports early is imported twice.
        busy = hashing is not None and hashing.is_apart
        _foreseen.append(HeadStart(source, hashing, None if busy else Waiting(source)))


def begin(images: Sequence[str], words: dict[str, Any]) -> HeadStart | None:
    """Return what has begun for the first image by now; it is given up with the command, if nobody takes it.

    Checksums are not begun with where the rules must be read to know which are wanted; what is wrong with the words or
    the file is said by those who come to it.
    """
    import click  # noqa: PLC0415 - not before something was begun with

    context = click.get_current_context()
    begun = _foreseen.pop() if _foreseen else None
    if begun is not None and begun.source.path not in images[:1]:
        begun.give_up()
        begun = None
    if begun is None and images:
        begun = _open(images[0], words)
    if begun is not None:
        context.call_on_close(begun.give_up)
        _see_to_checksums(begun, words)
    return begun


def _open(path: str, words: dict[str, Any]) -> HeadStart | None:
    from imgbuild.headstart import HeadStart  # noqa: PLC0415 - --help needs none of it
    from imgbuild.source import open_source  # noqa: PLC0415 - as above

    with suppress(ImgbuildError):
        return HeadStart(open_source(path, allow_device=words["allow_device"]))
    return None


def _see_to_checksums(begun: HeadStart, words: dict[str, Any]) -> None:
    """Hash the file, unless it is hashed already as is wanted."""
    known = not words["no_checksum"] and not words["cache"] and words["cloud"] == DEFAULT_CLOUD
    wanted = words["checksums"] or DEFAULT_CHECKSUMS if known else ()
    if begun.hashing is not None and begun.hashing.algorithms != wanted:
        begun.hashing.give_up()
        begun.hashing = None
    if wanted and begun.hashing is None:
        with suppress(ImgbuildError):
            begun.hashing = _hash(begun.source, wanted)


def _hash(source: Source, algorithms: Sequence[str]) -> Hashing:
    from imgbuild.hashing import Hashing  # noqa: PLC0415 - --help needs none of it

    return Hashing(source, algorithms)

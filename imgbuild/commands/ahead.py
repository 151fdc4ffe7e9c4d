"""What begins before a command does: the image is hashed, or looked into.

It takes 50 ms until click has read the words, and a fifth of a second until everything is there that a check needs. So
the words are looked over at once for what is likely to be meant; that is all that happens on a guess.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from imgbuild.defaults import DEFAULT_CHECKSUMS, DEFAULT_CLOUD, niceness_of
from imgbuild.errors import ImgbuildError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from imgbuild.hashing import Hashing
    from imgbuild.headstart import EarlyLook, HeadStart
    from imgbuild.source import Source

_COMMANDS = frozenset({"inspect", "build", "check"})
_HELP = frozenset({"-h", "--help"})
FLAGS = frozenset({"--allow-device", "--allow-external", "--cache", "--content", "--initramfs", "--no-cache",
                   "--no-checksum", "--no-initramfs", "--no-protected", "--protected", "--quiet", "--request-only",
                   "--run-facts", "--verbose", "-q", "-v"})
# With these nothing is begun that would be given up; whether what has begun is right is seen when it is taken.
_OTHER_CHECKSUMS = frozenset({"--no-checksum", "--checksum", "--cache", "--cloud"})
_OTHER_TERMS = frozenset({"--checksum", "--claim", "--allow-external", "--rules", "--time-limit"})
_foreseen: list[HeadStart] = []


def foresee(words: Sequence[str]) -> None:
    """Begin with the image that these words of a command line seem to name, if they do: the first that is a file."""
    if not words or words[0] not in _COMMANDS or not _HELP.isdisjoint(words) or not hasattr(os, "fork"):
        return
    path = _image_among(words[1:])
    if path is None:
        return
    from imgbuild.headstart import HeadStart  # noqa: PLC0415 - other commands need none of it
    from imgbuild.source import open_source  # noqa: PLC0415 - as above

    with suppress(ImgbuildError, OSError):  # begin() comes to it again, and there it is said
        start = HeadStart(open_source(path))
        try:
            _begin_with(start, {word.partition("=")[0] for word in words})
        except BaseException:
            start.give_up()
            raise
        _foreseen.append(start)


def forget() -> None:
    """Give up what was foreseen and never asked for: the words were refused."""
    while _foreseen:
        _foreseen.pop().give_up()


def _image_among(words: Sequence[str]) -> str | None:
    """Return the first word that is a file, and no value of an option: what is behind one that is no flag."""
    for before, word in zip(("", *words), words, strict=False):
        is_value = before.startswith("-") and before != "--" and before not in FLAGS and "=" not in before
        if not word.startswith("-") and not is_value and os.path.isfile(word):
            return word
    return None


def _begin_with(start: HeadStart, options: Collection[str]) -> None:
    if _OTHER_CHECKSUMS.isdisjoint(options):
        start.hashing = _hash(start.source, DEFAULT_CHECKSUMS)
    # While a file is hashed no processor is idle, and what a child imports early is imported twice.
    is_idle = start.hashing is None or not start.hashing.is_apart
    if is_idle and _OTHER_TERMS.isdisjoint(options):
        start.early = _begin_to_look(start.source, options)


def begin(images: Sequence[str], words: dict[str, Any]) -> HeadStart | None:
    """Return what has begun for the first image by now; it is given up with the command, if nobody takes it.

    Checksums are not begun with where the rules must be read to know which are wanted; what is wrong with the words or
    the file is said by those who come to it. One of several files that cannot be opened is told now (SourceError).
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
    if len(images) > 1:
        from imgbuild.source import try_all  # noqa: PLC0415 - --help needs none of it

        try_all(images, allow_device=words["allow_device"])
    return begun


def _open(path: str, words: dict[str, Any]) -> HeadStart | None:
    from imgbuild.headstart import HeadStart  # noqa: PLC0415 - --help needs none of it
    from imgbuild.source import open_source  # noqa: PLC0415 - as above

    with suppress(ImgbuildError):
        return HeadStart(open_source(path, allow_device=words["allow_device"]))
    return None


def _see_to_checksums(begun: HeadStart, words: dict[str, Any]) -> None:
    """Hash the file, unless it is hashed already: whether as is wanted is seen by those who wait for it."""
    known = not words["no_checksum"] and not words["cache"] and words["cloud"] == DEFAULT_CLOUD
    if known and begun.hashing is None:
        with suppress(ImgbuildError):
            begun.hashing = _hash(begun.source, words["checksums"] or DEFAULT_CHECKSUMS)


def _begin_to_look(source: Source, options: Collection[str]) -> EarlyLook:
    from imgbuild.headstart import EarlyLook, Terms  # noqa: PLC0415 - as above

    checksums = None if "--no-checksum" in options else DEFAULT_CHECKSUMS
    return EarlyLook(source, Terms(niceness=niceness_of(checksums), initramfs="--no-initramfs" not in options,
                                   checksums=checksums or ()))


def _hash(source: Source, algorithms: Sequence[str]) -> Hashing:
    from imgbuild.hashing import Hashing  # noqa: PLC0415 - --help needs none of it

    return Hashing(source, algorithms)

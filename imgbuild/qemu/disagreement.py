"""Who says what: our reader's facts, qemu-img's answer under our format and a person's claim in, one finding out.

Where format or size differ, a single problem holds all three views, in its message and as values: the claim's
contradiction where the claim is at odds with the content (an error, as the claim is what others will obey), else that
qemu disagrees (a warning). What qemu takes a file for when it is not told is no view of these: it is a fact of the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from imgbuild.model import Problem, View
from imgbuild.qemu.opinion import FORMATS, acceptable_sizes, version

if TYPE_CHECKING:
    from imgbuild.documents.inspection import Inspection
    from imgbuild.documents.run import Witness

_CONTRADICTED = "claim-contradicted"
# Where these are all that our reader says, a refusal by qemu is news.
_OF_NAMES = frozenset({_CONTRADICTED, "extension-contradicted", "extension-mismatch"})


def compare(image: Inspection, said: Witness, claim: str | None = None) -> tuple[Problem, ...]:
    """Return the problems of the image, and those that follow where the three views differ."""
    views = (_ours(image), _theirs(image, said), View(who="claim", format=claim, words=None if claim else "none"))
    found = []
    for known in image.problems:
        if known.code == _CONTRADICTED:
            found.append(_with_views(known, known.message, views))
        else:
            found.append(known)
    if said.failure == "died":
        found.append(Problem(code="qemu-died", message=f"{_name(said)} did not survive this image: {said.error}"))
    elif not any(known.code == _CONTRADICTED for known in image.problems):
        words = _difference(image, said)
        found += [] if words is None else [_with_views(Problem(code="qemu-disagrees", message=""),
                                                       f"{_name(said)} {words}", views)]
    return tuple(found)


def _difference(image: Inspection, said: Witness) -> str | None:
    """Return how qemu-img differs, ``None`` where it does not, or has no view."""
    if said.failure == "refused" and not {known.code for known in image.problems} - _OF_NAMES:
        return f"does not open this as {image.format}: {said.error}"
    if None in (said.virtual_size, image.virtual_size) or said.virtual_size in acceptable_sizes(image):
        return None
    return f"sees a disk of {said.virtual_size} bytes in this {image.format}, our reader one of {image.virtual_size}"


def _with_views(found: Problem, message: str, views: tuple[View, ...]) -> Problem:
    said = "; ".join(f"{view.who}: {_words(view)}" for view in views)
    return msgspec.structs.replace(found, message=f"{message} ({said})", views=views)


def _ours(image: Inspection) -> View:
    return View(who="imgbuild", format=image.format, virtual_size=image.virtual_size,
                words=None if image.format else "no disk image")


def _theirs(image: Inspection, said: Witness) -> View:
    who = f"qemu-img -f {FORMATS[image.format]}" if image.format in FORMATS else "qemu-img"
    if said.virtual_size is not None:
        return View(who=who, format=image.format, virtual_size=said.virtual_size)
    return View(who=who, words=said.error or "not installed")


def _words(view: View) -> str:
    size = None if view.virtual_size is None else f"{view.virtual_size} bytes"
    return ", ".join(filter(None, (view.format, size, view.words)))


def _name(said: Witness) -> str:
    return f"qemu-img {said.found or version()}"

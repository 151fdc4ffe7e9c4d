"""open_disk: a file and its format in, its container over its parents out.

Other files are opened only through a folder, where a person allows that; what reads the content of the few formats that
qemu alone reads is handed over by the caller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from imgbuild import chain
from imgbuild.formats.served import Served
from imgbuild.model import Problem

if TYPE_CHECKING:
    from imgbuild.chain import Link
    from imgbuild.folder import ImageFolder
    from imgbuild.formats.base import Container, Format
    from imgbuild.readers import Reader
    from imgbuild.source import Source


def open_disk(file: Reader, known: Format, folder: ImageFolder | None,
              content: Reader | Problem | None) -> tuple[Container, tuple[Link, ...]]:
    """Return the disk in a file of a format that is opened, and its parents.

    ``content`` is the disk as qemu reads it, or says why it does not. Raises BrokenImage where the headers cannot be
    followed.
    """
    assert known.open is not None  # noqa: S101 - the callers ask for nothing else
    if folder is not None and known.open_with is not None:
        container = known.open_with(file, folder)
    else:
        container = known.open(file)
    if isinstance(container, Served):
        _attach_content(container, content)
    if folder is None or container.parent is None:
        return container, ()
    return container, chain.complete(container, cast("Source", file), folder)  # a part of a file has no folder


def _attach_content(container: Served, content: Reader | Problem | None) -> None:
    if isinstance(content, Problem):
        container.refuse(content)
    elif content is not None:
        container.attach(content)

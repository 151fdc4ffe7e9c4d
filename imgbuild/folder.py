"""Open the folder of an image: the image's path in, an :class:`ImageFolder` out.

Through it, and only through it, other files of a disk are opened: plain names of regular files in that folder, and only
when a person allows it.
"""

from __future__ import annotations

import errno
import os
import stat
from itertools import islice
from typing import TYPE_CHECKING, Self

from imgbuild.errors import SourceError
from imgbuild.readers import BrokenImage, broken, problem, quoted
from imgbuild.source import Source, kind_of, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.model import Problem

MOST_PARTS = 512
"""So many files may a disk be split into: a TiB in files of 2 GiB."""

MOST_LISTED = 1 << 16
"""So many names of a folder are looked at where a parent is known by its identity and not by its name."""
_SHOWN_PARTS = 4


class ImageFolder:
    """The folder of an image, held open; :meth:`open` is the one way to the other files of a disk that is split.

    The names come out of the image (CVE-2022-47951), so nothing but a regular file that lies in this very folder is
    ever opened: no separators, no ``..``, no links, no prefixes that programs take for protocols.
    """

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self._parts: dict[str, Source] = {}

    @property
    def reads(self) -> int:
        """How many reads the files that were opened through the folder have seen."""
        return sum(part.reads for part in self._parts.values())

    @property
    def bytes_read(self) -> int:
        """How many bytes were read from the files that were opened through the folder."""
        return sum(part.bytes_read for part in self._parts.values())

    def open(self, name: str) -> Source:
        """Return the regular file ``name`` of the folder; asked again, the same one.

        Raises:
            BrokenImage: The name leads elsewhere (``external-outside``), there is no regular file that can be read
                (``external-missing``), or it is one too many (``external-too-many``).
        """
        if name not in self._parts:
            if len(self._parts) == MOST_PARTS:
                raise broken("external-too-many", f"the disk is in over {MOST_PARTS} files, one of them {quoted(name)}")
            self._parts[name] = Source(os.path.join(self.path, name), _open_beside(self.descriptor, name))
        return self._parts[name]

    def objections(self) -> list[Problem]:
        """Return a problem for each of the first files that were written to or replaced since they were opened."""
        changed = (name for name, part in self._parts.items() if part.changed())
        return [problem("changed", f"{quoted(name)} was changed or replaced while it was read")
                for name in islice(changed, _SHOWN_PARTS)]

    def find(self, ending: str, is_it: Callable[[Source], bool]) -> tuple[str, Source]:
        """Return the first file of the folder (name and file) whose name has that ending and that ``is_it``.

        Raises:
            BrokenImage: There is none among the first 512 files with that ending (``external-missing``).
        """
        for name in self._names(ending):
            known = name in self._parts
            try:
                if is_it(self.open(name)):
                    return name, self._parts[name]
            except BrokenImage:
                pass  # no regular file, or none of the format: then it is another one
            if not known and name in self._parts:
                self._parts.pop(name).close()
        raise broken("external-missing", f"none of the {ending} files in the image's folder is the disk's parent")

    def _names(self, ending: str) -> list[str]:
        with os.scandir(self.descriptor) as entries:
            found = (entry.name for entry in islice(entries, MOST_LISTED) if entry.name.lower().endswith(ending))
            return sorted(islice(found, MOST_PARTS))

    def close(self) -> None:
        """Close the folder and what was opened through it."""
        for part in self._parts.values():
            part.close()
        os.close(self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_folder(path: str) -> ImageFolder:
    """Open the folder that the image at ``path`` lies in.

    Raises:
        SourceError: The folder may not be read, or the system cannot open files relative to a folder.
    """
    folder = os.path.dirname(path) or os.curdir
    if os.open not in os.supports_dir_fd:
        raise SourceError("files beside an image cannot be opened safely on this system", cure="convert it to one file")
    try:
        return ImageFolder(folder, os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    except OSError as error:
        raise refusal(folder, error) from error


def _open_beside(folder: int, name: str) -> int:
    """Open the regular file ``name`` that lies in ``folder``: every file that an image names is opened here."""
    if not _is_plain(name):
        raise broken("external-outside", f"{quoted(name)} is no plain file name; parts of a disk lie beside its image")
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except (OSError, ValueError) as error:
        raise _part_refusal(name, error) from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise broken("external-missing", f"{quoted(name)} is {kind_of(mode)}; a part of a disk is a regular file")
    return descriptor


def _is_plain(name: str) -> bool:
    return name not in {"", os.curdir, os.pardir} and not any(mark in name for mark in "/\\:\0")


def _part_refusal(name: str, error: OSError | ValueError) -> BrokenImage:
    if isinstance(error, OSError) and error.errno in {errno.ELOOP, errno.EMLINK}:
        return broken("external-outside", f"{quoted(name)} is a link; links are not followed, for they lead elsewhere")
    reason = error.strerror if isinstance(error, OSError) else "the name cannot be spelt on this system"
    return broken("external-missing", f"{quoted(name)}, a part of the disk, cannot be opened in its folder: {reason}")

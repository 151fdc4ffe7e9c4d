"""The files of a disc for questions that have further answers: what is damaged or missing is simply not there.

The tree is opened when it is first asked. The volume name of a medium tells more than its files, so a tree that cannot
be followed costs an answer and nothing else; that the file is cut is for the reader of its descriptors to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.readers import BrokenImage

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from imgbuild.filesystems.base import FileSystem

    T = TypeVar("T")

TEXT_LIMIT = 64 * 1024
"""Bytes read of any file that is text; those that name a system are under 4 KiB."""


class Disc:
    """Lookups in the file system that ``opener`` opens."""

    def __init__(self, opener: Callable[[], FileSystem | None]) -> None:
        self._opener = opener
        self._opened = False
        self._filesystem: FileSystem | None = None

    def size(self, path: str) -> int | None:
        """Return the size of the file at ``path`` in bytes, ``None`` where there is no file."""
        found = self._ask(lambda tree: tree.stat(path))
        return found.size if found is not None and found.kind == "file" else None

    def is_there(self, path: str) -> bool:
        """Say whether anything is at ``path``."""
        return self._ask(lambda tree: tree.stat(path)) is not None

    def read(self, path: str, limit: int, offset: int = 0) -> bytes:
        """Return up to ``limit`` bytes of the file at ``path``."""
        return self._ask(lambda tree: tree.read(path, limit, offset)) or b""

    def text(self, path: str) -> str:
        """Return the text of the file at ``path``; an empty string where there is none."""
        return self.read(path, TEXT_LIMIT).decode("utf-8", errors="replace")

    def names(self, path: str) -> list[str]:
        """Return the names in the directory at ``path``."""
        return self._ask(lambda tree: tree.listdir(path)) or []

    def _ask(self, question: Callable[[FileSystem], T]) -> T | None:
        try:
            if not self._opened:
                self._opened = True
                self._filesystem = self._opener()
            return None if self._filesystem is None else question(self._filesystem)
        except (BrokenImage, FileNotFoundError):
            return None

"""A guest tree for questions that have further answers: what is damaged is noted, and counts as not there.

The tree itself raises BrokenImage, for what could not be looked at is not missing. Who asks several files for one
fact goes on with the next file instead; the objection stays in ``problems``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from imgbuild.readers import BrokenImage

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.filesystems.tree import GuestTree
    from imgbuild.model import Problem

T = TypeVar("T")

_MOST_PROBLEMS = 16


class Careful:
    """The lookups of a guest tree without its exceptions; ``problems`` fills with what was damaged."""

    def __init__(self, tree: GuestTree, problems: list[Problem] | None = None) -> None:
        self.problems = problems if problems is not None else []
        self._tree = tree

    def exists(self, path: str) -> bool:
        """Say whether something is at ``path``, links followed."""
        return self._ask(lambda: self._tree.exists(path), otherwise=False)

    def is_dir(self, path: str) -> bool:
        """Say whether a directory is at ``path``, links followed."""
        return self._ask(lambda: self._tree.is_dir(path), otherwise=False)

    def resolve(self, path: str) -> str | None:
        """Return the path with no link in it, or ``None``."""
        return self._ask(lambda: self._tree.resolve(path), otherwise=None)

    def listdir(self, path: str) -> list[str]:
        """Return the names in the directory at ``path``."""
        return self._ask(lambda: self._tree.listdir(path), otherwise=[])

    def read(self, path: str, limit: int) -> bytes:
        """Return up to ``limit`` bytes of the file at ``path``; none where there is no file."""
        return self._ask(lambda: self._tree.read(path, limit), otherwise=None) or b""

    def read_at(self, path: str, offset: int, limit: int) -> bytes:
        """Return up to ``limit`` bytes from ``offset`` of the file at ``path``; none where there is no file."""
        return self._ask(lambda: self._tree.read(path, limit, offset), otherwise=None) or b""

    def mount_of(self, path: str) -> str:
        """Return the mount point of the file system that holds ``path``, links followed."""
        place = self.resolve(path) or "/"
        points = [point for point in self._tree.mounts if place == point or place.startswith(point.rstrip("/") + "/")]
        return max(points, key=len)

    def read_text(self, path: str, limit: int) -> str | None:
        """Return up to ``limit`` bytes of the file at ``path`` as text, or ``None``."""
        return self._ask(lambda: self._tree.read_text(path, limit), otherwise=None)

    def glob(self, pattern: str) -> list[str]:
        """Return the paths that match."""
        return self._ask(lambda: self._tree.glob(pattern), otherwise=[])

    def _ask(self, question: Callable[[], T], *, otherwise: T) -> T:
        try:
            return question()
        except BrokenImage as broken:
            if broken.problem not in self.problems and len(self.problems) < _MOST_PROBLEMS:
                self.problems.append(broken.problem)
            return otherwise

"""What a reader by a library of libyal needs: a volume of libfsxfs in, a :class:`FileSystem` out.

Library: https://github.com/libyal/libfsxfs. Its like are met as follows.

- They say "not there" as ``None`` or as OSError, and OSError is also all that they say of damage. So a path is walked
  name by name, and only an error on a name in what is known to be a directory is damage.
- Their look-up by path fails in every directory that holds a name that is not UTF-8. Then the entries are tried one by
  one. Such names cannot be had at all, nor those of entries whose inode is damaged; listings leave both out. Where the
  bytes of an inode are missing (a cut image) the whole listing fails.
- They read through a Python file object, which has to be kept as long as the volume is used. What it raises does not
  come back through them, and is never freed; the reason of a failed read is kept beside it.
"""

from __future__ import annotations

import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from imgbuild.filesystems.base import Kind, Stat
from imgbuild.readers import BrokenImage, FileView, broken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.readers import Reader

MAX_ENTRIES = 100_000
"""Names in one directory."""
MAX_LINK = 4096
"""Bytes in the target of a link: PATH_MAX of Linux."""
PIECE = 1 << 20
"""Bytes that are asked of a library at once: a file's size is not to be trusted with a buffer."""
NO_NAMES = frozenset({"", ".", "..", "\N{REPLACEMENT CHARACTER}"})
"""What :func:`children` yields for entries that a listing leaves out."""

_TOO_DEEP = "unsupported B+ tree node level"
"""What libfsxfs says of a file in thousands of extents, whose tree has more than two levels: it is not damaged."""
_CACHED = 1024
_NOT_TEXT = "\N{REPLACEMENT CHARACTER}"
_REMOTE_LINK = "XSLM"
"""The header of a block for a long target in XFS 5: libfsxfs takes it for the target."""
_KINDS: dict[int, Kind] = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}


class WatchedView(FileView):
    """A file view that remembers why a read failed."""

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader)
        self.failure: BrokenImage | None = None

    def read(self, size: int = -1, /) -> bytes:
        """Read as the file view does; if that fails, keep the reason and raise OSError.

        The libraries never let go of an exception that they met, nor so of what its frames hold: blocks of the image.
        So they get one that comes from here alone, and of the reason no more than the problem is kept.
        """
        try:
            return super().read(size)
        except BrokenImage as error:
            self.failure = BrokenImage(error.problem)
        raise OSError(self.failure.problem.message)


@contextmanager
def guarded(view: WatchedView, what: str) -> Iterator[None]:
    """Turn whatever a library raises into BrokenImage: the reason of a failed read, else mostly damage."""
    view.failure = None
    try:
        yield
    except BrokenImage:
        raise
    except Exception as error:
        if view.failure is not None:
            raise view.failure from error
        code = "filesystem-feature-unknown" if _TOO_DEEP in str(error) else "filesystem-damaged"
        raise broken(code, f"{what} cannot be read: {first_reason(error)}") from error


def first_reason(error: BaseException) -> str:
    """Return the innermost reason of a libyal message, quoted: a chain of ``function: reason.`` from the outside in."""
    reasons = [part.split(": ", 1)[-1] for part in str(error).split(". ") if ": " in part]
    return repr((reasons[1] if len(reasons) > 1 else str(error))[:200])


def split(path: str) -> tuple[str, ...]:
    """Return the names in an absolute path."""
    return tuple(name for name in path.split("/") if name)


class UnixFileSystem:
    """A file system with POSIX inodes that a libyal volume reads."""

    def __init__(self, kind: str, volume: Any, view: WatchedView) -> None:  # noqa: ANN401 - libraries without types
        self.kind = kind
        self._volume = volume
        self._view = view
        self._entries: dict[tuple[str, ...], Any] = {}

    def stat(self, path: str) -> Stat | None:
        """Return what is at ``path``, or ``None``."""
        entry = self._entry(split(path))
        if entry is None:
            return None
        with guarded(self._view, repr(path)):
            mode = entry.file_mode
            kind = _KINDS.get(stat.S_IFMT(mode), "other")
            return Stat(kind, 0 if kind == "directory" else entry.size, mode)

    def readlink(self, path: str) -> str:
        """Return the target of the link at ``path``; one that cannot be had as text is U+FFFD, which leads nowhere."""
        entry = self._existing(path, "link")
        with guarded(self._view, repr(path)):
            if entry.size > MAX_LINK:
                raise broken("filesystem-damaged", f"the link {path!r} has a target of {entry.size} bytes, more than"
                                                   f" {MAX_LINK}")
            return _target(entry)

    def listdir(self, path: str) -> list[str]:
        """Return the names in the directory at ``path`` that are UTF-8, sorted."""
        entry = self._existing(path, "directory")
        with guarded(self._view, repr(path)):
            return sorted(name for name, _ in children(entry, path, self._view)
                          if name not in NO_NAMES)

    def read(self, path: str, limit: int, offset: int = 0) -> bytes:
        """Return up to ``limit`` bytes of the file at ``path`` from ``offset``."""
        entry = self._existing(path, "file")
        with guarded(self._view, repr(path)):
            return read_entry(entry, limit, offset)

    def _existing(self, path: str, kind: Kind) -> Any:  # noqa: ANN401 - as above
        found = self.stat(path)
        if found is None or found.kind != kind:
            raise FileNotFoundError(f"no {kind} at {path!r}")
        return self._entry(split(path))

    def _entry(self, names: tuple[str, ...]) -> Any:  # noqa: ANN401 - as above
        """Return the library's entry at a path, or ``None``."""
        if names not in self._entries:
            if len(self._entries) >= _CACHED:
                self._entries.clear()
            self._entries[names] = self._look_up(names)
        return self._entries[names]

    def _look_up(self, names: tuple[str, ...]) -> Any:  # noqa: ANN401 - as above
        if not names:
            return self._root()
        parent = self._entry(names[:-1])
        path = "/" + "/".join(names)
        with guarded(self._view, repr(path)):
            if parent is None or stat.S_IFMT(parent.file_mode) != stat.S_IFDIR or not _is_text(names[-1]):
                return None
            try:
                return self._volume.get_file_entry_by_path(path)
            except OSError:
                return self._search(path, parent, names[-1])

    def _root(self) -> Any:  # noqa: ANN401 - as above
        with guarded(self._view, "the root directory"):
            root = self._volume.get_root_directory()
            if root is None or stat.S_IFMT(root.file_mode) != stat.S_IFDIR:
                raise broken("filesystem-damaged", f"the root of the {self.kind} file system is no directory")
            return root

    def _search(self, path: str, directory: Any, name: str) -> Any:  # noqa: ANN401 - as above
        """Return the entry of a name by trying all; damage counts only where it may be that of the one looked for."""
        damage: OSError | None = None
        for found, entry in children(directory, path, self._view):
            if found == name:
                return entry
            damage = entry if isinstance(entry, OSError) else damage
        if damage is not None:
            raise damage
        return None


def children(directory: Any, path: str, view: WatchedView) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - as above
    """Yield the names in a directory with the library's entries.

    An entry that cannot be had comes as an empty name with the OSError, a name that cannot be had as U+FFFD.
    """
    count = directory.number_of_sub_file_entries
    if count > MAX_ENTRIES:
        raise broken("directory-too-large", f"the directory {path!r} has {count} entries, more than {MAX_ENTRIES}")
    for index in range(count):
        try:
            entry = directory.get_sub_file_entry(index)
        except OSError as error:
            if view.failure is not None:
                raise
            yield "", error
        else:
            yield _name(entry), entry


def read_entry(entry: Any, limit: int, offset: int) -> bytes:  # noqa: ANN401 - as above
    """Return up to ``limit`` bytes of a library's file entry from ``offset``, piece by piece."""
    end = min(entry.size, offset + limit)
    pieces = []
    while offset < end:
        piece = entry.read_buffer_at_offset(min(PIECE, end - offset), offset)
        if not piece:
            break
        pieces.append(piece)
        offset += len(piece)
    return b"".join(pieces)


def _target(entry: Any) -> str:  # noqa: ANN401 - as above
    try:
        target: str = entry.symbolic_link_target or ""
    except OSError as error:
        if _is_about_text(error):
            return _NOT_TEXT
        raise
    return _NOT_TEXT if target.startswith(_REMOTE_LINK) else target


def _name(entry: Any) -> str:  # noqa: ANN401 - as above
    try:
        return entry.name or ""
    except OSError as error:
        if _is_about_text(error):
            return _NOT_TEXT
        raise


def _is_about_text(error: OSError) -> bool:
    return "libuna_" in str(error)


def _is_text(name: str) -> bool:
    """Say whether a name can be encoded at all: lone surrogates cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True

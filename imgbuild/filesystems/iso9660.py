"""ISO 9660 and UDF discs through pycdlib: a reader in, a :class:`FileSystem` out.

Names come from Rock Ridge where the disc has it, else from Joliet, UDF or ISO 9660 itself (``isonames.py``). pycdlib
walks all directories when it opens a disc; what it may read for that is limited here, and whatever it raises means a
damaged disc (documents: ECMA-119, ECMA-167).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from imgbuild.filesystems.isonames import choose_names
from imgbuild.readers import BrokenImage, FileView, broken, read_clipped

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.filesystems.base import Stat
    from imgbuild.filesystems.isonames import Names
    from imgbuild.readers import Reader

_Result = TypeVar("_Result")

# A record takes 34 bytes or more and some 25 microseconds: these are about two seconds' worth of directories. UDF reads
# a block for each file, and copies the rest of a directory for each entry.
_TREE_BYTES = 8 << 20
_TREE_BYTES_UDF = 64 << 20
_DIRECTORY_BYTES = 4 << 20
_DIRECTORY_BYTES_UDF = 512 << 10
_BLOCK = 2048
_RECOGNITION = (32768, 32 * _BLOCK)


def open_iso9660(reader: Reader) -> Iso9660:
    """Open the disc in ``reader``.

    Raises:
        BrokenImage: The disc is damaged (``filesystem-damaged``), or its directories are larger than those of any
            disc that was ever pressed (``filesystem-too-large``).
    """
    import pycdlib  # noqa: PLC0415 - 15 ms that only an ISO needs

    disc = pycdlib.PyCdlib()
    view = _Metered(reader)
    _guarded(disc.open_fp, view)
    return _guarded(lambda: Iso9660(reader, choose_names(disc)))


class Iso9660:
    """The tree of a disc; see :class:`imgbuild.filesystems.base.FileSystem`."""

    kind = "iso9660"

    def __init__(self, reader: Reader, names: Names) -> None:
        self._reader = reader
        self._names = names
        self._children: dict[str, dict[str, Any]] = {}

    def stat(self, path: str) -> Stat | None:
        """Return what is at ``path``, or ``None``."""
        node = self._find(path)
        return None if node is None else _guarded(self._names.stat, node)

    def readlink(self, path: str) -> str:
        """Return the target of the link at ``path``; FileNotFoundError when there is no link."""
        return _guarded(self._names.target, self._existing(path, "link"))

    def listdir(self, path: str) -> list[str]:
        """Return the sorted names in the directory at ``path``; FileNotFoundError when there is none."""
        self._existing(path, "directory")
        return sorted(self._directory(path))

    def read(self, path: str, limit: int, offset: int = 0) -> bytes:
        """Return up to ``limit`` bytes of the file at ``path``; FileNotFoundError when there is none."""
        parts = []
        for start, size in _guarded(self._names.extents, self._existing(path, "file")):
            if offset < size and limit > 0:
                parts.append(read_clipped(self._reader, start + offset, min(size - offset, limit)))
                limit -= len(parts[-1])
            offset = max(0, offset - size)
        return b"".join(parts)

    def _existing(self, path: str, kind: str) -> Any:  # noqa: ANN401 - a node of pycdlib
        node = self._find(path)
        if node is None or _guarded(self._names.stat, node).kind != kind:
            raise FileNotFoundError(f"no {kind} at {path!r}")
        return node

    def _find(self, path: str) -> Any | None:  # noqa: ANN401 - as above
        parent, _, name = path.rstrip("/").rpartition("/")
        if not name:
            return self._names.root
        return self._names.lookup(self._directory(parent), name) if self._is_directory(parent) else None

    def _is_directory(self, path: str) -> bool:
        found = self.stat(path)
        return found is not None and found.kind == "directory"

    def _directory(self, path: str) -> dict[str, Any]:
        """Return the nodes of a directory by name; each is asked for once."""
        key = path.rstrip("/")
        if key not in self._children:
            self._children[key] = _guarded(lambda: dict(self._names.children(self._find(path))))
        return self._children[key]


class _Metered(FileView):
    """A file view that ends an open that reads too much: a directory of 4 GiB is one number in a record."""

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader)
        udf = _announces_udf(reader)
        self._directory = _DIRECTORY_BYTES_UDF if udf else _DIRECTORY_BYTES
        self._left = _TREE_BYTES_UDF if udf else _TREE_BYTES

    def read(self, size: int = -1, /) -> bytes:
        """Return what a file view returns, as long as the limits last."""
        self._left -= max(size, 0)
        if not 0 <= size <= self._directory or self._left < 0:
            raise broken("filesystem-too-large", f"reading the directories of the disc takes {size} bytes at once"
                                                 " or too many in all; the tree was not looked into")
        return super().read(size)


def _announces_udf(reader: Reader) -> bool:
    sectors = read_clipped(reader, *_RECOGNITION)
    return any(sectors[at + 1 : at + 5] == b"NSR0" for at in range(0, len(sectors), _BLOCK))


def _guarded(call: Callable[..., _Result], *arguments: object) -> _Result:
    """Call into pycdlib; whatever it raises on a damaged disc becomes BrokenImage."""
    try:
        return call(*arguments)
    except (BrokenImage, FileNotFoundError):
        raise
    except Exception as error:  # struct.error, IndexError, RecursionError, its own: all say that the disc is damaged
        raise broken("filesystem-damaged", f"the ISO 9660 file system is damaged: {str(error)[:200]!r}") from error

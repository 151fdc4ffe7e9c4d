"""ISO 9660 and UDF discs: a reader in, a :class:`FileSystem` out.

Only the directories on the way to what is asked for are read, each once and all within a limit, so that a medium with
a hundred thousand packages costs what its few telling files cost. Names come from Rock Ridge where the disc has it,
else from Joliet, UDF or ISO 9660 itself (``isonames.py``, ``udf.py``).

ECMA-119, 4th edition, June 2019, https://ecma-international.org/publications-and-standards/standards/ecma-119/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.filesystems import udf
from imgbuild.filesystems.base import Stat
from imgbuild.filesystems.isonames import BLOCK, FIRST_DESCRIPTOR, MOST_DESCRIPTORS, choose_records
from imgbuild.readers import broken, read_clipped

if TYPE_CHECKING:
    from typing import Protocol

    from imgbuild.filesystems.isonames import Node
    from imgbuild.readers import Reader

    class Names(Protocol):
        """A tree of one name space."""

        root: Node
        cased: bool

        def children(self, node: Node) -> dict[str, Node]:
            """Return the nodes of a directory by name, without itself and its parent."""
            ...

        def complete(self, node: Node) -> Node:
            """Return the node with all that is to be known of it."""
            ...


_RECOGNITION = (b"NSR02", b"NSR03")


def open_iso9660(reader: Reader) -> Iso9660:
    """Open the disc in ``reader``.

    Raises:
        BrokenImage: There is no tree on the disc that can be followed (``filesystem-damaged``), or none that is known
            (``filesystem-feature-unknown``).
    """
    sectors = read_clipped(reader, FIRST_DESCRIPTOR, MOST_DESCRIPTORS * BLOCK)
    records = choose_records(reader, sectors)
    if (records is None or not records.has_own_names) and _announces_udf(sectors):
        return Iso9660(reader, udf.open_names(reader), "udf" if records is None else "iso9660")
    if records is None:
        raise broken("filesystem-damaged", "the ISO 9660 file system has no root directory that can be read")
    return Iso9660(reader, records)


def _announces_udf(sectors: bytes) -> bool:
    return any(sectors[at + 1 : at + 6] in _RECOGNITION for at in range(0, len(sectors), BLOCK))


class Iso9660:
    """The tree of a disc; see :class:`imgbuild.filesystems.base.FileSystem`."""

    def __init__(self, reader: Reader, names: Names, kind: str = "iso9660") -> None:
        self.kind = kind
        self._reader = reader
        self._names = names
        self._children: dict[int, dict[str, Node]] = {}

    def stat(self, path: str) -> Stat | None:
        """Return what is at ``path``, or ``None``."""
        node = self._find(path)
        if node is None:
            return None
        return Stat(node.kind, node.size if node.kind != "directory" else 0, node.mode)

    def readlink(self, path: str) -> str:
        """Return the target of the link at ``path``; FileNotFoundError when there is no link."""
        return self._existing(path, "link").target

    def listdir(self, path: str) -> list[str]:
        """Return the sorted names in the directory at ``path``; FileNotFoundError when there is none."""
        return sorted(self._directory(self._existing(path, "directory")))

    def read(self, path: str, limit: int, offset: int = 0) -> bytes:
        """Return up to ``limit`` bytes of the file at ``path``; FileNotFoundError when there is none."""
        parts = []
        for start, size in self._existing(path, "file").extents:
            if offset < size and limit > 0:
                wanted = min(size - offset, limit)
                parts.append(bytes(wanted) if start is None else read_clipped(self._reader, start + offset, wanted))
                limit -= wanted
            offset = max(0, offset - size)
        return b"".join(parts)

    def _existing(self, path: str, kind: str) -> Node:
        node = self._find(path)
        if node is None or node.kind != kind:
            raise FileNotFoundError(f"no {kind} at {path!r}")
        return node

    def _find(self, path: str) -> Node | None:
        node: Node | None = self._names.root
        for name in path.split("/"):
            if name in {"", "."}:
                continue
            if node is None or node.kind != "directory":
                return None
            node = self._lookup(self._directory(node), name)
        return node

    def _lookup(self, children: dict[str, Node], name: str) -> Node | None:
        if name not in children and not self._names.cased:
            folded = name.casefold()
            name = next((known for known in children if known.casefold() == folded), name)
        if name in children and children[name].block is not None:
            children[name] = self._names.complete(children[name])
        return children.get(name)

    def _directory(self, node: Node) -> dict[str, Node]:
        """Return the nodes of a directory by name; each is read once."""
        key = id(node)
        if key not in self._children:
            self._children[key] = self._names.children(node)
        return self._children[key]



"""The names on an optical disc: Rock Ridge, Joliet, UDF or ISO 9660 itself, each as the same four questions.

A disc may have several trees over the same files; :func:`choose_names` takes the one that keeps most of what was
written. Nodes are pycdlib's directory records and, for UDF, its file entries; all calls may raise what pycdlib raises.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any, Protocol

from imgbuild.filesystems.base import Stat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MAX_EXTENTS = 4096


class Names(Protocol):
    """A tree of one name space."""

    root: Any

    def children(self, node: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - a node of pycdlib
        """Yield names and nodes of a directory, without itself and its parent."""
        ...

    def lookup(self, children: dict[str, Any], name: str) -> Any | None:  # noqa: ANN401 - as above
        """Return the node of that name, in either case where the name space does not tell cases apart."""
        ...

    def stat(self, node: Any) -> Stat:  # noqa: ANN401 - as above
        """Return what the node is."""
        ...

    def target(self, node: Any) -> str:  # noqa: ANN401 - as above
        """Return where the link leads."""
        ...

    def extents(self, node: Any) -> list[tuple[int, int]]:  # noqa: ANN401 - as above
        """Return offsets and sizes in bytes of the file's parts in their order."""
        ...


def choose_names(disc: Any) -> Names:  # noqa: ANN401 - pycdlib's object
    """Return the best name space of an open disc."""
    block_size: int = disc.logical_block_size
    if disc.has_rock_ridge():
        return _RockRidge(disc.pvd.root_directory_record(), block_size, _rock_ridge_name)
    if disc.has_joliet():
        return _Records(disc.joliet_vd.root_directory_record(), block_size, _joliet_name)
    if disc.has_udf() and disc.udf_root is not None:
        return _Udf(disc.udf_root, block_size, disc.udf_main_descs.partitions[0].part_start_location)
    return _Records(disc.pvd.root_directory_record(), block_size, _iso_name)


class _Records:
    """Directory records whose names do not tell upper from lower case."""

    def __init__(self, root: Any, block_size: int, name_of: Callable[[Any], str]) -> None:  # noqa: ANN401 - as above
        self.root = root
        self._block_size = block_size
        self._name_of = name_of

    def children(self, node: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - as above
        for child in node.children:
            if not child.is_dot() and not child.is_dotdot() and not self._is_hidden(child):
                yield self._name_of(child), self._followed(child)

    def lookup(self, children: dict[str, Any], name: str) -> Any | None:  # noqa: ANN401 - as above
        return _either_case(children, name)

    def stat(self, node: Any) -> Stat:  # noqa: ANN401 - as above
        if node.is_dir():
            return Stat("directory", 0)
        return Stat("file", sum(size for _start, size in self.extents(node)))

    def target(self, node: Any) -> str:  # noqa: ANN401 - as above
        raise FileNotFoundError(f"no link at {self._name_of(node)!r}")

    def extents(self, node: Any) -> list[tuple[int, int]]:  # noqa: ANN401 - as above
        found: list[tuple[int, int]] = []
        while node is not None and len(found) < _MAX_EXTENTS:
            found.append((node.extent_location() * self._block_size, max(0, node.get_data_length())))
            node = node.data_continuation
        return found

    def _followed(self, record: Any) -> Any:  # noqa: ANN401 - as above
        return record

    def _is_hidden(self, record: Any) -> bool:  # noqa: ANN401, ARG002 - as above; only Rock Ridge hides
        return False


class _RockRidge(_Records):
    """Records with POSIX names, modes and links."""

    def lookup(self, children: dict[str, Any], name: str) -> Any | None:  # noqa: ANN401 - as above
        return children.get(name)

    def stat(self, node: Any) -> Stat:  # noqa: ANN401 - as above
        mode = node.rock_ridge.get_file_mode() if node.rock_ridge is not None else 0
        if node.is_symlink():
            return Stat("link", len(self.target(node)), mode)
        plain = super().stat(node)
        special = mode and stat.S_IFMT(mode) not in (stat.S_IFREG, stat.S_IFDIR, 0)
        return Stat("other", 0, mode) if special else Stat(plain.kind, plain.size, mode)

    def target(self, node: Any) -> str:  # noqa: ANN401 - as above
        words: bytes = node.rock_ridge.symlink_path()
        return words.decode("utf-8", "replace")

    def _followed(self, record: Any) -> Any:  # noqa: ANN401 - as above
        """Return the directory that was moved up because ISO 9660 allows eight levels, for the record left behind."""
        ridge = record.rock_ridge
        moved = ridge.cl_to_moved_dr if ridge is not None and ridge.child_link_record_exists() else None
        return record if moved is None else moved

    def _is_hidden(self, record: Any) -> bool:  # noqa: ANN401 - as above
        """Say whether the record is a directory that was moved here from deeper down, where it is shown."""
        return record.rock_ridge is not None and bool(record.rock_ridge.relocated_record())


class _Udf:
    """UDF file entries."""

    def __init__(self, root: Any, block_size: int, partition: int) -> None:  # noqa: ANN401 - as above
        self.root = root
        self._block_size = block_size
        self._partition = partition

    def children(self, node: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - as above
        for child in node.fi_descs.values():
            if not child.is_parent() and child.file_entry is not None:
                yield child.fi.decode(child.encoding or "latin-1", "replace"), child.file_entry

    def lookup(self, children: dict[str, Any], name: str) -> Any | None:  # noqa: ANN401 - as above
        return _either_case(children, name)

    def stat(self, node: Any) -> Stat:  # noqa: ANN401 - as above
        if node.is_dir():
            return Stat("directory", 0)
        return Stat("file" if node.is_file() else "other", node.get_data_length())

    def target(self, node: Any) -> str:  # noqa: ANN401, ARG002 - as above; the links of UDF are not read
        raise FileNotFoundError("links of UDF are not read")

    def extents(self, node: Any) -> list[tuple[int, int]]:  # noqa: ANN401 - as above
        found = []
        left = node.get_data_length()
        for part in node.alloc_descs[:_MAX_EXTENTS]:
            size = min(left, part.extent_length)
            found.append(((self._partition + part.log_block_num) * self._block_size + part.offset, size))
            left -= size
        return found


def _either_case(children: dict[str, Any], name: str) -> Any | None:  # noqa: ANN401 - as above
    if name in children:
        return children[name]
    folded = name.casefold()
    return next((node for known, node in children.items() if known.casefold() == folded), None)


def _rock_ridge_name(record: Any) -> str:  # noqa: ANN401 - as above
    raw: bytes = record.rock_ridge.name() if record.rock_ridge is not None else record.file_identifier()
    return raw.decode("utf-8", "replace")


def _joliet_name(record: Any) -> str:  # noqa: ANN401 - as above
    raw: bytes = record.file_identifier()
    return raw.decode("utf-16-be", "replace").partition(";")[0]


def _iso_name(record: Any) -> str:  # noqa: ANN401 - as above
    """Return the name as Linux shows it: in lower case, without version and without an empty extension."""
    raw: bytes = record.file_identifier()
    return raw.decode("latin-1").partition(";")[0].removesuffix(".").lower()

"""FAT12, FAT16 and FAT32 through libfsfat: a reader over a partition in, a :class:`FileSystem` out.

Names are matched without regard to case, as the file system has them: UEFI finds ``EFI/BOOT/BOOTX64.EFI`` under
``/efi/boot/bootx64.efi``. The library's own look-up is not used; it has the flaws that ``libyal.py`` names.

Structures: see ``superblocks/fat.py``. Library: https://github.com/libyal/libfsfat
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imgbuild.filesystems.base import Kind, Stat
from imgbuild.filesystems.cached import CachedReader
from imgbuild.filesystems.libyal import NO_NAMES, WatchedView, children, guarded, read_entry, split
from imgbuild.readers import broken
from imgbuild.sizes import MIB, human_size

if TYPE_CHECKING:
    from imgbuild.readers import Reader

SECTOR = 512
MAX_TABLE = 64 * MIB
"""Over 500 GiB in clusters of 32 KiB; an EFI system partition has under 1 MiB."""
TABLE_BLOCK = 64 * 1024
"""The library reads the table sector by sector when it opens."""

_DIRECTORY = 0x10
_VOLUME_LABEL = 0x08
_CACHED = 256


def open_fat(reader: Reader, kind: str = "fat32") -> FatFileSystem:
    """Open a FAT file system; ``kind`` is what its superblock makes it: fat12, fat16 or fat32.

    Raises:
        BrokenImage: ``filesystem-beyond-limits`` over 64 MiB of allocation table, ``filesystem-damaged``, or the reason
            why its bytes could not be had.
    """
    import pyfsfat  # noqa: PLC0415 - a megabyte of library that most images do not need

    _check_table(reader)
    view = WatchedView(CachedReader(reader, block=TABLE_BLOCK, blocks=16))
    volume = pyfsfat.volume()
    with guarded(view, "the FAT file system"):
        volume.open_file_object(view)
        root = volume.get_root_directory()
    return FatFileSystem(kind, volume, root, view)


def _check_table(reader: Reader) -> None:
    """Refuse a file allocation table that the library, which reads it whole, would read for too long."""
    boot = reader.read_at(0, SECTOR)
    sectors = int.from_bytes(boot[22:24], "little") or int.from_bytes(boot[36:40], "little")
    size = sectors * int.from_bytes(boot[11:13], "little")
    if size > MAX_TABLE:
        raise broken("filesystem-beyond-limits", f"the FAT file system has an allocation table of {human_size(size)},"
                     f" more than {human_size(MAX_TABLE)}: its files were not looked at", field="BPB_FATSz32",
                     raw=boot[36:40])


class FatFileSystem:
    """A FAT file system that libfsfat reads."""

    def __init__(self, kind: str, volume: Any, root: Any, view: WatchedView) -> None:  # noqa: ANN401 - a library without types
        self.kind = kind
        self._volume = volume
        self._root = root
        self._view = view
        self._directories: dict[tuple[str, ...], dict[str, tuple[str, Any]]] = {}

    def stat(self, path: str) -> Stat | None:
        """Return what is at ``path``, in any case, or ``None``."""
        names = _folded(path)
        if not names:
            return Stat("directory", 0)
        entry = self._entry(names)
        if entry is None:
            return None
        with guarded(self._view, repr(path)):
            kind = _kind(entry)
            return Stat(kind, 0 if kind == "directory" else entry.size)

    def readlink(self, path: str) -> str:
        """Refuse: there are no links on FAT."""
        raise FileNotFoundError(f"no link at {path!r}")

    def listdir(self, path: str) -> list[str]:
        """Return the names in the directory at ``path``, sorted."""
        found = self._directory(_folded(path))
        if found is None:
            raise FileNotFoundError(f"no directory at {path!r}")
        return sorted(name for name, _ in found.values())

    def read(self, path: str, limit: int, offset: int = 0) -> bytes:
        """Return up to ``limit`` bytes of the file at ``path`` from ``offset``."""
        found = self.stat(path)
        if found is None or found.kind != "file":
            raise FileNotFoundError(f"no file at {path!r}")
        with guarded(self._view, repr(path)):
            return read_entry(self._entry(_folded(path)), limit, offset)

    def _entry(self, names: tuple[str, ...]) -> Any:  # noqa: ANN401 - as above
        """Return the library's entry at a path other than the root, or ``None``."""
        directory = self._directory(names[:-1])
        return None if directory is None else directory.get(names[-1], ("", None))[1]

    def _directory(self, names: tuple[str, ...]) -> dict[str, tuple[str, Any]] | None:
        """Return the names and entries of a directory by folded name; ``None`` where there is no directory."""
        if names not in self._directories:
            entry = self._entry(names) if names else self._root
            if entry is None or (names and _kind(entry) != "directory"):
                return None
            if len(self._directories) >= _CACHED:
                self._directories.clear()
            path = "/" + "/".join(names)
            with guarded(self._view, repr(path)):
                self._directories[names] = _listing(entry, path, self._view)
        return self._directories[names]


def _folded(path: str) -> tuple[str, ...]:
    return tuple(name.casefold() for name in split(path))


def _kind(entry: Any) -> Kind:  # noqa: ANN401 - as above
    return "directory" if entry.file_attribute_flags & _DIRECTORY else "file"


def _listing(directory: Any, path: str, view: WatchedView) -> dict[str, tuple[str, Any]]:  # noqa: ANN401 - as above
    found: dict[str, tuple[str, Any]] = {}
    for name, entry in children(directory, path, view):
        if name not in NO_NAMES and not entry.file_attribute_flags & _VOLUME_LABEL:
            found.setdefault(name.casefold(), (name, entry))
    return found

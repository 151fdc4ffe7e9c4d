"""What all superblock readers share: the start of the reader read once, the identity, and forms of identifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from imgbuild.readers import read_clipped

if TYPE_CHECKING:
    from imgbuild.readers import Reader

START_BYTES = 72 * 1024
"""All superblocks begin in here; the furthest are those of btrfs, UFS2 and ReiserFS at 64 KiB."""


class Identity(msgspec.Struct, frozen=True):
    """What a superblock says of its file system, volume or container.

    Attributes:
        kind: Its type as blkid has it, in the contract's spelling (``fat32``, ``lvm2``, ``luks``).
        uuid: Its identifier as blkid prints it: ``ABCD-1234`` for FAT, 16 digits for NTFS.
        label: Its name.
        size: Its size in bytes by its own superblock.
        clean: Whether it was unmounted or checked; ``None`` where that is not told.
        readable: Whether ``open_filesystem`` has a reader for the kind.
    """

    kind: str
    uuid: str | None = None
    label: str | None = None
    size: int | None = None
    clean: bool | None = None
    readable: bool = False


class Start:
    """The start of a reader, read once; what lies further in is read when it is asked for."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._head = read_clipped(reader, 0, START_BYTES)
        self.size = reader.size

    def at(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset``; zeros stand for what lies after the end."""
        if offset >= 0 and offset + length <= len(self._head):
            return self._head[offset : offset + length]
        data = read_clipped(self._reader, offset, length) if 0 <= offset < self.size else b""
        return data.ljust(length, b"\0")

    def number(self, offset: int, length: int, order: str = "little") -> int:
        """Return the unsigned number of ``length`` bytes at ``offset``."""
        return int.from_bytes(self.at(offset, length), "big" if order == "big" else "little")


def text(raw: bytes, encoding: str = "utf-8") -> str | None:
    """Return a name that ends at a zero, without the blanks that fill its field; ``None`` where it is empty."""
    return raw.decode(encoding, errors="replace").split("\0", 1)[0].rstrip() or None


def uuid(raw: bytes) -> str | None:
    """Return 16 bytes as a UUID in the order in which they stand; ``None`` where all are zero."""
    digits = raw.hex()
    if not any(raw):
        return None
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def serial(raw: bytes) -> str | None:
    """Return the four bytes of a FAT or exFAT serial number as ``ABCD-1234``; ``None`` where all are zero."""
    digits = raw[::-1].hex().upper()
    return f"{digits[:4]}-{digits[4:]}" if any(raw) else None


def is_power_of_two(value: int, least: int, most: int) -> bool:
    """Say whether ``value`` is a power of two from ``least`` to ``most``."""
    return least <= value <= most and value & (value - 1) == 0

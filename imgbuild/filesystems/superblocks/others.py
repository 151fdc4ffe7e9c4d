"""File systems of other systems: UFS, ZFS, APFS, HFS+.

UFS at 8, 64 or 256 KiB, in either byte order: 52 fs_fsize (4), 144 fs_id (2 times 4), 680 fs_volname (32, UFS2), 1080
fs_size in fragments (8, UFS2), 1372 fs_magic: 0x011954, UFS2: 0x19540119.
https://cgit.freebsd.org/src/tree/sys/ufs/ffs/fs.h
ZFS: four labels, the first at 0; at 16 KiB pairs of names and values in XDR: "name" and "pool_guid" of the pool.
ZFS on-disk specification, section 1.3, https://www.giis.co.in/Zfs_ondiskformat.pdf
APFS: 32 "NXSB", 36 block size (4), 40 block count (8), 72 uuid.
Apple File System Reference, https://developer.apple.com/support/downloads/Apple-File-System-Reference.pdf
HFS+ at 1024, big-endian: 0 "H+" or "HX", 2 version (2), 40 blockSize (4), 44 totalBlocks (4).
Technical note TN1150, https://developer.apple.com/library/archive/technotes/tn/tn1150.html
"""

from __future__ import annotations

from imgbuild.filesystems.superblocks.base import Identity, Start, is_power_of_two, text, uuid

_UFS_PLACES = (8192, 65536, 262144)
_UFS1, _UFS2 = 0x00011954, 0x19540119
_ZFS_PAIRS = 16 * 1024
_ZFS_PAIRS_BYTES = 16 * 1024
_ZFS_UINT64, _ZFS_STRING = 8, 9


def ufs(start: Start) -> Identity | None:
    """Look for UFS1 or UFS2."""
    for place in _UFS_PLACES:
        for order in ("little", "big"):
            if (magic := start.number(place + 1372, 4, order)) in {_UFS1, _UFS2}:
                return _ufs(start, place, order, newer=magic == _UFS2)
    return None


def _ufs(start: Start, place: int, order: str, *, newer: bool) -> Identity:
    halves = [start.number(place + offset, 4, order) for offset in (144, 148)]
    size = start.number(place + 1080, 8, order) * start.number(place + 52, 4, order) if newer else None
    return Identity("ufs", f"{halves[0]:08x}{halves[1]:08x}" if any(halves) else None,
                    text(start.at(place + 680, 32)) if newer else None, size)


def zfs(start: Start) -> Identity | None:
    """Look for a member of a ZFS pool: the identifier is the pool's number, the label its name."""
    if start.at(_ZFS_PAIRS, 12) != b"\1\1\0\0\0\0\0\0\0\0\0\1":
        return None
    pairs = start.at(_ZFS_PAIRS, _ZFS_PAIRS_BYTES)
    pool = _xdr_value(pairs, b"pool_guid", _ZFS_UINT64)
    if pool is None:
        return None
    name = _xdr_value(pairs, b"name", _ZFS_STRING) or b""
    return Identity("zfs", str(int.from_bytes(pool[:8], "big")), text(name[4 : 4 + int.from_bytes(name[:4], "big")]))


def _xdr_value(pairs: bytes, name: bytes, kind: int) -> bytes | None:
    """Return what follows the pair's header: name, type, count of elements."""
    padded = name + bytes(-len(name) % 4)
    header = len(name).to_bytes(4, "big") + padded + kind.to_bytes(4, "big") + (1).to_bytes(4, "big")
    place = pairs.find(header)
    return None if place < 0 else pairs[place + len(header) :]


def apfs(start: Start) -> Identity | None:
    """Look for an APFS container."""
    block = start.number(36, 4)
    if start.at(32, 4) != b"NXSB" or not is_power_of_two(block, 4096, 65536):
        return None
    return Identity("apfs", uuid(start.at(72, 16)), size=start.number(40, 8) * block)


def hfsplus(start: Start) -> Identity | None:
    """Look for HFS+ or HFSX."""
    version = start.number(1026, 2, "big")
    if (start.at(1024, 2), version) not in {(b"H+", 4), (b"HX", 5)}:
        return None
    return Identity("hfsplus", size=start.number(1024 + 40, 4, "big") * start.number(1024 + 44, 4, "big"))

"""An NTFS volume in a plain file, by our own writer: no FUSE, no root, the same bytes each time.

``write(path, mib, tree)`` makes the volume; a tree maps paths (``Windows/explorer.exe``) to bytes, to ``File`` or to
``None`` for an empty directory. ntfs-3g's tools and libfsntfs read what it writes (tests/filesystems/test_ntfs.py).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from images.ntfsrecords import (
    BITMAP,
    CLUSTER,
    DATA,
    DIRECTORY_FLAG,
    LIST,
    NAME,
    POINT,
    RECORD,
    REPARSE_FLAG,
    VOLUME,
    VOLUME_NAME,
    File,
    file_name,
    index_entry,
    index_root,
    outside,
    record,
    resident,
    standard,
)
from images.ntfsvolume import FIRST_FILE, MFT_START, Entry, Volume, content, index, reference, spread, stream

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    NtfsTree = Mapping[str, bytes | File | None]
    Place = tuple[str, ...]
    Nodes = dict[Place, File | None]

SERIAL = 0xC0FFEE00C0FFEE00
_SYSTEM = ("$MFT", "$MFTMirr", "$LogFile", "$Volume", "$AttrDef", ".", "$Bitmap", "$Boot", "$BadClus", "$Secure",
           "$UpCase", "$Extend")
_ROOT, _EXTEND, _RESERVED = 5, 11, 16
_MIRROR = 8  # first cluster of $MFTMirr
_HIDDEN = 0x06
_FORM_FLAGS = {"sparse": 0x200, "hole": 0x200, "compressed": 0x800, "encrypted": 0x4000}


def write(path: Path, mib: int, tree: NtfsTree, *, label: str = "Windows", dirty: bool = False) -> Path:
    """Write a volume of ``mib`` MiB with these files."""
    nodes = _nodes(tree)
    spreads = sum(2 for node in nodes.values() if node is not None and node.form == "spread")
    volume = Volume(mib, FIRST_FILE + len(nodes) + spreads)
    numbers = {place: volume.new_record() if place else _ROOT for place in nodes}
    for place, node in nodes.items():
        if node is not None:
            _write_file(volume, numbers, place, node)
        elif place:
            _write_directory(volume, numbers[place], _keys(numbers, place, None), _children(nodes, numbers, place))
    _write_system(volume, _children(nodes, numbers, ()), label, dirty=dirty)
    with path.open("wb") as file:
        file.truncate(volume.clusters * CLUSTER)
        for start, data in volume.written.items():
            file.seek(start * CLUSTER)
            file.write(data)
    return path


def fold(name: str) -> str:
    """Return a name as the index is sorted by it: upper case, unit by unit of UTF-16."""
    raw = name.encode("utf-16-le", "surrogatepass")
    return "".join(_upper(chr(int.from_bytes(raw[at : at + 2], "little"))) for at in range(0, len(raw), 2))


def upcase() -> bytes:
    """Return $UpCase."""
    return b"".join(ord(_upper(chr(unit))).to_bytes(2, "little") for unit in range(0x10000))


def _upper(unit: str) -> str:
    upper = unit.upper()
    return upper if len(upper) == 1 and ord(upper) < 0x10000 else unit


def _nodes(tree: NtfsTree) -> Nodes:
    nodes: Nodes = {(): None}
    for path, node in tree.items():
        names = tuple(path.split("/"))
        for count in range(1, len(names)):
            nodes.setdefault(names[:count], None)
        nodes[names] = File(node) if isinstance(node, bytes) else node
    return nodes


def _flags(node: File | None) -> int:
    if node is None:
        return DIRECTORY_FLAG
    return ((REPARSE_FLAG if node.point else 0) | (DIRECTORY_FLAG if node.directory else 0) | 0x20
            | _FORM_FLAGS.get(node.form, 0))


def _keys(numbers: dict[Place, int], place: Place, node: File | None) -> list[bytes]:
    """Return the values of the $FILE_NAME attributes of a file: one, or two where it has a short name."""
    parent = reference(numbers[place[:-1]])
    size = len(node.data) + node.zeros if node else 0
    tag = int.from_bytes(node.point[:4], "little") if node and node.point else 0
    short = node.short if node else ""
    names = [(place[-1], 1 if short else 3)] + ([(short, 2)] if short else [])
    return [file_name(parent, name, size, _flags(node), space=space, tag=tag) for name, space in names]


def _children(nodes: Nodes, numbers: dict[Place, int], place: Place) -> list[Entry]:
    return [(reference(numbers[path]), key) for path, node in nodes.items() if path and path[:-1] == place
            for key in _keys(numbers, path, node)]


def _write_directory(volume: Volume, number: int, keys: list[bytes], children: list[Entry]) -> None:
    ordered = sorted(children, key=lambda entry: (fold(_name_in(entry[1])), _name_in(entry[1])))
    names = b"".join(resident(NAME, key) for key in keys)
    volume.records[number] = record(number, standard(0) + names + index(volume, ordered), flags=3)


def _name_in(key: bytes) -> str:
    return key[66:].decode("utf-16-le", "surrogatepass")


def _write_file(volume: Volume, numbers: dict[Place, int], place: Place, node: File) -> None:
    number = numbers[place]
    keys = _keys(numbers, place, node)
    head = standard(_flags(node) & ~DIRECTORY_FLAG)
    names = b"".join(resident(NAME, key) for key in keys)
    if node.directory:
        body = head + names + index_root(index_entry(0, b""), has_children=False)
    elif node.form == "spread":
        listed = [(0x10, 0, number), (NAME, 0, number), *spread(volume, node, number)]
        body = head + _attribute_list(listed) + names
    else:
        body = head + names + content(volume, node, RECORD - 136 - len(head) - len(names))
    body += b"".join(stream(volume, name, value) for name, value in sorted(node.streams.items()))
    body += resident(POINT, node.point) if node.point else b""
    volume.records[number] = record(number, body, flags=3 if node.directory else 1, links=len(keys))


def _attribute_list(listed: list[tuple[int, int, int]]) -> bytes:
    return resident(LIST, b"".join(struct.pack("<IHBBQQHHI", kind, 32, 0, 26, first, reference(held), 0, 0, 0)
                                   for kind, first, held in listed))


def _write_system(volume: Volume, children: list[Entry], label: str, *, dirty: bool) -> None:
    """Write the metadata files, the root and last the bitmaps, when it is known what is in use."""
    log, upper, attributes = (volume.store(data) for data in (b"\xff" * (1 << 18), upcase(), bytes(2560)))
    names = [file_name(reference(_ROOT), name, 0, _HIDDEN | (DIRECTORY_FLAG if number in {_ROOT, _EXTEND} else 0))
             for number, name in enumerate(_SYSTEM)]
    own = [(reference(number), key) for number, key in enumerate(names)]
    _write_directory(volume, _ROOT, [names[_ROOT]], [*own, *children])
    bits = -(-volume.clusters // 64) * 8
    place = volume.take(-(-bits // CLUSTER))
    records = volume.mft_clusters * CLUSTER // RECORD
    bodies = {
        0: outside(DATA, [(volume.mft_clusters, MFT_START)], records * RECORD) + _mft_bitmap(volume, records),
        1: outside(DATA, [(1, _MIRROR)], 4 * RECORD),
        2: outside(DATA, log, 1 << 18),
        3: resident(VOLUME_NAME, label.encode("utf-16-le")) + resident(VOLUME, struct.pack("<8xBBH", 3, 1, dirty))
        + resident(DATA, b""),
        4: outside(DATA, attributes, 2560),
        6: outside(DATA, [(-(-bits // CLUSTER), place)], bits),
        7: outside(DATA, [(2, 0)], 8192),
        8: resident(DATA, b""),
        9: resident(DATA, b"", "$SDS"),
        10: outside(DATA, upper, 1 << 17),
        _EXTEND: index_root(index_entry(0, b""), has_children=False),
    }
    for number, body in bodies.items():
        volume.records[number] = record(number, standard(_HIDDEN) + resident(NAME, names[number]) + body,
                                        flags=3 if number == _EXTEND else 1)
    for number in range(len(_SYSTEM), _RESERVED):
        volume.records[number] = record(number, standard(_HIDDEN) + resident(DATA, b""), links=0)
    used = (1 << volume.free) - 1 | -1 << volume.clusters & (1 << bits * 8) - 1
    volume.written[place] = used.to_bytes(bits, "little")
    _write_table(volume, records)


def _mft_bitmap(volume: Volume, records: int) -> bytes:
    used = sum(1 << number for number in (*range(_RESERVED), *volume.records))
    return outside(BITMAP, volume.store(used.to_bytes(-(-records // 64) * 8, "little")), -(-records // 64) * 8)


def _write_table(volume: Volume, records: int) -> None:
    blank = record(0, b"", flags=0, links=0)
    table = [volume.records.get(number, blank) for number in range(records)]
    volume.written[MFT_START] = b"".join(table)
    volume.written[_MIRROR] = b"".join(table[:4])
    volume.written[0] = _boot(volume)


def _boot(volume: Volume) -> bytes:
    sectors = volume.clusters * CLUSTER // 512 - 1
    sector = bytearray(512)
    sector[:3], sector[3:11], sector[510:] = b"\xeb\x52\x90", b"NTFS    ", b"\x55\xaa"
    struct.pack_into("<HB7xB2xHHI4xIQQQb3xb3xQ", sector, 11, 512, CLUSTER // 512, 0xF8, 63, 255, 0, 0x00800080, sectors,
                     MFT_START, _MIRROR, -10, 1, SERIAL)
    return bytes(sector)

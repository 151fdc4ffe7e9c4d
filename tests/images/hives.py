"""Registry hives, byte by byte: ``hive(keys)`` maps paths of keys to their values and returns the file.

A value is text (REG_SZ), a number (REG_DWORD), bytes (REG_BINARY), a list of texts (REG_MULTI_SZ), or a pair of a type
and its bytes. hivex and libregf read what is written here (tests/guests/windows/test_hives.py).

Windows registry file format specification, https://github.com/msuhanov/regf/blob/master/Windows%20registry%20file%20format%20specification.md
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    Value = str | int | bytes | list[str] | tuple[int, bytes]
    Keys = Mapping[str, Mapping[str, Value]]

TIME = 133_444_117_800_000_000
SZ, EXPAND, BINARY, DWORD, MULTI, QWORD = 1, 2, 3, 4, 7, 11
PIECE = 16_344
LIST = 500  # entries of a list of subkeys before there is a list of lists
_NONE = 0xFFFFFFFF
_BIN, _HEADER = 4096, 32
_SECURITY = bytes.fromhex("010004801400000024000000000000003000000001020000000000052000000020020000"
                          "010200000000000520000000200200000200080000000000")


@dataclass
class _Key:
    name: str
    values: dict[str, Value] = field(default_factory=dict)
    children: dict[str, _Key] = field(default_factory=dict)


class _Bins:
    """Cells in bins of 4 KiB, or as large as a cell needs."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._end = 0

    def add(self, content: bytes) -> int:
        """Put a cell and return its offset."""
        size = -(-(len(content) + 4) // 8) * 8
        if self._end - len(self.data) < size:
            self._open(size)
        offset = len(self.data)
        self.data += struct.pack("<i", -size) + content.ljust(size - 4, b"\0")
        return offset

    def close(self) -> bytes:
        """Return all bins, the rest of the last one free."""
        rest = self._end - len(self.data)
        if rest:
            self.data += struct.pack("<i", rest).ljust(rest, b"\0")
        return bytes(self.data)

    def _open(self, size: int) -> None:
        self.close()
        whole = -(-(size + _HEADER) // _BIN) * _BIN
        start = len(self.data)
        self.data += struct.pack("<4sII8xQI", b"hbin", start, whole, TIME, 0)
        self._end = start + whole


def hive(keys: Keys, *, dirty: bool = False, minor: int = 5, kind: bytes = b"lh") -> bytes:
    """Return a hive; ``kind`` is that of its lists of subkeys: lh, lf or li."""
    root = _tree(keys)
    bins = _Bins()
    root_cell = _reserve(bins, root)
    security = bins.add(_security(bins))
    _write(bins, root, root_cell, _NONE, security, minor, kind)
    data = bins.close()
    base = bytearray(4096)
    struct.pack_into("<4sIIQIIIIIII", base, 0, b"regf", 7, 6 if dirty else 7, TIME, 1, minor, 0, 1, root_cell,
                     len(data), 1)
    checksum = 0
    for place in range(0, 508, 4):
        checksum ^= int.from_bytes(base[place : place + 4], "little")
    struct.pack_into("<I", base, 508, checksum)
    return bytes(base) + data


def _tree(keys: Keys) -> _Key:
    root = _Key("ROOT")
    for path, values in keys.items():
        key = root
        for name in filter(None, path.split("\\")):
            key = key.children.setdefault(name.upper(), _Key(name))
        key.values |= values
    return root


def _security(bins: _Bins) -> bytes:
    offset = len(bins.data)
    return struct.pack("<2sHIIII", b"sk", 0, offset, offset, 1, len(_SECURITY)) + _SECURITY


def _encoded(name: str) -> tuple[bytes, bool]:
    try:
        return name.encode("latin-1"), True
    except UnicodeEncodeError:
        return name.encode("utf-16-le"), False


def _reserve(bins: _Bins, key: _Key) -> int:
    return bins.add(b"nk".ljust(76 + len(_encoded(key.name)[0]), b"\0"))


def _write(bins: _Bins, key: _Key, cell: int, parent: int, security: int, minor: int, kind: bytes) -> None:
    children = [key.children[name] for name in sorted(key.children)]
    cells = [_reserve(bins, child) for child in children]
    for child, place in zip(children, cells, strict=True):
        _write(bins, child, place, cell, security, minor, kind)
    name, latin = _encoded(key.name)
    values = [_value(bins, title, value, minor) for title, value in key.values.items()]
    listed = bins.add(struct.pack(f"<{len(values)}I", *values)) if values else _NONE
    below = _lists(bins, children, cells, kind) if cells else _NONE
    flags = (0x20 if latin else 0) | (0x0C if parent == _NONE else 0)
    body = struct.pack("<2sHQIIIIIIIIII", b"nk", flags, TIME, 0, parent, len(cells), 0, below, _NONE, len(values),
                       listed, security, _NONE)
    body += struct.pack("<IIIIIHH", 0, 0, 0, 0, 0, len(name), 0) + name
    bins.data[cell + 4 : cell + 4 + len(body)] = body


def _lists(bins: _Bins, children: list[_Key], cells: list[int], kind: bytes) -> int:
    entries = [_entry(child.name, cell, kind) for child, cell in zip(children, cells, strict=True)]
    lists = [bins.add(struct.pack("<2sH", kind, len(entries[at : at + LIST])) + b"".join(entries[at : at + LIST]))
             for at in range(0, len(entries), LIST)]
    return lists[0] if len(lists) == 1 else bins.add(struct.pack(f"<2sH{len(lists)}I", b"ri", len(lists), *lists))


def _entry(name: str, cell: int, kind: bytes) -> bytes:
    place = struct.pack("<I", cell)
    if kind == b"lh":
        code = 0
        for unit in name.upper():
            code = (code * 37 + ord(unit)) & 0xFFFFFFFF
        return place + struct.pack("<I", code)
    return place + (_encoded(name)[0][:4].ljust(4, b"\0") if kind == b"lf" else b"")


def _value(bins: _Bins, name: str, value: Value, minor: int) -> int:
    number, data = _typed(value)
    title, latin = _encoded(name)
    if len(data) <= 4:
        size, place = 0x80000000 | len(data), int.from_bytes(data, "little")
    else:
        size, place = len(data), _store(bins, data, minor)
    return bins.add(struct.pack("<2sHIIIHH", b"vk", len(title), size, place, number, int(latin), 0) + title)


def _store(bins: _Bins, data: bytes, minor: int) -> int:
    if len(data) <= PIECE or minor <= 3:
        return bins.add(data)
    pieces = [bins.add(data[at : at + PIECE] + bytes(4)) for at in range(0, len(data), PIECE)]
    listed = bins.add(struct.pack(f"<{len(pieces)}I", *pieces))
    return bins.add(struct.pack("<2sHI", b"db", len(pieces), listed))


def _typed(value: Value) -> tuple[int, bytes]:
    if isinstance(value, tuple):
        return value
    if isinstance(value, str):
        return SZ, (value + "\0").encode("utf-16-le")
    if isinstance(value, int):
        return DWORD, struct.pack("<I", value)
    if isinstance(value, bytes):
        return BINARY, value
    return MULTI, "".join(text + "\0" for text in (*value, "")).encode("utf-16-le")

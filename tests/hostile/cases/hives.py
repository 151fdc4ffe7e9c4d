"""A14: registry hives that lead in circles, that claim more than there is, and that say what a terminal obeys.

Each is the SOFTWARE or the SYSTEM of a small Windows on NTFS.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from hostile.case import Case
from images import ntfs, ntfsrecords
from images.hives import BINARY, SZ, hive

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from images.hives import Keys

CONFIG = "Windows/System32/config/"
CURRENT = "Microsoft\\Windows NT\\CurrentVersion"
DAMAGED = ("image-hive-damaged",)
ESCAPES = "\x1b[2J\x1b]0;owned\x07\r\n::error::x\n##vso[task]\u202e<script>&\x9b31m"
BASE = 4096
NAMED = {"ProductName": "Windows Server 2019 Standard", "CurrentBuildNumber": "17763", "EditionID": "ServerStandard",
         "InstallationType": "Server", "CurrentMajorVersionNumber": 10}


def software(**more: object) -> Keys:
    return {CURRENT: NAMED | more}


def system(current: object = 1) -> Keys:
    return {"Select": {"Current": current, "Default": 1},
            "ControlSet001\\Control\\Session Manager\\Environment": {"PROCESSOR_ARCHITECTURE": "AMD64"},
            **{f"ControlSet001\\Services\\{name}": {"Start": 0, "ImagePath": f"System32\\drivers\\{name}.sys"}
               for name in ("vioscsi", "viostor", "netkvm")}}


def windows(files: Mapping[str, object]) -> Callable[[Path], object]:
    """Return a maker of a volume with a Windows, its files replaced by ``files``; ``None`` takes one away."""
    tree = {"Windows/explorer.exe": b"MZ", CONFIG + "SOFTWARE": hive(software()), CONFIG + "SYSTEM": hive(system()),
            **files}
    return lambda path: ntfs.write(path, 16, {name: content for name, content in tree.items() if content is not ...})


def with_software(data: bytes) -> Callable[[Path], object]:
    return windows({CONFIG + "SOFTWARE": data})


def with_system(data: bytes) -> Callable[[Path], object]:
    return windows({CONFIG + "SYSTEM": data})


def put(data: bytes, offset: int, form: str, *values: int) -> bytes:
    """Return the hive with numbers written at an offset."""
    changed = bytearray(data)
    struct.pack_into(form, changed, offset, *values)
    return bytes(changed)


def key(data: bytes, name: str) -> int:
    """Return the offset in the file at which the cell of a key of that name begins."""
    return data.index(name.encode("latin-1"), BASE) - 76 - 4


def cell_of(data: bytes, name: str, field: int) -> int:
    """Return the offset in the file of the cell that a field of a key leads to."""
    return BASE + int.from_bytes(data[key(data, name) + 4 + field :][:4], "little")


SOFTWARE, SYSTEM = hive(software()), hive(system())
ROOT_LIST = cell_of(SOFTWARE, "ROOT", 28)
VALUES = cell_of(SOFTWARE, "CurrentVersion", 40)


def own_child() -> bytes:
    """Return a hive whose root is its own only subkey."""
    return put(SOFTWARE, ROOT_LIST + 8, "<I", key(SOFTWARE, "ROOT") - BASE)


def list_of_itself() -> bytes:
    """Return a hive whose list of subkeys is a list of lists, which leads to itself."""
    return put(SOFTWARE, ROOT_LIST + 4, "<2sHI", b"ri", 1, ROOT_LIST - BASE)


def many_keys() -> bytes:
    return hive({CURRENT: NAMED, **{f"Key{number}": {} for number in range(70_000)}}, kind=b"li")


def deep() -> bytes:
    return hive({CURRENT: NAMED, "\\".join(["d"] * 400): {}})


def endless_values() -> bytes:
    """Return a hive whose key has 65,000 values, each of which is the same cell."""
    cell = int.from_bytes(SOFTWARE[VALUES + 4 : VALUES + 8], "little")
    grown = hive({CURRENT: NAMED | {"x": (BINARY, struct.pack("<I", cell) * 65_000)}})
    place = grown.index(struct.pack("<I", cell) * 100) - BASE - 4
    return put(grown, key(grown, "CurrentVersion") + 4 + 36, "<II", 65_000, place)


CASES = [
    Case(f"hive-{name}.raw", "A14", what, lambda make=make: make(), expect) for name, what, make, expect in [
        ("empty", "SOFTWARE is empty", lambda: with_software(b""), DAMAGED),
        ("one-byte", "SOFTWARE is one byte", lambda: with_software(b"r"), DAMAGED),
        ("header", "SOFTWARE ends after its base block", lambda: with_software(SOFTWARE[:BASE]), DAMAGED),
        ("ones", "SOFTWARE is all ones behind its base block",
         lambda: with_software(SOFTWARE[:BASE] + b"\xff" * (len(SOFTWARE) - BASE)), DAMAGED),
        ("text", "SOFTWARE is a text", lambda: with_software(b"Windows Registry Editor Version 5.00\r\n" * 300),
         DAMAGED),
        ("version", "a major version of 9", lambda: with_software(put(SOFTWARE, 20, "<I", 9)), DAMAGED),
        ("bins", "bins of 4 GiB", lambda: with_software(put(SOFTWARE, 40, "<I", 0xFFFFF000)), DAMAGED),
        ("root-past-end", "a root behind the end", lambda: with_software(put(SOFTWARE, 36, "<I", 0x7FFFFFF0)), DAMAGED),
        ("root-itself", "a root at 2**32 - 4", lambda: with_software(put(SOFTWARE, 36, "<I", 0xFFFFFFFC)), DAMAGED),
        ("root-free", "a root in a free cell", lambda: with_software(put(SOFTWARE, key(SOFTWARE, "ROOT"), "<i", 88)),
         DAMAGED),
        ("cell-size", "a cell of -2**31 bytes",
         lambda: with_software(put(SOFTWARE, key(SOFTWARE, "ROOT"), "<i", -(1 << 31))), ()),
        ("cell-small", "a key in a cell of 8 bytes",
         lambda: with_software(put(SOFTWARE, key(SOFTWARE, "ROOT"), "<i", -8)), DAMAGED),
        ("name", "a name of 65,535 bytes",
         lambda: with_software(put(SOFTWARE, key(SOFTWARE, "Microsoft") + 4 + 72, "<H", 0xFFFF)), DAMAGED),
        ("own-child", "a key that is its own subkey", lambda: with_software(own_child()), ()),
        ("list-of-itself", "a list of subkeys that leads to itself", lambda: with_software(list_of_itself()), DAMAGED),
        ("list-count", "65,535 subkeys in a cell of 12 bytes",
         lambda: with_software(put(SOFTWARE, ROOT_LIST + 6, "<H", 0xFFFF)), DAMAGED),
        ("list-kind", "a list of subkeys of no kind", lambda: with_software(put(SOFTWARE, ROOT_LIST + 4, "<2s", b"zz")),
         DAMAGED),
        ("values-count", "2**32 - 1 values",
         lambda: with_software(put(SOFTWARE, key(SOFTWARE, "CurrentVersion") + 4 + 36, "<I", 0xFFFFFFFF)), DAMAGED),
        ("values-same", "65,000 values that are one", lambda: with_software(endless_values()), ()),
        ("data-size", "a value of 2 GiB", lambda: with_software(put(SOFTWARE, BASE + int.from_bytes(
            SOFTWARE[VALUES + 4 : VALUES + 8], "little") + 8, "<I", 0x7FFFFFFF)), DAMAGED),
        ("data-inline", "an inline value of 2 GiB", lambda: with_software(put(SOFTWARE, BASE + int.from_bytes(
            SOFTWARE[VALUES + 4 : VALUES + 8], "little") + 8, "<I", 0xFFFFFFFF)), ()),
        ("many-keys", "70,000 subkeys", lambda: with_software(many_keys()), DAMAGED),
        ("deep", "a key 400 levels down", lambda: with_software(deep()), ()),
        ("value-large", "a name of 4 MiB in many pieces",
         lambda: with_software(hive(software(ProductName="W" * (2 << 20)))), ()),
        ("escapes", "a product name with escape sequences and commands",
         lambda: with_software(hive(software(ProductName=ESCAPES, EditionID=ESCAPES, CSDVersion=ESCAPES))), ()),
        ("surrogates", "a product name that is no UTF-16",
         lambda: with_software(hive(software(ProductName=(SZ, b"\x00\xd8\x00\xdc\x00\xd8W")))), ()),
        ("types", "a build number that is a picture", lambda: with_software(hive(software(
            CurrentBuildNumber=(BINARY, b"\x89PNG" * 400), CurrentMajorVersionNumber="ten"))), ()),
        ("build", "a build number of 5,000 digits",
         lambda: with_software(hive(software(CurrentBuildNumber="9" * 5000))), ()),
        ("control-set", "control set 4294967295", lambda: with_system(hive(system(0xFFFFFFFF))), ()),
        ("select-text", "a control set that is a path", lambda: with_system(hive(system("..\\..\\SAM"))), ()),
        ("dirty", "a hive that was not written whole", lambda: with_software(hive(software(), dirty=True)),
         ("image-hive-dirty",)),
        ("services", "50,000 services", lambda: with_system(hive(
            {**system(), **{f"ControlSet001\\Services\\s{number}": {} for number in range(50_000)}}, kind=b"lf")), ()),
        ("directory", "SOFTWARE is a directory",
         lambda: windows({CONFIG + "SOFTWARE": ..., CONFIG + "SOFTWARE/x": b""}), ()),
        ("link", "SOFTWARE is a link to a file of the host",
         lambda: windows({CONFIG + "SOFTWARE": ntfsrecords.symlink("\\??\\C:\\Windows\\win.ini", relative=False)}), ()),
        ("junction", "config is a junction to itself", lambda: windows(
            {CONFIG + "SOFTWARE": ..., CONFIG + "SYSTEM": ..., CONFIG[:-1]: ntfsrecords.junction(
                "\\??\\C:\\Windows\\System32\\config")}), ()),
        ("holes", "SOFTWARE has 4 GiB of holes", lambda: windows(
            {CONFIG + "SOFTWARE": ntfsrecords.File(form="hole", zeros=4 << 30)}), DAMAGED),
    ]
]

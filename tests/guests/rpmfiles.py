"""RPM's databases, small: headers, and the three kinds of file that hold them."""

from __future__ import annotations

import sqlite3
import struct
import subprocess

TAGS = {"name": 1000, "version": 1001, "release": 1002}
EPOCH, SUMMARY = 1003, 1004
INT32, STRING = 4, 6


def header(name, version="1.0", release="1", *, epoch=None, padding=0):
    """A header with its store; ``padding`` makes it as long as real ones are."""
    store, index = b"", []
    for tag, value in zip((1000, 1001, 1002, SUMMARY), (name, version, release, "x" * padding), strict=True):
        index.append((tag, STRING, len(store), 1))
        store += value.encode() + b"\0"
    if epoch is not None:
        store += bytes(-len(store) % 4)
        index.append((EPOCH, INT32, len(store), 1))
        store += struct.pack(">I", epoch)
    return struct.pack(">II", len(index), len(store)) + b"".join(struct.pack(">IIII",
                                                                             *entry) for entry in index) + store


def ndb(headers):
    slots, blobs, block = b"RpmP" + struct.pack("<IIII", 0, 1, 1, len(headers) + 1) + bytes(12), b"", 256
    for number, blob in enumerate(headers, start=1):
        data = b"BlbS" + struct.pack("<III", number, 0, len(blob)) + blob + struct.pack("<II", 0, len(blob)) + b"BlbE"
        data += bytes(-len(data) % 16)
        slots += b"Slot" + struct.pack("<III", number, block, len(data) // 16)
        blobs, block = blobs + data, block + len(data) // 16
    return slots + (b"Slot" + bytes(12)) * ((4096 - len(slots)) // 16) + blobs


def sqlite(headers, path, *, wal=True):
    database = sqlite3.connect(path)
    if wal:
        database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
    database.executemany("INSERT INTO Packages (blob) VALUES (?)", [(blob,) for blob in headers])
    database.commit()
    database.close()
    return path.read_bytes()


def bdb(headers, path):
    """A hash file as RPM 4.11 has it, made by Berkeley DB's own program."""
    pairs = [(0, struct.pack("<I", len(headers))), *enumerate(headers, start=1)]
    lines = "".join(f" {struct.pack('<I', number).hex()}\n {value.hex()}\n" for number, value in pairs)
    dump = f"VERSION=3\nformat=bytevalue\ntype=hash\nHEADER=END\n{lines}DATA=END\n"
    subprocess.run(["db5.3_load", path], input=dump, text=True, check=True)
    return path.read_bytes()

"""VHDX: header facts and the size of the disk from the metadata region; the content is not read.

Document: "[MS-VHDX]: Virtual Hard Disk v2 (VHDX) File Format",
https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-vhdx/
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from imgbuild.formats.base import Container, Format, Probe
from imgbuild.formats.unread import checked_size, content_unread
from imgbuild.readers import broken, check_range, problem

if TYPE_CHECKING:
    from imgbuild.readers import Reader

# File type identifier at 0: "vhdxfile", then 512 bytes of UTF-16 creator. All numbers little-endian.
# Headers at 64 KiB and 128 KiB, 4 KiB each; the one with the higher sequence number is in force:
#    0 signature "head" · 4 checksum · 8 SequenceNumber (8) · 48 LogGuid (16): not zero while the log must be replayed
# Region tables at 192 KiB and 256 KiB, 64 KiB each:
#    0 signature "regi" · 4 checksum · 8 EntryCount (4), at most 2047 · entries of 32 bytes from 16 on:
#    0 Guid (16) · 16 FileOffset (8) · 24 Length (4) · 28 Required (4)
# Metadata region: 0 signature "metadata" · 10 EntryCount (2), at most 2047 · entries of 32 bytes from 32 on:
#    0 ItemId (16) · 16 Offset in the region (4), 64 KiB or more · 20 Length (4)

_HEADERS = (64 * 1024, 128 * 1024)
_REGION_TABLES = (192 * 1024, 256 * 1024)
_MAX_ENTRIES = 2047
_ENTRY = 32
_MAX_DISK = 64 << 40


def _guid(text: str) -> bytes:
    """Return a GUID as it is stored: the first three parts little-endian."""
    a, b, c, d, e = text.split("-")
    return b"".join(bytes.fromhex(part)[::-1] for part in (a, b, c)) + bytes.fromhex(d + e)


_METADATA_REGION = _guid("8b7ca206-4790-4b9a-b8fe-575f050f886e")
_FILE_PARAMETERS = _guid("caa16737-fa36-4d43-b3b6-33f0aa44e76b")
_DISK_SIZE = _guid("2fa54224-cd1b-4876-b211-5dbed83bf4b8")
_LOGICAL_SECTOR = _guid("8141bf1d-a96f-4709-ba47-f233a8faab5f")
_PHYSICAL_SECTOR = _guid("cda348c7-445d-4471-9cc9-e9885251c556")
_HAS_PARENT = 2


def matches(probe: Probe) -> bool:
    """Say whether the file begins as VHDX does."""
    return probe.head.startswith(b"vhdxfile")


def open_vhdx(reader: Reader) -> Container:
    """Return the header's facts.

    Raises BrokenImage where the tables that lead to the disk's size are cut, damaged or point out of the file.
    """
    items = _metadata(reader)
    if _DISK_SIZE not in items:
        raise broken("header-invalid", "the metadata gives no virtual disk size, which a VHDX must have")
    size = checked_size(_number(items[_DISK_SIZE]), "VirtualDiskSize", 0, items[_DISK_SIZE])
    if size > _MAX_DISK:
        raise broken("header-invalid", f"the metadata gives a disk of {size} bytes; a VHDX holds at most 64 TiB")
    parameters = items.get(_FILE_PARAMETERS, b"").ljust(8, b"\0")
    flags = _number(parameters[4:8])
    creator = reader.read_at(8, 512).decode("utf-16-le", "replace").split("\0", 1)[0]
    header: dict[str, Any] = {
        "creator": creator, "block_size": _number(parameters[:4]), "leave_block_allocated": bool(flags & 1),
        "has_parent": bool(flags & _HAS_PARENT), "virtual_disk_size": size,
        "logical_sector_size": _number(items.get(_LOGICAL_SECTOR, b"")) or None,
        "physical_sector_size": _number(items.get(_PHYSICAL_SECTOR, b"")) or None,
        "log_replay_needed": _log_in_use(reader)}
    problems = [content_unread("VHDX")]
    if header["log_replay_needed"]:
        problems.insert(0, problem("needs-check", "the file was not closed: its log must be replayed;"
                                                  " 'qemu-img check -f vhdx -r all FILE' does it", field="LogGuid"))
    if header["has_parent"]:
        problems.insert(0, problem("backing-file", "the disk is a delta over a parent; it cannot stand alone",
                                   field="HasParent"))
    return Container("vhdx", size, header, problems, readable=False)


def _metadata(reader: Reader) -> dict[bytes, bytes]:
    """Return the metadata items by GUID, their first 8 bytes each."""
    start, length = _metadata_region(reader)
    raw = reader.read_at(start, 32)
    count = _number(raw[10:12])
    if raw[:8] != b"metadata" or count > _MAX_ENTRIES:
        raise broken("header-invalid", "the metadata region has no metadata table with at most 2047 entries",
                     field="Signature", offset=start, raw=raw[:12])
    table = reader.read_at(start + 32, count * _ENTRY)
    items = {}
    for guid, offset, size in struct.iter_unpack("<16sII8x", table):
        check_range(length, offset, size, "the metadata region")
        items[guid] = reader.read_at(start + offset, min(size, 8))
    return items


def _metadata_region(reader: Reader) -> tuple[int, int]:
    """Return where the metadata region lies and how long it is, from the first region table that is whole."""
    for offset in _REGION_TABLES:
        raw = reader.read_at(offset, 16)
        count = _number(raw[8:12])
        if raw[:4] != b"regi" or count > _MAX_ENTRIES:
            continue
        table = reader.read_at(offset + 16, count * _ENTRY)
        for guid, start, length, _required in struct.iter_unpack("<16sQII", table):
            if guid == _METADATA_REGION:
                check_range(reader.size, start, length, "the file")
                return start, length
    raise broken("header-invalid", "no region table names a metadata region, which a VHDX must have",
                 field="Signature", offset=_REGION_TABLES[0])


def _log_in_use(reader: Reader) -> bool:
    """Say whether the header in force has a log that must be replayed."""
    headers = [raw for raw in (reader.read_at(offset, 64) for offset in _HEADERS) if raw[:4] == b"head"]
    newest = max(headers, key=lambda raw: _number(raw[8:16]), default=bytes(64))
    return any(newest[48:64])


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, "little")


FORMAT = Format("vhdx", "Hyper-V virtual disk v2 (VHDX)", ("vhdx", "avhdx"), matches, open_vhdx)

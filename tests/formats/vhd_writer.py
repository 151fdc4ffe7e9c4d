"""A writer of VHD for tests: whole disks, and single structures with fields that no good writer would set.

"Virtual Hard Disk Image Format Specification", Microsoft, October 11, 2006.
https://www.microsoft.com/en-us/download/details.aspx?id=23850
"""

from __future__ import annotations

import struct

FOOTER = struct.Struct(">8sIIQI4sI4sQQHBBII16sB427x")
DYNAMIC = struct.Struct(">8sQQIIII16sII512s448x")
UNUSED = 0xFFFFFFFF
FIXED, DYNAMIC_DISK, DIFFERENCING = 2, 3, 4
NO_OFFSET = (1 << 64) - 1


def seal(raw: bytes, at: int = 64) -> bytes:
    """Return a structure with its checksum renewed."""
    total = sum(raw) - sum(raw[at : at + 4])
    return raw[:at] + struct.pack(">I", ~total & 0xFFFFFFFF) + raw[at + 4 :]


def footer(size: int, disk_type: int = FIXED, *, data_offset: int = NO_OFFSET,  # noqa: PLR0913 - any field may be wrong
           geometry: tuple[int, int, int] = (65535, 16, 255), app: bytes = b"qem2", saved: int = 0,
           version: int = 0x10000, unique_id: bytes = bytes(range(16)), time_stamp: int = 1000) -> bytes:
    return seal(FOOTER.pack(b"conectix", 2, version, data_offset, time_stamp, app, 0x50003, b"Wi2k", size, size,
                            *geometry, disk_type, 0, unique_id, saved))


def dynamic_header(entries: int, block_size: int, *, table_offset: int = 1536, version: int = 0x10000,
                   cookie: bytes = b"cxsparse", parent: str = "") -> bytes:
    return seal(DYNAMIC.pack(cookie, NO_OFFSET, table_offset, version, entries, block_size, 0, bytes(16), 0, 0,
                             parent.encode("utf-16-be")), 36)


def fixed(data: bytes, **fields: object) -> bytes:
    return data + footer(len(data), **fields)


def dynamic(data: bytes, block_size: int, *, bits: int = 0xFF, spare: int = 0) -> bytes:
    """Return a dynamic disk with the blocks of ``data`` that are not zero; ``bits`` fills the sector bitmaps."""
    blocks = -(-len(data) // block_size)
    bitmap = bytes([bits]) * (-(-block_size // 512 // 8) or 1)
    bitmap = bitmap.ljust(-(-len(bitmap) // 512) * 512, b"\0")
    table, body = [UNUSED] * (blocks + spare), b""
    start = 1536 + -(-len(table) * 4 // 512) * 512
    for number in range(blocks):
        block = data[number * block_size : (number + 1) * block_size]
        if block.count(0) != len(block):
            table[number] = (start + len(body)) // 512
            body += bitmap + block.ljust(block_size, b"\0")
    entries = b"".join(struct.pack(">I", entry) for entry in table)
    end = footer(len(data), DYNAMIC_DISK, data_offset=512)
    return end + dynamic_header(len(table), block_size) + entries.ljust(start - 1536, b"\xff") + body + end


def delta(sectors: dict[int, bytes], size: int, name: str = "", *, path: str | None = None, block_size: int = 4096,  # noqa: PLR0913 - any field may be wrong
          parent_id: bytes = bytes(range(16)), parent_time: int = 1000, unique_id: bytes = b"c" * 16) -> bytes:
    """Return a differencing disk that has these sectors, over a parent of that name and relative path."""
    blocks = -(-size // block_size)
    each = block_size // 512
    bitmap_bytes = -(-each // 4096) * 512
    table, body = [UNUSED] * blocks, b""
    locator = (path or "").encode("utf-16-le")
    start = 1536 + -(-blocks * 4 // 512) * 512 + -(-len(locator) // 512) * 512
    for number in sorted({sector // each for sector in sectors}):
        table[number] = (start + len(body)) // 512
        mine = [sectors.get(number * each + index) for index in range(each)]
        bits = "".join("0" if sector is None else "1" for sector in mine).ljust(bitmap_bytes * 8, "0")
        body += int(bits, 2).to_bytes(bitmap_bytes, "big")
        body += b"".join(b"\xee" * 512 if sector is None else sector.ljust(512, b"\0") for sector in mine)
    head = dynamic_header(blocks, block_size, parent=name)
    head = head[:40] + parent_id + struct.pack(">I", parent_time) + head[60:]
    entries = struct.pack(f">{blocks}I", *table)
    entries += b"\xff" * (-len(entries) % 512)
    if path is not None:
        entry = struct.pack(">4sIIIQ", b"W2ru", 512, len(locator), 0, 1536 + len(entries))
        head = head[:576] + entry + head[600:]
    end = footer(size, DIFFERENCING, data_offset=512, unique_id=unique_id)
    return end + seal(head, 36) + (entries + locator).ljust(start - 1536, b"\0") + body + end


def differencing(parent: str) -> bytes:
    end = footer(8192, DIFFERENCING, data_offset=512)
    return end + dynamic_header(2, 4096, parent=parent) + b"\xff" * 512 + end


def patch(file: bytes, changes: dict[int, bytes]) -> bytes:
    """Return the file with other bytes at the offsets; negative ones count from its end."""
    raw = bytearray(file)
    for offset, data in changes.items():
        start = offset % len(raw)
        raw[start : start + len(data)] = data
    return bytes(raw)

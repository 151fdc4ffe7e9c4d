"""VDI images made byte by byte, so that every field can be wrong: header, block map at 512, data after it."""

from __future__ import annotations

import struct

from imgbuild.formats.vdi.container import open_vdi
from imgbuild.readers import Memory

FIELDS = {
    "signature": (64, "4s"), "version": (68, "<I"), "header_size": (72, "<I"), "image_type": (76, "<I"),
    "image_flags": (80, "<I"), "offset_bmap": (340, "<I"), "offset_data": (344, "<I"), "sector_size": (360, "<I"),
    "disk_size": (368, "<Q"), "block_size": (376, "<I"), "block_extra": (380, "<I"), "blocks_in_image": (384, "<I"),
    "blocks_allocated": (388, "<I"), "uuid_image": (392, "16s"), "uuid_last_snap": (408, "16s"),
    "uuid_link": (424, "16s"), "uuid_parent": (440, "16s"),
}
NEVER, DISCARDED = 0xFFFFFFFF, 0xFFFFFFFE
BLOCK = 1 << 20


def patch(image: bytes, **fields: int | bytes) -> bytes:
    """Return the image with header fields overwritten."""
    changed = bytearray(image)
    for name, value in fields.items():
        offset, form = FIELDS[name]
        struct.pack_into(form, changed, offset, value)
    return bytes(changed)


def vdi(pattern: str = "b.a-", *, block_size: int = 512, size: int | None = None) -> bytes:
    """Return a disk of a block for each letter; the file has them by the alphabet, and those of ``.`` and ``-`` not."""
    order = sorted(set(pattern) - set(".-"))
    entries = [{".": NEVER, "-": DISCARDED}.get(letter, order.index(letter) if letter in order else 0)
               for letter in pattern]
    table = struct.pack(f"<{len(entries)}I", *entries)
    table += bytes(-len(table) % 512)
    head = patch(b"<<< made for a test >>>\n".ljust(512, b"\0"), signature=b"\x7f\x10\xda\xbe", version=0x10001,
                 header_size=400, image_type=1, offset_bmap=512, offset_data=512 + len(table), sector_size=512,
                 disk_size=len(pattern) * block_size if size is None else size, block_size=block_size,
                 blocks_in_image=len(pattern), blocks_allocated=len(order), uuid_image=bytes(range(16)))
    return head + table + b"".join(letter.encode() * block_size for letter in order)


def content(pattern: str, *, block_size: int = 512) -> bytes:
    return b"".join(bytes(block_size) if letter in ".-" else letter.encode() * block_size for letter in pattern)


def entries(image: bytes, *values: int) -> bytes:
    """Return the image with the first entries of the block map overwritten."""
    packed = struct.pack(f"<{len(values)}I", *values)
    return image[:512] + packed + image[512 + len(packed):]


def opened(image: bytes):
    return open_vdi(Memory(image))


def codes(image: bytes) -> list[str]:
    return [problem.code for problem in opened(image).problems]


def whole(image: bytes) -> bytes:
    disk = opened(image)
    return disk.read_at(0, disk.size)

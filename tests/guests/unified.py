"""Make unified kernel images: ``unified(osrel="ID=debian\\n", uname="6.1")``."""

from __future__ import annotations

import struct

MACHINES = {"x86_64": 0x8664, "aarch64": 0xAA64, "x86": 0x014C}


def unified(*, machine="x86_64", linux=b"MZ kernel", **texts):
    """A PE program with the sections ``.linux`` and those named; text is padded as the tools do it."""
    contents = {f".{name}": text.encode() if isinstance(text, str) else text for name, text in texts.items()}
    if linux is not None:
        contents[".linux"] = linux
    start, optional = 0x80, 240
    headers, data, offset = b"", b"", 0x400
    for name, content in contents.items():
        padded = content + bytes(-len(content) % 0x200)
        headers += struct.pack("<8sIIII16x", name.encode(), len(content), 0x1000 + offset, len(padded), offset)
        data, offset = data + padded, offset + len(padded)
    head = bytearray(0x400)
    head[:2], head[60:64] = b"MZ", start.to_bytes(4, "little")
    head[start : start + 24] = b"PE\0\0" + struct.pack("<HH12xHH", MACHINES[machine], len(contents), optional, 0x22)
    head[start + 24 : start + 26] = b"\x0b\x02"
    head[start + 24 + optional : start + 24 + optional + len(headers)] = headers
    return bytes(head) + data

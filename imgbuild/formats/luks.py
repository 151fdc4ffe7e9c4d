"""LUKS 1 and 2: the header of an encrypted disk in, its facts out; the content stays closed.

Documents: "LUKS1 On-Disk Format Specification 1.2.3" and "LUKS2 On-Disk Format Specification 1.1.4",
https://gitlab.com/cryptsetup/cryptsetup/-/wikis/Specification and https://gitlab.com/cryptsetup/LUKS2-docs
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imgbuild.formats.base import Container, Format, Probe
from imgbuild.readers import problem, read_clipped

if TYPE_CHECKING:
    from imgbuild.readers import Reader

# LUKS 1 header, 592 bytes, big-endian
#
#  off   hex  size  field
#    0  0x00     6  magic "LUKS\xba\xbe"
#    6  0x06     2  version
#    8  0x08    32  cipher-name
#   40  0x28    32  cipher-mode
#   72  0x48    32  hash-spec
#  104  0x68     4  payload-offset in sectors of 512 bytes
#  108  0x6c     4  key-bytes
#  168  0xa8    40  uuid
#  208  0xd0   384  eight key slots of 48 bytes; at 40 in each: key-material-offset in sectors
#
# LUKS 2 binary header: version at 6, hdr_size at 8 (8 bytes), label at 24 (48), csum_alg at 72 (32), uuid at 168 (40)

MAGIC = b"LUKS\xba\xbe"
_HEADER = 592
_SECTOR = 512
_SLOTS_END = 4096


def matches(probe: Probe) -> bool:
    """Say whether the file begins as a LUKS device does."""
    return probe.head.startswith(MAGIC) and int.from_bytes(probe.at(6, 2), "big") in (1, 2)


def open_luks(reader: Reader) -> Container:
    """Return the header's facts and the problem ``encrypted``; nothing can be read behind it."""
    header = read_clipped(reader, 0, _HEADER).ljust(_HEADER, b"\0")
    version = int.from_bytes(header[6:8], "big")
    facts, size = _luks1(header, reader.size) if version == 1 else _luks2(header, reader.size)
    objection = problem("encrypted", f"the file is a LUKS{version} encrypted disk; an image must be plain",
                        field="magic", offset=0, raw=header[:8])
    return Container("luks", size, {"version": version, **facts}, [objection], readable=False)


def _luks1(header: bytes, file_size: int) -> tuple[dict[str, Any], int | None]:
    """Return the facts and the size of the payload in bytes.

    The size is unknown where the payload begins outside the file, and where key material lies in the first 4096
    bytes: that is the layout of the format's first drafts, which today's readers refuse.
    """
    payload = int.from_bytes(header[104:108], "big") * _SECTOR
    materials = [int.from_bytes(header[slot + 40 : slot + 44], "big") * _SECTOR for slot in range(208, 592, 48)]
    facts = {"cipher_name": _text(header[8:40]), "cipher_mode": _text(header[40:72]),
             "hash_spec": _text(header[72:104]), "payload_offset": payload,
             "key_bytes": int.from_bytes(header[108:112], "big"), "uuid": _text(header[168:208])}
    known = min(materials) >= _SLOTS_END and payload < file_size
    return facts, file_size - payload if known else None


def _luks2(header: bytes, file_size: int) -> tuple[dict[str, Any], int]:
    """Return the facts; where the payload lies stands in a JSON area that is not read, so the size is the file's."""
    facts = {"hdr_size": int.from_bytes(header[8:16], "big"), "label": _text(header[24:72]),
             "csum_alg": _text(header[72:104]), "uuid": _text(header[168:208])}
    return facts, file_size


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("ascii", "replace")


FORMAT = Format("luks", "LUKS encrypted disk", ("luks",), matches, open_luks)

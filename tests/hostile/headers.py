"""The older formats of qemu with any field set: qed, qcow of version 1, parallels; tables behind the headers.

The documents are named in ``imgbuild/formats/qed.py`` and its neighbours.
"""

from __future__ import annotations

import struct

from vhdx_writer import File

CLUSTER = 4096
SIZE = 4 << 20


def qed(*entries: int, content: bytes = b"", features: int = 0, size: int = SIZE, cluster_size: int = CLUSTER,  # noqa: PLR0913 - any field may be wrong
        table_size: int = 1, header_size: int = 1, l1: int = CLUSTER, first_l2: int = 2 * CLUSTER, name: int = 64,
        length: int | None = None, end: int = 4 * CLUSTER) -> File:
    """Return a QED with one L2 table of these entries and one cluster; ``content`` is the name behind the header."""
    head = struct.pack("<4sIIIQQQQQII", b"QED\0", cluster_size, table_size, header_size, features, 0, 0, l1, size, name,
                       len(content) if length is None else length)
    return File(end, [(0, head + content), (CLUSTER, struct.pack("<Q", first_l2)),
                      (2 * CLUSTER, struct.pack(f"<{len(entries)}Q", *entries))])


def qcow1(*entries: int, content: bytes = b"", size: int = SIZE, name: int = 0, length: int | None = None,  # noqa: PLR0913 - any field may be wrong
          cluster_bits: int = 12, l2_bits: int = 9, crypt: int = 0, l1: int = 48, first_l2: int = CLUSTER,
          end: int = 3 * CLUSTER) -> File:
    """Return a QCOW with one L2 table of these entries and one cluster; ``content`` is the name, at 64."""
    head = struct.pack(">4sIQIIQBBHIQ", b"QFI\xfb", 1, name, len(content) if length is None else length, 0, size,
                       cluster_bits, l2_bits, 0, crypt, l1)
    return File(end, [(0, head + struct.pack(">Q", first_l2)), (64, content),
                      (CLUSTER, struct.pack(f">{len(entries)}Q", *entries))])


def parallels(*bat: int, magic: bytes = b"WithouFreSpacExt", version: int = 2, tracks: int = 8, entries: int = 4,  # noqa: PLR0913 - any field may be wrong
              sectors: int = 32, in_use: int = 0x312E3276, data_off: int = 8, ext_off: int = 0,
              end: int = 3 * CLUSTER) -> File:
    """Return a Parallels disk with this BAT and two clusters."""
    head = struct.pack("<16sIIIIIQIIIQ", magic, version, 16, 64, tracks, entries, sectors, in_use, data_off, 0, ext_off)
    return File(end, [(0, head), (64, struct.pack(f"<{len(bat)}I", *bat))])

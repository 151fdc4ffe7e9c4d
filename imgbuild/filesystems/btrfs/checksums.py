"""The checksums of btrfs superblocks and nodes: a block in, whether it is intact out.

The first 32 bytes of a block are the sum over the rest, padded with zeros. The kinds by csum_type: 0 CRC-32C, 1 xxHash,
2 SHA-256, 3 BLAKE2b of 256 bits. xxHash is not computed here: nothing that Python brings along does, and a node has
other marks (see ``nodes.py``).

https://btrfs.readthedocs.io/en/latest/Checksumming.html
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from imgbuild.crc32c import crc32c

if TYPE_CHECKING:
    from collections.abc import Callable

FIELD = 32
"""Bytes of the field before what is summed."""

ALGORITHMS: dict[int, Callable[[bytes], bytes] | None] = {
    0: lambda data: crc32c(data).to_bytes(4, "little"),
    1: None,
    2: lambda data: hashlib.sha256(data).digest(),
    3: lambda data: hashlib.blake2b(data, digest_size=32).digest(),
}


def is_intact(block: bytes, csum_type: int) -> bool:
    """Say whether the sum at the start of a block is that of the rest, as far as it can be computed."""
    algorithm = ALGORITHMS[csum_type]
    if algorithm is None:
        return True
    expected = algorithm(block[FIELD:])
    return block[: len(expected)] == expected

"""Both digests of a disk, beside those of hashlib."""

from __future__ import annotations

import hashlib

import pytest

from imgbuild.content.digests import Digests

MIB = 1 << 20


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(("pieces", "data_end"), [
    ([], 0), ([3 * MIB], 0), ([b"x"], MIB), ([b"x" * MIB], MIB), ([MIB, b"x"], 2 * MIB), ([b"x" * MIB, 5], MIB),
    ([512, b"x" * 512, 2 * MIB], MIB), ([5 * MIB // 2, b"x" * 512, 100], 3 * MIB),
], ids=str)
def test_of_all_and_up_to_the_end_of_the_data(pieces, data_end):
    digests = Digests()
    for piece in pieces:
        digests.add_zeros(piece) if isinstance(piece, int) else digests.add(piece)
    disk = b"".join(bytes(piece) if isinstance(piece, int) else piece for piece in pieces)
    found = digests.content()
    assert (found.size, found.sha256) == (len(disk), sha256(disk))
    assert (found.data_end, found.data_sha256) == (data_end, sha256(disk[:data_end].ljust(data_end, b"\0")))

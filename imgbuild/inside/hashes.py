"""The content of an entry in, its digests out, from one read of it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from imgbuild.sizes import MIB

if TYPE_CHECKING:
    from collections.abc import Collection

    from imgbuild.readers import Reader


def digests_of(content: Reader, algorithms: Collection[str]) -> dict[str, str]:
    """Return the digests by their algorithms, in their order; a MiB is held at a time."""
    hashers = {algorithm: hashlib.new(algorithm, usedforsecurity=False) for algorithm in algorithms}
    for offset in range(0, content.size, MIB):
        piece = content.read_at(offset, min(MIB, content.size - offset))
        for hasher in hashers.values():
            hasher.update(piece)
    return {algorithm: hasher.hexdigest() for algorithm, hasher in hashers.items()}

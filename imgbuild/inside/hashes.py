"""The content of an entry, or pieces of it, in; its digests out, from one read."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from imgbuild.sizes import MIB

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from imgbuild.readers import Reader


class Hashes:
    """The digests of bytes that come in pieces, by several algorithms."""

    def __init__(self, algorithms: Iterable[str]) -> None:
        self._hashers = {algorithm: hashlib.new(algorithm, usedforsecurity=False) for algorithm in algorithms}

    def update(self, piece: bytes) -> None:
        """Take in the next piece."""
        for hasher in self._hashers.values():
            hasher.update(piece)

    def digests(self) -> dict[str, str]:
        """Return the digests by their algorithms, in their order."""
        return {algorithm: hasher.hexdigest() for algorithm, hasher in self._hashers.items()}


def digests_of(content: Reader, algorithms: Collection[str]) -> dict[str, str]:
    """Return the digests by their algorithms, in their order; a MiB is held at a time."""
    hashes = Hashes(algorithms)
    for offset in range(0, content.size, MIB):
        hashes.update(content.read_at(offset, min(MIB, content.size - offset)))
    return hashes.digests()

"""The digests of a disk: its bytes in, in their order; out come that of all, and that up to where its data ends.

Some writers round a disk up, to a geometry or to whole GiB: the second digest stays the same then.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from imgbuild.documents.inspection import Content
from imgbuild.sizes import MIB, ceil_div

if TYPE_CHECKING:
    from imgbuild.digest import Progress

_ZEROS = memoryview(bytes(MIB))


class Digests:
    """Both digests in the making; ``progress`` is told how far they are."""

    def __init__(self, progress: Progress | None = None) -> None:
        self._whole = hashlib.sha256(usedforsecurity=False)
        self._data = self._whole.copy()
        self._size = self._data_size = 0
        self._progress = progress

    def add(self, data: bytes | memoryview) -> None:
        """Go on with bytes that are not all zero, none of them beyond the MiB that the first is in."""
        self._update(data)
        self._data, self._data_size = self._whole.copy(), self._size

    def add_zeros(self, count: int) -> None:
        """Go on with so many zeros."""
        for done in range(0, count, MIB):
            self._update(_ZEROS[: min(MIB, count - done)])

    def content(self) -> Content:
        """Return what there is to say of a disk that ends here."""
        data, data_end = self._data.copy(), ceil_div(self._data_size, MIB) * MIB
        data.update(_ZEROS[: data_end - self._data_size])
        return Content(size=self._size, sha256=self._whole.hexdigest(), data_end=data_end, data_sha256=data.hexdigest())

    def _update(self, data: bytes | memoryview) -> None:
        self._whole.update(data)
        self._size += len(data)
        if self._progress is not None:
            self._progress.advance(len(data))

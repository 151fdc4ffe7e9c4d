"""ZVHD, the vendor's stream of zlib-compressed blocks: a file that begins with a header page.

A header page, a record for each block that is not zero, and the header page again as the end mark. Opening walks over
the headers of all records (48 bytes each); data are inflated when they are read, forward from the nearest checkpoint.

``header.py`` and ``records.py`` are shared with ZVHD2, ``stream.py`` inflates.

Layout: src/zvhd.c of the vendor's public block driver, https://github.com/huaweicloud/ims-qemu-img.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.formats.base import Format, opened_by

if TYPE_CHECKING:
    from imgbuild.formats.base import Probe

COOKIE = b"stream"


def matches(probe: Probe) -> bool:
    """Say whether the file begins with a ZVHD header page."""
    return plausible(probe.head, COOKIE)


def plausible(head: bytes, cookie: bytes) -> bool:
    """Say whether ``head`` begins a header page and not a text that happens to begin with the word.

    Of the three fields behind the cookie (its padding, features, format version) two must be as every writer has them.
    """
    signs = (head[len(cookie) : 8] == bytes(2), head[8:12] == b"\2\0\0\0", head[12:16] == b"\0\0\1\0")
    return head.startswith(cookie) and sum(signs) >= 2  # noqa: PLR2004 - two of three


FORMAT = Format("zvhd", "ZVHD", ("zvhd",), matches, opened_by(__name__, "open_zvhd"))

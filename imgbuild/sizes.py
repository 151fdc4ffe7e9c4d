"""Sizes in bytes and the words for them."""

from __future__ import annotations

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30
TIB = 1 << 40

_UNITS = (("TiB", TIB), ("GiB", GIB), ("MiB", MIB), ("KiB", KIB))


def human_size(size: int) -> str:
    """Return a size in bytes as people write it: ``2 GiB``, ``654 MiB``, ``512 bytes``.

    Three digits are kept, so a message that turns on the exact size gives the bytes beside it.
    """
    for unit, scale in _UNITS:
        if size >= scale:
            whole, rest = divmod(size, scale)
            return f"{whole} {unit}" if rest == 0 else f"{size / scale:.{_decimals(whole)}f} {unit}"
    return f"{size} byte" if size == 1 else f"{size} bytes"


def _decimals(whole: int) -> int:
    return 0 if whole >= 100 else 1 if whole >= 10 else 2  # noqa: PLR2004 - three digits in all


def ceil_div(value: int, unit: int) -> int:
    """Return ``value / unit`` rounded up, in whole numbers; both are at least 0 and 1."""
    return -(-value // unit)

"""What holds where nobody says anything else: the cloud, the checksums of an image, the seconds to look into one."""

from __future__ import annotations

DEFAULT_CLOUD = "huaweicloud"
ALL = "all"
"""What stands for all clouds where these are compared."""
DEFAULT_CHECKSUMS = ("md5", "sha256")
TIME_LIMIT = 30.0
SLOWEST_INFLATE = 8 << 20
"""Compressed bytes in a second, where a file is read through to its end; measured: 30 MiB and more, on a busy
machine."""
NICENESS = 5
"""How far what looks into a file steps back behind what hashes it, which sets the pace where there are two processors;
as nice(1) has it."""


def niceness_of(checksums: tuple[str, ...] | None) -> int:
    """Return how far a look steps back: not at all where there are no checksums (``None``)."""
    return 0 if checksums is None else NICENESS

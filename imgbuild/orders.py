"""What a child that waits is told of the image that it is to look into; it came too early to know it."""

from __future__ import annotations

import msgspec

from imgbuild.sandbox.limits import Limits  # noqa: TC001 - msgspec reads the types of the fields when it decodes


class Order(msgspec.Struct, frozen=True):
    """How to look: under which limits, at what claimed format, and what of ``state.Wanted`` is wanted."""

    limits: Limits
    claim: str | None
    initramfs: bool
    space: bool
    checksums: tuple[str, ...]

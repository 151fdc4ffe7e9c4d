"""Which kind of image a file makes: the facts in; a system disk, a data disk or an ISO out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from imgbuild.documents.inspection import Inspection

Kind = Literal["system", "data", "iso"]

ENVIRONMENTS: dict[Kind, str] = {"system": "FusionCompute", "data": "DataImage", "iso": "IsoImage"}
"""What the service calls them (``virtual_env_type``)."""


def kind_of(image: Inspection) -> Kind | None:
    """Return the kind of an image; ``None`` where not all was seen, or is known, so that it may be either."""
    if image.format == "iso":
        return "iso"
    if image.os is not None or image.firmware.bios or image.firmware.uefi:
        return "system"
    seen = image.partitions and all(part.filesystem for part in image.partitions) and not image.problems
    return "data" if seen else None

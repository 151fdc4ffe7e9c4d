"""What lies inside of a compressed file or an archive, as an image of its own: so it is linted and shown."""

from __future__ import annotations

from imgbuild.documents.inspection import Inside, Inspection
from imgbuild.readers import quoted

_SHARED = tuple(name for name in Inside.__struct_fields__ if name in Inspection.__struct_fields__)


def image_of(inside: Inside) -> Inspection:
    """Return the facts as those of an image; the size is 0 where only decompressing all of it would tell."""
    fields = {name: getattr(inside, name) for name in _SHARED}
    return Inspection(**{**fields, "path": inside.name or "", "size": inside.size or 0})


def name_of(inside: Inside) -> str:
    """Return what stands in front of a message on what is inside: the entry of an archive has a name."""
    return "inside" if inside.name is None else quoted(inside.name)

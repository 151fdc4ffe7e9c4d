"""The document of ``imgbuild diff``: what changed between two manifests."""

# Without the future import, as in model.py.
from typing import Any, Literal

import msgspec

from imgbuild.model import SCHEMA, Value
from imgbuild.version import __version__


class Change(Value, frozen=True, kw_only=True):
    """One thing that changed between two manifests; ``None`` stands for what is not there."""

    pointer: str
    before: Any
    after: Any


class Difference(Value, frozen=True, kw_only=True):
    """The document of ``imgbuild diff``: what changed from the manifest ``before`` to the manifest ``after``.

    ``same_disk`` is there where both have a digest of the whole disk: whether it is the same, whatever it is in, zeros
    behind its data left aside.
    """

    imgbuild: str = __version__
    schema: int = SCHEMA
    kind: Literal["difference"] = "difference"
    before: str
    after: str
    same_disk: bool | msgspec.UnsetType = msgspec.UNSET
    changes: tuple[Change, ...]

"""The document of ``imgbuild diff``: what changed between two manifests."""

# Without the future import, as in model.py.
from typing import Any, Literal

from imgbuild.model import SCHEMA, Value
from imgbuild.version import __version__


class Change(Value, frozen=True, kw_only=True):
    """One thing that changed between two manifests; ``None`` stands for what is not there."""

    pointer: str
    before: Any
    after: Any


class Difference(Value, frozen=True, kw_only=True):
    """The document of ``imgbuild diff``: what changed from the manifest ``before`` to the manifest ``after``."""

    imgbuild: str = __version__
    schema: int = SCHEMA
    kind: Literal["difference"] = "difference"
    before: str
    after: str
    changes: tuple[Change, ...]

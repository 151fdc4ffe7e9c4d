"""The document of ``imgbuild verify``: whether an image and the server's answer are still as the manifest says."""

# Without the future import, as in model.py.
from typing import Literal

from imgbuild.documents.findings import Accepted, Finding, Summary, Tally
from imgbuild.model import SCHEMA, Value
from imgbuild.version import __version__

Stage = Literal["created", "active"]


class Verification(Value, frozen=True, kw_only=True):
    """The document of ``imgbuild verify``: whether all is still as the manifest says.

    ``manifest``, ``statement``, ``image`` and ``response`` are the paths of what was compared, ``None`` where that was
    not asked for; ``stage`` is how far the image is by the answer, ``next`` what is to be done next, in words.
    """

    imgbuild: str = __version__
    schema: int = SCHEMA
    kind: Literal["verification"] = "verification"
    manifest: str | None
    statement: str | None = None
    image: str | None = None
    response: str | None = None
    stage: Stage | None = None
    verified: bool
    summary: Summary
    rules: Tally = Tally()
    findings: tuple[Finding, ...]
    accepted: tuple[Accepted, ...] = ()
    next: tuple[str, ...] = ()

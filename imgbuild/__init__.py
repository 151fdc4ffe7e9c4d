"""imgbuild: inspect disk images offline, build their create-image request, and lint both.

The library is the twin of the command line: each command on images, requests and manifests has a function of its name
here; ``check --cloud all`` is :func:`find_destinations`, ``lint --fix`` is :func:`fix`.

    >>> import imgbuild
    >>> imgbuild.inspect("samples/debian-12-tiny.qcow2").format
    'qcow2'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imgbuild.version import __version__

if TYPE_CHECKING:
    from imgbuild.choices import Choices
    from imgbuild.destinations import find_destinations
    from imgbuild.documents.destinations import Destinations
    from imgbuild.documents.difference import Difference
    from imgbuild.documents.findings import Finding, Findings
    from imgbuild.documents.inspection import Inspection
    from imgbuild.documents.manifest import Manifest
    from imgbuild.documents.verification import Verification
    from imgbuild.errors import ImgbuildError
    from imgbuild.examination import inspect
    from imgbuild.pipeline import build, check, diff, fix, lint
    from imgbuild.pipeline.verifying import verify
    from imgbuild.settings import Settings

__all__ = [
    "Choices", "Destinations", "Difference", "Finding", "Findings", "ImgbuildError", "Inspection", "Manifest",
    "Settings", "Verification", "__version__", "build", "check", "diff", "find_destinations", "fix", "inspect", "lint",
    "verify",
]

_HOMES = {
    "Choices": "choices", "ImgbuildError": "errors", "Finding": "documents.findings", "Findings": "documents.findings",
    "Inspection": "documents.inspection", "Manifest": "documents.manifest", "Settings": "settings",
    "build": "pipeline", "check": "pipeline", "lint": "pipeline",
    "inspect": "examination", "Verification": "documents.verification", "verify": "pipeline.verifying",
    "Difference": "documents.difference", "diff": "pipeline", "fix": "pipeline",
    "Destinations": "documents.destinations", "find_destinations": "destinations",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any of the names above
    """Import a name when it is first used: ``imgbuild --version`` needs none of them."""
    if name not in _HOMES:
        raise AttributeError(f"module 'imgbuild' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - see above

    value = getattr(import_module(f"imgbuild.{_HOMES[name]}"), name)
    globals()[name] = value
    return value

"""What a command hands to a report: its documents, and what a person should see beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imgbuild.documents.configuration import Configuration
    from imgbuild.documents.destinations import Destinations
    from imgbuild.documents.difference import Difference
    from imgbuild.documents.findings import Findings
    from imgbuild.documents.inspection import Inspection
    from imgbuild.documents.manifest import Manifest
    from imgbuild.documents.review import Review
    from imgbuild.documents.rules import RuleEntry, Rules
    from imgbuild.documents.verification import Verification


class ImageView(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of an image: ``imgbuild inspect``; ``number`` of ``several`` counts from 0."""

    image: Inspection
    number: int = 0
    several: bool = False


class ManifestView(msgspec.Struct, frozen=True, kw_only=True):
    """The manifest of an image: ``imgbuild build``; with ``request_only`` the body of the request alone."""

    manifest: Manifest
    number: int = 0
    several: bool = False
    request_only: bool = False


class FindingsView(msgspec.Struct, frozen=True, kw_only=True):
    """What was found: ``imgbuild lint``, ``imgbuild check`` and ``imgbuild verify``.

    Attributes:
        findings: The document.
        cloud: Name of the target cloud.
        status: The exit status that follows.
        name: How the request is called, ``None`` where it was built.
        request: The bytes of the request, for the lines that findings point at.
        of_request: Whether it is the request that is judged, and the image lies beside it.
        images: The facts of the images, in their order.
        manifests: For each image its manifest, ``None`` for what is no image; alone it is the one that is verified.
        rules: The rules that found something, by their ids.
        fail_on: The least severity that makes the exit status 1, or ``never``.
        verification: The document of ``imgbuild verify``, which then stands for the findings.
    """

    findings: Findings
    cloud: str
    status: int
    name: str | None = None
    request: bytes | None = None
    of_request: bool = False
    images: Sequence[Inspection] = ()
    manifests: Sequence[Manifest | None] = ()
    rules: Mapping[str, RuleEntry] = {}
    fail_on: str = "error"
    verification: Verification | None = None


class RulesView(msgspec.Struct, frozen=True, kw_only=True):
    """The rule book: ``imgbuild rules`` lists it, ``imgbuild explain`` shows one rule as a page."""

    rules: Rules
    page: bool = False


class ReviewView(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with the rule book: ``imgbuild rules --check``."""

    review: Review


class DestinationsView(msgspec.Struct, frozen=True, kw_only=True):
    """Where images can go: ``imgbuild check --cloud all``."""

    destinations: Destinations


class DifferenceView(msgspec.Struct, frozen=True, kw_only=True):
    """What changed between two manifests: ``imgbuild diff``."""

    difference: Difference


class ConfigurationView(msgspec.Struct, frozen=True, kw_only=True):
    """The values in force: ``imgbuild config``."""

    configuration: Configuration


View = (ImageView | ManifestView | FindingsView | RulesView | ReviewView | DestinationsView | DifferenceView
        | ConfigurationView)

"""The document of ``imgbuild check --cloud all``: where images can go, and what stands in the way."""

# Without the future import, as in model.py.
from typing import Literal

from imgbuild.model import SCHEMA, OperatingSystem, Source, Value
from imgbuild.version import __version__

Verdict = Literal["yes", "no", "unknown"]


class Obstacle(Value, frozen=True, kw_only=True, omit_defaults=True):
    """What stands in the way of an image: the first error, or what could not be seen; ``rule`` is that of a pack."""

    message: str
    rule: str | None = None
    hint: str | None = None
    sources: tuple[Source, ...] = ()


class Destination(Value, frozen=True, kw_only=True):
    """One cloud: whether an image can go there, and as what.

    ``basis`` says what is known of the cloud: all its rules, or only those on the file. ``format`` is the cloud's word,
    ``operation`` the call, ``route`` the import path. ``errors`` count what stands in the way, ``obstacle`` is the
    first of it; beside ``unknown`` it is what could not be seen. Where only file rules are known, a file that keeps
    them is ``unknown`` without an obstacle.
    """

    cloud: str
    title: str
    basis: Literal["rules", "file rules only"]
    verdict: Verdict
    format: str | None = None
    min_disk: int | None = None
    os_version: str | None = None
    operation: str | None = None
    route: str | None = None
    errors: int
    warnings: int
    obstacle: Obstacle | None = None


class Placed(Value, frozen=True, kw_only=True):
    """An image and where it can go; ``checksums`` are those of all clouds, from one read of the file."""

    path: str
    size: int
    format: str | None
    virtual_size: int | None
    checksums: dict[str, str] | None
    os: OperatingSystem | None
    destinations: tuple[Destination, ...]


class Destinations(Value, frozen=True, kw_only=True):
    """The document of ``imgbuild check --cloud all``: where images can go."""

    imgbuild: str = __version__
    schema: int = SCHEMA
    kind: Literal["destinations"] = "destinations"
    images: tuple[Placed, ...]

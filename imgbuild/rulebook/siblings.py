"""Clouds that imgbuild has no rule pack for: ``rules/siblings/*.toml`` in; whether a file would be taken, out.

A file holds ``title``, ``route``, ``[sources.ID]`` and ``[[rule]]``. A rule is what a vendor's own document says of the
file alone, of no guest and no request: what it does not say is not known.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec

from imgbuild.documents.destinations import Obstacle
from imgbuild.errors import RuleBookError
from imgbuild.model import Source
from imgbuild.profiles import Leaf
from imgbuild.rulebook import Document  # noqa: TC001 - msgspec reads the annotation when it converts
from imgbuild.rulebook.packs import folder, read_toml, shown

if TYPE_CHECKING:
    from imgbuild.documents.inspection import Inspection

FOLDER = "siblings"


class FileRule(Leaf, frozen=True, kw_only=True):
    """What a file must be; ``says`` tells it, and what is left out is not asked for.

    It is asked of the formats in ``of``, of all where that is empty. ``formats`` are those that are taken, ``values``
    what the ``field`` of the container may hold. ``disk_multiple`` and ``disk_max`` are bytes of the disk,
    ``file_min``, ``file_max`` bytes of the file, which has ``file_beyond_disk`` bytes more than the disk.
    ``lacks_ending`` is an ending that its name must not have, ``holds`` the one file of a compressed tar archive.
    """

    says: str
    sources: tuple[str, ...]
    of: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    field: str | None = None
    values: tuple[str, ...] = ()
    disk_multiple: int | None = None
    disk_max: int | None = None
    file_min: int = 0
    file_max: int | None = None
    file_beyond_disk: int | None = None
    lacks_ending: str | None = None
    holds: str | None = None

    def is_broken_by(self, image: Inspection) -> bool | None:
        """Say whether an image breaks the rule; ``None`` where that could not be seen."""
        if image.format is None or (self.of and image.format not in self.of):
            return None if image.format is None else False
        if self.formats and image.format not in self.formats:
            return True
        if self.lacks_ending is not None and image.path.endswith(self.lacks_ending):
            return True
        if image.size < self.file_min or (self.file_max is not None and image.size > self.file_max):
            return True
        return next((broken for broken in (self._container_breaks(image), self._disk_breaks(image),
                                           self._content_breaks(image)) if broken is not False), False)

    def _container_breaks(self, image: Inspection) -> bool | None:
        if self.field is None:
            return False
        value = image.container.get(self.field)
        return None if value is None else str(value) not in self.values

    def _content_breaks(self, image: Inspection) -> bool | None:
        if self.holds is None:
            return False
        if not image.inside:
            return None
        entries = image.inside[0].container.get("entries", []) if image.inside[0].format == "tar" else []
        return [entry["name"] for entry in entries if entry["kind"] == "file"] != [self.holds]

    def _disk_breaks(self, image: Inspection) -> bool | None:
        if self.disk_multiple is None and self.disk_max is None and self.file_beyond_disk is None:
            return False
        size = image.virtual_size
        if size is None:
            return None
        odd = self.disk_multiple is not None and size % self.disk_multiple != 0
        large = self.disk_max is not None and size > self.disk_max
        return odd or large or (self.file_beyond_disk is not None and image.size != size + self.file_beyond_disk)


class Sibling(Leaf, frozen=True, kw_only=True):
    """A cloud of which only file rules are known; ``route`` is the import path in the vendor's words."""

    name: str
    title: str
    route: str
    sources: dict[str, Document]
    rule: tuple[FileRule, ...]

    def broken_by(self, image: Inspection) -> tuple[Obstacle, ...]:
        """Return the rules that an image breaks."""
        return tuple(self._obstacle(rule) for rule in self.rule if rule.is_broken_by(image))

    def unseen_in(self, image: Inspection) -> tuple[Obstacle, ...]:
        """Return the rules of which it could not be seen whether an image keeps them."""
        return tuple(self._obstacle(rule) for rule in self.rule if rule.is_broken_by(image) is None)

    def _obstacle(self, rule: FileRule) -> Obstacle:
        documents = [self.sources[source] for source in rule.sources]
        return Obstacle(message=rule.says, sources=tuple(Source(title=document.title, url=document.url,
                                                                date=document.date) for document in documents))


def read_siblings() -> tuple[Sibling, ...]:
    """Return the siblings in the order of their names; raises RuleBookError where a file does not hold together."""
    home = os.path.join(folder(), FOLDER)
    names = sorted(os.listdir(home)) if os.path.isdir(home) else []
    return tuple(_read(os.path.join(home, name)) for name in names if name.endswith(".toml"))


def _read(path: str) -> Sibling:
    table: dict[str, Any] = {"name": os.path.basename(path).removesuffix(".toml"), **read_toml(path)}
    try:
        sibling = msgspec.convert(table, Sibling)
    except msgspec.ValidationError as error:
        raise RuleBookError(f"{shown(path)}: {error}", cure="mend it there") from error
    for source in (source for rule in sibling.rule for source in rule.sources):
        if source not in sibling.sources:
            raise RuleBookError(f"{shown(path)}: there is no source {source!r}", cure=f"add [sources.{source}]")
    return sibling

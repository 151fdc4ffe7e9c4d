"""Checks of the file and of what lies on its disk: format and size for the import path, volumes, encryption."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Literal

from imgbuild.checks.base import IMAGE, Case, Check, Hit, Hits, quoted
from imgbuild.checks.disk import needed_bytes
from imgbuild.checks.objects import companion
from imgbuild.kinds import kind_of
from imgbuild.sizes import GIB, MIB, human_size

if TYPE_CHECKING:
    from imgbuild.profiles import FileRules, Operation, Profile


_MADE = {"system": "system disks", "data": "data disks", "iso": "ISO files"}


def _paths(case: Case) -> list[tuple[Operation, FileRules]]:
    """Return the operations that would carry the file: the one of the request, or those that follow it."""
    operation = case.operation
    if operation is None:
        return []
    known = case.profile.operations
    ways = [operation] if operation.file else [known[step] for step in operation.next_steps]
    found = [(way, way.file_rules(known, case.body)) for way in ways]
    return [(way, rules) for way, rules in found if rules is not None]


class FileFormat(Check, frozen=True, kw_only=True, tag="file-format"):
    """The file is of a format that the import path takes; ``unless`` names problems that say as much."""

    needs: ClassVar[frozenset[str]] = IMAGE

    unless: tuple[str, ...] = ()

    def find(self, case: Case) -> Hits:
        """Yield a file of a format that no way on takes."""
        found, paths = case.image.format if case.image else None, _paths(case)
        known = any(problem.code in self.unless for problem in (case.image.problems if case.image else ()))
        if found is None or known or not paths or any(found in rules.formats for _, rules in paths):
            return
        taken = tuple(dict.fromkeys(name for _, rules in paths for name in rules.formats))
        ways = " and ".join(way.id for way, _ in paths)
        sources = dict.fromkeys(source for _, rules in paths for source in rules.sources)
        yield Hit(message=f"the file is {found}: {ways} {'takes' if len(paths) == 1 else 'take'} {', '.join(taken)}",
                  on="image", value=found, hint=_conversion(taken), sources=tuple((source, "") for source in sources),
                  errors=tuple(dict.fromkeys(code for _, rules in paths for code in rules.errors)))

    def server_codes(self, profile: Profile, operations: tuple[str, ...]) -> frozenset[str]:
        """Return the codes for files that are not taken."""
        return frozenset(code for rules in _rules(profile, operations) for code in rules.errors)


def _conversion(taken: tuple[str, ...]) -> str | None:
    """Return how to make a file of a format that is taken; the rule's own words where that is qcow2."""
    if "qcow2" in taken or "raw" not in taken:
        return None
    return "Convert the file: qemu-img convert -O raw FILE NEW.raw."


def _rules(profile: Profile, operations: tuple[str, ...]) -> list[FileRules]:
    known = [found for name, found in profile.operations.items() if name in operations or not operations]
    return [found.file for found in known if found.file is not None]


class FileNamed(Check, frozen=True, kw_only=True, tag="file-named"):
    """The file is none of ``formats``, and its name does not match ``pattern``."""

    needs: ClassVar[frozenset[str]] = IMAGE

    formats: tuple[str, ...] = ()
    pattern: str = "(?!)"

    def find(self, case: Case) -> Hits:
        """Yield a file of such a format or name."""
        image = case.image
        if image is None:
            return
        name = re.split(r"[/\\]", image.path)[-1]
        if image.format in self.formats:
            yield Hit(message=f"the file is {image.format}", on="image", value=image.format)
        elif re.search(self.pattern, name):
            yield Hit(message=f"the file is named {quoted(name)}", on="image", value=name)


class FileSize(Check, frozen=True, kw_only=True, tag="file-size"):
    """The file is within the size limit: of ``every`` way on, or of the way ``past`` while another one carries it."""

    needs: ClassVar[frozenset[str]] = IMAGE

    past: str | None = None

    def find(self, case: Case) -> Hits:
        """Yield a file that is too large."""
        image, paths = case.image, _paths(case)
        if image is None or not paths:
            return
        small = [(way, rules) for way, rules in paths if not rules.carries(image.size)]
        if self.past is None and len(small) == len(paths):
            way, rules = max(small, key=lambda path: path[1].max_bytes or 0)
            yield _too_large(image.size, way, rules)
        elif len(small) < len(paths):
            yield from (_too_large(image.size, way, rules) for way, rules in small if way.id == self.past)

    def server_codes(self, profile: Profile, operations: tuple[str, ...]) -> frozenset[str]:
        """Return the codes for files that are too large."""
        return frozenset(code for rules in _rules(profile, operations) for code in rules.size_errors)


def _too_large(size: int, way: Operation, rules: FileRules) -> Hit:
    return Hit(message=f"the file has {human_size(size)} ({size} bytes): {way.id} takes {rules.limit}", on="image",
               value=size, sources=tuple((source, rules.limit) for source in rules.sources),
               errors=rules.size_errors or None)


class ExtraFile(Check, frozen=True, kw_only=True, tag="extra-file"):
    """The file needs no second file beside it on its import path, by its format or, without an image, by its name."""

    needs: ClassVar[frozenset[str]] = frozenset()

    def applies(self, case: Case) -> bool:
        """Say whether a file is named or at hand."""
        return case.image is not None or case.text("image_url") is not None

    def find(self, case: Case) -> Hits:
        """Yield a file whose format needs another one beside it on this path."""
        address = case.text("image_url")
        for way, rules in _paths(case):
            for name, ending in rules.extra_file.items():
                if name == (case.image.format if case.image else (address or "").rpartition(".")[2].lower()):
                    beside = companion(address, case.image.path if case.image else "", ending)
                    yield Hit(message=f"{way.id} of a {name} file needs {quoted(beside)} in the same bucket",
                              on="request" if address else "image", pointer="/image_url" if address else None,
                              value=ending)


class DiskSize(Check, frozen=True, kw_only=True, tag="disk-size"):
    """The virtual disk has at least ``min_gib`` and at most ``max_gib`` GiB."""

    needs: ClassVar[frozenset[str]] = IMAGE

    min_gib: int = 0
    max_gib: int | None = None

    def find(self, case: Case) -> Hits:
        """Yield a disk that is too small or too large."""
        size = needed_bytes(case.image) if case.image else None
        if size is None:
            return
        if self.max_gib is not None and size > self.max_gib * GIB:
            yield Hit(message=f"the disk has {human_size(size)} ({size} bytes): at most {self.max_gib} GiB is accepted",
                      on="image", value=size)
        elif size < self.min_gib * GIB:
            yield Hit(message=f"the disk has {human_size(size)} ({size} bytes): the pages name disks of {self.min_gib}"
                              " GiB or more", on="image", value=size)


class OverWholeGib(Check, frozen=True, kw_only=True, tag="over-whole-gib"):
    """The virtual disk is not a little (up to ``slack_mib`` MiB) over a whole GiB."""

    needs: ClassVar[frozenset[str]] = IMAGE

    slack_mib: int

    def find(self, case: Case) -> Hits:
        """Yield a disk that costs a whole GiB for a little."""
        size = needed_bytes(case.image) if case.image else None
        whole, rest = divmod(size or 0, GIB)
        if whole and 0 < rest <= self.slack_mib * MIB:
            yield Hit(message=f"the disk has {size} bytes, {human_size(rest)} over {whole} GiB: it needs {whole + 1}",
                      on="image", value=size)


class FileSystems(Check, frozen=True, kw_only=True, tag="file-systems"):
    """No partition or volume holds one of the ``kinds``."""

    needs: ClassVar[frozenset[str]] = IMAGE

    kinds: tuple[str, ...]

    def find(self, case: Case) -> Hits:
        """Yield each partition and volume that does."""
        for part in case.image.partitions if case.image else ():
            if part.filesystem in self.kinds:
                yield Hit(message=f"partition {part.index} holds {part.filesystem}", on="image", value=part.filesystem)
        for volume in case.image.volumes if case.image else ():
            if volume.filesystem in self.kinds:
                yield Hit(message=f"the volume {quoted(volume.name)} holds {volume.filesystem}", on="image",
                          value=volume.filesystem)


class ImageKind(Check, frozen=True, kw_only=True, tag="image-kind"):
    """The image is of a kind that the operation makes images of; what could not be seen is not held against it."""

    needs: ClassVar[frozenset[str]] = IMAGE

    holds: Literal["system", "data"]

    def find(self, case: Case) -> Hits:
        """Yield an image that ``holds`` this where the operation makes others."""
        operation = case.operation
        if case.image is None or operation is None or kind_of(case.image) != self.holds:
            return
        if operation.carries and self.holds not in operation.carries:
            what = {"system": "the disk holds a system", "data": "no system was seen on the disk"}[self.holds]
            yield Hit(message=f"{what}, but {operation.id} makes images of {_MADE[operation.carries[0]]}", on="image")


class BootSector(Check, frozen=True, kw_only=True, tag="boot-sector"):
    """The first sector of a raw disk has what the server's own inspection takes for a sound partition table.

    ``problems`` are those of the table that it objects to; ``filesystems`` are those whose boot sector on a disk
    without partitions has the signature of a table, with other bytes where the table would be.
    """

    needs: ClassVar[frozenset[str]] = IMAGE

    problems: tuple[str, ...]
    filesystems: tuple[str, ...]

    def find(self, case: Case) -> Hits:
        """Yield what the inspection objects to."""
        image = case.image
        if image is None or image.format != "raw":
            return
        wrong = next((problem for problem in image.problems if problem.code in self.problems), None)
        whole = next((part for part in image.partitions
                      if part.index == 0 and part.filesystem in self.filesystems), None)
        if wrong is not None:
            yield Hit(message=f"the disk is raw, and {wrong.message}", on="image")
        elif whole is not None:
            yield Hit(message=f"the disk is raw, and {whole.filesystem} begins in its first sector, without partitions",
                      on="image")

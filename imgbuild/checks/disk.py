"""Checks of ``min_disk`` against the bounds and the disk, and of ``disk_format`` against the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from imgbuild.checks.base import BOTH, Case, Check, Hit, Hits, listed, quoted
from imgbuild.checks.objects import is_iso_address
from imgbuild.sizes import GIB, ceil_div, human_size

if TYPE_CHECKING:
    from imgbuild.documents.inspection import Inspection
    from imgbuild.profiles import DiskBounds, MinDiskPolicy


def needed_bytes(image: Inspection) -> int | None:
    """Return the bytes that the image's disk needs: of a VHD the larger of current size and CHS geometry.

    ``None`` where there is no disk, or where it is an ISO, whose size says nothing on the disk it installs to.
    """
    if image.format == "iso" or image.virtual_size is None:
        return None
    chs = image.container.get("chs_size")
    return max(image.virtual_size, chs) if isinstance(chs, int) else image.virtual_size


def smallest_disk(size: int, policy: MinDiskPolicy) -> int:
    """Return the smallest whole GiB that is not less than (or, by policy, greater than) ``size`` bytes."""
    return size // GIB + 1 if policy == "greater" else ceil_div(size, GIB)


def requested_type(case: Case) -> str | None:
    """Return the OS type of the request, by its OS version or its ``os_type``, else that of the guest."""
    text = case.text("__os_version") or case.text("os_version")
    entry = case.catalogue().find(text) if text else None
    if entry is not None:
        return entry.os_type
    given = case.text("os_type")
    if given is not None and case.operation is not None and "os_type" in case.operation.fields:
        return given
    return case.image.os.type if case.image and case.image.os else None


def is_iso(case: Case) -> bool:
    """Say whether the image is an ISO, by its content or, without an image, by the request."""
    if case.image is not None:
        return case.image.format == "iso"
    named = case.text("disk_format") == "iso" or case.text("type") == "IsoImage"
    return named or is_iso_address(case.text("image_url"))


class MinDiskRange(Check, frozen=True, kw_only=True, tag="min-disk-range"):
    """``min_disk`` lies within the bounds of the cloud.

    ``outside`` is ``every-reading`` for what no document takes, ``target`` for what only another reading takes.
    """

    outside: Literal["every-reading", "target"]

    def find(self, case: Case) -> Hits:
        """Yield a ``min_disk`` out of the bounds."""
        value = case.integer("min_disk")
        bounds = case.min_disk.target("iso" if is_iso(case) else None)
        os_type = requested_type(case)
        if value is None or _inside(value, bounds, os_type):
            return
        others = [reading for reading in case.min_disk.readings if _inside(value, reading, os_type)]
        if bool(others) == (self.outside == "target"):
            low, high = bounds.of(os_type)
            kind = _kind(case, bounds, os_type)
            yield Hit(message=f"min_disk is {value}: {low} to {high} GiB is accepted for {kind}", pointer="/min_disk",
                      value=value, sources=tuple(_cited(bounds) + [c for other in others for c in _cited(other)]),
                      hint=f"Set min_disk to {low} to {high}.")


def _kind(case: Case, bounds: DiskBounds, os_type: str | None) -> str:
    """Return whose bounds these are, in words."""
    if case.operation is not None and case.operation.carries == ("data",) and bounds.linux == bounds.windows:
        return "a data disk"
    return "Windows" if os_type == "Windows" else "Linux"


def _inside(value: int, bounds: DiskBounds, os_type: str | None) -> bool:
    low, high = bounds.of(os_type)
    return low <= value <= high


def _cited(bounds: DiskBounds) -> list[tuple[str, str]]:
    return [(source, bounds.reading) for source in bounds.sources]


class MinDiskAgainstDisk(Check, frozen=True, kw_only=True, tag="min-disk-against-disk"):
    """``min_disk`` is large enough for the disk in the file: ``below`` it, or ``equal`` where greater is asked for."""

    needs: ClassVar[frozenset[str]] = BOTH

    relation: Literal["below", "equal"]

    def find(self, case: Case) -> Hits:
        """Yield a ``min_disk`` that is too small for the disk."""
        value, size = case.integer("min_disk"), needed_bytes(case.image) if case.image else None
        if value is None or size is None:
            return
        needed = smallest_disk(size, case.policy)
        if self.relation == "below" and value * GIB < size:
            yield Hit(message=f"min_disk is {value} GiB, but the disk has {human_size(size)} ({size} bytes)",
                      pointer="/min_disk", value=value, hint=f"Set min_disk to {needed} or more.")
        elif self.relation == "equal" and value * GIB == size and case.policy == "greater":
            yield Hit(message=f"min_disk is {value} GiB, which is exactly the disk: one page wants it greater, another"
                              " not less", pointer="/min_disk", value=value, sources=_policies(case),
                      hint=f"Set min_disk to {needed}, or take the other reading with --min-disk-policy not-less.")


def _policies(case: Case) -> tuple[tuple[str, str], ...]:
    readings = case.min_disk.policies
    order: tuple[MinDiskPolicy, ...] = ("greater", "not-less")
    return tuple((source, readings[policy].reading) for policy in order if policy in readings
                 for source in readings[policy].sources)


class DiskFormat(Check, frozen=True, kw_only=True, tag="disk-format"):
    """``disk_format`` is a word of the cloud, and the word for the image.

    ``fault`` is ``unknown`` (no document has it), ``other-reading`` (only another document has it), ``not-the-image``
    (it names another format than the file has) or ``default`` (it is left out, and the default names another).
    """

    fault: Literal["unknown", "other-reading", "not-the-image", "default"]

    def applies(self, case: Case) -> bool:
        """Say whether there is a request and, for the comparison, an image."""
        return super().applies(case) and (self.fault in {"unknown", "other-reading"} or case.image is not None)

    def find(self, case: Case) -> Hits:
        """Yield a ``disk_format`` with this fault."""
        given = case.text("disk_format")
        if self.fault == "default":
            yield from self._default(case)
        elif given is not None and self.fault == "not-the-image":
            yield from self._contradicts(case, given)
        elif given is not None:
            yield from self._foreign(case, given)

    def _foreign(self, case: Case, given: str) -> Hits:
        taken = tuple(dict.fromkeys(case.profile.disk_formats.values()))
        elsewhere = given in case.profile.disk_format_readings.values()
        if given not in taken and elsewhere == (self.fault == "other-reading"):
            yield Hit(message=f"disk_format is {quoted(given)}: {listed(taken)} is accepted",
                      pointer="/disk_format", value=given, choices=taken)

    def _contradicts(self, case: Case, given: str) -> Hits:
        word = _word(case)
        if word is not None and word != given and case.image is not None:
            yield Hit(message=f"disk_format is {quoted(given)}, but the file is {case.image.format}",
                      pointer="/disk_format", value=given, choices=_taken(case, word),
                      hint=f"Set disk_format to {quoted(word)}." if _documented_word(case) else None)

    def _default(self, case: Case) -> Hits:
        default, word, image = case.profile.default_disk_format, _documented_word(case), case.image
        if "disk_format" in case.body or not default or word == default or image is None or image.virtual_size is None:
            return
        message = f"disk_format is not given, so {default} holds, but the file is {image.format}"
        if word is None:  # the pages on files take such a format; with which word, no page says
            yield Hit(message=f"{message}, for which the field has no word", pointer="/disk_format", severity="note",
                      hint="Convert the file to be sure: qemu-img convert -O qcow2 FILE NEW.qcow2.")
            return
        yield Hit(message=message, pointer="/disk_format", hint=f"Set disk_format to {quoted(word)}.",
                  choices=_taken(case, word))


def _taken(case: Case, word: str | None) -> tuple[str, ...]:
    """Return the word if the cloud takes it; none of another document is proposed."""
    return (word,) if word is not None and word in case.profile.disk_formats.values() else ()


def _documented_word(case: Case) -> str | None:
    """Return the word of a document for the image's format; ``None`` for one that has none, such as VMDK."""
    found = (case.image.format if case.image else None) or ""
    return case.profile.disk_formats.get(found) or case.profile.disk_format_readings.get(found)


def _word(case: Case) -> str | None:
    """Return a word for the image's format; one that this cloud does not take is found by another rule."""
    return _documented_word(case) or (case.image.format if case.image else None)

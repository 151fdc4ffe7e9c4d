"""Checks of what one field says against another: what may not go together, what must be the same, what must differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from imgbuild.checks.base import Case, Check, Hit, Hits, label, quoted, texts_at, values_at, values_of
from imgbuild.checks.disk import requested_type
from imgbuild.checks.objects import is_iso_address

if TYPE_CHECKING:
    from collections.abc import Iterator


def image_type(case: Case) -> str | None:
    """Return the ``type`` of the request; one that is left out is that of an ISO file where the address names one."""
    given = case.text("type")
    return "IsoImage" if given is None and is_iso_address(case.text("image_url")) else given


class NotWith(Check, frozen=True, kw_only=True, tag="not-with-type"):
    """A field is not given for images of these ``types``; ``because`` says why."""

    types: tuple[str, ...]
    because: str

    def find(self, case: Case) -> Hits:
        """Yield the field where it is."""
        found = image_type(case)
        for pointer, value in values_of(case):
            if found in self.types:
                yield Hit(message=f"{label(pointer)} is given, but type is {quoted(found)}: {self.because}",
                          pointer=pointer, value=value)


class EncryptedFormat(Check, frozen=True, kw_only=True, tag="encrypted-format"):
    """No file that is named with this ``ending`` is to become an encrypted image."""

    ending: str

    def find(self, case: Case) -> Hits:
        """Yield addresses of such files beside a key."""
        for pointer, text in texts_at(case):
            if "cmk_id" in case.body and text.lower().endswith(self.ending):
                yield Hit(message=f"{label(pointer)} is {quoted(text)}, and cmk_id is given", pointer=pointer,
                          value=text)


class OnlyForSystem(Check, frozen=True, kw_only=True, tag="only-for-system"):
    """A field is given only for systems of one ``type``, by the request or else by the guest."""

    type: str

    def find(self, case: Case) -> Hits:
        """Yield the field of another system; a system that is not known is not held against it."""
        found = requested_type(case)
        for pointer, value in values_of(case):
            if found is not None and found != self.type:
                yield Hit(message=f"{label(pointer)} is given, but the system is {found}: it is for {self.type} only",
                          pointer=pointer, value=value)


class OsTypeFits(Check, frozen=True, kw_only=True, tag="os-type-fits"):
    """``os_type`` is the type of the system that ``os_version`` names, or else of the guest."""

    def find(self, case: Case) -> Hits:
        """Yield an ``os_type`` of another system."""
        given, version = case.text("os_type"), case.text("os_version")
        entry = case.catalogue().find(version) if version else None
        guest = case.image.os.type if case.image is not None and case.image.os is not None else None
        known, whose = (entry.os_type, f"{quoted(version)} is") if entry is not None else (guest, "the guest is")
        if given is not None and known in {"Linux", "Windows"} and given != known:
            yield Hit(message=f"os_type is {quoted(given)}, but {whose} {known}", pointer="/os_type", value=given,
                      hint=f"Set os_type to {known}.")


class IsoType(Check, frozen=True, kw_only=True, tag="iso-type"):
    """An ISO file goes with the type IsoImage, and the other way round.

    ``fault`` is ``other-type`` (an ISO file, but another type), ``no-type`` (an ISO file, and no type) or
    ``other-file`` (the type, but another file).
    """

    fault: Literal["other-type", "no-type", "other-file"]

    def find(self, case: Case) -> Hits:
        """Yield the type that does not go with the file."""
        address, given = case.text("image_url"), case.body.get("type")
        iso = is_iso_address(address) or (case.image is not None and case.image.format == "iso")
        known = bool(address) or (case.image is not None and case.image.format is not None)
        if self.fault == "no-type" and iso and "type" not in case.body:
            yield Hit(message="the file is an ISO, but type is not given, so ECS holds", pointer="/type")
        elif self.fault == "other-type" and iso and isinstance(given, str) and given != "IsoImage":
            yield Hit(message=f"the file is an ISO, but type is {quoted(given)}", pointer="/type", value=given)
        elif self.fault == "other-file" and given == "IsoImage" and known and not iso:
            named = quoted(address) if address else f"of format {case.image.format if case.image else None}"
            yield Hit(message=f"type is 'IsoImage', but the file is {named}", pointer="/type", value=given)


class Ordered(Check, frozen=True, kw_only=True, tag="ordered"):
    """The whole number in the field ``low`` is not greater than the one in ``high``; 0 stands for no limit."""

    low: str
    high: str

    def find(self, case: Case) -> Hits:
        """Yield the greater one that is smaller."""
        low, high = case.integer(self.low), case.integer(self.high)
        if low is not None and high and high < low:
            yield Hit(message=f"{self.high} is {high}, which is less than {self.low}, {low}", pointer=f"/{self.high}",
                      value=high)


class Distinct(Check, frozen=True, kw_only=True, tag="distinct"):
    """No string at the places of the rule is there twice."""

    def find(self, case: Case) -> Hits:
        """Yield each string that was at a place before."""
        seen: dict[str, str] = {}
        for pointer, text in texts_at(case):
            if text in seen:
                yield Hit(message=f"{label(pointer)} is {quoted(text)}, as {label(seen[text])} is", pointer=pointer,
                          value=text)
            seen.setdefault(text, pointer)


def quick_imports(case: Case) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield each address that a quick import reads: its pointer, its text, and the endings that its name may have."""
    operation, known = case.operation, case.profile.operations
    rules = operation.file_rules(known, case.body) if operation is not None else None
    if rules is not None and rules.endings:
        yield from ((pointer, text, rules.endings) for pointer, text in _texts(case.body, "/image_url"))
    door = known.get(operation.quick_import or "") if operation is not None else None
    endings = door.file.endings if door is not None and door.file is not None else ()
    for pointer, item in values_at(case.body, "/data_images/*"):
        if endings and isinstance(item, dict) and item.get("is_quick_import") is True:
            yield from ((f"{pointer}{below}", text, endings) for below, text in _texts(item, "/image_url"))


def _texts(body: dict[str, Any], at: str) -> Iterator[tuple[str, str]]:
    yield from ((pointer, value) for pointer, value in values_at(body, at) if isinstance(value, str))


class QuickImportName(Check, frozen=True, kw_only=True, tag="quick-import-name"):
    """The object of a quick import has an ending that it takes."""

    def find(self, case: Case) -> Hits:
        """Yield addresses with another ending."""
        for pointer, text, endings in quick_imports(case):
            if not text.lower().endswith(endings):
                yield Hit(message=f"{label(pointer)} is {quoted(text)}: the quick import takes"
                          f" {' and '.join(endings)} only", pointer=pointer, value=text)

"""The OS list of one region: the answer of ``GET /v1/cloudimages/os_version`` in, an exact Catalogue out.

https://support.huaweicloud.com/api-ims/ims_03_0610.html, read 2026-11: an array of platforms, each with a
``version_list`` of ``os_version``, ``os_bit`` and ``os_type``; what else stands there is passed over. The answer comes
in one piece. With the query ``tag`` it is a part of the list, which nothing in it tells.

The answer says what may be written, not which distribution it is: that comes from the built-in row of the same
spelling, from one that differs in numbers, case or punctuation only, or from a platform that is one distribution's.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Literal

from msgspec.structs import replace

from imgbuild import jsontext
from imgbuild.errors import ImgbuildError
from imgbuild.profiles import SERVICE_PACK, UNKNOWN_SYSTEM, Catalogue, CatalogueEntry, fold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.jsontext import JsonDocument

SOURCES = ("hw-oslist-api",)
LONGEST = 255
"""Characters of a spelling; the longest that is known has 66."""
_NUMBERS = re.compile(r"\d+(?:\.\d+)*")
_BITS = {32: 32, 64: 64, "32": 32, "64": 64}
_TYPES: dict[str, Literal["Linux", "Windows", "Other"]] = {"linux": "Linux", "windows": "Windows", "other": "Other"}
_CALL = "GET /v1/cloudimages/os_version"
_SAVE = f"save the whole answer of {_CALL} to it"


class CatalogueError(ImgbuildError):
    """A file is not the OS list of a region."""


def read_region(path: str, cloud: str, known: Catalogue) -> Catalogue:
    """Return the list in the file as the exact catalogue of a cloud; raises CatalogueError for another file."""
    answer = _Answer(path, jsontext.parse(_read(path)))
    like = _Like(known)
    entries: dict[str, CatalogueEntry] = {}
    for pointer, platform, version in answer.versions():
        entry = _entry(answer, pointer, platform, version, cloud)
        first = entries.setdefault(entry.os_version, like.completed(entry))
        if (first.bits, first.os_type) != (entry.bits, entry.os_type):
            twice = (f"{entry.os_version!r} stands there twice, as {first.os_type} of {first.bits} bit and as"
                     f" {entry.os_type} of {entry.bits} bit")
            raise answer.refusal(pointer, twice, "take out the one that is wrong")
    if not entries:
        raise answer.refusal("", "it lists no system at all", _SAVE)
    return Catalogue(tuple(entries.values()), name=path, exact=True)


def _read(path: str) -> bytes:
    try:
        if not os.path.isfile(path):
            what = "is no regular file" if os.path.exists(path) else "is not there"
            raise CatalogueError(f"the catalogue {path!r} {what}", cure=f"name the saved answer of {_CALL}")
        with open(path, "rb") as file:
            return file.read(jsontext.MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise CatalogueError(f"cannot read the catalogue {path!r}: {reason}", cure="make it readable") from error


class _Answer:
    """The answer as it was read; what is not as the page has it is refused with its place."""

    def __init__(self, path: str, document: JsonDocument) -> None:
        self._path = path
        self._document = document
        slips = [slip for slip in document.problems if slip.code != "json-not-an-object"]  # as a request would be
        if slips:
            what = "the file is empty" if slips[0].code == "json-empty" else slips[0].message
            raise self._refusal_at((slips[0].line, slips[0].column), what, f"mend it there, or {_SAVE}")

    def versions(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield for each entry its JSON Pointer, the platform and its fields."""
        for pointer, group in self._objects("", self._list()):
            platform = self.text(f"{pointer}/platform", group.get("platform"))
            listed = group.get("version_list")
            if not isinstance(listed, list):
                raise self.refusal(f"{pointer}/version_list", f"version_list of {platform!r} is no array", _SAVE)
            for place, version in self._objects(f"{pointer}/version_list", listed):
                yield place, platform, version

    def _list(self) -> list[Any]:
        value = self._document.value
        if isinstance(value, list):
            return value
        inner = [name for name, part in value.items() if isinstance(part, list)] if isinstance(value, dict) else []
        if isinstance(value, dict) and "error" in value:
            raise self.refusal("/error", "the call has failed: this is its error answer", f"ask again, and {_SAVE}")
        raise self.refusal("", "it is no array", f"save the array under {inner[0]!r} alone" if inner else _SAVE)

    def _objects(self, pointer: str, items: list[Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        for number, item in enumerate(items):
            if not isinstance(item, dict):
                raise self.refusal(f"{pointer}/{number}", "it is no object", _SAVE)
            yield f"{pointer}/{number}", item

    def text(self, pointer: str, value: object) -> str:
        """Return a text that can be a name; refuse anything else."""
        if not isinstance(value, str) or not value.strip() or len(value) > LONGEST or not value.isprintable():
            name = pointer.rpartition("/")[2]
            raise self.refusal(pointer, f"{name} is no text of 1 to {LONGEST} printable characters", _SAVE)
        return value

    def one_of(self, pointer: str, value: object, known: dict[Any, Any]) -> Any:  # noqa: ANN401 - a value of the table
        """Return what a value stands for; refuse one that the page does not have."""
        key = value.lower() if isinstance(value, str) else value
        if isinstance(key, (bool, list, dict)) or key not in known:
            name, words = pointer.rpartition("/")[2], " or ".join(str(word) for word in dict.fromkeys(known.values()))
            raise self.refusal(pointer, f"{name} is not {words}", _SAVE)
        return known[key]

    def refusal(self, pointer: str, what: str, cure: str) -> CatalogueError:
        """Return why the file is refused: what stands at a pointer; what is missing, at the object that lacks it."""
        place = self._document.position_of(pointer) or self._document.position_of(pointer.rpartition("/")[0])
        return self._refusal_at(place, what, cure)

    def _refusal_at(self, place: tuple[int, int] | None, what: str, cure: str) -> CatalogueError:
        line, column = place or (1, 1)
        return CatalogueError(f"the catalogue {self._path!r}, line {line}, column {column}: {what}", cure=cure)


def _entry(answer: _Answer, pointer: str, platform: str, version: dict[str, Any], cloud: str) -> CatalogueEntry:
    """Return what an entry itself says; the system is not known yet."""
    text = answer.text(f"{pointer}/os_version", version.get("os_version"))
    return CatalogueEntry(
        os_version=text, id=UNKNOWN_SYSTEM, version=None, variant=None, platform=platform,
        os_type=answer.one_of(f"{pointer}/os_type", version.get("os_type"), _TYPES),
        bits=answer.one_of(f"{pointer}/os_bit", version.get("os_bit"), _BITS),
        architecture="arm" if re.search(r"\bARM\b", text) else "x86", usable="yes", clouds=(cloud,),
        uefi="not-listed", prefer=None, sources=SOURCES)


class _Like:
    """The built-in rows, by what an entry of a region is found by."""

    def __init__(self, known: Catalogue) -> None:
        self._known = known
        rows = tuple(reversed(known.entries))  # of several alike, the first one counts
        self._exact = {_skeleton(row.os_version): row for row in rows}
        self._folded = {fold(_skeleton(row.os_version)): row for row in rows}
        self._platforms: dict[str, set[str]] = {}
        for row in rows:
            self._platforms.setdefault(fold(row.platform), set()).add(row.id)

    def completed(self, entry: CatalogueEntry) -> CatalogueEntry:
        """Return the entry with the system that the row like it names."""
        text = entry.os_version
        row = self._known.find(text)
        if row is not None:
            return replace(entry, id=row.id, version=row.version, variant=row.variant, uefi=row.uefi,
                           architecture=row.architecture)
        twin = self._exact.get(_skeleton(text)) or self._folded.get(fold(_skeleton(text)))
        if twin is not None:
            return replace(entry, id=twin.id, version=_version(text, twin), variant=_variant(text, twin),
                           uefi=twin.uefi)
        return self._by_platform(entry)

    def _by_platform(self, entry: CatalogueEntry) -> CatalogueEntry:
        """Take the platform's word where it stands for one distribution, which has editions nowhere."""
        ids = self._platforms.get(fold(entry.platform), set())
        numbers = _NUMBERS.findall(entry.os_version)
        plain = _pack(entry.os_version) is None and "stream" not in entry.os_version.lower()
        if len(ids) != 1 or len(numbers) < 2 or not plain:  # noqa: PLR2004 - a version, and the bits
            return entry
        return replace(entry, id=next(iter(ids)), version=numbers[0])


def _skeleton(text: str) -> str:
    return _NUMBERS.sub("#", text)


def _version(text: str, twin: CatalogueEntry) -> str | None:
    """Return the version in the spelling, in the form that the row which differs in numbers only has it."""
    numbers: list[str] = _NUMBERS.findall(text)
    if twin.version is None or not numbers:
        return None
    if twin.id == "sles" and _pack(text):
        return ".".join(numbers[:2])
    return f"{numbers[0]} R2" if twin.version.endswith(" R2") else numbers[0]


def _variant(text: str, twin: CatalogueEntry) -> str | None:
    """Return the edition, which the row that differs in numbers only shares, but for a service pack."""
    is_pack = twin.variant is not None and SERVICE_PACK.fullmatch(twin.variant)
    return _pack(text) if is_pack else twin.variant


def _pack(text: str) -> str | None:
    found = re.search(rf"\b{SERVICE_PACK.pattern}", text)
    return found[0] if found else None

"""derive: facts of an image and a person's choices in, request fields with reasons out.

Every field says why it has its value and which documents stand behind it. A choice is obeyed, and the field says that
it was chosen; whether it fits the facts is for the linter to say.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import msgspec

from imgbuild.checks.disk import needed_bytes, smallest_disk
from imgbuild.clouds import SYSTEM_FIELDS
from imgbuild.model import Derived, Source
from imgbuild.sizes import human_size

if TYPE_CHECKING:
    from imgbuild.model import Inspection
    from imgbuild.profiles import FieldSpec, MinDisk, MinDiskPolicy, Profile
    from imgbuild.rulebook import RuleBook

# Endings that a file name sheds on its way to an image name; also stacked, as in .qcow2.xz.
IMAGE_ENDINGS = frozenset({
    "qcow2", "qcow", "raw", "img", "image", "bin", "dd", "vhd", "vpc", "vhdx", "vmdk", "vdi", "zvhd", "zvhd2", "iso",
    "qed", "hdd", "hds", "ova", "gz", "xz", "zst", "bz2", "lz4", "zip", "tar",
})
NAME_LENGTH = 128


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What a person decides: each ``None`` is left to the derivation. ``min_disk`` is GiB, ``min_ram`` MiB.

    ``extra`` holds further fields by name, as text; each is typed as the field is documented.
    """

    name: str | None = None
    os_version: str | None = None
    min_disk: int | None = None
    min_ram: int | None = None
    tags: tuple[str, ...] = ()
    protected: bool | None = None
    visibility: str | None = None
    extra: dict[str, str] = {}


def derive(image: Inspection, choices: Choices, book: RuleBook, policy: MinDiskPolicy) -> dict[str, Derived]:
    """Return the request fields of ``image`` in the order of the request, each with its reasons."""
    fields = book.profile.operations["create-metadata"].fields
    derived = {
        "name": _name(image.path, fields.get("name")),
        "disk_format": _disk_format(image, book.profile),
        "min_disk": _min_disk(image, book.profile.min_disk_of("create-metadata"), policy, book),
        "min_ram": Derived(value=0, why=("nothing in the image asks for memory",)),
        **SYSTEM_FIELDS[book.profile.name](image, book),
        "container_format": Derived(value="bare", why=("one disk in one file",)),
        "visibility": Derived(value="private", why=("an uploaded image is private",)),
        "protected": Derived(value=False, why=("not asked for",)),
        "tags": Derived(value=[], why=("none given",)),
    }
    known = {name: _documented(value, fields.get(name), book) for name, value in derived.items() if value is not None}
    return known | {name: _chosen(value) for name, value in _choices(choices, book).items()}


def image_name(path: str, pattern: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the image name for a file, and the reasons for it.

    Only known image endings are shed, so that ``rocky-9.4`` stays whole; characters that the cloud refuses
    (``pattern`` is its form of a name) become hyphens.
    """
    base = os.path.basename(path)
    stem, ending = base, True
    while ending and "." in stem.lstrip("."):
        head, _, tail = stem.rpartition(".")
        ending = tail.lower() in IMAGE_ENDINGS and bool(head)
        stem = head if ending else stem
    name = _acceptable(stem, pattern)
    reasons = ["from the file name"] if stem == base else [f"from the file name, without {base[len(stem):]!r}"]
    if name != stem:
        reasons.append(f"{stem!r} has what the cloud refuses in a name; replaced by hyphens or cut")
    return name, tuple(reasons)


def _acceptable(stem: str, pattern: str | None) -> str:
    if pattern is None or re.fullmatch(pattern, stem):
        return stem
    kept = "".join(char if re.fullmatch(pattern, f"a{char}a") else "-" for char in stem)
    return kept.strip(" ")[:NAME_LENGTH].rstrip(" ") or "image"


def _name(path: str, field: FieldSpec | None) -> Derived:
    name, why = image_name(path, field.pattern if field is not None else None)
    return Derived(value=name, why=why)


def _disk_format(image: Inspection, profile: Profile) -> Derived | None:
    """Return the cloud's word for the format; ``None`` where it has none: the server's own default is then right."""
    known = f"the file is {image.format} by its content"
    if image.disk_format is not None:
        return Derived(value=image.disk_format, why=(known,))
    word = profile.disk_format_readings.get(image.format or "")
    return None if word is None else Derived(value=word, why=(f"{known}; {profile.title} does not list it",))


def _min_disk(image: Inspection, rules: MinDisk, policy: MinDiskPolicy, book: RuleBook) -> Derived:
    bounds = rules.target(image.format)
    floor, _ = bounds.of(image.os.type if image.os is not None else None)
    kind = "Windows" if image.os is not None and image.os.type == "Windows" else "Linux"
    unseen = "no system was seen; " if image.os is None else ""
    reason = f"{unseen}least for {kind} on {book.profile.title}: {floor} GiB"
    sources = [book.source(source, bounds.reading or None) for source in bounds.sources]
    size = needed_bytes(image)
    if size is None:
        only = "the size of an ISO says nothing on the disk it installs to" if image.format == "iso" else "no disk seen"
        return Derived(value=floor, why=(reason, only), sources=tuple(sources))
    needed, reading = smallest_disk(size, policy), rules.policies[policy]
    relation = "greater than" if policy == "greater" else "not less than"
    disk = f"the disk is {human_size(size)} ({size} bytes); a whole GiB {relation} that is {needed}"
    first = (disk, reason) if needed > floor else (reason, disk)
    return Derived(value=max(floor, needed), why=first,
                   sources=(*sources, *(book.source(source, reading.reading) for source in reading.sources)))


def _documented(derived: Derived, field: FieldSpec | None, book: RuleBook) -> Derived:
    """Add the page that describes the field where no reason has brought a document of its own."""
    if derived.sources or field is None:
        return derived
    why = (*derived.why, "the documented default") if field.default == derived.value else derived.why
    return msgspec.structs.replace(derived, why=why, sources=_sources(field, book))


def _sources(field: FieldSpec | None, book: RuleBook) -> tuple[Source, ...]:
    return tuple(book.source(source) for source in field.sources[:1]) if field is not None else ()


def _chosen(value: Any) -> Derived:  # noqa: ANN401 - a JSON value
    return Derived(value=value, why=("chosen",))


def _choices(choices: Choices, book: RuleBook) -> dict[str, Any]:
    named = {"name": choices.name, "__os_version": choices.os_version, "min_disk": choices.min_disk,
             "min_ram": choices.min_ram, "protected": choices.protected, "visibility": choices.visibility,
             "tags": list(choices.tags) or None}
    given = {name: value for name, value in named.items() if value is not None}
    return given | {name: _typed(name, text, book) for name, text in choices.extra.items()}


def _typed(name: str, text: str, book: RuleBook) -> Any:  # noqa: ANN401 - a JSON value
    """Return the text of ``--set`` as the type that the field is documented with; what does not fit stays text."""
    field = book.profile.operations["create-metadata"].fields.get(name)
    kind = field.type if field is not None else "string"
    if kind == "integer" and re.fullmatch(r"-?\d{1,18}", text):
        return int(text)
    if kind == "boolean" and text in {"true", "false"}:
        return text == "true"
    return [part for part in text.split(",") if part] if kind == "string-list" else text

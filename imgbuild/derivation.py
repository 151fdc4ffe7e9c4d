"""derive: facts of an image and a person's choices in, request fields with reasons out.

Every field says why it has its value and which documents stand behind it. A choice is obeyed, and the field says that
it was chosen; whether it fits the facts is for the linter to say. What an operation cannot do without and only a person
knows is ``None``.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import msgspec

from imgbuild.checks.disk import needed_bytes, smallest_disk
from imgbuild.choices import DATA_OPERATION, chosen_values
from imgbuild.clouds import system_fields_of
from imgbuild.documents.manifest import Derived
from imgbuild.errors import UsageError
from imgbuild.kinds import kind_of
from imgbuild.sizes import human_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgbuild.choices import Choices
    from imgbuild.documents.inspection import Inspection
    from imgbuild.model import Source
    from imgbuild.profiles import FieldSpec, MinDisk, MinDiskPolicy, Operation, Profile
    from imgbuild.rulebook import RuleBook

# Endings that a file name sheds on its way to an image name; also stacked, as in .qcow2.xz.
IMAGE_ENDINGS = frozenset({
    "qcow2", "qcow", "raw", "img", "image", "bin", "dd", "vhd", "vpc", "vhdx", "vmdk", "vdi", "zvhd", "zvhd2", "iso",
    "qed", "hdd", "hds", "ova", "gz", "xz", "zst", "bz2", "lz4", "zip", "tar",
})
NAME_LENGTH = 128
_YOURS = {
    "min_ram": "nothing in the image says with how much memory the guest boots: give --min-ram",
    "image_url": "only you know where in the object store the file will lie: give --object BUCKET:KEY",
    "image_id": "the id is in the answer to create-metadata: give --set image_id=ID once you have it",
    "os_version": "no system was seen on the disk, and this operation must be told: give --os-version",
}


def derive(image: Inspection, choices: Choices, book: RuleBook, policy: MinDiskPolicy,
           operation: Operation | None = None, data_images: Sequence[Inspection] = ()) -> dict[str, Derived]:
    """Return the request fields of ``image`` in the order of the request, each with its reasons.

    ``operation`` is the cloud's default one where it is not given; ``data_images`` are the facts of the data disks that
    ``choices`` names, in their order.

    Raises:
        UsageError: The choices name a file in the object store for an operation that takes none.
    """
    operation = operation or book.profile.operations[book.profile.default_operation]
    fields = operation.documented(book.profile.custom_properties)
    _check_address(choices, fields, operation)
    disk, plain = _disk_fields(image, choices, book, policy, operation), _plain_fields(image, operation)
    chosen = chosen_values(choices, fields)
    body = {name: known.value for name, known in (disk | plain).items() if known is not None} | chosen
    system = system_fields_of(book.profile)(image, book, operation, body)
    known = disk | system | plain | _data_images(choices, data_images, book)
    derived = {name: _documented(value, fields[name], book) for name, value in known.items()
               if value is not None and name in fields}
    derived |= {name: _chosen(value, fields.get(name), choices) for name, value in chosen.items()}
    derived |= _missing(operation, fields, body, derived)
    return {name: derived[name] for name in dict.fromkeys((*known, *derived)) if name in derived}


def _disk_fields(image: Inspection, choices: Choices, book: RuleBook, policy: MinDiskPolicy,
                 operation: Operation) -> dict[str, Derived | None]:
    """Return what the file and its disk say; the caller drops what is ``None`` or no field of the operation."""
    return {
        "name": _name(image.path, operation.fields.get("name")),
        "image_url": _address(image.path, choices.address),
        "disk_format": _disk_format(image, book.profile),
        "min_disk": _min_disk(image, operation, policy, book),
        "min_ram": _min_ram(operation.fields.get("min_ram")),
    }


def _min_ram(field: FieldSpec | None) -> Derived | None:
    """Return no least amount of memory, where the cloud takes that."""
    takes_none = field is None or not field.mandatory
    return Derived(value=0, why=("nothing in the image asks for memory",)) if takes_none else None


def _plain_fields(image: Inspection, operation: Operation) -> dict[str, Derived | None]:
    """Return what is the same for almost every image."""
    return {
        "type": _type(image, operation.fields.get("type")),
        "container_format": Derived(value="bare", why=("one disk in one file",)),
        "visibility": Derived(value="private", why=("an uploaded image is private",)),
        "protected": Derived(value=False, why=("not asked for",)),
        "tags": _tags(operation.fields.get("tags")),
    }


def _missing(operation: Operation, documented: dict[str, FieldSpec], body: dict[str, Any],
             derived: dict[str, Derived]) -> dict[str, Derived]:
    """Return the fields that the request cannot do without and that nothing in the image tells."""
    missing = {name: field for name, field in {**documented, **operation.fields}.items()
               if field.is_mandatory(body) and name not in derived and field.type != "binary"}
    return {name: Derived(value=None, why=(_yours(name, field),)) for name, field in missing.items()}


def _yours(name: str, field: FieldSpec) -> str:
    """Return what a person is to give."""
    words = f": {field.note.rstrip(',')}" if field.note else ""
    return _YOURS.get(name, f"only you know it, give --set {name}=...{words}")


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


def _check_address(choices: Choices, fields: dict[str, FieldSpec], operation: Operation) -> None:
    for option, given, field in (("--object", choices.address, "image_url"),
                                 ("--data-image", choices.data_images, "data_images")):
        if given and field not in fields:
            raise UsageError(f"{option} is not for {operation.id}, which has no {field}",
                             cure="name another --operation, or leave it out")


def _address(path: str, address: str | None) -> Derived | None:
    """Return where the file lies: a folder that was named is completed by the name of the file."""
    if address is None:
        return None
    if not address.endswith((":", "/")):
        return Derived(value=address, why=("chosen",))
    return Derived(value=address + os.path.basename(path), why=("the chosen folder, and the name of the file",))


def _disk_format(image: Inspection, profile: Profile) -> Derived | None:
    """Return the cloud's word for the format; ``None`` where it has none: the server's own default is then right."""
    known = f"the file is {image.format} by its content"
    if image.disk_format is not None:
        return Derived(value=image.disk_format, why=(known,))
    word = profile.disk_format_readings.get(image.format or "")
    return None if word is None else Derived(value=word, why=(f"{known}; {profile.title} does not list it",))


def _type(image: Inspection, field: FieldSpec | None) -> Derived | None:
    """Return the kind of image that the call is to make, in the words that it takes."""
    if field is None:
        return None
    if len(field.allowed) == 1:
        return Derived(value=field.allowed[0], why=("the only one that this call makes",))
    if kind_of(image) == "iso" and "IsoImage" in field.allowed:
        return Derived(value="IsoImage", why=("the file is iso by its content",))
    return None if field.default is None else Derived(value=field.default, why=("a disk for virtual servers",))


def _tags(field: FieldSpec | None) -> Derived | None:
    """Return an empty list, but leave tags out where they would exclude their other form."""
    return Derived(value=[], why=("none given",)) if field is not None and not field.excludes else None


def _min_disk(image: Inspection, operation: Operation, policy: MinDiskPolicy, book: RuleBook) -> Derived:
    rules = book.profile.min_disk_of(operation.id)
    bounds = rules.target(image.format)
    floor, _ = bounds.of(image.os.type if image.os is not None else None)
    reason = f"{_floor_of(image, operation)} on {book.profile.title}: {floor} GiB"
    sources = [book.source(source, bounds.reading or None) for source in bounds.sources]
    size = needed_bytes(image)
    if size is None:
        only = "the size of an ISO says nothing on the disk it installs to" if image.format == "iso" else "no disk seen"
        return Derived(value=floor, why=(reason, only), sources=tuple(sources))
    needed, disk = _needed(size, policy)
    reasons = [disk, reason] if needed > floor else [reason, disk]
    why = tuple(reasons if floor else [disk])
    return Derived(value=max(floor, needed), why=why, sources=(*sources, *_policy_sources(rules, policy, book)))


def _floor_of(image: Inspection, operation: Operation) -> str:
    if operation.carries == ("data",):
        return "least for a data disk"
    kind = "Windows" if image.os is not None and image.os.type == "Windows" else "Linux"
    return f"{'no system was seen; ' if image.os is None else ''}least for {kind}"


def _needed(size: int, policy: MinDiskPolicy) -> tuple[int, str]:
    needed, relation = smallest_disk(size, policy), "greater than" if policy == "greater" else "not less than"
    return needed, f"the disk is {human_size(size)} ({size} bytes); a whole GiB {relation} that is {needed}"


def _policy_sources(rules: MinDisk, policy: MinDiskPolicy, book: RuleBook) -> list[Source]:
    reading = rules.policies.get(policy)  # a person may ask for a reading that no document of this cloud has
    return [] if reading is None else [book.source(source, reading.reading) for source in reading.sources]


def _data_images(choices: Choices, images: Sequence[Inspection], book: RuleBook) -> dict[str, Derived]:
    """Return the data disks of the request, each with its address and the least size that holds it."""
    items, why = [], []
    for chosen, image in zip(choices.data_images, images, strict=True):
        size = needed_bytes(image)
        address = _address(image.path, chosen.address)
        item: dict[str, Any] = {"image_url": address.value if address is not None else None}
        if size is not None:
            needed, reason = _needed(size, book.profile.min_disk_of(DATA_OPERATION).policy)
            item["min_disk"] = needed
            why.append(f"{image.path}: {reason}")
        items.append(item)
    return {"data_images": Derived(value=items, why=tuple(why) or ("chosen",))} if items else {}


def _documented(derived: Derived, field: FieldSpec, book: RuleBook) -> Derived:
    """Add the page that describes the field where no reason has brought a document of its own."""
    if derived.sources:
        return derived
    is_default = field.default is not None and field.default == derived.value
    why = (*derived.why, "the documented default") if is_default else derived.why
    return msgspec.structs.replace(derived, why=why, sources=tuple(book.source(name) for name in field.sources[:1]))


def _chosen(value: Any, field: FieldSpec | None, choices: Choices) -> Derived:  # noqa: ANN401 - a JSON value
    dotted = field is not None and field.format == "tags-ims" and value != list(choices.tags) and choices.tags
    return Derived(value=value, why=("chosen", *(["key.value is the form of this call"] if dotted else [])))

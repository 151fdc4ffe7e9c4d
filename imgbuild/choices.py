"""What a person decides about a request: words of the command line in, values as the operation documents them out.

A choice is obeyed, also where it contradicts the facts; whether it fits is for the linter to say.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from imgbuild.profiles import FieldSpec

DATA_OPERATION = "dataimage"
"""The operation whose rules hold for the data disks that go along with a system disk."""
OS_VERSION_KEYS = ("__os_version", "os_version")


class DataImage(msgspec.Struct, frozen=True, kw_only=True):
    """A data disk that goes along with a system disk: the local file, and where it lies in the object store."""

    path: str
    address: str


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What a person decides: each ``None`` is left to the derivation. ``min_disk`` is GiB, ``min_ram`` MiB.

    ``address`` says where in the object store the file lies: ``bucket:key``, or ``bucket:folder/`` for a file that has
    its own name there. ``data_images`` are the data disks of the same request. ``extra`` holds further fields by name,
    as text; each is typed as the field is documented.
    """

    name: str | None = None
    os_version: str | None = None
    min_disk: int | None = None
    min_ram: int | None = None
    tags: tuple[str, ...] = ()
    protected: bool | None = None
    visibility: str | None = None
    address: str | None = None
    data_images: tuple[DataImage, ...] = ()
    extra: dict[str, str] = {}


def chosen_values(choices: Choices, fields: dict[str, FieldSpec]) -> dict[str, Any]:
    """Return what was chosen as fields of a request that documents ``fields``."""
    os_version = next((key for key in OS_VERSION_KEYS if key in fields), OS_VERSION_KEYS[0])
    named = {"name": choices.name, os_version: choices.os_version, "min_disk": choices.min_disk,
             "min_ram": choices.min_ram, "protected": choices.protected, "visibility": choices.visibility,
             "tags": _tags(choices.tags, fields.get("tags")) or None}
    given = {name: value for name, value in named.items() if value is not None}
    return given | {name: typed(text, fields.get(name)) for name, text in choices.extra.items()}


def _tags(tags: tuple[str, ...], field: FieldSpec | None) -> list[str]:
    """Return the tags in the form of the call: ``key=value`` becomes ``key.value`` where the page asks for a dot."""
    if field is None or field.format != "tags-ims":
        return list(tags)
    return [tag.replace("=", ".", 1) if "." not in tag.partition("=")[0] else tag for tag in tags]


def typed(text: str, field: FieldSpec | None) -> Any:  # noqa: ANN401 - a JSON value
    """Return the text of ``--set`` as the type that the field is documented with; what does not fit stays text."""
    kind = field.type if field is not None else "string"
    if kind == "integer" and re.fullmatch(r"-?\d{1,18}", text):
        return int(text)
    if kind == "boolean" and text in {"true", "false"}:
        return text == "true"
    if kind in {"string-list", "object-list", "object"} and text[:1] in {"[", "{"}:
        return _json(text)
    return [part for part in text.split(",") if part] if kind == "string-list" else text


def _json(text: str) -> Any:  # noqa: ANN401 - a JSON value
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text

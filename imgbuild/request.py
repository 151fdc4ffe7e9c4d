"""build: derived fields in, the create request, its route and the answers to expect out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from imgbuild.model import Expected, Request, Route, RouteOption
from imgbuild.sizes import human_size

if TYPE_CHECKING:
    from imgbuild.model import Derived, Inspection
    from imgbuild.profiles import CatalogueEntry, FileRules, Operation, Profile, ResponseField
    from imgbuild.rulebook import RuleBook


def build_request(derived: dict[str, Derived], operation: Operation) -> Request:
    """Return the call with the derived values as its body."""
    body = {name: field.value for name, field in derived.items()}
    return Request(operation=operation.id, method=operation.method, path=operation.path, body=body)


def choose_route(image: Inspection, operation: Operation, profile: Profile) -> Route:
    """Return which import path can carry the file: the steps after ``operation``, then the other operations."""
    carriers = {name: found.file for name, found in profile.operations.items() if found.file is not None}
    refusals = {name: _refusal(image, profile.operations[name], rules) for name, rules in carriers.items()}
    steps = [name for name in operation.next_steps if name in refusals]
    taken = next((name for name in steps if refusals[name] is None), None)
    others = tuple(RouteOption(operation=name, why_not=why) for name, why in refusals.items() if name != taken)
    if taken is None:
        return Route(operation=None, why=tuple(f"{name}: {refusals[name]}" for name in steps), others=others)
    return Route(operation=taken, why=(_fits(image, carriers[taken]),), others=others)


def _refusal(image: Inspection, operation: Operation, rules: FileRules) -> str | None:
    if operation.carries == ("data",) and _environment(image) == "FusionCompute":
        return "it makes images of data disks, and this is a system disk"
    if image.format not in rules.formats:
        return f"it does not take {image.format or 'an unknown format'}"
    if not rules.carries(image.size):
        return f"the file has {human_size(image.size)}, it takes {rules.limit}"
    return None


def _fits(image: Inspection, rules: FileRules) -> str:
    return f"the file has {human_size(image.size)}, it takes {rules.limit or 'any size'}"


def expect(request: Request, image: Inspection, book: RuleBook) -> Expected:
    """Return what the server must answer, for each field that its documents name."""
    default = book.profile.default_system
    entry = book.catalogue.find(str(request.body.get("__os_version", default.value)))
    known = {**_echo(request, book), **_of_system(entry, book), "virtual_env_type": _environment(image)}
    if "__os_version" not in request.body:
        known["__os_version"] = {"set_by": "server", "allowed": [default.value, *default.also]}
    created = {name: _created(field, known) for name, field in book.profile.response.items()}
    return Expected(created=created, active=_active(image, book.profile.response))


def _echo(request: Request, book: RuleBook) -> dict[str, Any]:
    """Return the fields that the server gives back as they were sent, or with its default for a missing one."""
    fields = book.profile.operations["create-metadata"].fields
    defaults = {name: field.default for name, field in fields.items() if field.default is not None}
    return {name: value for name, value in (defaults | request.body).items() if name in book.profile.response}


def _of_system(entry: CatalogueEntry | None, book: RuleBook) -> dict[str, Any]:
    if entry is None:
        return {}
    platform = book.profile.platforms.get(entry.platform, entry.platform)
    return {"__os_type": entry.os_type, "__os_bit": str(entry.bits), "__platform": platform}


def _environment(image: Inspection) -> str | dict[str, Any]:
    """Return the kind of image the server will see; where the disk could not be read whole, what it may be."""
    if image.format == "iso":
        return "IsoImage"
    if image.os is not None or image.firmware.bios or image.firmware.uefi:
        return "FusionCompute"
    seen = image.partitions and all(part.filesystem for part in image.partitions) and not image.problems
    return "DataImage" if seen else {"set_by": "server", "allowed": ["FusionCompute", "DataImage"]}


def _created(field: ResponseField, known: dict[str, Any]) -> Any:  # noqa: ANN401 - a JSON value
    if field.name in known:
        return known[field.name]
    if field.created is not msgspec.UNSET:
        return field.created
    if len(field.allowed) == 1 and field.presence == "always":
        return field.allowed[0]
    return _servers_own(field)


def _servers_own(field: ResponseField) -> dict[str, Any]:
    about = {"set_by": "server", "meaning": field.meaning, "pattern": field.pattern, "form": field.form,
             "allowed": list(field.allowed) or None, "may_be_absent": field.presence == "documented" or None,
             "not_in_use": field.not_in_use or None}
    return {key: value for key, value in about.items() if value is not None}


def _active(image: Inspection, response: dict[str, ResponseField]) -> dict[str, Any]:
    """Return what a GET shows once the file is there; fields documented as not in use may also be absent or null."""
    known = {"status": "active", "__image_size": str(image.size), "checksum": (image.checksums or {}).get("md5"),
             "size": image.size, "virtual_size": image.virtual_size}
    return {name: value for name, value in known.items() if name in response and value is not None}

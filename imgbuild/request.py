"""build: derived fields in, the create request, its route and the answers to expect out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from imgbuild.checks.objects import companion
from imgbuild.documents.manifest import Expected, Request, Route, RouteOption
from imgbuild.errors import UsageError
from imgbuild.kinds import ENVIRONMENTS, kind_of
from imgbuild.sizes import human_size

if TYPE_CHECKING:
    from imgbuild.documents.inspection import Inspection
    from imgbuild.documents.manifest import Derived
    from imgbuild.profiles import FileRules, Operation, Profile, ResponseField
    from imgbuild.rulebook import RuleBook

_JOB = {"job_id": {"set_by": "server", "meaning": "the job that makes the image: GET /v1/{project_id}/jobs/{job_id}"}}
_PATH_PART = r"[A-Za-z0-9._~-]+"
_MADE = {"system": "system disks", "data": "data disks", "iso": "ISO files"}
_IS = {"system": "a system disk", "data": "a data disk", "iso": "an ISO file"}


def build_request(derived: dict[str, Derived], operation: Operation) -> Request:
    """Return the call with the derived values in its path and its body; what is not known is in neither.

    Raises:
        UsageError: A value was chosen that cannot stand in a path.
    """
    known = {name: field.value for name, field in derived.items() if field.value is not None}
    in_path = {name for name, field in operation.fields.items() if field.place == "path"}
    path = operation.path
    for name in sorted(in_path & set(known)):
        if not re.fullmatch(_PATH_PART, str(known[name])):
            raise UsageError(f"{name} {str(known[name])!r} cannot stand in a path", cure="give the id of the answer")
        path = path.replace(f"{{{name}}}", str(known[name]))
    body = {name: value for name, value in known.items() if name not in in_path}
    return Request(operation=operation.id, method=operation.method, path=path, content_type=operation.content_type,
                   body=body)


def choose_route(image: Inspection, operation: Operation, profile: Profile,
                 body: dict[str, Any] | None = None) -> Route:
    """Return which import path can carry the file: ``operation`` or the steps after it, then the other operations.

    ``body`` is that of the request: it says by which name the file lies in the object store, and may ask for the
    quick import.
    """
    body = body or {}
    carriers = {name: found.file_rules(profile.operations, body if found.id == operation.id else {})
                for name, found in profile.operations.items()}
    known = {name: rules for name, rules in carriers.items() if rules is not None}
    options = {name: RouteOption(operation=name, why_not=_refusal(image, profile.operations[name], rules),
                                 needs=_needs(image, rules, body)) for name, rules in known.items()}
    steps = [name for name in (operation.id, *operation.next_steps) if name in options]
    taken = next((options[name] for name in steps if options[name].why_not is None), None)
    others = tuple(option for option in options.values() if option is not taken)
    if taken is None:
        return Route(operation=None, why=tuple(f"{name}: {options[name].why_not}" for name in steps), others=others)
    return Route(operation=taken.operation, why=(_fits(image, known[taken.operation]),), needs=taken.needs,
                 others=others)


def _refusal(image: Inspection, operation: Operation, rules: FileRules) -> str | None:
    kind = kind_of(image)
    if image.format not in rules.formats:
        return f"it does not take {image.format or 'an unknown format'}"
    if kind is not None and kind not in operation.carries:
        made = " and ".join(_MADE[carried] for carried in operation.carries)
        return f"it makes images of {made}, and this is {_IS[kind]}"
    if not rules.carries(image.size):
        return f"the file has {human_size(image.size)} ({image.size} bytes), it takes {rules.limit}"
    return None


def _fits(image: Inspection, rules: FileRules) -> str:
    return f"the file has {human_size(image.size)}, it takes {rules.limit or 'any size'}"


def _needs(image: Inspection, rules: FileRules, body: dict[str, Any]) -> tuple[str, ...]:
    """Return what the path asks for besides the file, such as the bitmap of a RAW file."""
    ending = rules.extra_file.get(image.format or "")
    extra = [f"{companion(body.get('image_url'), image.path, ending)} in the same bucket"] if ending else []
    return (*extra, *(need.text for need in rules.needs if image.size > need.over_bytes))


def expect(request: Request, image: Inspection, book: RuleBook) -> Expected:
    """Return what the server must answer, for each field that its documents name.

    The calls of the service's own answer with a job; then, and after an upload, only the image itself can be looked at.
    """
    operation = book.profile.operations[request.operation]
    if operation.follows is not None:
        return Expected(created=_JOB if operation.asynchronous else {}, active=_active(image, book.profile))
    known = {**_echo(request, book), **_of_system(request, book), "virtual_env_type": _environment(image)}
    if operation.asynchronous:
        return Expected(created=_JOB, active=_of_import(request, known, operation, book))
    default = book.profile.default_system
    if "__os_version" not in request.body and default is not None:
        known["__os_version"] = {"set_by": "server", "allowed": [default.value, *default.also]}
    created = {name: _created(field, known) for name, field in book.profile.response.items()}
    created |= {name: value for name, value in request.body.items()
                if book.profile.echoes_properties and name not in created}
    return Expected(created=created, active=_active(image, book.profile))


def _echo(request: Request, book: RuleBook) -> dict[str, Any]:
    """Return the fields that the server gives back as they were sent, or with its default for a missing one."""
    fields = book.profile.operations[request.operation].fields
    defaults = {name: field.default for name, field in fields.items() if field.default is not None}
    return {name: value for name, value in (defaults | request.body).items() if name in book.profile.response}


def _of_import(request: Request, known: dict[str, Any], operation: Operation, book: RuleBook) -> dict[str, Any]:
    """Return what a GET shows once the job is done: the import converts the file, so nothing is said of that.

    What the server may read from the file instead of taking the request's word is not foretold.
    """
    kinds = {"BMS": "Ironic", "Ironic": "Ironic", "DataImage": "DataImage"}
    kind = kinds.get(request.body.get("type", ""))
    if kind is None and len(operation.carries) == 1:
        kind = ENVIRONMENTS[operation.carries[0]]
    taken = {"name", "min_disk", "min_ram"} if operation.reads_guest else set(known) - {"tags"}
    found = {name: value for name, value in known.items() if name in taken}
    found |= {"status": "active", "__root_origin": "file", "virtual_env_type": kind or known["virtual_env_type"]}
    if "os_version" in request.body and not operation.reads_guest:
        found["__os_version"] = request.body["os_version"]
    return {name: value for name, value in found.items() if name in book.profile.response}


def _of_system(request: Request, book: RuleBook) -> dict[str, Any]:
    default = book.profile.default_system
    if default is None:
        return {}
    text = request.body.get("__os_version") or request.body.get("os_version") or default.value
    entry = book.catalogue.find(str(text))
    if entry is None:
        return {}
    platform = book.profile.platforms.get(entry.platform, entry.platform)
    return {"__os_type": entry.os_type, "__os_bit": str(entry.bits), "__platform": platform}


def _environment(image: Inspection) -> str | dict[str, Any]:
    """Return the kind of image the server will see; where the disk could not be read whole, what it may be."""
    kind = kind_of(image)
    return ENVIRONMENTS[kind] if kind is not None else {"set_by": "server", "allowed": ["FusionCompute", "DataImage"]}


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
             "allowed": None if field.open_list else list(field.allowed) or None,
             "may_be_absent": field.presence == "documented" or None,
             "not_in_use": field.not_in_use or None}
    return {key: value for key, value in about.items() if value is not None}


def _active(image: Inspection, profile: Profile) -> dict[str, Any]:
    """Return what a GET shows once the file is there; fields documented as not in use may also be absent or null."""
    digests, algorithm = image.checksums or {}, next(iter(profile.checksums), None)
    known = {"status": "active", "__image_size": str(image.size), "checksum": digests.get("md5"), "size": image.size,
             "virtual_size": image.virtual_size, "os_hash_algo": algorithm,
             "os_hash_value": digests.get(algorithm or "")}
    return {name: value for name, value in known.items() if name in profile.response and value is not None}

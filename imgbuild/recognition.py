"""recognise: a request body in, the operation that it is for out, with the reason and what else it could be.

A body does not name its operation; its fields do. Each operation is held against the body: fields that only other
operations have, mandatory fields that are missing, and values that only other operations take speak against it. What
least speaks against is taken; of several alike the one with the fewest fields, which the body fills best, and a finding
says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imgbuild.checks.base import Recognised
from imgbuild.kinds import kind_of

if TYPE_CHECKING:
    from imgbuild.documents.inspection import Inspection
    from imgbuild.profiles import DiskBounds, FieldSpec, Operation, Profile

# A field of another operation or a value that is refused weighs more than a field that was forgotten; what is only
# unlikely decides between operations that are otherwise alike.
_FOREIGN, _REFUSED, _MISSING, _UNLIKELY = 20, 20, 4, 1


@dataclass(frozen=True)
class _Against:
    """What speaks against an operation."""

    operation: Operation
    foreign: tuple[str, ...]
    refused: tuple[str, ...]
    missing: tuple[str, ...]
    unlikely: int

    @property
    def weight(self) -> int:
        return (_FOREIGN * len(self.foreign) + _REFUSED * len(self.refused) + _MISSING * len(self.missing)
                + _UNLIKELY * self.unlikely)


def recognise(body: dict[str, Any], profile: Profile, image: Inspection | None = None) -> Recognised:
    """Return the operation that a body is most likely for; without any, the default one of the cloud."""
    known = {name for found in profile.operations.values() for name in _documented(found, profile)}
    weighed = sorted((_against(found, body, known, profile, image) for found in profile.operations.values()
                      if _has_body(found)), key=lambda one: (one.weight, len(_documented(one.operation, profile))))
    if not weighed:
        return Recognised(operation=profile.default_operation, why="the cloud has no other")
    best = weighed[0]
    alike = tuple(against.operation.id for against in weighed[1:] if against.weight == best.weight)
    return Recognised(operation=best.operation.id, why=_why(best, body, profile), others=alike)


def _documented(operation: Operation, profile: Profile) -> set[str]:
    return set(operation.documented(profile.custom_properties))


def _has_body(operation: Operation) -> bool:
    return operation.content_type == "application/json"


def _against(operation: Operation, body: dict[str, Any], known: set[str], profile: Profile,
             image: Inspection | None) -> _Against:
    fields = operation.documented(profile.custom_properties)
    service = {key for key in body if key.startswith("__")}
    foreign = tuple(key for key in body if key not in fields and (key in known or key in service))
    refused = tuple(key for key, value in body.items() if key in fields and not _takes(fields[key], value)
                    and _is_taken(profile, key, value))
    missing = tuple(name for name, field in fields.items() if field.is_mandatory(body) and name not in body)
    return _Against(operation, foreign, refused, missing, _unlikely(operation, body, profile, image))


def _takes(field: FieldSpec, value: object) -> bool:
    """Say whether a field takes a value; one in other letters (``ecs``) is meant, and a slip for a rule to find."""
    words = {str(word).lower() for word in field.allowed}
    return not words or value in field.allowed or (isinstance(value, str) and value.lower() in words)


def _is_taken(profile: Profile, key: str, value: object) -> bool:
    """Say whether some call takes this value: one that none takes speaks for no call, and against none."""
    every = [found.documented(profile.custom_properties) for found in profile.operations.values() if _has_body(found)]
    return any(key in fields and _takes(fields[key], value) for fields in every)


def _unlikely(operation: Operation, body: dict[str, Any], profile: Profile, image: Inspection | None) -> int:
    """Return how many values fit better to another operation: the name of the object, the size, the kind of image."""
    address, size = body.get("image_url"), body.get("min_disk")
    endings = operation.file.endings if operation.file is not None else ()
    name = address.lower() if isinstance(address, str) else ""
    kind = kind_of(image) if image is not None else None
    bounds = profile.min_disk_of(operation.id).bounds
    return sum((bool(endings and name) and not name.endswith(endings),
                isinstance(size, int) and not isinstance(size, bool) and not _holds(bounds, size),
                kind is not None and bool(operation.carries) and kind not in operation.carries))


def _holds(bounds: DiskBounds, size: int) -> bool:
    return any(low <= size <= high for low, high in (bounds.linux, bounds.windows))


def _why(best: _Against, body: dict[str, Any], profile: Profile) -> str:
    """Return which fields of the body speak for the operation: those that not every call that makes an image has."""
    every = [_documented(found, profile) for found in profile.operations.values() if found.follows is None]
    own = [key for key in body if key in _documented(best.operation, profile)
           and not all(key in fields for fields in every)]
    fits = f"it has {', '.join(own)}" if own else "nothing in it speaks for another one"
    return fits if not best.missing else f"{fits}, and lacks less than it would lack for another one"

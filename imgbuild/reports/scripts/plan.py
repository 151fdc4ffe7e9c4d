"""Which calls a script makes, in which order: a manifest in, a :class:`Plan` out, the same for every client."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from imgbuild.errors import ImgbuildError

if TYPE_CHECKING:
    from imgbuild.documents.manifest import Manifest, Route
    from imgbuild.profiles import Operation, Profile, Queries

_ID = "{image_id}"


class Call(NamedTuple):
    """A call: ``body`` is its JSON, ``None`` where the file itself is the body."""

    operation: Operation
    path: str
    body: dict[str, Any] | None

    @property
    def is_upload(self) -> bool:
        """Whether the file itself is sent."""
        return self.body is None

    @property
    def needs_address(self) -> bool:
        """Whether the file lies in the object store, and where is not known yet."""
        return self.body is not None and self.operation.from_object_store and "image_url" not in self.body

    @property
    def names_image(self) -> bool:
        """Whether the id of the image is a part of its path."""
        return _ID in self.operation.path


class Plan(NamedTuple):
    """The calls of a manifest, and how the image is asked for its state afterwards."""

    calls: tuple[Call, ...]
    queries: Queries
    token: str
    endpoint: str

    @property
    def makes_image(self) -> bool:
        """Whether the first call answers with the id of a new image."""
        return not self.calls[0].operation.asynchronous and self.calls[0].operation.follows is None

    @property
    def starts_job(self) -> bool:
        """Whether the last call answers with a job."""
        return self.calls[-1].operation.asynchronous

    @property
    def sends_file(self) -> bool:
        """Whether the file itself is sent, not only named."""
        return any(call.is_upload for call in self.calls)

    @property
    def names_image(self) -> bool:
        """Whether the first call is about an image that is there already."""
        return self.calls[0].names_image

    @property
    def image_id(self) -> str | None:
        """The id of that image, where it is known; else the person who runs the script must name it."""
        form = re.escape(self.calls[0].operation.path).replace(re.escape(_ID), "([^/{}]+)")
        found = re.fullmatch(form, self.calls[0].path) if self.names_image else None
        return None if found is None else found[1]

    @property
    def needs_address(self) -> bool:
        """Whether the place of the file in the object store must be named by that person."""
        return any(call.needs_address for call in self.calls)


def plan(manifest: Manifest, profile: Profile) -> Plan:
    """Return the calls that bring the image of a manifest to its cloud.

    Raises:
        ImgbuildError: No import path carries the file, or the profile does not say how an image is asked for.
    """
    operations, request, route = profile.operations, manifest.request, manifest.route
    if route.operation is None:
        raise ImgbuildError(f"no script: nothing of this call can bring the file ({'; '.join(route.why)})",
                            cure=_other_ways(route))
    if profile.queries is None:
        raise ImgbuildError(f"no script: the rule book of {profile.name} has no [queries]", cure="add them to its pack")
    first = operations[request.operation]
    calls = [Call(first, request.path, request.body if first.content_type == "application/json" else None)]
    if route.operation != first.id:
        then = operations[route.operation]
        calls.append(Call(then, then.path, {} if then.content_type == "application/json" else None))
    return Plan(tuple(calls), profile.queries, "OS_TOKEN", f"{_word(profile.prefix or profile.name)}_ENDPOINT")


def _other_ways(route: Route) -> str:
    able = [option.operation for option in route.others if option.why_not is None]
    return f"--operation {' or '.join(able)} can" if able else "see route in the manifest"


def _word(name: str) -> str:
    return re.sub(r"\W", "_", name, flags=re.ASCII).upper()

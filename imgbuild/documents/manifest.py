"""The document of ``imgbuild build``: the request that creates the image, its reasons, and what must come of it."""

# Without the future import, as in model.py.
from typing import Any, Literal

from imgbuild.documents.inspection import Inspection
from imgbuild.model import SCHEMA, Source, Value
from imgbuild.version import __version__


class Derived(Value, frozen=True, kw_only=True):
    """A request field with the reasons for its value and the documents behind them."""

    value: Any
    why: tuple[str, ...]
    sources: tuple[Source, ...] = ()


class Request(Value, frozen=True, kw_only=True):
    """The call that creates the image.

    ``body`` is empty where the file itself is the body (``content_type`` then says so). A part of ``path`` that is not
    known yet stays in braces.
    """

    operation: str
    method: str
    path: str
    content_type: str = "application/json"
    body: dict[str, Any]


class RouteOption(Value, frozen=True, kw_only=True):
    """Another import path; ``why_not`` is ``None`` where it could carry the file, too, ``needs`` what it asks for."""

    operation: str
    why_not: str | None
    needs: tuple[str, ...] = ()


class Route(Value, frozen=True, kw_only=True):
    """The import path that carries this file; ``operation`` is ``None`` where none does.

    ``needs`` is what the path asks for besides the file.
    """

    operation: str | None
    why: tuple[str, ...]
    needs: tuple[str, ...] = ()
    others: tuple[RouteOption, ...] = ()


class Expected(Value, frozen=True, kw_only=True):
    """What the server must show, field by field: after the create call, and once the image is active.

    A plain value is a prediction. An object ``{"set_by": "server", …}`` names a field that is the server's own,
    with what its value must look like.
    """

    created: dict[str, Any]
    active: dict[str, Any]


class CatalogueFacts(Value, frozen=True, kw_only=True, omit_defaults=True):
    """The list of OS versions in force: ``name`` is the file of a region's list, which is exact, else ``built in``.

    The built-in one says of when its ``oldest`` and ``newest`` documents are, and how many of its spellings are sure
    (``yes``), ``likely``, or were seen as labels only (``unproven``).
    """

    name: str
    exact: bool
    entries: int
    oldest: str | None = None
    newest: str | None = None
    usable_as_os_version: dict[str, int] = {}


class Policy(Value, frozen=True, kw_only=True, omit_defaults=True):
    """Choices of reading that were in force when the manifest was built.

    ``catalogue`` is the list of OS versions of a region, if one was given.
    """

    min_disk: Literal["greater", "not-less"]
    catalogue: CatalogueFacts | None = None


class Manifest(Value, frozen=True, kw_only=True):
    """The document of ``imgbuild build``."""

    imgbuild: str = __version__
    schema: int = SCHEMA
    kind: Literal["manifest"] = "manifest"
    cloud: str
    policy: Policy
    image: Inspection
    derived: dict[str, Derived]
    request: Request
    route: Route
    expected: Expected

"""The path of an image in, its facts out; while it is read, the rule book is made ready."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from imgbuild import rulebook
from imgbuild.examination import inspect_for, nothing
from imgbuild.pipeline.books import load_book

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.digest import Progress
    from imgbuild.documents.inspection import Inspection
    from imgbuild.headstart import HeadStart
    from imgbuild.settings import Settings


def examine(path: str, settings: Settings, progress: Progress | None,
            meanwhile: Callable[[], object] = nothing, begun: HeadStart | None = None) -> Inspection:
    """Return the facts of an image; while the file is hashed, what comes after that is made ready."""
    profile = rulebook.load_profile(settings.cloud)
    if settings.rules or settings.catalogue or settings.operation not in {None, profile.default_operation}:
        load_book(settings)  # a wrong word is told before any work
    return inspect_for(lambda: profile, path, settings, progress, partial(prepare, settings, meanwhile), begun)


def prepare(settings: Settings, meanwhile: Callable[[], object] = nothing) -> None:
    """Read the rule book and its catalogue, and do what a caller needs next."""
    _ = load_book(settings).catalogue
    meanwhile()

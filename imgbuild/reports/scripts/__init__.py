"""The calls of a manifest as a script to run: a manifest in, the text of a program out.

Each module writes for one kind of client. Names and values of the manifest stand in a script as data only, quoted for
its language, so that none of them can become code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.documents.manifest import Manifest
    from imgbuild.profiles import Profile

KINDS = ("curl", "openstack", "python")


def write(kind: str, manifest: Manifest, profile: Profile, path: str) -> bytes:
    """Return the script of a kind that sends what was built; raises ImgbuildError where its client cannot.

    ``path`` is the file of the image as it was typed: that of the manifest is fit to be shown, which is not always it.
    """
    from importlib import import_module  # noqa: PLC0415 - one of them is needed

    render: Callable[[Manifest, Profile], str] = import_module(f"imgbuild.reports.scripts.{kind}").render
    typed = replace(manifest, image=replace(manifest.image, path=path))
    return render(typed, profile).encode("utf-8", "surrogateescape")

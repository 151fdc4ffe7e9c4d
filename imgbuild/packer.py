"""Packer's manifest: its JSON in, the image files of the last run out, with the sizes that Packer recorded.

A manifest holds the builds of many runs; ``last_run_uuid`` names the last one. A file's name is as Packer saw it: from
the folder in which it ran, which is the manifest's or the current one, or (``strip_path``) without its folder. Builds
in a cloud have no files. Paths in a manifest are a person's own: unlike names inside an image they are followed.

Packer, manifest post-processor, https://developer.hashicorp.com/packer/docs/post-processors/manifest
"""

from __future__ import annotations

import os
from typing import NamedTuple

import msgspec

from imgbuild.errors import ImgbuildError
from imgbuild.sums import SUMS_BYTES, Digest, digests_of, is_checksum_file

MANIFEST_BYTES = 4 << 20
MOST_FILES = 1000
_NO_IMAGES = (".json", ".xml", ".ovf", ".mf", ".log", ".txt", ".nvram", ".fd", ".vmx", ".vmxf", ".vmsd", ".sig", ".asc")


class Record(NamedTuple):
    """What was recorded of an image file when it was built; ``size`` in bytes."""

    path: str
    build: str
    size: int | None
    digests: tuple[Digest, ...]
    file: str


class _File(msgspec.Struct):
    name: str
    size: int | None = None


class _Build(msgspec.Struct):
    name: str = ""
    builder_type: str = ""
    files: list[_File] | None = None
    packer_run_uuid: str = ""


class _Manifest(msgspec.Struct):
    builds: list[_Build]
    last_run_uuid: str = ""


def read_manifest(path: str, data: bytes) -> tuple[Record, ...]:
    """Return the images of the last run that the manifest at ``path`` lists, in its order.

    Raises:
        ImgbuildError: It is no manifest of Packer, it lists no image, or an image is not where it says.
    """
    manifest = _decode(path, data)
    builds = [build for build in manifest.builds if build.packer_run_uuid == manifest.last_run_uuid]
    named = [(build, file) for build in builds for file in build.files or ()][:MOST_FILES]
    images = [(build, file) for build, file in named if not _is_aside(file.name)]
    if not images:
        raise ImgbuildError(f"{path!r} lists no image file of the last run: {_instead(builds)}",
                            cure="name the images instead")
    listed = [_place(path, file.name) for _, file in named if is_checksum_file(file.name)]
    return tuple(_record(path, build, file, [found for found in listed if found is not None])
                 for build, file in images)


def _decode(path: str, data: bytes) -> _Manifest:
    if len(data) > MANIFEST_BYTES:
        raise ImgbuildError(f"{path!r} has over {MANIFEST_BYTES} bytes: no manifest of Packer has",
                            cure="name the file that the manifest post-processor wrote")
    try:
        return msgspec.json.decode(data, type=_Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ImgbuildError(f"{path!r} is no manifest of Packer: {error}",
                            cure="name the file that the manifest post-processor wrote") from error


def _is_aside(name: str) -> bool:
    return is_checksum_file(name) or name.lower().endswith(_NO_IMAGES)


def _instead(builds: list[_Build]) -> str:
    kinds = ", ".join(sorted({build.builder_type for build in builds if build.builder_type}))
    return f"its builders are {kinds}" if kinds else "it has no build"


def _record(path: str, build: _Build, file: _File, listed: list[str]) -> Record:
    place = _place(path, file.name)
    if place is None:
        raise ImgbuildError(f"{path!r} lists {file.name!r}, which is not there",
                            cure="run imgbuild in the folder in which Packer ran, before its files are moved")
    sums = dict.fromkeys((*listed, *_beside(place)))
    return Record(place, build.name or build.builder_type, file.size,
                  tuple(digest for sum_file in sums for digest in _read(sum_file, place)), path)


def _place(path: str, name: str) -> str | None:
    """Return where a file is: from the manifest's folder, from the current one, or beside the manifest."""
    folder = os.path.dirname(path)
    candidates = (os.path.join(folder, name), name, os.path.join(folder, os.path.basename(name)))
    return next((os.path.normpath(found) for found in candidates if os.path.exists(found)), None)


def _beside(image: str) -> list[str]:
    """Return the checksum files in the folder of an image."""
    folder = os.path.dirname(image)
    try:
        names = sorted(os.listdir(folder or os.curdir))
    except OSError:
        return []
    return [os.path.join(folder, name) for name in names if is_checksum_file(name)]


def _read(sum_file: str, image: str) -> tuple[Digest, ...]:
    if not os.path.isfile(sum_file):  # a FIFO would be waited for
        return ()
    try:
        with open(sum_file, "rb") as file:
            text = file.read(SUMS_BYTES).decode("utf-8", "replace")
    except OSError:  # not ours to read: it records nothing
        return ()
    return digests_of(text, sum_file, image)

"""verify: a manifest in, and what it describes: the image it was made from, the answer that the server gave.

The manifest is read strictly: what cannot be read as one is work that cannot be done. What differs is for the rules to
say; here stands how the files are found and read, at which stage an answer is, and what is to be done next.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec

from imgbuild.checks.verification import is_refusal
from imgbuild.documents.manifest import Manifest
from imgbuild.errors import ImgbuildError, SourceError
from imgbuild.model import SCHEMA
from imgbuild.source import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgbuild.documents.verification import Stage
    from imgbuild.profiles import Operation

MANIFEST_BYTES = 16 << 20
"""Bytes read of a manifest; one of a disk with 128 partitions has under 200 KB."""


class ManifestError(ImgbuildError):
    """A file is no manifest, or one of another schema."""


def read_manifest(data: bytes, name: str) -> Manifest:
    """Return the manifest in ``data``; raises ManifestError where it is none that this version reads."""
    if len(data) > MANIFEST_BYTES:
        raise ManifestError(f"{name!r} has over {MANIFEST_BYTES} bytes: no manifest has", cure="name the manifest")
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _error_of(data, name, error) from error
    if manifest.schema != SCHEMA:
        raise _of_another_schema(name, manifest.schema)
    return manifest


def _error_of(data: bytes, name: str, error: Exception) -> ManifestError:
    """Return what is wrong with a document that could not be read as a manifest."""
    try:
        head = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as broken:
        several = data.count(b"\n{") > 0
        cure = "of several images, each line is a manifest: give one of them" if several else "build it anew"
        return ManifestError(f"{name!r} is no JSON: {broken}", cure=cure)
    if not isinstance(head, dict):
        return ManifestError(f"{name!r} is no manifest: it is no JSON object", cure="name the manifest")
    if head.get("kind") != "manifest":
        return ManifestError(f"{name!r} is no manifest: its kind is {head.get('kind')!r}",
                             cure="imgbuild build -o manifest.json IMAGE makes one")
    if head.get("schema") != SCHEMA:
        return _of_another_schema(name, head.get("schema"))
    return ManifestError(f"{name!r} is a broken manifest: {error}", cure="build it anew")


def _of_another_schema(name: str, schema: object) -> ManifestError:
    return ManifestError(f"{name!r} is of schema {schema!r}, this version reads {SCHEMA}",
                         cure="build it anew, or use the version of imgbuild that made it")


def find_image(manifest: Manifest, path: str) -> str:
    """Return the path of the image of the manifest at ``path``: beside it, else as it was typed when it was built.

    Raises:
        SourceError: It is at neither place.
    """
    return find_beside(path, [manifest.image.path], elsewhere=manifest.image.path)


def find_beside(path: str, names: Sequence[str], elsewhere: str = "") -> str:
    """Return the path of a file of one of these names beside the one at ``path``, or the one that is ``elsewhere``.

    Raises:
        SourceError: It is at neither place.
    """
    beside = [os.path.join(os.path.dirname(path), os.path.basename(name)) for name in names if os.path.basename(name)]
    for candidate in (*beside, *_written_otherwise(beside), elsewhere):
        if os.path.exists(candidate):
            return candidate
    wanted = beside[0] if beside else ""
    raise SourceError(f"no such file: {wanted!r}, the image of {path!r}", cure="name it behind that")


def _written_otherwise(paths: Sequence[str]) -> Iterator[str]:
    """Yield the files that are meant where a name is not UTF-8: documents have escapes for its bytes."""
    for path in paths:
        folder = os.path.dirname(path)
        if "\\x" in path and os.path.isdir(folder or os.curdir):
            yield from (os.path.join(folder, name) for name in os.listdir(folder or os.curdir)
                        if shown(name) == os.path.basename(path))


def stage_of(answer: object) -> Stage:
    """Return how far the image is by the status in an answer: ``active`` after the upload, else ``created``."""
    status = answer.get("status") if isinstance(answer, dict) else None
    return "active" if status == "active" else "created"


def expected_at(manifest: Manifest, answer: object) -> dict[str, Any]:
    """Return what an answer must show, field by field; once the image is active, what the upload made of it.

    A call that answers with a job says nothing of the image: then a GET is compared with what is known of that alone.
    """
    expected, active = manifest.expected, stage_of(answer) == "active"
    of_job = isinstance(answer, dict) and "job_id" in answer
    if "job_id" in expected.created:
        of_image = isinstance(answer, dict) and not of_job and "id" in answer
        return expected.active if active else {} if of_image else expected.created
    if of_job:  # the file of an image that was created before is being registered
        return {}
    return {**expected.created, **expected.active} if active else expected.created


def next_steps(manifest: Manifest, answer: object, operations: dict[str, Operation]) -> tuple[str, ...]:
    """Return what is to be done after an answer, in words; where there is none, what comes after the build."""
    if not isinstance(answer, dict):
        return (f"send the request: {manifest.request.method} {manifest.request.path}",)
    if "job_id" in answer:
        return _after_job(answer)
    if is_refusal(answer):
        return ("no image was made: mend what the server says, and send the request again",)
    image_id, status = answer.get("id"), answer.get("status")
    known = image_id if isinstance(image_id, str) and image_id else "{image_id}"
    if status == "queued":
        return _upload(manifest, known, operations)
    return (_words_for(status, known),)


def _words_for(status: object, image_id: str) -> str:
    """Return what a status means for what comes next."""
    if status in {"saving", "uploading", "importing"}:
        return f"the file is on its way: ask again, GET /v2/images/{image_id}"
    if status == "active":
        return f"the image {image_id} is there and can be used"
    if status == "deactivated":
        return f"the image {image_id} is there, but an administrator has taken it out of use: ask why"
    return f"this image will not become active: delete {image_id} and send the request again"


def _after_job(answer: dict[str, Any]) -> tuple[str, ...]:
    """Return what comes after the answer of a call that began a job, or after the job's own."""
    job, status = answer["job_id"], answer.get("status")
    if status == "SUCCESS":
        entities = answer.get("entities")
        image_id = entities.get("image_id") if isinstance(entities, dict) else None
        return (f"the image is made: compare it, GET /v2/images/{image_id or '{image_id}'}",)
    if status == "FAIL":
        return ("the job has failed: mend what it says, and send the request again",)
    known = job if isinstance(job, str) and job else "{job_id}"
    return (f"the job runs: ask how far it is, GET /v1/{{project_id}}/jobs/{known}",)


def _upload(manifest: Manifest, image_id: str, operations: dict[str, Operation]) -> tuple[str, ...]:
    step = operations.get(manifest.route.operation or "")
    if step is None:
        return ("no import path carries this file", *manifest.route.why)
    return (f"{step.title[:1].lower()}{step.title[1:]}: {step.method} {step.path.replace('{image_id}', image_id)}",)

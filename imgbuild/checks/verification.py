"""Checks of what a manifest foretold: the image it was made from, and the server's answer, field by field."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

from imgbuild.checks.base import Case, Check, Hit, Hits, escaped, listed, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.documents.inspection import Content, Inspection
    from imgbuild.profiles import ResponseField

# What a newer version may see better, and what is of the run or of the place of the file.
_NOT_IDENTITY = frozenset({"imgbuild", "schema", "kind", "path", "problems", "guest", "inside", "run", "space",
                           "content", "checksums", "size", "disk_format", "firmware"})
_LONGEST_PATTERN_INPUT = 1024
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "boolean": (bool,), "string-list": (list,), "object-list": (list,),
    "object": (dict,)}


class ManifestImage(Check, frozen=True, kw_only=True, tag="manifest-image"):
    """The image is the one of the manifest, by its ``fact``: ``size``, ``checksum``, or what was seen in it.

    Where disks are compared, whatever file they are in, ``content`` and ``content-size`` stand for these three.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"image", "manifest"})

    fact: Literal["size", "checksum", "seen", "content", "content-size"]

    def find(self, case: Case) -> Hits:
        """Yield what differs."""
        manifest, image = case.context.manifest, case.image
        if manifest is None or image is None or case.context.by_content != self.fact.startswith("content"):
            return
        if self.fact == "content":
            yield from _content(manifest.image.content, image.content)
        elif self.fact == "content-size":
            yield from _content_size(manifest.image.content, image.content)
        elif self.fact == "size" and image.size != manifest.image.size:
            yield Hit(message=f"the file has {image.size} bytes, that of the manifest {manifest.image.size}",
                      on="image", value=image.size)
        elif self.fact == "checksum":
            yield from _checksums(manifest.image.checksums or {}, image.checksums or {})
        elif self.fact == "seen":
            yield from _seen(manifest.image, image)


def _checksums(then: dict[str, str], now: dict[str, str]) -> Iterator[Hit]:
    for name in sorted(then.keys() & now.keys()):
        if then[name] != now[name]:
            yield Hit(message=f"the {name} of the file is {now[name]}, that of the manifest {then[name]}", on="image",
                      value=now[name])
    if not then.keys() & now.keys():
        yield Hit(message="the manifest has no checksum to compare: whether the bytes are the same was not seen",
                  on="image")


def _content(then: Content | msgspec.UnsetType, now: Content | msgspec.UnsetType) -> Hits:
    if not now or not then:
        yield Hit(message="whether the disk is that of the manifest was not seen: it was not read whole", on="image")
    elif not now.is_same_disk(then):
        yield Hit(message=f"the sha256 of the disk up to the end of its data, byte {now.data_end}, is"
                          f" {now.data_sha256}; that of the manifest, up to byte {then.data_end}, is"
                          f" {then.data_sha256}", on="image", value=now.data_sha256)


def _content_size(then: Content | msgspec.UnsetType, now: Content | msgspec.UnsetType) -> Hits:
    """Yield that a disk is smaller; a larger one is what writers make of it."""
    if now and then and now.is_same_disk(then) and now.size < then.size:
        yield Hit(message=f"the disk has {now.size} bytes, that of the manifest {then.size}; only zeros are gone",
                  on="image", value=now.size)


def _seen(then: Inspection, now: Inspection) -> Iterator[Hit]:
    facts = [name for name in now.__struct_fields__ if name not in _NOT_IDENTITY]
    changed = [name for name in facts if msgspec.to_builtins(getattr(then, name))
               != msgspec.to_builtins(getattr(now, name))]
    if changed:
        words = ", ".join(f"{name}{_was(getattr(then, name), getattr(now, name))}" for name in changed)
        yield Hit(message=f"what is seen in the image differs from the manifest: {words}", on="image")


def _was(then: object, now: object) -> str:
    plain = all(value is None or isinstance(value, (str, int)) for value in (then, now))
    return f" was {quoted(then)}, is {quoted(now)}" if plain else ""


class Answer(Check, frozen=True, kw_only=True, tag="answer"):
    """The server's answer shows what was foretold.

    ``fault`` is ``no-object`` (it is no JSON object, or describes neither an image nor a job), ``missing`` (a field is
    not there), ``changed`` (a field has another value than was sent or foretold), ``domain`` (a field of the server's
    own has a value that is not documented) or ``failed`` (its status says that no image will come of it).
    """

    needs: ClassVar[frozenset[str]] = frozenset({"answer"})

    fault: Literal["no-object", "missing", "changed", "domain", "failed"]

    def find(self, case: Case) -> Hits:
        """Yield each field with this fault."""
        answer = case.context.answer
        value = answer.value if answer is not None else None
        if not isinstance(value, dict):
            if self.fault == "no-object":
                slips = [slip.message for slip in answer.problems] if answer is not None else []
                yield Hit(message=f"the answer is no JSON object{f': {slips[0]}' if slips else ''}", on="response",
                          pointer="")
        elif self.fault == "no-object":
            yield from _of_nothing(value)
        elif self.fault == "failed":
            yield from _failed(value)
        elif not is_refusal(value):
            for name, expected in case.context.expected.items():
                found = _fault_of(name, expected, value, case.profile.response.get(name))
                if found is not None and found[0] == self.fault:
                    yield _hit(name, found[1], value, case.profile.response.get(name))


def is_refusal(answer: dict[str, Any]) -> bool:
    """Say whether an answer is the error of a refused call: ``{"error": {"message": …, "code": "IMG.nnnn"}}``."""
    return "error" in answer and not {"id", "job_id"} & answer.keys()


def _of_nothing(answer: dict[str, Any]) -> Hits:
    if is_refusal(answer):
        error = answer["error"]
        said = [error[key] for key in ("code", "message") if error.get(key)] if isinstance(error, dict) else [error]
        yield Hit(message=f"the server has refused the call: {', '.join(map(quoted, said)) or 'it does not say why'}",
                  on="response", pointer="/error", value=error)
    elif not {"id", "job_id"} & answer.keys():
        yield Hit(message="the answer names neither an image (id) nor a job (job_id)", on="response", pointer="")


def _hit(name: str, message: str, answer: dict[str, Any], field: ResponseField | None) -> Hit:
    """Return what is wrong with a field; one that a page says is not in use is no failure."""
    return Hit(message=message, on="response", pointer=f"/{escaped(name)}" if name in answer else "",
               value=answer.get(name), sources=None if field is None else _cited(field),
               severity="note" if field is not None and field.not_in_use else None)


def _failed(answer: dict[str, Any]) -> Hits:
    status = answer.get("status")
    if status in {"killed", "deleted"}:
        yield Hit(message=f"status is {status!r}: the upload failed, or the image is gone", on="response",
                  pointer="/status", value=status)
    elif "job_id" in answer and status == "FAIL":
        yield Hit(message="status is 'FAIL': the job has made no image", on="response", pointer="/status", value=status)


def _cited(field: ResponseField) -> tuple[tuple[str, str], ...]:
    return tuple((source, field.meaning) for source in field.sources)


def _fault_of(name: str, expected: Any, answer: dict[str, Any],  # noqa: ANN401 - JSON values
              field: ResponseField | None) -> tuple[str, str] | None:
    """Return the fault of a field and what is wrong, ``None`` where it is as foretold."""
    by_server = isinstance(expected, dict) and expected.get("set_by") == "server"
    idle = field is not None and field.not_in_use
    if answer.get(name) is None:
        optional = idle or (by_server and expected.get("may_be_absent"))
        return None if optional else ("missing", f"{name} is not in the answer")
    value = answer[name]
    if by_server:
        wrong = _outside(name, expected, value, field) or _of_another(name, expected, answer)
        return None if wrong is None else ("domain", wrong)
    if _same(value, expected):
        return None
    told = f"{name} is {quoted(value)}, foretold was {quoted(expected)}"
    return "changed", f"{told}; a page says that the field is not in use" if idle else told


def _same(value: object, expected: object) -> bool:
    """Compare as the documents do: tags in any order, words such as Other and other without case."""
    if isinstance(value, list) and isinstance(expected, list):
        return sorted(map(str, value)) == sorted(map(str, expected))
    if isinstance(value, str) and isinstance(expected, str):
        return value == expected or {value.lower(), expected.lower()} == {"other"}
    return type(value) is type(expected) and value == expected


def _outside(name: str, expected: dict[str, Any], value: Any, field: ResponseField | None) -> str | None:  # noqa: ANN401 - as above
    allowed, pattern = expected.get("allowed"), expected.get("pattern")
    types = _TYPES.get(field.type, ()) if field is not None else ()
    if types and (not isinstance(value, types) or (isinstance(value, bool) and bool not in types)):
        return f"{name} is {quoted(value)}: {field.type if field else 'another type'} is documented"
    if allowed and not any(_same(value, word) for word in allowed):
        return f"{name} is {quoted(value)}: {listed(allowed)} is documented"
    text = value if isinstance(value, str) else ""
    if field is not None and field.max_length is not None and len(text) > field.max_length:
        return f"{name} has {len(text)} characters: at most {field.max_length} are documented"
    if pattern and (len(text) > _LONGEST_PATTERN_INPUT or not re.search(pattern, text)):
        return f"{name} is {quoted(value)}: the form is {expected.get('form') or pattern}"
    if field is not None and field.format == "date-time" and not _is_time(text):
        return f"{name} is {quoted(value)}: there is no such day or time"
    return None


def _is_time(text: str) -> bool:
    """Say whether there is such a day and such a time; RFC 3339, section 5.7, has leap seconds, Python has none."""
    try:
        datetime.fromisoformat(text.replace("23:59:60Z", "23:59:59Z"))
    except ValueError:
        return False
    return True


def _of_another(name: str, expected: dict[str, Any], answer: dict[str, Any]) -> str | None:
    """Return what is wrong with a link whose form is built from the id: it is the link of another image."""
    form, image_id = expected.get("form"), answer.get("id")
    if not isinstance(form, str) or "{id}" not in form or not isinstance(image_id, str):
        return None
    right = form.replace("{id}", image_id)
    return None if answer[name] == right else f"{name} is {quoted(answer[name])}, but by the id it is {quoted(right)}"

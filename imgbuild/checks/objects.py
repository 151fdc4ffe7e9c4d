"""Checks of the address of a file in the object store: ``bucket:object``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Literal

from imgbuild.checks.base import BOTH, Case, Check, Hit, Hits, label, quoted, texts_at

if TYPE_CHECKING:
    from collections.abc import Callable

# The ending of a file name, which the name of the file beside it has in its place.
_ENDING = re.compile(r"\.[A-Za-z0-9]+$")

Fault = Literal["form", "bucket-empty", "bucket-name", "key-length", "key-space", "file-name", "iso-name"]
KEY_BYTES = 1024
_BUCKET = re.compile(r"(?!\d+\.\d+\.\d+\.\d+$)(?!.*\.\.)(?!.*\.-)(?!.*-\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_FILE = re.compile(r"[A-Za-z0-9._ -]{1,128}")
_ISO = re.compile(r"[A-Za-z0-9_-]+\.iso", re.IGNORECASE)


def companion(address: object, path: str, ending: str) -> str:
    """Return how the file beside an image is called: as the object that was named, or else as the local file."""
    named = isinstance(address, str) and ":" in address
    name = str(address).partition(":")[2] if named else re.split(r"[/\\]", path)[-1]
    return f"{_ENDING.sub('', name)}.{ending}"


def is_iso_address(address: str | None) -> bool:
    """Say whether an address names an ISO file."""
    return address is not None and address.lower().endswith(".iso")


class ObjectAddress(Check, frozen=True, kw_only=True, tag="object-address"):
    """An address is ``bucket:object`` with names that the object store and the service take; ``fault`` is one slip."""

    fault: Fault

    def find(self, case: Case) -> Hits:
        """Yield addresses with this fault."""
        for pointer, text in texts_at(case):
            bucket, colon, key = text.partition(":")
            message = _FAULTS[self.fault](bucket, key) if colon else (
                f"{quoted(text)} has no colon between bucket and object" if self.fault == "form" else None)
            if message is not None:
                yield Hit(message=f"{label(pointer)}: {message}", pointer=pointer, value=text)


def _form(bucket: str, key: str) -> str | None:
    if ":" in key or bucket.endswith("//") or key.startswith("//"):
        return f"{quoted(f'{bucket}:{key}')} is not of the form bucket:object"
    return None if key or not bucket else f"no object is named after {quoted(bucket + ':')}"


def _bucket_empty(bucket: str, _: str) -> str | None:
    return None if bucket else "no bucket is named before the colon"


def _bucket_name(bucket: str, _: str) -> str | None:
    if not bucket or _BUCKET.fullmatch(bucket):
        return None
    return (f"{quoted(bucket)} is no bucket name: 3 to 63 lower case letters, digits, hyphens and dots are accepted, a"
            " letter or digit at both ends")


def _key_length(_: str, key: str) -> str | None:
    size = len(key.encode("utf-8", "surrogatepass"))
    return f"the object key has {size} bytes: at most {KEY_BYTES} are accepted" if size > KEY_BYTES else None


def _key_space(_: str, key: str) -> str | None:
    return f"the object key {quoted(key)} holds a space" if " " in key else None


def _file_name(_: str, key: str) -> str | None:
    name = key.rpartition("/")[2]
    if not key or _FILE.fullmatch(name):
        return None
    if not name:
        return f"the object key {quoted(key)} is that of a folder: it names no file"
    return f"the file name {quoted(name)} is not 1 to 128 letters, digits, hyphens, dots and underscores"


def _iso_name(_: str, key: str) -> str | None:
    name = key.rpartition("/")[2]
    if not name.lower().endswith(".iso") or _ISO.fullmatch(name):
        return None
    return f"the name of the ISO file {quoted(name)} is not of letters, digits, hyphens and underscores"


class ObjectFormat(Check, frozen=True, kw_only=True, tag="object-format"):
    """The ending of the object's name, where it is that of an image format, is that of the file's format.

    ``endings`` maps our names of formats to the endings that go with them.
    """

    needs: ClassVar[frozenset[str]] = BOTH

    endings: dict[str, tuple[str, ...]]

    def find(self, case: Case) -> Hits:
        """Yield addresses whose name claims another format."""
        found = case.image.format if case.image is not None else None
        claims = {ending: name for name, endings in self.endings.items() for ending in endings}
        for pointer, text in texts_at(case):
            ending = text.rpartition(".")[2].lower()
            if found is not None and ending in claims and ending not in self.endings.get(found, ()):
                yield Hit(message=f"{label(pointer)} is {quoted(text)}, but the file is {found}", pointer=pointer,
                          value=text)


_FAULTS: dict[str, Callable[[str, str], str | None]] = {
    "form": _form, "bucket-empty": _bucket_empty, "bucket-name": _bucket_name, "key-length": _key_length,
    "key-space": _key_space, "file-name": _file_name, "iso-name": _iso_name,
}

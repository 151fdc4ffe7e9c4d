"""The values that imgbuild passes around, and of which its documents are made; those stand in ``documents``.

Every document starts with the version, the schema number and its kind. Field names do not change
without a new schema number. Unknown is ``None``, never 0. Sizes and offsets are bytes.
"""

# Without the future import: msgspec reads the annotations, and would have to compile each of them from its text (1 ms).
from typing import Literal

import msgspec

SCHEMA = 1

Severity = Literal["error", "warning", "note"]
Group = Literal["safety", "integrity", "file", "guest", "request"]
GuestStatus = Literal["pass", "fail", "unknown", "not-applicable"]
QEMU_AGENT = "qemu-guest-agent"
"""What a system's ``agents`` call the guest agent of QEMU, whatever a distribution calls its service."""


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all values: immutable; msgspec wants ``kw_only`` said again by each of them."""


class View(Value, frozen=True, kw_only=True):
    """What somebody takes an image for: a reader, or a person who claims it; ``words`` where there is more to say."""

    who: str
    format: str | None = None
    virtual_size: int | None = None
    words: str | None = None


class Problem(Value, frozen=True, kw_only=True):
    """What a reader objected to; code X is the finding image-X.

    ``field`` is the standard's own name of the field at ``offset`` (bytes into the file), ``length`` its
    length in bytes and ``hex`` those bytes, at most 32 of them. ``views`` are there where readers or a claim differ.
    """

    code: str
    message: str
    field: str | None = None
    offset: int | None = None
    length: int | None = None
    hex: str | None = None
    views: tuple[View, ...] | msgspec.UnsetType = msgspec.UNSET


class Partition(Value, frozen=True, kw_only=True):
    """One partition; a file system on the whole disk is one partition with index 0 and start 0.

    ``type`` is the name of the type in words where it is known, else its GUID or its MBR byte as ``0x83``;
    ``type_id`` is always the GUID (upper case) or the byte. ``mount`` is where the guest's fstab mounts it.
    """

    index: int
    start: int
    size: int
    type: str | None = None
    type_id: str | None = None
    name: str | None = None
    bootable: bool = False
    filesystem: str | None = None
    uuid: str | None = None
    label: str | None = None
    partuuid: str | None = None
    mount: str | None = None


class Volume(Value, frozen=True, kw_only=True):
    """A logical volume that is put together from partitions."""

    kind: str
    name: str
    size: int
    filesystem: str | None = None
    uuid: str | None = None
    label: str | None = None
    mount: str | None = None


class Firmware(Value, frozen=True, kw_only=True):
    """Which firmware can boot the disk; ``None`` means that it could not be seen. ``why`` gives the evidence."""

    bios: bool | None = None
    uefi: bool | None = None
    secure_boot: bool | None = None
    why: tuple[str, ...] = ()


class OperatingSystem(Value, frozen=True, kw_only=True, omit_defaults=True):
    """The system found in the guest; see the contract on ``id``, ``version`` and ``release``.

    ``variant`` carries ``VARIANT_ID`` (or what stands for it), ``source`` the guest file that named the system.
    ``kernels`` are the installed Linux kernels as ``uname -r`` has them, the one that boots first. ``default_user`` is
    who logs in with the key that the cloud gives, ``agents`` are the hypervisors' services that the guest starts.
    """

    type: str | None
    id: str | None
    version: str | None
    release: str | None
    name: str | None
    architecture: str | None
    bits: int | None
    build: int | None = None
    edition: str | None = None
    variant: str | None = None
    id_like: tuple[str, ...] = ()
    kernels: tuple[str, ...] = ()
    source: str | None = None
    default_user: str | None = None
    agents: tuple[str, ...] = ()


class Place(Value, frozen=True, kw_only=True, omit_defaults=True):
    """A place in a guest file; ``line`` counts from 1, ``text`` is that line in a form that is safe to show.

    ``says`` is what is wrong there, where the check's own detail does not say it. ``soft`` is true where the guest
    comes up all the same.
    """

    path: str
    line: int | None = None
    text: str | None = None
    says: str | None = None
    soft: bool = False


class GuestCheck(Value, frozen=True, kw_only=True, omit_defaults=True):
    """One readiness fact; ``check`` is an id of the guest rules, ``files`` are guest paths.

    ``places`` are where a check that fails has failed, ``cure`` is what repairs this guest, where that is more than the
    rule's own hint. ``advice`` is true for a failure that most guests come up with all the same.
    """

    check: str
    status: GuestStatus
    detail: str
    files: tuple[str, ...]
    places: tuple[Place, ...] = ()
    cure: str | None = None
    advice: bool = False


class Source(Value, frozen=True, kw_only=True):
    """A document: where it is, of which date, and what it says (the reading)."""

    title: str
    url: str | None = None
    date: str | None = None
    reading: str | None = None


def encode(document: Value, *, indent: int = 2) -> bytes:
    """Return the document as JSON with a newline at its end; the same value gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(document), indent=indent) + b"\n"

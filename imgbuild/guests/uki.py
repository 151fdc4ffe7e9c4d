"""Unified kernel images: a file system with ``EFI/Linux/*.efi`` in, what their sections say of the system out.

Such an image is a UEFI program with kernel, initramfs, command line and os-release as sections of it. It tells which
system boots where the root cannot be read: under dm-verity, encrypted, in a squashfs (Talos). Only sections of text
are read.

UAPI.5 Unified Kernel Image, https://uapi-group.org/specifications/specs/unified_kernel_image/
UAPI.1 The Boot Loader Specification, "Type #2", https://uapi-group.org/specifications/specs/boot_loader_specification/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from imgbuild.guests import osrelease, pe
from imgbuild.guests.bls import Type1
from imgbuild.guests.bootentries import Entry

if TYPE_CHECKING:
    from imgbuild.guests.careful import Careful

PATTERNS = ("/[Ee][Ff][Ii]/[Ll][Ii][Nn][Uu][Xx]/*.[Ee][Ff][Ii]", "/[Ee][Ff][Ii]/[Ll][Ii][Nn][Uu][Xx]/*/*.[Ee][Ff][Ii]",
            "/[Ee][Ff][Ii]/[Bb][Oo][Oo][Tt]/[Bb][Oo][Oo][Tt]*.[Ee][Ff][Ii]")
"""Where they lie on an EFI system or extended boot partition; bootc has a folder of its own."""

_HEADERS = 8192
_TEXT = 64 * 1024
_MOST = 32
_SECTIONS = frozenset({".osrel", ".cmdline", ".uname"})


class UnifiedImage(msgspec.Struct, frozen=True):
    """What a unified kernel image says; what it does not say is empty."""

    path: str
    machine: str | None
    os_release: str = ""
    command_line: str = ""
    uname: str = ""


def find(tree: Careful, base: str = "") -> list[UnifiedImage]:
    """Return the unified kernel images under ``base``, where a boot partition is mounted."""
    paths = [path for pattern in PATTERNS for path in tree.glob(base + pattern)][:_MOST]
    return [image for path in paths if (image := read(tree, path)) is not None]


def read(tree: Careful, path: str) -> UnifiedImage | None:
    """Return the unified kernel image at ``path``; ``None`` where it is another program, or none at all."""
    head = tree.read(path, _HEADERS)
    sections = list(pe.read_sections(head))
    if not any(section.name == ".linux" for section in sections):
        return None
    texts: dict[str, str] = {}
    for section in sections:
        if section.name in _SECTIONS and section.name not in texts:  # the first of each; further ones are of profiles
            data = tree.read_at(path, section.offset, min(section.size, _TEXT))
            texts[section.name] = data.decode("utf-8", errors="replace").rstrip("\0")
    return UnifiedImage(path, pe.machine_of(head), texts.get(".osrel", ""), texts.get(".cmdline", "").strip(),
                        texts.get(".uname", "").strip())


def as_entry(image: UnifiedImage, base: str = "") -> Type1:
    """Return the entry that systemd-boot makes of it."""
    values = osrelease.parse(image.os_release)
    name = image.path.rpartition("/")[2]
    entry = Entry(values.get("PRETTY_NAME", name), name, image.path.removeprefix(base), (), image.command_line or None,
                  None, image.path)
    version = next((values[key] for key in ("IMAGE_VERSION", "VERSION_ID", "BUILD_ID") if values.get(key)), "")
    return Type1(entry, values.get("IMAGE_ID") or values.get("ID", ""), "", version)

"""What is said of files with an image inside: the facts in, a sentence with the command that takes it out out."""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING

from imgbuild.readers import quoted
from imgbuild.sizes import human_size
from imgbuild.source import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgbuild.documents.inspection import Inside

_SHOWN = 4

# Format: command that keeps the file, for names that it knows; command that writes to standard output; these names.
_COMMANDS = {
    "gzip": ("gunzip -k", "gunzip -c", r"\.(?:gz|z|tgz|taz|-gz)$"),
    "xz": ("xz -dk", "xz -dc", r"\.(?:xz|txz)$"),
    "zstd": ("zstd -d", "zstd -dc", r"\.(?:zst|zstd|tzst)$"),
    "bzip2": ("bzip2 -dk", "bzip2 -dc", r"\.(?:bz2|bz|tbz2|tbz)$"),
}
_PACKED = re.compile("|".join(names for _, _, names in _COMMANDS.values()), re.IGNORECASE)
_SHORT_FOR_TAR = re.compile(r"\.(?:tgz|taz|txz|tzst|tbz2|tbz)$", re.IGNORECASE)


def name_inside(name: str, path: str) -> str:
    """Return the name that the content of a compressed file has once it is unpacked."""
    base = shown(re.split(r"[/\\]", path)[-1])
    if _SHORT_FOR_TAR.search(base):
        return _SHORT_FOR_TAR.sub(".tar", base)
    own = re.sub(_COMMANDS[name][2], "", base, flags=re.IGNORECASE)
    return (own if own != base else _PACKED.sub("", base)) or base  # that of another packer is wrong, and said to be


def compressed(name: str, path: str, images: Sequence[Inside]) -> str:
    """Return what is said of a compressed file."""
    keeping, printing, names = _COMMANDS[name]
    known = re.search(names, path, re.IGNORECASE)
    command = f"{keeping} {_argument(path)}" if known else f"{printing} {_argument(path)} > OUT"
    what = f"; inside is {_image_words(images[0])}" if images else ""
    disks = f" with {_list(images[1:])}" if images[1:] else ""
    return f"the file is compressed with {name}{what}{disks}; decompress it first: '{command}'"


def archive(title: str, path: str, images: Sequence[Inside], entries: int) -> str:
    """Return what is said of an archive with so many entries."""
    if not images:
        count = "1 entry" if entries == 1 else f"{entries} entries"
        return f"the file is {title} of {count}, none of which is known as a disk image"
    members = " ".join(_argument(image.name or "") for image in images)
    return (f"the file is {title} with {_list(images)}; take out what is to be uploaded:"
            f" 'tar -xf {_argument(path)} {members}'")


def _list(images: Sequence[Inside]) -> str:
    shown = [f"{quoted(image.name or '')} ({_image_words(image)})" for image in images[:_SHOWN]]
    more = [f"{len(images) - _SHOWN} more"] if len(images) > _SHOWN else []
    return ", ".join(shown + more)


def _image_words(image: Inside) -> str:
    """Return an image in a few words: ``a qcow2 with a disk of 20 GiB (Debian GNU/Linux 12), 654 MiB``."""
    kind = image.container.get("createType") if image.format == "vmdk" else None
    title = {"iso": "an ISO", "ova": "an OVA package", "tar": "a tar archive", "raw": "a raw disk"}.get(
        image.format or "", f"a {kind} VMDK" if isinstance(kind, str) else f"a {image.format}")
    if image.format is None:
        title = "what its first bytes do not tell apart from a raw disk" if image.size is None else "a file"
    disk = ""
    if image.virtual_size is not None and image.format not in {"iso", "raw"}:
        disk = f" with a disk of {human_size(image.virtual_size)}"
    system = f" ({image.os.name})" if image.os is not None and image.os.name else ""
    size = "" if image.size is None else f", {human_size(image.size)}"
    return f"{title}{disk}{system}{size}"


def _argument(path: str) -> str:
    """Return a path as it can be typed; one that begins with a dash would be an option."""
    typed = os.path.join(os.curdir, path) if path.startswith("-") else path
    if typed.isprintable():
        return shlex.quote(typed)
    # Bytes that are no UTF-8, and control characters, as bash, zsh and POSIX of 2024 take them.
    return "$'" + shown(typed.replace("\\", "\\\\").replace("'", "\\'")) + "'"

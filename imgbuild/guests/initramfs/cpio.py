"""cpio archives as the kernel unpacks them: a flow in, names and sizes of the members out.

One member is a header of 110 characters, its name with a zero byte, padding to 4 bytes, its content, padding again.
All numbers of the header are 8 hexadecimal digits; an archive ends with the member ``TRAILER!!!``.

 off  size  field
   0     6  magic: 070701 (newc), 070702 (crc: the same with a check sum)
  14     8  mode
  54     8  filesize, in bytes
  94     8  namesize, in bytes, with the zero byte

The kernel's description of the format, https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
(read 2026-11-28)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imgbuild.guests.initramfs.flow import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.guests.initramfs.flow import Flow

MAGICS = (b"070701", b"070702")
_HEADER = 110
_LONGEST_NAME = 4096
"""PATH_MAX: the kernel passes over members with a longer name."""
_TRAILER = "TRAILER!!!"


class Member(NamedTuple):
    """A file of an archive: its name without ``./`` or ``/`` before it, the size of its content in bytes."""

    name: str
    size: int


def members(flow: Flow) -> Iterator[Member]:
    """Yield the members of one archive.

    Raises:
        Unreadable: What comes next is no header, or the archive ends in the middle.
    """
    while True:
        header = flow.read(_HEADER)
        if not header.startswith(MAGICS):
            raise Unreadable("a header of the cpio archive is damaged")
        size, name_size = _number(header, 54), _number(header, 94)
        name = _name(flow, name_size)
        if name == _TRAILER:
            return
        flow.skip(_padded(size))
        if name:
            yield Member(name, size)

def _number(header: bytes, offset: int) -> int:
    digits = header[offset : offset + 8]
    try:
        return int(digits, 16) if digits.isalnum() else _refuse()
    except ValueError:
        return _refuse()


def _refuse() -> int:
    raise Unreadable("a number in a header of the cpio archive is damaged")


def _name(flow: Flow, size: int) -> str:
    """Take the name and its padding, which counts from the start of the header."""
    padding = -(_HEADER + size) % 4
    if not 0 < size <= _LONGEST_NAME:
        flow.skip(size + padding)
        return ""
    text = flow.read(size).partition(b"\0")[0].decode("utf-8", errors="replace")
    flow.skip(padding)
    return text.removeprefix("./").lstrip("/")


def _padded(size: int) -> int:
    return size + -size % 4

"""What is in an initramfs: its bytes in, the modules and the few other files that readiness asks for out.

An initramfs is a row of cpio archives, each plain or compressed, with zero bytes between them: the ones in front hold
microcode. It is unpacked as it is read, never held whole, and only until all modules asked for were seen; reading goes
on to the end while one is missing, or where the end is near: initramfs-tools packs udev's rules behind the modules.

The kernel's description of the format, https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
(read 2026-11-28)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from imgbuild.guests.initramfs import compression, cpio
from imgbuild.guests.initramfs.flow import Flow, Unreadable
from imgbuild.sizes import human_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imgbuild.guests.initramfs.cpio import Member

__all__ = ["Budget", "Contents", "module_name", "scan"]

PIECE = 1 << 17
"""Bytes of the file that are read at once."""

NEAR = 4 << 20
"""Bytes of the file before its end that are read although all modules were seen: about 50 ms of gzip or zstd."""

_MODULE = re.compile(r"(?:(?:.*/)?lib/modules/([^/]+)/)?(?:.*/)?([^/]+)\.ko(?:\.(?:gz|xz|zst|bz2|lzma|lz4))?")
# Files by which the tool that packed the archive can be told; of dracut's, three are in a host-only one alone.
_BUILDERS = (("dracut", re.compile(r"(?:usr/)?lib/dracut(?:/.*)?")),
             ("mkinitcpio", re.compile(r"buildconfig|(?:usr/)?lib/initcpio/.*")),
             ("initramfs-tools", re.compile(r"conf/initramfs\.conf|conf/arch\.conf|scripts/functions")),
             ("mkinitfs", re.compile(r"usr/share/mkinitfs/.*")))
_HOST_ONLY = re.compile(r"(?:usr/)?lib/dracut/(?:hostonly-files|(?:hostonly|loaded)-kernel-modules\.txt)")
_NESTED = re.compile(r"(?:.*/)?(?:squash(?:fs)?-root\.img|erofs-root\.img)")
_NET_RULE = re.compile(r".*/rules\.d/(?=[^/]*persistent)(?=[^/]*net)(?![^/]*generator)[^/]*")
_MOST_KEPT = 16

_BOMB_FROM = 32 << 20
_BOMB_RATIO = 64
"""What real archives shrink by is under 10; gzip can make 1,000 of it, bzip2 a million."""


class Budget(msgspec.Struct):
    """What all archives of a guest may take together: bytes of their files, bytes unpacked, members.

    ``slow`` is a bound of its own for what comes out of the slow methods: xz gives 60 MB/s, bzip2 30.
    """

    packed: int = 512 << 20
    unpacked: int = 1 << 30
    slow: int = 512 << 20
    members: int = 200_000


class Contents(msgspec.Struct):
    """What was seen of an archive.

    ``modules`` are names as ``lsmod`` has them, by the kernel release of their folder (empty for other folders).
    ``net_rules`` are udev rules that hold something. ``complete`` says whether all of it was read; if it could not be,
    ``trouble`` says why.
    """

    modules: dict[str, set[str]] = {}
    builder: str | None = None
    host_only: bool = False
    net_rules: list[str] = []
    nested: str | None = None
    complete: bool = False
    trouble: str | None = None

    def modules_for(self, release: str | None) -> set[str]:
        """Return the modules that a kernel of this release finds; where none are in its folder, all of them."""
        own = self.modules.get(release or "")
        return own | self.modules.get("", set()) if own else set().union(*self.modules.values())

    def add(self, name: str, size: int = 0) -> None:
        """Take note of a member."""
        module = _MODULE.fullmatch(name)
        if module:
            self.modules.setdefault(module[1] or "", set()).add(module_name(module[2]))
            return
        if self.builder is None:
            self.builder = next((tool for tool, files in _BUILDERS if files.fullmatch(name)), None)
        self.host_only = self.host_only or _HOST_ONLY.fullmatch(name) is not None
        if _NESTED.fullmatch(name):
            self.nested = name
        if size and _NET_RULE.fullmatch(name) and len(self.net_rules) < _MOST_KEPT:
            self.net_rules.append(name)


def module_name(name: str) -> str:
    """Return the name of a module as the kernel has it: ``virtio-net`` and ``virtio_net`` are one."""
    return name.replace("-", "_")


def scan(read: Callable[[int, int], bytes], size: int, wanted: set[str], budget: Budget, *,
         release: str | None = None) -> Contents:
    """Return what is in the archive until all ``wanted`` modules for the kernel ``release`` were seen.

    ``read`` gives up to so many bytes from an offset on of the file, which has ``size`` bytes; what it raises comes
    through.
    """
    seen = Contents()
    left = set(wanted)
    meter = _Meter(read, size, budget)
    try:
        for name, length in _members(meter):
            seen.add(name, length)
            if left and name.endswith((".ko", ".xz", ".zst", ".gz", ".bz2", ".lzma", ".lz4")):
                left = wanted - seen.modules.get(release or "", set())
                if not left and meter.left > NEAR:
                    return seen
        seen.complete = True
    except Unreadable as reason:
        seen.trouble = str(reason) if left or not wanted else None
    return seen


class _Meter:
    """The pieces of the file, and of what is unpacked, counted against the budget."""

    def __init__(self, read: Callable[[int, int], bytes], size: int, budget: Budget) -> None:
        self._read = read
        self._size = size
        self._budget = budget
        self._packed = 0

    @property
    def left(self) -> int:
        """Bytes of the file that were not read."""
        return self._size - self._packed

    def file(self) -> Iterator[bytes]:
        """Yield the pieces of the file."""
        if self._size > self._budget.packed:
            left = human_size(self._budget.packed)
            raise Unreadable(f"it is larger than the {left} that are read of initramfs files")
        while self._packed < self._size and (piece := self._read(self._packed, PIECE)):
            self._packed += len(piece)
            self._budget.packed -= len(piece)
            yield piece

    def unpacked(self, pieces: Iterator[bytes], *, slow: bool) -> Iterator[bytes]:
        """Yield the pieces of a part, unpacked, as long as they are within the budget."""
        total = 0
        for piece in pieces:
            total += len(piece)
            self._budget.unpacked -= len(piece)
            self._budget.slow -= len(piece) if slow else 0
            if min(self._budget.unpacked, self._budget.slow) < 0:
                raise Unreadable("there is more in it than is unpacked of initramfs files")
            if total > max(_BOMB_FROM, _BOMB_RATIO * self._packed):
                raise Unreadable(f"it unpacks to more than {_BOMB_RATIO} times its size")
            yield piece

    def member(self) -> None:
        """Count a member."""
        self._budget.members -= 1
        if self._budget.members < 0:
            raise Unreadable("there are more files in it than are looked at")


def _members(meter: _Meter) -> Iterator[Member]:
    flow = Flow(meter.file())
    while flow.skip_zeros():
        start = flow.peek(9)
        method = compression.method_of(start)
        if method is not None:
            inside = Flow(meter.unpacked(method.unpack(flow), slow=method.slow))
            while inside.skip_zeros():
                yield from _archive(inside, meter)
        elif start.startswith(cpio.MAGICS):
            yield from _archive(flow, meter)
        else:
            raise Unreadable(f"what begins with the bytes {start.hex(' ')} is no archive that is known")


def _archive(flow: Flow, meter: _Meter) -> Iterator[Member]:
    for member in cpio.members(flow):
        meter.member()
        yield member

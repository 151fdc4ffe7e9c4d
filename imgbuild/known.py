"""Checksums that are known already: a source in, its digests out of the user's cache folder, and new ones into it.

For each file there is an entry of a few hundred bytes, named by device and inode, with size and both times in
nanoseconds inside; it counts only where all five are those of the open file. Nothing is taken on trust: a file that
was changed within the last two seconds could be changed again within one tick of its clock; file systems of networks
and of user space give inodes and times that need not stay, and tmpfs moves no time for what is written through a
mapping; a folder that others may write to, or an entry that says anything but digests of the right length, is passed
over. Of a file that somebody has open for writing nothing is kept: what is written through a mapping need not move its
times. What cannot be kept is computed again.

The folder is ``$XDG_CACHE_HOME/imgbuild``, https://specifications.freedesktop.org/basedir-spec/0.8/
"""

from __future__ import annotations

import os
import re
import signal
import stat
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from imgbuild.source import Identity  # noqa: TC001 - msgspec reads the annotation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgbuild.source import Source

ENTRY_BYTES = 4096
MOST_ENTRIES = 1024
UNSETTLED_NS = 2 * 10**9
"""So long after a change a file may be changed again without its times showing it; FAT counts in steps of 2 s."""

# File systems on a disk of this machine, with inodes and times of their own: <linux/magic.h>, statfs(2).
LOCAL = frozenset({
    0xEF53,  # ext2, ext3, ext4
    0x58465342,  # XFS
    0x9123683E,  # btrfs
    0x2FC12FC1,  # ZFS
    0xF2F52010,  # F2FS
    0xCA451A4E,  # bcachefs
    0x794C7630,  # overlayfs, over one of these
})
_HEXADECIMAL = re.compile(r"[0-9a-f]+")
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of a file: what it was, and its digests by their algorithms."""

    file: Identity
    checksums: dict[str, str]


def recall(source: Source, algorithms: Sequence[str]) -> dict[str, str]:
    """Return those digests of the file that are known, of these algorithms."""
    place = _place(source)
    entry = None if place is None else _read(place)
    if entry is None or entry.file != source.identity:
        return {}
    return {name: entry.checksums[name] for name in algorithms if _is_digest(name, entry.checksums.get(name, ""))}


def is_at_rest(source: Source) -> bool:
    """Say whether nobody has the file open for writing, or mapped: who opens it later moves its times when he writes.

    A read lease is granted only then, and only to the owner of the file or a program that may take any, fcntl(2). It is
    given back at once. Whoever opens the file in these microseconds waits for that, or is told to try again if he does
    not want to wait; the signal that comes then is one that nobody hears.
    """
    if _place(source) is None:
        return False
    try:
        import fcntl  # noqa: PLC0415 - where checksums are kept

        fcntl.fcntl(source.descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(source.descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(source.descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except (ImportError, AttributeError, OSError):  # another system, or one that does not tell
        return False
    return True


def remember(source: Source, checksums: dict[str, str]) -> None:
    """Keep the digests of a file that was at rest, was then read from beginning to end and did not change meanwhile."""
    place = _place(source)
    if place is None or source.changed():
        return
    before = _read(place)
    others = before.checksums if before is not None and before.file == source.identity else {}
    entry = msgspec.json.encode(_Entry(file=source.identity, checksums={**others, **checksums}))
    with suppress(OSError):  # a full disk, a folder that may not be written to: then it is computed again
        _write(place, entry)
        _forget_oldest(os.path.dirname(place))


def folder() -> str | None:
    """Return the folder of the entries, made if need be; ``None`` where there is none that is only ours."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # "should consider the path invalid and ignore it"
        base = os.path.join(os.path.expanduser("~"), ".cache")
    if not os.path.isabs(base):  # a user without a home
        return None
    path = os.path.join(base, "imgbuild")
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        found = os.lstat(path)
    except OSError:
        return None
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & _OTHERS_MAY_WRITE
    return path if ours else None


def _place(source: Source) -> str | None:
    """Return where the entry of a file is, or ``None`` for a file whose identity cannot be relied on."""
    newest = max(source.identity.modified_ns, source.identity.changed_ns)
    if source.is_device or source.opened_ns - newest < UNSETTLED_NS or _kind_of_filesystem(source) not in LOCAL:
        return None
    where = folder()
    return None if where is None else os.path.join(where, f"{source.identity.device}-{source.identity.inode}.json")


def _kind_of_filesystem(source: Source) -> int | None:
    """Return the number of the kind of file system that the file is on, where the system tells."""
    if sys.platform != "linux":
        return None
    from imgbuild.sandbox.kernel import filesystem_kind  # noqa: PLC0415 - Linux only

    return filesystem_kind(source.descriptor)


def _read(path: str) -> _Entry | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            return msgspec.json.decode(file.read(ENTRY_BYTES), type=_Entry)
    except (OSError, ValueError, RecursionError):  # none, or one that was cut or is not ours
        return None


def _is_digest(name: str, value: str) -> bool:
    import hashlib  # noqa: PLC0415 - where there is an entry

    size = hashlib.new(name, usedforsecurity=False).digest_size
    return len(value) == 2 * size and _HEXADECIMAL.fullmatch(value) is not None


def _write(path: str, data: bytes) -> None:
    beside = f"{path}.{os.getpid()}-{time.monotonic_ns()}.tmp"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise


def _forget_oldest(where: str) -> None:
    """Leave as many entries as are kept at most: those that were written last."""
    names = os.listdir(where)
    if len(names) > MOST_ENTRIES:
        for _, path in sorted(_with_times(where, names))[:len(names) - MOST_ENTRIES]:
            with suppress(OSError):
                os.unlink(path)


def _with_times(where: str, names: Sequence[str]) -> Iterator[tuple[int, str]]:
    for name in names:
        path = os.path.join(where, name)
        with suppress(OSError):  # another process has removed it
            yield os.lstat(path).st_mtime_ns, path

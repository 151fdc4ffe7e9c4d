"""The door to the Linux kernel: calls that the standard library does not wrap, through the C library.

Numbers and bytes come in as the kernel's own headers define them, what the call returned leaves; a refusal is an
OSError with the kernel's reason. Plain ctypes (1.5 ms): the packages that wrap Landlock or seccomp are younger than a
year, in alpha or unmaintained since 2021, and took 27 to 55 ms to import where ctypes took 2.
"""

from __future__ import annotations

import ctypes
import os
import sys

# <linux/prctl.h>, see https://man7.org/linux/man-pages/man2/prctl.2.html
PR_SET_PDEATHSIG = 1  # send me this signal when the thread that forked me ends
PR_SET_DUMPABLE = 4  # 0: no core dump, and no other process of this user may trace me or read my memory
PR_SET_SECCOMP = 22  # from now on ask a filter about each system call
PR_SET_NO_NEW_PRIVS = 38  # set-user-ID programs give no rights; what a user needs before Landlock or seccomp

_STATFS_BYTES = 256  # <asm/statfs.h>: 120 and room to grow
_WORD = 8

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long


def call(number: int, *arguments: int | bytes) -> int:
    """Make the system call ``number``; bytes are passed by address."""
    # Through "..." of C an int has 32 bits unless it is said to be a long.
    words = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    return _checked(_LIBC.syscall(ctypes.c_long(number), *words))


def control(option: int, *arguments: int) -> None:
    """Call prctl(2) with ``option`` and up to four arguments; those left out are 0, as the kernel wants them."""
    words = (*arguments, 0, 0, 0, 0)[:4]
    _checked(_LIBC.prctl(ctypes.c_int(option), *(ctypes.c_ulong(word) for word in words)))


def filesystem_kind(descriptor: int) -> int | None:
    """Return the magic number of the file system that a file is on, ``None`` where its place in the answer differs.

    struct statfs begins with it, a word of 64 bits where pointers have as many, but on s390x.
    """
    answer = ctypes.create_string_buffer(_STATFS_BYTES)
    if ctypes.sizeof(ctypes.c_void_p) != _WORD or os.uname().machine == "s390x":
        return None
    _checked(_LIBC.fstatfs(ctypes.c_int(descriptor), answer))
    return int.from_bytes(answer.raw[:_WORD], sys.byteorder) & 0xFFFFFFFF


def address(data: ctypes.Array[ctypes.c_char]) -> int:
    """Return where in memory ``data`` is."""
    return ctypes.addressof(data)


def buffer(data: bytes) -> ctypes.Array[ctypes.c_char]:
    """Return a copy of ``data`` that has an address; it must be kept as long as the kernel may look at it."""
    return ctypes.create_string_buffer(data, len(data))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result

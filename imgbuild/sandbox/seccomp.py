"""seccomp: which system calls this thread, and whatever it starts, may make from now on.

Rules come in: names of calls, each with what is to be done with it. They become a program of the classic BPF machine
that the kernel runs before each call, over struct seccomp_data: the call's number, the architecture, six arguments. It
sees numbers and never what a pointer points at, so it cannot tell one path from another; that is Landlock's part. See
https://docs.kernel.org/userspace-api/seccomp_filter.html and https://man7.org/linux/man-pages/man2/seccomp.2.html.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
from typing import TYPE_CHECKING

from imgbuild.sandbox import kernel
from imgbuild.sandbox.callnumbers import NUMBERS

if TYPE_CHECKING:
    from collections.abc import Iterable

Rule = tuple[str, bytes]
"""The name of a system call, and the instructions that end in a verdict on it."""

_SECCOMP_MODE_FILTER = 2  # <linux/seccomp.h>

# <linux/seccomp.h>, struct seccomp_data. The low half of an argument comes first on both machines.
_NR, _ARCH, _ARGUMENTS = 0, 4, 16

# <linux/bpf_common.h>: instruction class, size and mode, added up.
_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS: the word at this offset into the accumulator
_IF_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K: skip so many if the accumulator is k, so many if not
_IF_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K: as above, if it is k or more
_IF_ANY_BIT = 0x45  # BPF_JMP | BPF_JSET | BPF_K: as above, if it has a bit of k
_RETURN = 0x06  # BPF_RET | BPF_K: the verdict

# <linux/audit.h>, and the column of the table of numbers
_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}

_X32_SYSCALL_BIT = 0x40000000  # <asm/unistd.h>: the same kernel's second set of numbers, for pointers of 32 bits
_FIRST_NEW_CALL = 424  # pidfd_send_signal; the calls since Linux 5.1 have one number on all machines


def _instruction(code: int, k: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, k)  # struct sock_filter: code, jt, jf, k


# SECCOMP_RET_*. An unknown action counts as the hardest, so that an old kernel kills the thread for KILL.
ALLOW = _instruction(_RETURN, 0x7FFF0000)
REFUSE = _instruction(_RETURN, 0x00050000 | errno.EPERM)
KILL = _instruction(_RETURN, 0x80000000)
"""End the whole process by SIGSYS."""
PRETEND_MISSING = _instruction(_RETURN, 0x00050000 | errno.ENOSYS)


def allow_if(argument: int, *values: int) -> bytes:
    """Allow the call where the argument (counted from 0, its low 32 bits) is one of the values; else refuse it."""
    checks = b"".join(_instruction(_IF_EQUAL, value, no=1) + ALLOW for value in values)
    return _load_argument(argument) + checks + REFUSE


def allow_without(argument: int, bits: int) -> bytes:
    """Allow the call where the argument has none of the bits; else refuse it."""
    return _load_argument(argument) + _instruction(_IF_ANY_BIT, bits, no=1) + REFUSE + ALLOW


def _load_argument(number: int) -> bytes:
    return _instruction(_LOAD, _ARGUMENTS + 8 * number)


def machine() -> str:
    """Return the machine whose calls this process makes, or raise OSError where its numbers are not known here."""
    name = os.uname().machine
    if name not in _MACHINES or sys.maxsize <= 1 << 32:
        raise OSError(errno.ENOSYS, f"no table of system calls for {name}")
    return name


def assemble(rules: Iterable[Rule], otherwise: bytes, name: str) -> bytes:
    """Return the program for a machine; ``otherwise`` is the verdict on calls that no rule names.

    A call of another architecture (32-bit calls, x32) ends the process. If the verdict is to refuse, calls that are
    newer than Linux 5.0 seem to be missing: the C library has an older way for each, and takes it then.
    """
    architecture, column = _MACHINES[name]
    parts = [_instruction(_LOAD, _ARCH), _instruction(_IF_EQUAL, architecture, yes=1), KILL, _instruction(_LOAD, _NR)]
    if name == "x86_64":
        parts += [_instruction(_IF_AT_LEAST, _X32_SYSCALL_BIT, no=1), KILL]
    for call, verdict in rules:
        number = NUMBERS[call][column]
        if number is not None:
            parts += [_instruction(_IF_EQUAL, number, no=len(verdict) // len(ALLOW)), verdict]
    if otherwise == REFUSE:
        parts += [_instruction(_IF_AT_LEAST, _FIRST_NEW_CALL, no=1), PRETEND_MISSING]
    return b"".join((*parts, otherwise))


def install(rules: Iterable[Rule], otherwise: bytes) -> None:
    """Let the kernel judge the calls of this thread by the rules. Needs "no new privileges".

    Raises:
        OSError: The kernel does not offer it, or this machine's numbers are not known.
    """
    program = kernel.buffer(assemble(rules, otherwise, machine()))
    length = len(program) // len(ALLOW)
    head = kernel.buffer(struct.pack("@HP", length, kernel.address(program)))  # struct sock_fprog: len, filter
    kernel.control(kernel.PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, kernel.address(head))

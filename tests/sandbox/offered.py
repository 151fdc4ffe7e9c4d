"""What this kernel offers, asked without the code under test; and work done as an ordinary user.

A test then expects a refusal exactly where the kernel offers what refuses it: in a container without Landlock it does
not fail, and where the kernel has it and we do not use it, it does.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource  # noqa: F401 - nobody may not be able to read where this Python lies
import sys

NOBODY = 65534
_LIBC = ctypes.CDLL(None, use_errno=True)


def landlock() -> int:
    """Return the version of Landlock that the kernel offers, or 0: landlock_create_ruleset with the flag VERSION."""
    if sys.platform != "linux":
        return 0
    return max(0, int(_LIBC.syscall(444, None, ctypes.c_size_t(0), ctypes.c_uint32(1))))


def seccomp() -> bool:
    """Say whether filters can be set: PR_SET_SECCOMP without one is a bad address, not a bad option."""
    if sys.platform != "linux" or os.uname().machine not in {"x86_64", "aarch64"}:
        return False
    done = _LIBC.prctl(22, ctypes.c_ulong(2), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))
    return bool(done < 0 and ctypes.get_errno() == 14)


def in_force() -> tuple[str, ...]:
    """Return what the child is expected to say of itself."""
    version = min(landlock(), 7)
    found = ("no-new-privs", version and f"landlock-abi-{version}", seccomp() and "seccomp")
    return tuple(name for name in found if name) if sys.platform == "linux" else ()


def as_nobody(work):
    """Call ``work`` in a process of an ordinary user, and return what it returns, sent as JSON."""
    if os.geteuid() != 0:
        return work()
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(writing, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        said = pipe.read()
    os.waitpid(process, 0)
    return json.loads(said)

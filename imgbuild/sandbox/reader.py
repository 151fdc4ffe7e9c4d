"""What the child that reads an image may do: read, compute, answer over its pipe, and load Python modules late.

It opens no file but those in the library folders, starts nothing, reaches no network, and signals nobody but itself.
The system calls are an allow-list: Python and the libraries need some sixty, and what the kernel will learn in years to
come stays shut. A call that is not on it is refused, as libraries try things and can do without. A few end the child
by SIGSYS: no reader of images ever makes them, so a child that does has been taken over, and that is a finding.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from imgbuild.sandbox.confinement import confine
from imgbuild.sandbox.kernel import PR_SET_DUMPABLE, PR_SET_PDEATHSIG, control
from imgbuild.sandbox.landlock import READ_DIR, READ_FILE
from imgbuild.sandbox.seccomp import ALLOW, KILL, REFUSE, Rule, allow_if, allow_without

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

SYSTEM_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache",
                    "/nix/store", "/gnu/store")
"""Where the dynamic loader finds what a late import needs (libz, libgcc_s …), and the list that it reads for that."""

ALLOWED = (
    # what is open, and looking files up
    "read", "pread64", "readv", "lseek", "close", "fstat", "newfstatat", "stat", "lstat", "statx", "access",
    "faccessat", "readlink", "readlinkat", "getcwd", "getdents64",
    # the pipe, and a socket to a program that serves the image if one is handed over; others cannot be had
    "write", "writev", "sendto", "recvfrom", "poll", "ppoll",
    # memory, time, chance
    "mmap", "munmap", "mremap", "mprotect", "madvise", "brk", "clock_gettime", "clock_getres", "gettimeofday", "time",
    "clock_nanosleep", "nanosleep", "getrandom",
    # signals to itself, locks, facts on itself and the machine
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall", "futex", "sched_yield",
    "sched_getaffinity", "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "uname", "sysinfo",
    "getrusage", "times", "exit", "exit_group",
)

FATAL = (
    "execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "mount", "umount2", "pivot_root", "chroot",
    "setns", "unshare", "open_by_handle_at", "init_module", "finit_module", "delete_module", "kexec_load",
    "kexec_file_load", "bpf", "perf_event_open",
)

_PACKAGES = ("site-packages", "dist-packages")
_O_ACCMODE = 0o3  # <fcntl.h>: write-only or read-write
_F_DUPFD, _F_GETFD, _F_SETFD, _F_GETFL, _F_DUPFD_CLOEXEC = 0, 1, 2, 3, 1030  # <fcntl.h>
# <asm/ioctls.h>: is it a terminal; wait for it or not; keep it open in programs or not
_TCGETS, _FIONBIO, _FIONCLEX, _FIOCLEX = 0x5401, 0x5421, 0x5450, 0x5451


def confine_reader(keep: Sequence[int], parent: int) -> tuple[str, ...]:
    """Shut this process in, and return the names of what is in force.

    ``keep`` are the descriptors that it works with; in folders among them it may open files. ``parent`` is the number
    of the process that forked it; when that ends, this one does.
    """
    with suppress(OSError):
        control(PR_SET_PDEATHSIG, signal.SIGKILL)
        control(PR_SET_DUMPABLE, 0)
    if os.getppid() != parent:  # it ended before it could be watched
        raise ProcessLookupError(parent)
    return confine(_places(keep), _rules(os.getpid()), REFUSE)


def _places(keep: Sequence[int]) -> Iterator[tuple[str | int, int]]:
    yield from ((opened, READ_FILE) for opened in keep)
    yield from ((place, READ_FILE | READ_DIR) for place in (*library_folders(), *SYSTEM_LIBRARIES))


def library_folders() -> list[str]:
    """Return the folders that Python imports from, and those of the shared libraries that belong to it.

    The folder that the program was started in or from is on ``sys.path`` as well, but people keep their files there;
    and a checkout holds more than the package. These count only where other libraries lie there.
    """
    ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    libraries = os.path.dirname(os.path.dirname(os.path.abspath(msgspec.__file__)))
    doubtful = {_current(), *_script(), os.path.dirname(ours)}
    listed = [_absolute(entry) for entry in sys.path if entry]
    certain = [entry for entry in listed if entry == libraries or entry not in doubtful or entry.endswith(_PACKAGES)]
    prefixes = [os.path.join(prefix, "lib") for prefix in (sys.base_prefix, sys.prefix)]
    searched = filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(":"))
    return [*dict.fromkeys((ours, *certain, *prefixes, *searched))]


def _current() -> str:
    try:
        return os.getcwd()
    except OSError:
        return os.sep  # it was removed


def _absolute(path: str) -> str:
    return os.path.normpath(os.path.join(_current(), path))


def _script() -> tuple[str, str]:
    """Return the folder of the script as it was called, and as Python puts it on the path: without links."""
    script = _absolute(sys.argv[0])
    return os.path.dirname(script), os.path.dirname(os.path.realpath(script))


def _rules(process: int) -> Iterable[Rule]:
    only_reading = os.O_CREAT | os.O_TRUNC | _O_ACCMODE
    yield from ((name, ALLOW) for name in ALLOWED)
    yield from ((name, KILL) for name in FATAL)
    yield "open", allow_without(1, only_reading)
    yield "openat", allow_without(2, only_reading)
    yield "fcntl", allow_if(1, _F_DUPFD, _F_GETFD, _F_SETFD, _F_GETFL, _F_DUPFD_CLOEXEC)
    yield "ioctl", allow_if(1, _TCGETS, _FIONBIO, _FIONCLEX, _FIOCLEX)
    # In a child with one thread its number is that of the process.
    yield from ((name, allow_if(0, process)) for name in ("kill", "tgkill", "tkill"))

"""What a program that reads an image for us may do: run, from the system's folders, on the one descriptor it is given.

qemu-img is started beside other threads, so nothing may run between fork and exec. But Landlock, seccomp and "no new
privileges" belong to a thread and go on to what it starts. So the program is started from a thread that is shut in
first and thrown away afterwards.

The system calls are a deny-list: which ones a program needs differs from release to release. It has no network, no way
into other processes or the kernel, and none to what Landlock does not govern: the modes, owners, attributes and times
of files.
"""

from __future__ import annotations

import os
import sys
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imgbuild.sandbox.seccomp import Rule

T = TypeVar("T")

SYSTEM_FOLDERS = ("/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin", "/nix/store", "/gnu/store")
"""What may be read and executed; ``install`` of any package puts programs and libraries there."""
SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/ld.so.preload", "/dev/urandom")

REFUSED = (
    # other processes
    "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd",
    # the tree of files, and what Landlock does not govern in it
    "mount", "umount2", "pivot_root", "chroot", "setns", "unshare", "open_tree", "move_mount", "fsopen", "fsconfig",
    "fsmount", "fspick", "mount_setattr", "open_by_handle_at", "swapon", "swapoff", "quotactl", "acct",
    "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "setxattr", "lsetxattr",
    "fsetxattr", "setxattrat", "removexattr", "lremovexattr", "fremovexattr", "removexattrat", "utime", "utimes",
    "futimesat", "utimensat", "file_setattr",
    # the kernel; io_uring would carry calls past this filter
    "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "bpf", "perf_event_open",
    "userfaultfd", "io_uring_setup", "add_key", "request_key", "keyctl", "syslog", "reboot", "sethostname",
    "setdomainname", "settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "iopl", "ioperm", "modify_ldt",
)

_AF_UNIX = 1  # <bits/socket.h>
_CLONE_NEW = 0x7E020000  # <linux/sched.h>: CLONE_NEWNS and CLONE_NEWCGROUP to CLONE_NEWNET, the namespaces


class Reach(NamedTuple):
    """What a program may reach.

    Attributes:
        program: The absolute path of the program.
        image: The descriptor of the file that it reads, if any.
        sockets: A folder in which it may make a socket and listen, if it may.
    """

    program: str
    image: int | None = None
    sockets: str | None = None


def start_confined(start: Callable[[], T], reach: Reach) -> tuple[T, tuple[str, ...]]:
    """Call ``start``, which starts a program, so that the program has no more than its reach.

    Returns what ``start`` returns, and the names of what is in force; raises what it raises.
    """
    if sys.platform != "linux":
        return start(), ()
    try:
        from imgbuild.sandbox.confinement import confine  # noqa: PLC0415 - Linux only
        from imgbuild.sandbox.seccomp import ALLOW  # noqa: PLC0415 - as above
    except ImportError:  # a Python without ctypes
        return start(), ()
    places, rules = list(_places(reach)), list(_rules(reach))

    started: list[tuple[T, tuple[str, ...]] | BaseException] = []

    def shut_in_and_start() -> None:
        try:
            in_force = confine(places, rules, ALLOW)
            started.append((start(), in_force))
        except BaseException as error:  # noqa: BLE001 - handed on to the caller's thread
            started.append(error)

    thread = Thread(target=shut_in_and_start)
    thread.start()
    thread.join()
    if isinstance(started[0], BaseException):
        raise started[0]
    return started[0]


def _places(reach: Reach) -> Iterator[tuple[str | int, int]]:
    from imgbuild.sandbox import landlock  # noqa: PLC0415 - as above

    run = landlock.READ_FILE | landlock.READ_DIR | landlock.EXECUTE
    yield from ((folder, run) for folder in (*SYSTEM_FOLDERS, *_beside(reach.program)))
    yield from ((file, landlock.READ_FILE) for file in SYSTEM_FILES)
    # subprocess lists /proc/self/fd to close what is open, or else tries a million numbers (8 ms). Which processes
    # there are is no secret from a program that may ask whether a path exists.
    yield "/proc", landlock.READ_DIR
    yield os.devnull, landlock.READ_FILE | landlock.WRITE_FILE
    if reach.image is not None:
        yield reach.image, landlock.READ_FILE
    if reach.sockets is not None:
        yield reach.sockets, landlock.MAKE_SOCK | landlock.REMOVE_FILE


def _beside(program: str) -> Iterator[str]:
    """Give the program, wherever it is, and the libraries of the folder that it was installed to, such as /opt/qemu."""
    real = os.path.realpath(program)
    yield real
    prefix = os.path.dirname(os.path.dirname(real))
    yield from (os.path.join(prefix, name) for name in ("lib", "lib64", "libexec", "share"))


def _rules(reach: Reach) -> Iterator[Rule]:
    from imgbuild.sandbox.seccomp import PRETEND_MISSING, REFUSE, allow_if, allow_without  # noqa: PLC0415 - as above

    yield from ((name, REFUSE) for name in REFUSED)
    yield "socket", REFUSE if reach.sockets is None else allow_if(0, _AF_UNIX)
    yield "clone", allow_without(0, _CLONE_NEW)
    yield "clone3", PRETEND_MISSING  # its flags are behind a pointer; the C library then takes clone

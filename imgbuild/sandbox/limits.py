"""What the child may use: memory, time, open files, and no byte on a disk."""

from __future__ import annotations

import os
import signal

import msgspec

from imgbuild.sizes import MIB


class Limits(msgspec.Struct, frozen=True):
    """What the child may use: bytes of address space, seconds of wall and processor time, open files.

    ``niceness`` is how far it steps back behind others that compute, as nice(1) has it.
    """

    memory: int = 512 * MIB
    seconds: float = 30.0
    open_files: int = 64
    niceness: int = 0


def limit(limits: Limits) -> None:
    """Put the limits on this process."""
    import resource  # noqa: PLC0415 - POSIX only, and only the child needs it

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    os.nice(limits.niceness)
    signal.setitimer(signal.ITIMER_REAL, limits.seconds)
    seconds = int(limits.seconds) + 1
    wanted = ((resource.RLIMIT_AS, _address_space(limits.memory)), (resource.RLIMIT_CPU, seconds),
              (resource.RLIMIT_NOFILE, limits.open_files), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0))
    for which, value in wanted:
        _, hard = resource.getrlimit(which)
        ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (ceiling, ceiling))


def _address_space(memory: int) -> int:
    """Return the limit on address space: ``memory``, but at least half of it beyond what the parent has mapped."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            mapped = int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return memory
    return max(memory, mapped + memory // 2)

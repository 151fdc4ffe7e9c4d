"""Shut this thread in: places and rules on system calls come in, the names of what is in force from now on leave.

Whatever the kernel does not offer is left out, and the rest still holds. Nothing of it can be taken back; it lasts as
long as the thread, and in what the thread starts.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from imgbuild.sandbox import kernel, landlock, seccomp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imgbuild.sandbox.seccomp import Rule


def confine(places: Iterable[tuple[str | int, int]], rules: Iterable[Rule], otherwise: bytes) -> tuple[str, ...]:
    """Allow this thread the Landlock rights on the places, and the system calls as the rules say; neither else."""
    in_force = []
    with suppress(OSError):
        kernel.control(kernel.PR_SET_NO_NEW_PRIVS, 1)
        in_force.append("no-new-privs")
    with suppress(OSError):
        in_force.append(f"landlock-abi-{landlock.restrict(places)}")
    with suppress(OSError):
        seccomp.install(rules, otherwise)
        in_force.append("seccomp")
    return tuple(in_force)

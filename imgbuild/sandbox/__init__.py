"""Run work on an untrusted file where it can do no harm: the inspection in a child, programs such as qemu-img apart.

``child`` forks and watches, ``limits`` bounds what it uses. What it may touch is said in ``reader``, what a program may
touch in ``program``; ``landlock`` and ``seccomp`` put that into the words of the Linux kernel, ``kernel`` makes the
calls.
"""

from __future__ import annotations

from imgbuild.sandbox.child import (
    GARBLED,
    GRACE_SECONDS,
    Child,
    Outcome,
    ending,
    fork,
    frames,
    run,
    shut_in,
    start,
)
from imgbuild.sandbox.limits import Limits

__all__ = ["GARBLED", "GRACE_SECONDS", "Child", "Limits", "Outcome", "ending", "fork", "frames", "run", "shut_in",
           "start"]

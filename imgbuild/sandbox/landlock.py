"""Landlock: which files this thread, and whatever it starts, may open from now on.

Places (paths, or descriptors of what is open) and rights come in; the version of the rules that is in force leaves.
Everything that is not allowed is refused with EACCES: files, TCP ports, and signals and abstract sockets to the world
outside. What is open stays usable. See https://docs.kernel.org/userspace-api/landlock.html (names are those of
<linux/landlock.h>) and https://man7.org/linux/man-pages/man7/landlock.7.html.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from typing import TYPE_CHECKING

from imgbuild.sandbox import kernel

if TYPE_CHECKING:
    from collections.abc import Iterable

# <asm/unistd.h>; these have the same number on all machines but alpha.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446

_CREATE_RULESET_VERSION = 1 << 0  # LANDLOCK_CREATE_RULESET_VERSION: make nothing, say which version the kernel has
_RULE_PATH_BENEATH = 1  # LANDLOCK_RULE_PATH_BENEATH: a rule on a file, or on a folder and all below it

# LANDLOCK_ACCESS_FS_*: what can be done with files.
EXECUTE = 1 << 0
WRITE_FILE = 1 << 1
READ_FILE = 1 << 2
READ_DIR = 1 << 3
REMOVE_FILE = 1 << 5
MAKE_SOCK = 1 << 9
_RIGHTS_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE  # the kernel refuses rules that give others to a file

# Bits of struct landlock_ruleset_attr that a version knows. handled_access_fs: 1 has EXECUTE to MAKE_SYM, 2 REFER,
# 3 TRUNCATE, 5 IOCTL_DEV; handled_access_net: 4 BIND_TCP and CONNECT_TCP; scoped: 6 ABSTRACT_UNIX_SOCKET and SIGNAL.
# 7 has nothing to forbid that 6 has not.
_HANDLED = {1: (13, 0, 0), 2: (14, 0, 0), 3: (15, 0, 0), 4: (15, 2, 0), 5: (16, 2, 0), 6: (16, 2, 2), 7: (16, 2, 2)}


def version() -> int:
    """Return the newest version that both the kernel and this module know, or raise OSError: it is not offered."""
    return min(kernel.call(_CREATE_RULESET, 0, 0, _CREATE_RULESET_VERSION), max(_HANDLED))


def restrict(allowed: Iterable[tuple[str | int, int]]) -> int:
    """Allow this thread the rights on the places and nothing else; return the version of the rules in force.

    A path that is not there is left out. Needs "no new privileges".

    Raises:
        OSError: The kernel does not offer it, or not now.
    """
    known = version()
    handled = [(1 << bits) - 1 for bits in _HANDLED[known]]
    attributes = struct.pack("=QQQ", *handled)  # an older kernel takes the longer struct where its end is zero
    ruleset = kernel.call(_CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for place, rights in allowed:
            _allow(ruleset, place, rights & handled[0])
        kernel.call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return known


def _allow(ruleset: int, place: str | int, rights: int) -> None:
    if isinstance(place, int):
        _add_rule(ruleset, place, rights)
        return
    try:
        opened = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        _add_rule(ruleset, opened, rights)
    finally:
        os.close(opened)


def _add_rule(ruleset: int, opened: int, rights: int) -> None:
    if not stat.S_ISDIR(os.fstat(opened).st_mode):
        rights &= _RIGHTS_OF_FILES
    rule = struct.pack("=Qi", rights, opened)  # struct landlock_path_beneath_attr: allowed_access, parent_fd
    try:
        kernel.call(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0)
    except OSError as error:
        if error.errno != errno.EBADFD:  # a file in memory that has no place; Landlock does not govern those
            raise
